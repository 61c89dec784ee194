import { randomUUID } from 'node:crypto';
import {
  appError,
  type Conversation,
  type ConversationSettings,
  type ConversationSummary,
  type NewAttachment,
} from '../contract/index.ts';
import { noGuard, type RoomGuard } from '../free-space.ts';
import type { StartedIds } from '../store/api.ts';
import { Answers, type AnswersDeps } from './answers.ts';
import { withFiles } from './attached.ts';
import { turnOf } from './context.ts';
import { createContextService } from './context-service.ts';
import { createHistory, type HistoryDeps } from './history.ts';
import { createPresets } from './presets.ts';
import { createMessageQueue } from './queue.ts';
import { promptDate } from './prompt-date.ts';
import { createReadAhead } from './read-ahead.ts';
import { titleFrom } from './title.ts';
import { createTitles } from './titles.ts';
import { createTree } from './tree.ts';

export type ConversationsDeps = AnswersDeps &
  Pick<HistoryDeps, 'store' | 'forgetStates'> & {
    room?: RoomGuard;
    /** Absent where the host cannot tell. */
    isOnBattery?: (() => boolean) | undefined;
  };

interface SendInput {
  requestId: string;
  conversationId: string | null;
  parentId: string | null;
  text: string;
  attachments?: readonly NewAttachment[];
  modelId: string | null;
  /** For a new conversation. */
  settings?: { [K in keyof OwnSettings]?: OwnSettings[K] | undefined } | undefined;
  leaveOut?: boolean;
  /** For a new conversation: begins in the folder, with its defaults. */
  folderId?: string | null;
  /** For a new conversation: in memory only. */
  temporary?: boolean;
}

type OwnSettings = Omit<ConversationSettings, 'modelId'>;

export type Conversations = ReturnType<typeof createConversations>;

