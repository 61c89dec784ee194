import * as v from 'valibot';
import { RestoreStep } from './backups.ts';
import { Count, EngineState, Id, PrivacyState, Settings } from './entities.ts';
import { Download } from './hub.ts';
import { LabState } from './lab.ts';

/** What native menus offer and the page carries out. */
export const HostCommand = v.picklist([
  'newChat',
  'openModel',
  'chat',
  'models',
  'performance',
  'settings',
  'shortcuts',
]);
export type HostCommand = v.InferOutput<typeof HostCommand>;

/**
 * Everything that the core tells its clients, in one ordered stream. Events carry ids and increments;
 * what they announce is fetched when it is needed. `gap` means that events were lost between the last one
 * seen and now: the client fetches its state again.
 */
export const AppEvent = v.variant('type', [
  v.object({ type: v.literal('gap') }),
  v.object({ type: v.literal('conversation.changed'), conversationId: Id }),
  v.object({ type: v.literal('conversation.removed'), conversationId: Id }),
  /**
   * Folders, tags or many chats changed: `history.summaries` has the chats, without those that are gone. Chats that
   * left the list (trash, deleted, temporary ones that ended) are told by `conversation.removed` as well.
   */
  v.object({
    type: v.literal('history.changed'),
    conversationIds: v.array(Id),
    folders: v.boolean(),
    tags: v.boolean(),
  }),
  v.object({
    type: v.literal('message.chunk'),
    conversationId: Id,
    messageId: Id,
    /** 1, 2, 3 … within the message. A hole makes the client fetch the conversation again. */
    seq: Count,
    kind: v.picklist(['answer', 'reasoning']),
    text: v.string(),
    /** Sampled until now, as the engine counts them. */
    generatedTokens: v.optional(Count),
  }),
  v.object({
    type: v.literal('generation.progress'),
    conversationId: Id,
    messageId: Id,
    phase: v.picklist(['queued', 'loading', 'reading', 'answering']),
    /** Prompt tokens read so far and to read in all (reading); place in the queue (queued). */
    done: Count,
    total: Count,
    /** Predicted from the measured speed; null while unknown. */
    etaMs: v.nullable(v.number()),
  }),
  v.object({ type: v.literal('generation.settled'), conversationId: Id, messageId: Id }),
  v.object({ type: v.literal('models.changed') }),
  v.object({ type: v.literal('presets.changed') }),
  /** All of them, at most four times a second. */
  v.object({ type: v.literal('downloads.changed'), downloads: v.array(Download) }),
  /** This computer's speed is known, or a measured answer changed what is predicted. */
  v.object({ type: v.literal('fit.changed') }),
  /** A benchmark goes on; `runs`: the list of runs changed. */
  v.object({ type: v.literal('lab.changed'), state: LabState, runs: v.boolean() }),
  /** The system asked to open model files: `models.takeOpened` has them. */
  v.object({ type: v.literal('models.opened') }),
  /** The system asked to show a chat: `conversations.takeRequested` has it. */
  v.object({ type: v.literal('conversation.requested') }),
  /** A native menu of the host was used. */
  v.object({ type: v.literal('host.command'), command: HostCommand }),
  v.object({ type: v.literal('engine.changed'), state: EngineState }),
  v.object({ type: v.literal('privacy.changed'), state: PrivacyState }),
  v.object({ type: v.literal('settings.changed'), settings: Settings }),
  v.object({ type: v.literal('store.changed'), diskFullSince: v.nullable(Count) }),
  /** Some times a second while a backup is prepared; null: it has ended, or it is too late to abort. */
  v.object({ type: v.literal('backups.restoring'), step: v.nullable(RestoreStep) }),
]);
export type AppEvent = v.InferOutput<typeof AppEvent>;
