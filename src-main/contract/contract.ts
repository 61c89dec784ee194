import { eventIterator, oc, type ContractRouterClient } from '@orpc/contract';
import * as v from 'valibot';
import {
  AccessToken,
  Capabilities,
  Conversation,
  ConversationSettings,
  ConversationSummary,
  Count,
  EngineState,
  HubTokenState,
  Id,
  LedgerEntry,
  Machine,
  MAX_MESSAGE_LENGTH,
  MAX_TITLE_LENGTH,
  Model,
  ModelDetails,
  ModelFile,
  ModelFolder,
  ModelSettings,
  PrivacyState,
  Settings,
  StorageItem,
  TimeMs,
} from './entities.ts';
import { errorMap } from './errors.ts';
import { AppEvent } from './events.ts';

/** Longer addresses are data, not places. */
const MAX_ADDRESS_LENGTH = 2_048;

const base = oc.errors(errorMap);
const text = v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH));
const nothing = v.void();

const system = {
  /** What runs on the other side, and what it can do. */
  info: base.output(
    v.object({
      appVersion: v.string(),
      nodeVersion: v.string(),
      engineVersion: v.nullable(v.string()),
      host: v.picklist(['desktop', 'browser']),
      platform: v.picklist(['linux', 'mac', 'windows']),
      capabilities: Capabilities,
      dataFolder: v.string(),
      diskFullSince: v.nullable(TimeMs),
    }),
  ),
  machine: base.output(Machine),
  /**
   * The one stream of events. Each event has an id; a client that comes back with the last id it saw gets
   * what it missed, or a `gap` event when that is no longer kept.
   */
  events: base.output(eventIterator(AppEvent)),
  /**
   * Asks the host to open a web address: the host shows it whole and asks first. Needs `canOpenExternal`.
   * @throws invalid_input when the host opens nothing
   */
  openExternal: base
    .input(v.object({ address: v.pipe(v.string(), v.maxLength(MAX_ADDRESS_LENGTH)) }))
    .output(v.object({ opened: v.boolean() })),
};

const conversations = {
  /** Newest first, trash left out. */
  list: base.output(v.array(ConversationSummary)),
  get: base.input(v.object({ id: Id })).output(Conversation),
  rename: base
    .input(
      v.object({
        id: Id,
        title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_TITLE_LENGTH)),
      }),
    )
    .output(nothing),
  /** Moves to the trash; running answers are stopped. Undone by `restore`. */
  remove: base.input(v.object({ id: Id })).output(nothing),
  restore: base.input(v.object({ id: Id })).output(nothing),
  /**
   * Saves the user's message and an empty answer in one transaction, then starts to answer.
   * `requestId` makes a repeated call (double click, reconnect) answer with the first result.
   * @throws no_model when neither the conversation nor the settings name one; nothing is saved then
   */
  send: base
    .input(
      v.object({
        requestId: Id,
        /** null starts a new conversation. */
        conversationId: v.nullable(Id),
        /** The message to answer to; null: the conversation's active leaf. */
        parentId: v.nullable(Id),
        text: v.pipe(
          text,
          v.check((value) => value.trim() !== '', 'empty'),
        ),
        /** For a new conversation; null: the default model. */
        modelId: v.nullable(Id),
      }),
    )
    .output(v.object({ conversationId: Id, userMessageId: Id, assistantMessageId: Id })),
  /** Answers the same user message again as a new sibling of `messageId`, an assistant message. */
  answerAgain: base
    .input(v.object({ requestId: Id, messageId: Id }))
    .output(v.object({ assistantMessageId: Id })),
  /** Stops a running answer; what has arrived is kept. Does nothing when it has ended already. */
  stop: base.input(v.object({ messageId: Id })).output(nothing),
  /** Shows the branch that ends below `messageId` (its newest leaf). */
  showBranch: base.input(v.object({ conversationId: Id, messageId: Id })).output(nothing),
  updateSettings: base.input(v.object({ id: Id, settings: v.partial(ConversationSettings) })).output(nothing),
  /**
   * The chat that the system asked the app to show since the last call (a notice, the tray).
   * `conversation.requested` tells of a new one.
   */
  takeRequested: base.output(v.object({ conversationId: v.nullable(Id) })),
  saveDraft: base.input(v.object({ id: Id, draft: text })).output(nothing),
  /**
   * Tokens that the next send would put into the context, counted by the loaded model on the rendered
   * prompt; null when the model is not loaded, or the text many times as long as its context.
   */
  countTokens: base
    .input(v.object({ id: v.nullable(Id), draft: text }))
    .output(v.object({ promptTokens: v.nullable(Count), contextSize: v.nullable(Count) })),
};

const models = {
  list: base.output(v.array(Model)),
  details: base.input(v.object({ id: Id })).output(ModelDetails),
  /** Folders whose GGUF files may be added (serve mode: those given at start). */
  folders: base.output(v.array(ModelFolder)),
  /** GGUF files in the allowed folders, split files as one. */
  files: base.output(v.array(ModelFile)),
  /** Opens the host's file dialog; an empty list when it was cancelled. Needs `canPickFile`. */
  pickFiles: base.output(v.array(ModelFile)),
  /**
   * Files that the system asked the app to open since the last call (a double click, the command line).
   * `models.opened` tells of new ones.
   */
  takeOpened: base.output(v.array(ModelFile)),
  /** Reads the header and puts the file into the library where it lies. */
  add: base.input(v.object({ fileId: v.string() })).output(Model),
  /** Takes the model off the list (unloads it first); the file stays. */
  remove: base.input(v.object({ id: Id })).output(nothing),
  /**
   * Loads a model; the call ends when it is ready. Progress comes as `engine.changed`.
   * @throws model_load_crashed without trying when the last load crashed and `retryAfterCrash` is not set
   */
  load: base.input(v.object({ id: Id, retryAfterCrash: v.optional(v.boolean(), false) })).output(nothing),
  cancelLoad: base.output(nothing),
  unload: base.output(nothing),
  updateSettings: base.input(v.object({ id: Id, settings: v.partial(ModelSettings) })).output(nothing),
};

const engine = {
  state: base.output(EngineState),
  /** Starts the engine again after it gave up. */
  restart: base.output(nothing),
};

const privacy = {
  state: base.output(PrivacyState),
  setOffline: base.input(v.object({ offline: v.boolean() })).output(nothing),
  /** Newest first. */
  ledger: base
    .input(
      v.object({
        outcome: v.optional(v.picklist(['all', 'allowed', 'refused']), 'all'),
        beforeId: v.optional(Count),
        limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)), 200),
      }),
    )
    .output(
      v.object({
        entries: v.array(LedgerEntry),
        totals: v.object({ requests: Count, sentBytes: Count, receivedBytes: Count }),
      }),
    ),
  stored: base.output(v.array(StorageItem)),
  /** Whether there is an access token for Hugging Face, which gated models need. */
  hubToken: base.output(HubTokenState),
  /**
   * Kept where the host can (`canKeepSecrets`), else in memory until the app ends.
   * @throws disk_full; the token from before is still in use then
   */
  setHubToken: base.input(v.object({ token: AccessToken })).output(HubTokenState),
  /** Forgets what was set; a token of the environment stays. */
  removeHubToken: base.output(HubTokenState),
};

const settings = {
  get: base.output(Settings),
  update: base.input(v.omit(v.partial(Settings), ['offline', 'offlineSince'])).output(Settings),
};

/** Every call and event between the core and any client. The single source of truth. */
export const contract = { system, conversations, models, engine, privacy, settings };

/** The client that every transport gives, derived from the contract. */
export type AppClient = ContractRouterClient<typeof contract>;
