import { eventIterator, type ContractRouterClient } from '@orpc/contract';
import * as v from 'valibot';
import { base, nothing, text, words } from './base.ts';
import { context } from './context.ts';
import { attachments, NewAttachments } from './attachments.ts';
import { adapters } from './adapters.ts';
import { backups, Salvaged } from './backups.ts';
import { drafts } from './drafts.ts';
import { transfer } from './transfer.ts';
import {
  AccessToken,
  Bytes,
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
  MAX_NOTES_LENGTH,
  MAX_TITLE_LENGTH,
  Model,
  ModelDetails,
  ModelFile,
  ModelFolder,
  ModelSettings,
  OtherApp,
  OtherAppModels,
  PrivacyState,
  Settings,
  StorageItem,
  TimeMs,
} from './entities.ts';
import { AppEvent } from './events.ts';
import { folders, history, search, tags } from './history.ts';
import {
  CatalogueEntry,
  Download,
  Fit,
  HubModel,
  HubModelSummary,
  HubPath,
  HubRepo,
  HubRevision,
  HubSort,
  Provenance,
} from './hub.ts';
import { lab } from './lab.ts';
import { metrics } from './metrics.ts';
import { presets } from './presets.ts';
import { savedStates } from './state-cache.ts';
import { queue, tree } from './tree.ts';

/** Longest text that can be saved at once, in UTF-16 units: what a request carries, with room for escapes. */
export const MAX_SAVED_LENGTH = 10_000_000;

/** Longer addresses are data, not places. */
const MAX_ADDRESS_LENGTH = 2_048;

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
      /** Set while someone looks at what can be read of a damaged database: nothing can be changed. */
      salvaged: v.nullable(Salvaged),
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
  /**
   * Saves a text where the user says in the host's dialog. Needs `canSaveFile`.
   * @throws disk_full, invalid_input when the host has no dialog or the place cannot be written to
   */
  saveText: base
    .input(
      v.object({
        fileName: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
        text: v.pipe(v.string(), v.maxLength(MAX_SAVED_LENGTH)),
      }),
    )
    .output(v.object({ saved: v.boolean() })),
};

const conversations = {
  /** Newest first; archive, trash and temporary chats left out. `history.list` has pages, and the other places. */
  list: base.output(v.array(ConversationSummary)),
  /**
   * `newest`: only so many messages at the end of the branch that is shown, with their siblings, so that a long chat
   * is on screen at once; the rest is fetched after it.
   */
  get: base.input(v.object({ id: Id, newest: v.optional(Count) })).output(Conversation),
  rename: base
    .input(
      v.object({
        id: Id,
        title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_TITLE_LENGTH)),
      }),
    )
    .output(nothing),
  /** Moves to the trash; running answers are stopped. Undone by `restore`. A temporary chat ends for good. */
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
        text: words,
        attachments: v.optional(NewAttachments, []),
        /** For a new conversation; null: the folder's, else the default model. */
        modelId: v.nullable(Id),
        /** For a new conversation: it begins in the folder, with its defaults. */
        folderId: v.optional(v.nullable(Id), null),
        /** For a new conversation: in memory only, see `history.keep` and `history.discard`. */
        temporary: v.optional(v.boolean(), false),
        /** For a new conversation; what is not named is the folder's, else the default. */
        settings: v.optional(v.omit(v.partial(ConversationSettings), ['modelId'])),
        /** Old messages that do not fit are left out; without it the answer fails as context_full then. */
        leaveOut: v.optional(v.boolean(), false),
      }),
    )
    .output(v.object({ conversationId: Id, userMessageId: Id, assistantMessageId: Id })),
  /**
   * Answers a user message: `messageId` itself, or the one above when it is an answer, whose new sibling this is.
   * @throws conflict while an answer of the chat is being written
   */
  answerAgain: base
    .input(v.object({ requestId: Id, messageId: Id, leaveOut: v.optional(v.boolean(), false) }))
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
  /**
   * Opens the host's dialog for a folder; its models come into the library, and those that come later. Null when
   * it was cancelled. Needs `canPickFile`.
   */
  pickFolder: base.output(v.nullable(ModelFolder)),
  /** Takes a folder off that the user let in, and its models off the list; nothing on disk changes. */
  removeFolder: base.input(v.object({ id: v.string() })).output(nothing),
  /** Models of LM Studio, Ollama and the Hugging Face cache, looked for now. */
  otherApps: base.output(v.array(OtherAppModels)),
  /**
   * Uses the models of exactly these apps where they lie: their files come into the library, nothing is copied.
   * Models of an app that is no longer named leave the list. `refused`: files that are no models.
   */
  useOtherApps: base
    .input(v.object({ apps: v.array(OtherApp) }))
    .output(v.object({ added: Count, refused: Count })),
  /** Opens the host's file dialog; an empty list when it was cancelled. Needs `canPickFile`. */
  pickFiles: base.output(v.array(ModelFile)),
  /**
   * Files that the system asked the app to open since the last call (a double click, the command line).
   * `models.opened` tells of new ones.
   */
  takeOpened: base.output(v.array(ModelFile)),
  /** Reads the header and puts the file into the library where it lies: as a model, or as an adapter. */
  add: base.input(v.object({ fileId: v.string() })).output(Model),
  /** Takes the model off the list (unloads it first); the file stays. */
  remove: base.input(v.object({ id: Id })).output(nothing),
  /**
   * Takes the model off the list and moves its files to the system's trash, or deletes them where there is none
   * (`canTrashFiles`).
   * @throws conflict for files of another app, model_file_missing; the model stays listed then
   */
  deleteFiles: base.input(v.object({ id: Id })).output(v.object({ freedBytes: Bytes })),
  saveNotes: base
    .input(v.object({ id: Id, notes: v.pipe(v.string(), v.maxLength(MAX_NOTES_LENGTH)) }))
    .output(nothing),
  /**
   * Loads a model; the call ends when it is ready. Progress comes as `engine.changed`.
   * @throws model_load_crashed without trying when the last load crashed and `retryAfterCrash` is not set
   */
  load: base.input(v.object({ id: Id, retryAfterCrash: v.optional(v.boolean(), false) })).output(nothing),
  cancelLoad: base.output(nothing),
  unload: base.output(nothing),
  updateSettings: base.input(v.object({ id: Id, settings: v.partial(ModelSettings) })).output(nothing),
  /** null for a file that the app did not download. */
  provenance: base.input(v.object({ id: Id })).output(v.nullable(Provenance)),
  /**
   * Hashes a downloaded model again, as an entry of `downloads` with its progress; pieces that changed on this
   * disk are fetched again when the user resumes it.
   */
  verify: base.input(v.object({ id: Id })).output(Download),
};