/** The list of conversations, sending, and what hangs on them: versions and branches, messages that wait. */
export function createConversations(deps: ConversationsDeps) {
  const { store, engine, settings, bus, recorder, room = noGuard } = deps;
  const answers = new Answers(deps);
  const tree = createTree({ ...deps, room, answers });
  const history = createHistory({ ...deps, answers });
  const titles = createTitles({ store, engine, settings, bus, recorder });
  const context = createContextService({ ...deps, answers });
  const queue = createMessageQueue({ store, bus, room, answers, context });
  const readAhead = createReadAhead({ ...deps, context });
  const changed = (conversationId: string) => bus.emit({ type: 'conversation.changed', conversationId });

  return {
    /** Set while writes fail for want of space, in ms since 1970. */
    diskFullSince: () => answers.diskFullSince,

    tree,
    queue,
    history,
    context,
    readAhead,
    presets: createPresets(deps),

    async list(): Promise<ConversationSummary[]> {
      const rows = await store.conversations.list(undefined);
      return rows.map((row) => ({ ...row, answering: answers.isAnswering(row.id) }));
    },

    /** @param newest only so many messages at the end of the branch that is shown, with their siblings */
    async get(id: string, newest?: number): Promise<Conversation> {
      const input = newest === undefined ? { id } : { id, newest };
      const { conversation, messages, queue: waiting } = await store.conversations.get(input);
      return {
        ...conversation,
        answering: answers.isAnswering(id),
        queue: waiting,
        messages: messages.map((message) => answers.withLive(message)),
      };
    },

    async rename(id: string, title: string): Promise<void> {
      await store.conversations.rename({ id, title, at: Date.now() });
      changed(id);
    },

    /** Moves to the trash; what is running is stopped, and its text kept. */
    async remove(id: string): Promise<void> {
      const { temporary } = await store.conversations.head({ id }).catch(() => ({ temporary: false }));
      if (temporary) return history.discard(id);
      await store.conversations.trash({ id, at: Date.now() });
      // After it: an answer that was just being begun is among them.
      answers.stopIn(id);
      bus.emit({ type: 'conversation.removed', conversationId: id });
    },

    async restore(id: string): Promise<void> {
      await store.conversations.restore({ id });
      changed(id);
    },

    async send(input: SendInput): Promise<StartedIds> {
      const earlier = await store.messages.ofRequest({ requestId: input.requestId });
      if (earlier) return earlier;
      const existing = input.conversationId
        ? await store.conversations.head({ id: input.conversationId })
        : null;
      const parentId = existing ? (input.parentId ?? existing.activeLeafId) : null;
      if (parentId && answers.isStreaming(parentId)) throw appError('conflict');
      const folder = existing || !input.folderId ? null : await history.folders.defaults(input.folderId);
      const asked = existing ? null : (input.modelId ?? folder?.modelId ?? null);
      const model = await answers.chosenModel(existing?.settings ?? null, asked);
      if (input.temporary !== true) await room.forFiles(input.attachments ?? []);
      const conversationId = existing?.id ?? randomUUID();
      const userId = randomUUID();
      return answers.begin(
        {
          newConversation: existing
            ? null
            : {
                id: conversationId,
                title: titleFrom(input.text),
                // A temporary chat lies in no folder: nothing of it is on disk.
                folderId: input.temporary ? null : (input.folderId ?? null),
                temporary: input.temporary ?? false,
                settings: {
                  modelId: model.id,
                  systemPrompt: folder?.systemPrompt ?? settings.get().defaultSystemPrompt,
                  sampling: null,
                  reasoning: null,
                  presetId: null,
                  ...withoutUndefined(input.settings ?? {}),
                },
              },
          conversationId,
          requestId: input.requestId,
          user: { id: userId, parentId, text: input.text, files: input.attachments ?? [] },
          assistant: {
            id: randomUUID(),
            parentId: userId,
            modelId: model.id,
            modelName: model.name,
            quant: model.quant,
          },
          at: Date.now(),
        },
        { modelId: model.id, leaveOut: input.leaveOut ?? false },
      );
    },

    /** The text of a message's file. */
    async readAttachment(id: string) {
      const { text, pageStarts, parts } = await store.attachments.get({ id });
      return { text, pageStarts, parts };
    },

    answerAgain: (requestId: string, messageId: string, leaveOut = false) =>
      tree.answerAgain({ requestId, messageId, leaveOut }),

    stop: (messageId: string) => answers.stop(messageId),
    stopAll: () => answers.stopAll(),

    async showBranch(conversationId: string, messageId: string): Promise<void> {
      const leaf = await store.messages.newestLeaf({ id: messageId });
      await store.conversations.setActiveLeaf({ id: conversationId, messageId: leaf });
      changed(conversationId);
    },

    async updateSettings(id: string, patch: Partial<ConversationSettings>): Promise<void> {
      await store.conversations.updateSettings({ id, settings: patch });
      changed(id);
    },

    async saveDraft(id: string, draft: string): Promise<void> {
      await store.conversations.saveDraft({ id, draft });
    },

    /** Tokens of the prompt that a send of `draft` would make, by the model that is loaded. */
    async countTokens(id: string | null, draft: string) {
      const { contextSize } = engine.state;
      if (contextSize === null) return { promptTokens: null, contextSize };
      const existing = id ? await store.conversations.head({ id }) : null;
      const leaf = existing?.activeLeafId ?? null;
      const path = leaf
        ? withFiles(await store.messages.path({ id: leaf }), await store.attachments.onPath({ id: leaf }))
        : [];
      const systemPrompt = existing?.settings.systemPrompt ?? settings.get().defaultSystemPrompt;
      const turns = path.map((message) => turnOf({ ...answers.withLive(message), files: message.files }));
      if (draft.trim() !== '') turns.push({ role: 'user', text: draft });
      const date = existing ? { date: promptDate(existing.createdAt) } : {};
      const promptTokens = await engine.countTokens({ systemPrompt, turns, ...date });
      return { promptTokens, contextSize };
    },

    /** Ends every running answer as interrupted and waits until that is written. */
    async close(): Promise<void> {
      readAhead.close();
      await Promise.all([answers.close(), history.close(), titles.close()]);
    },
  };
}

/** Without keys that hold undefined: an absent key means the default. */
function withoutUndefined(patch: { [K in keyof OwnSettings]?: OwnSettings[K] | undefined }) {
  const set = Object.entries(patch).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Partial<OwnSettings>;
}