const FitOptions = v.object({
  /** null: what the app would choose. */
  contextSize: v.nullable(Count),
  gpuLayers: v.nullable(Count),
});

const fit = {
  /** Of a model in the library, from its header. */
  ofModel: base.input(v.object({ id: Id, ...FitOptions.entries })).output(Fit),
  /**
   * Of a file on the hub, from its header: a few hundred KB by ranges, kept for this run.
   * @throws offline, network_failed, hub_gated, and the header's errors
   */
  ofHubFile: base
    .input(v.object({ repo: HubRepo, revision: HubRevision, path: HubPath, ...FitOptions.entries }))
    .output(Fit),
  /** Whether this computer's memory and compute speed are known; measured in the background once. */
  speed: base.output(
    v.object({
      state: v.picklist(['not_measured', 'measuring', 'measured']),
      /** Bytes a second that one token's weights are read with. */
      memoryBytesPerSecond: v.nullable(v.number()),
      measuredAt: v.nullable(TimeMs),
    }),
  ),
};

const hub = {
  /** Without a request: suggestions that came with the app. */
  catalogue: base.output(v.array(CatalogueEntry)),
  /**
   * GGUF models. `cursor` is that of the page before.
   * @throws offline, network_failed, hub_rate_limited
   */
  search: base
    .input(
      v.object({
        query: v.pipe(v.string(), v.trim(), v.maxLength(200)),
        author: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(100))), null),
        licence: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(100))), null),
        /** Largest parameter count; models that do not state theirs are left out then. */
        maxParameters: v.optional(v.nullable(Count), null),
        sort: v.optional(HubSort, 'downloads'),
        cursor: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(4_096))), null),
      }),
    )
    .output(v.object({ models: v.array(HubModelSummary), cursor: v.nullable(v.string()) })),
  /**
   * A model's page by `owner/name`, its web address or `hf:owner/name[:quant]`. `allowOnce` reads it while
   * offline is on, for a download that the user allowed.
   * @throws invalid_input for another text, not_found, hub_gated, offline, network_failed, hub_rate_limited
   */
  model: base
    .input(
      v.object({
        address: v.pipe(v.string(), v.trim(), v.maxLength(MAX_ADDRESS_LENGTH)),
        allowOnce: v.optional(v.boolean(), false),
      }),
    )
    .output(HubModel),
};

const downloads = {
  /** Oldest first; those done stay until cleared. */
  list: base.output(v.array(Download)),
  /**
   * Queues a file with all its parts; the same one twice is the first. `allowOnce` lets this one download
   * through while offline is on.
   * @throws offline, disk_full with `needBytes` and `freeBytes`, hub_gated, not_found, network_failed
   */
  start: base
    .input(
      v.object({
        repo: HubRepo,
        revision: HubRevision,
        path: HubPath,
        allowOnce: v.optional(v.boolean(), false),
      }),
    )
    .output(Download),
  pause: base.input(v.object({ id: Id })).output(nothing),
  /** Goes on after a pause or a failure. */
  resume: base.input(v.object({ id: Id, allowOnce: v.optional(v.boolean(), false) })).output(nothing),
  /** Ends it. `keep`: what is here stays, and a later start of the same file goes on with it. */
  cancel: base.input(v.object({ id: Id, keep: v.boolean() })).output(nothing),
  /** Looks for the part that arrived wrong; may fetch up to the whole file. */
  search: base.input(v.object({ id: Id, allowOnce: v.optional(v.boolean(), false) })).output(nothing),
  /** Takes a finished one off the list. */
  clear: base.input(v.object({ id: Id })).output(nothing),
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
export const contract = {
  system,
  conversations,
  tree,
  queue,
  history,
  folders,
  tags,
  search,
  context,
  presets,
  transfer,
  attachments,
  models,
  drafts,
  adapters,
  backups,
  fit,
  hub,
  downloads,
  engine,
  metrics,
  lab,
  privacy,
  savedStates,
  settings,
};

/** The client that every transport gives, derived from the contract. */
export type AppClient = ContractRouterClient<typeof contract>;
