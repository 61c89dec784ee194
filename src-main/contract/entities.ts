// Longer than a module should be: the entities of one vocabulary, each a few lines, and no code. Areas that came later
// have files of their own beside it.

import * as v from 'valibot';
import { errorCodes } from './errors.ts';

/** Unique id, a random UUID in its text form. */
export const Id = v.pipe(v.string(), v.uuid());
/** Milliseconds since 1970-01-01 UTC. */
export const TimeMs = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Bytes = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const DurationMs = v.pipe(v.number(), v.minValue(0));
export const ErrorCodeSchema = v.picklist(errorCodes);

/** Longest message text that is accepted, in UTF-16 units: about 500 pages, far above any context. */
export const MAX_MESSAGE_LENGTH = 2_000_000;
export const MAX_TITLE_LENGTH = 200;
export const MAX_FILE_NAME_LENGTH = 255;
export const MAX_NOTES_LENGTH = 20_000;
/** The longest templates of known models have about 20,000 characters. */
export const MAX_TEMPLATE_LENGTH = 200_000;

// Sampling -----------------------------------------------------------------------------------------------

/** Sampling settings of one generation. Defaults are {@link DEFAULT_SAMPLING}. */
export const Sampling = v.object({
  temperature: v.pipe(v.number(), v.minValue(0), v.maxValue(5)),
  topK: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)),
  topP: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  minP: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** 1 switches it off. */
  repeatPenalty: v.pipe(v.number(), v.minValue(0), v.maxValue(5)),
  /** null: a new random seed for every answer. */
  seed: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff))),
  /** null: until the model stops or the context is full. */
  maxTokens: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))),
});
export type Sampling = v.InferOutput<typeof Sampling>;

/** llama-server's defaults; the engine library's own differ (temperature 0, repeat penalty on). */
export const DEFAULT_SAMPLING: Sampling = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
  seed: null,
  maxTokens: null,
};

/** How much a model that reasons may think before it answers. */
export const ReasoningSettings = v.object({
  /** `auto`: as the model does by itself. */
  mode: v.picklist(['auto', 'on', 'off']),
  /** Most tokens of thinking; null: no limit but the engine's own. */
  budgetTokens: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))),
});
export type ReasoningSettings = v.InferOutput<typeof ReasoningSettings>;

export const DEFAULT_REASONING: ReasoningSettings = { mode: 'auto', budgetTokens: null };

/** What one answer was made with; the seed that was drawn is in its {@link GenerationStats}. */
export const GenerationSettings = v.object({
  sampling: Sampling,
  reasoning: ReasoningSettings,
  contextSize: v.nullable(Count),
  gpuLayers: v.nullable(Count),
  /** null: chosen by the engine. */
  threads: v.nullable(Count),
  model: v.object({
    /** Of its only or first file; null where it is not known. */
    sha256: v.nullable(v.string()),
    sizeBytes: Bytes,
    /** Of its file, null when it could not be read. */
    modifiedAt: v.nullable(TimeMs),
  }),
  appVersion: v.string(),
  /** A short hash of it: whether it changed since. */
  systemPromptHash: v.string(),
  /** Messages of the branch that did not fit and were not sent, oldest first. */
  leftOut: v.array(Id),
});
export type GenerationSettings = v.InferOutput<typeof GenerationSettings>;

// Conversations ------------------------------------------------------------------------------------------

/** Settings of one conversation; null means the application's default. */
export const ConversationSettings = v.object({
  modelId: v.nullable(Id),
  systemPrompt: v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH)),
  sampling: v.nullable(Sampling),
  /** null: {@link DEFAULT_REASONING}. */
  reasoning: v.nullable(ReasoningSettings),
  /** The preset that was applied last; its values may have been edited since. */
  presetId: v.nullable(Id),
});
export type ConversationSettings = v.InferOutput<typeof ConversationSettings>;

export const ConversationSummary = v.object({
  id: Id,
  title: v.string(),
  /** `auto`: the first words of the first message, or the model's words. `user`: typed by the user, never overwritten. */
  titleSource: v.picklist(['auto', 'user']),
  createdAt: TimeMs,
  updatedAt: TimeMs,
  messageCount: Count,
  answering: v.boolean(),
  /** null: in no folder. */
  folderId: v.nullable(Id),
  /** Ids of its tags, by their names. */
  tags: v.array(Id),
  pinnedAt: v.nullable(TimeMs),
  archivedAt: v.nullable(TimeMs),
  /** Set in the trash. */
  trashedAt: v.nullable(TimeMs),
  /** In memory only, in no list and no search; gone when it is closed or the app ends. */
  temporary: v.boolean(),
  /** The model of its settings. */
  modelId: v.nullable(Id),
});
export type ConversationSummary = v.InferOutput<typeof ConversationSummary>;

export const StopReason = v.picklist(['end', 'stopped', 'max_tokens', 'context_full', 'failed']);
export type StopReason = v.InferOutput<typeof StopReason>;

/** What the wait for a first token was made of; `firstTokenKindOf` says which is which. */
export const FirstTokenKind = v.picklist(['follow_up', 'warm', 'cold']);
export type FirstTokenKind = v.InferOutput<typeof FirstTokenKind>;

/** What one generation cost. Token figures are the engine's own counters. */
export const GenerationStats = v.object({
  promptTokens: Count,
  /** Prompt tokens taken from the KV cache. */
  reusedTokens: Count,
  /** Where those came from: the memory, or a saved state that was read into it; null: nothing was reused. */
  reusedFrom: v.optional(v.nullable(v.picklist(['live', 'disk'])), null),
  /** Reading a saved state, a part of the time to the first token; 0 when none was read. */
  restoreMs: v.optional(DurationMs, 0),
  /** Prompt tokens evaluated now. */
  readTokens: Count,
  /** Of those: read before, and again because a sliding window had moved on. */
  rereadTokens: v.optional(Count, 0),
  generatedTokens: Count,
  /** Tokens that were guessed and computed in one batch with others, and how many of them the model then said. */
  guessedTokens: v.optional(Count, 0),
  guessedRight: v.optional(Count, 0),
  /** Of those: guessed by a draft model. */
  draftedTokens: v.optional(Count, 0),
  draftedRight: v.optional(Count, 0),
  /** From the start of the generation in the sidecar to its first token; model load not included. */
  ttftMs: v.nullable(DurationMs),
  /** null: no token came, or it was not told yet. */
  firstTokenKind: v.optional(v.nullable(FirstTokenKind), null),
  prefillMs: DurationMs,
  /** From the first to the last token. */
  decodeMs: DurationMs,
  /** (generatedTokens - 1) / decodeMs * 1000; null with fewer than two tokens. */
  tokensPerSecond: v.nullable(v.pipe(v.number(), v.minValue(0))),
  /** Model load before this answer; 0 when it was loaded already. */
  loadMs: DurationMs,
  stopReason: StopReason,
  contextSize: Count,
  /** Tokens in the context after the answer. */
  contextTokens: Count,
  seed: v.nullable(Count),
  temperature: v.number(),
  /** `cpu`, `cuda`, `vulkan` or `metal`. */
  backend: v.string(),
  engineVersion: v.string(),
});
export type GenerationStats = v.InferOutput<typeof GenerationStats>;

export const MessageStatus = v.picklist(['complete', 'streaming', 'stopped', 'interrupted', 'failed']);
export type MessageStatus = v.InferOutput<typeof MessageStatus>;

/** A stretch of a file's text, UTF-16 units; `end` is behind its last. */
export const TextPart = v.object({ start: Count, end: Count });
export type TextPart = v.InferOutput<typeof TextPart>;

/** Where one stands. `first`, `last`: its pages, or its lines where the file has no pages; from 1. */
export const PartPlace = v.object({ ...TextPart.entries, first: Count, last: Count });
export type PartPlace = v.InferOutput<typeof PartPlace>;

/** A file whose text goes with a message, without that text. */
export const Attachment = v.object({
  id: Id,
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_FILE_NAME_LENGTH)),
  kind: v.picklist(['text', 'pdf', 'docx', 'html']),
  /** Of the file that the text was taken from. */
  sizeBytes: Bytes,
  /** Of the text, UTF-16 units. */
  characters: Count,
  /** null: the file has none. */
  pages: v.nullable(Count),
  /** What of it goes with the message; null: all of it. */
  parts: v.nullable(v.array(PartPlace)),
});
export type Attachment = v.InferOutput<typeof Attachment>;

/** One node of a conversation's tree. Nothing is overwritten: a new answer is a new sibling. */
export const Message = v.object({
  id: Id,
  conversationId: Id,
  parentId: v.nullable(Id),
  role: v.picklist(['user', 'assistant']),
  text: v.string(),
  /** The model reads them before the text. */
  attachments: v.array(Attachment),
  /** The model's thinking, apart from its answer. */
  reasoning: v.string(),
  status: MessageStatus,
  errorCode: v.nullable(ErrorCodeSchema),
  errorDetails: v.nullable(v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()]))),
  modelId: v.nullable(Id),
  /** Kept with the message: the model may leave the list. */
  modelName: v.nullable(v.string()),
  quant: v.nullable(v.string()),
  createdAt: TimeMs,
  stats: v.nullable(GenerationStats),
  /** What the answer was made with; null for a user's message, and until the model is ready. */
  settings: v.nullable(GenerationSettings),
  /** What the thinking took, null where there was none; `tokens` as the engine counted them. */
  thought: v.nullable(v.object({ ms: DurationMs, tokens: v.nullable(Count) })),
  /** Stays in the context when older messages no longer fit. */
  pinned: v.boolean(),
  /** An answer that the user wrote, or changed. */
  edited: v.boolean(),
  /** UTF-16 units at the start of `text` that were there before the model wrote: typed, or of an earlier version. */
  prefixLength: Count,
  /** Sequence number of the last `message.chunk` that `text` and `reasoning` contain; 0 when not streaming. */
  chunkSeq: Count,
});
export type Message = v.InferOutput<typeof Message>;

/** A message that waits for the answer before it. */
export const QueuedMessage = v.object({
  id: Id,
  text: v.string(),
  attachments: v.array(Attachment),
  createdAt: TimeMs,
});
export type QueuedMessage = v.InferOutput<typeof QueuedMessage>;

export const Conversation = v.object({
  ...ConversationSummary.entries,
  /** The message at the end of the branch on screen; null while empty. */
  activeLeafId: v.nullable(Id),
  settings: ConversationSettings,
  draft: v.string(),
  /** What is sent after the answer that runs, first one first. */
  queue: v.array(QueuedMessage),
  /** The whole tree, oldest first. */
  messages: v.array(Message),
});
export type Conversation = v.InferOutput<typeof Conversation>;

// Models -------------------------------------------------------------------------------------------------

/** Settings of one model; null means automatic. */
export const ModelSettings = v.object({
  contextSize: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(256), v.maxValue(1_048_576))),
  gpuLayers: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000))),
  threads: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256))),
  flashAttention: v.nullable(v.picklist(['auto', 'off'])),
  /** For chats without their own. */
  sampling: v.nullable(Sampling),
  /** Jinja in place of the template of the file; null: the file's. */
  chatTemplate: v.nullable(v.pipe(v.string(), v.maxLength(MAX_TEMPLATE_LENGTH))),
  /** Minutes without an answer after which its memory is given back; null: it stays until another is loaded. */
  keepLoadedMinutes: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_080))),
  /** Guessing of what is copied; null: where it pays. */
  speculation: v.nullable(v.picklist(['off'])),
  /** How keys and values are kept; null: as 16-bit floats. Others are checked with the model when it is loaded. */
  cacheType: v.nullable(v.picklist(['q8_0'])),
  /** Chats that stay in memory, each with a context of its own; null: as many as a part of the memory carries. */
  liveChats: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4))),
  /** A smaller model of the library with the same vocabulary, which guesses what this one will say; null: none. */
  draftModelId: v.nullable(Id),
});
export type ModelSettings = v.InferOutput<typeof ModelSettings>;

/** An adapter as a model has it. */
export const AttachedAdapter = v.object({
  id: Id,
  name: v.string(),
  /** 0 to 2; 1 is as it was trained. */
  scale: v.number(),
  available: v.boolean(),
});
export type AttachedAdapter = v.InferOutput<typeof AttachedAdapter>;

/** One model of the library. Figures come from the file's header. */
export const Model = v.object({
  id: Id,
  /** An adapter changes a model and never answers itself. */
  kind: v.picklist(['model', 'adapter']),
  /** As it answers: with the names of what is attached, `base + adapter`. */
  name: v.string(),
  /** Of the file alone. */
  ownName: v.string(),
  adapters: v.array(AttachedAdapter),
  fileName: v.string(),
  /** For a person: the folder's label and the path below it, never an absolute path. */
  location: v.string(),
  sizeBytes: Bytes,
  architecture: v.string(),
  parameterCount: v.nullable(Count),
  quant: v.nullable(v.string()),
  trainedContextSize: v.nullable(Count),
  licence: v.nullable(v.string()),
  hasChatTemplate: v.boolean(),
  /** Parts of a split file, 1 when whole. */
  parts: v.pipe(v.number(), v.integer(), v.minValue(1)),
  addedAt: TimeMs,
  lastUsedAt: v.nullable(TimeMs),
  /** False when the file is no longer where it was. */
  available: v.boolean(),
  /** The last load ended with a crash of the engine; a load needs the user's word. */
  lastLoadCrashed: v.boolean(),
  settings: ModelSettings,
  /** The user's own words about it. */
  notes: v.string(),
  /** The files may be deleted from here: they are no other app's. */
  canDelete: v.boolean(),
  /** The guide that comes with the app: it stays in the library and keeps its settings. */
  builtIn: v.boolean(),
});
export type Model = v.InferOutput<typeof Model>;

/** Everything of the header that a person may want to read. */
export const ModelDetails = v.object({
  model: Model,
  chatTemplate: v.nullable(v.string()),
  layerCount: v.nullable(Count),
  headCount: v.nullable(Count),
  kvHeadCount: v.nullable(Count),
  embeddingLength: v.nullable(Count),
  vocabularySize: v.nullable(Count),
  tokenizer: v.nullable(v.string()),
  metadata: v.array(v.object({ key: v.string(), value: v.string() })),
});
export type ModelDetails = v.InferOutput<typeof ModelDetails>;

/** A GGUF file that the user may add. The id stands for a path that only the core knows. */
export const ModelFile = v.object({
  fileId: v.string(),
  fileName: v.string(),
  /** Folder label and path below it. */
  location: v.string(),
  sizeBytes: Bytes,
  /** Set when the file is in the library already. */
  modelId: v.nullable(Id),
});
export type ModelFile = v.InferOutput<typeof ModelFile>;

/** Other programs whose model files can be used where they lie. */
export const OtherApp = v.picklist(['lm_studio', 'ollama', 'hugging_face']);
export type OtherApp = v.InferOutput<typeof OtherApp>;

/** Models of another app that were found on this computer. */
export const OtherAppModels = v.object({
  app: OtherApp,
  /** For a person: home shortened to `~`. */
  path: v.string(),
  modelCount: Count,
  sizeBytes: Bytes,
  /** Its models are in the library. */
  inUse: v.boolean(),
});
export type OtherAppModels = v.InferOutput<typeof OtherAppModels>;

export const ModelFolder = v.object({
  id: v.string(),
  label: v.string(),
  /** For a person: home shortened to `~`. */
  path: v.string(),
  available: v.boolean(),
  /** Whose folder it is; null for one that the user let in. */
  app: v.nullable(OtherApp),
  /** The user let it in and may take it off; the others come from the host. */
  removable: v.boolean(),
  /** False when it holds too many folders to be told of changes: its models' folders are looked at now and then. */
  isWatched: v.boolean(),
});
export type ModelFolder = v.InferOutput<typeof ModelFolder>;

// Engine -------------------------------------------------------------------------------------------------

export const EngineStatus = v.picklist([
  'stopped',
  'starting',
  'idle',
  'loading',
  'ready',
  'generating',
  'crashed',
]);
export type EngineStatus = v.InferOutput<typeof EngineStatus>;

const CacheType = v.picklist(['f16', 'q8_0']);

/** Whether a draft model guesses what the model will say, or why it does not. */
export const DraftState = v.picklist([
  'ready',
  'missing',
  'vocabulary',
  'memory',
  // Wrong guesses cannot be taken back out of the model's cache.
  'not_possible',
  'failed',
]);
export type DraftState = v.InferOutput<typeof DraftState>;

export const EngineTuning = v.object({
  threads: Count,
  /** The number that was found best by measuring, now or at an earlier load; null: never measured. */
  measuredThreads: v.nullable(Count),
  /** As keys and values are kept: `f16` where the wanted type did not pass its check. */
  cacheType: CacheType,
  wantedCacheType: CacheType,
  /** It has a sliding window, and keeps the whole context all the same: any branch is gone back to without reading. */
  fullWindow: v.boolean(),
  /** How far the wanted type moved the next-token probabilities, in nats; null: not checked, or not possible. */
  cacheDivergence: v.nullable(v.number()),
  /** Chats that were to stay in memory, of which there may be room for fewer; null: automatic. */
  wantedLiveChats: v.nullable(Count),
  /** Tokens that are computed at a time, at most. */
  batchTokens: Count,
  /** null: none was asked for. */
  draft: v.nullable(DraftState),
  /** The one that was asked for at the load: the settings may name another since. */
  draftModelId: v.nullable(Id),
});
export type EngineTuning = v.InferOutput<typeof EngineTuning>;

export const EngineState = v.object({
  status: EngineStatus,
  /** `cpu`, `cuda`, `vulkan` or `metal`; null until the engine has started once. */
  backend: v.nullable(v.string()),
  deviceNames: v.array(v.string()),
  /** The model that is loading, loaded or was loaded when the engine crashed. */
  modelId: v.nullable(Id),
  /** 0 to 1 while loading. */
  loadProgress: v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** Predicted from the progress so far; null while unknown. */
  loadEtaMs: v.nullable(DurationMs),
  /** What a first load finds out after the file was read; null: neither. */
  loadStep: v.nullable(v.picklist(['threads', 'cache'])),
  contextSize: v.nullable(Count),
  gpuLayers: v.nullable(Count),
  /** How the loaded model computes; null without one. */
  tuning: v.nullable(EngineTuning),
  /** Chats that can be in memory at once; null without a model. */
  liveChats: v.nullable(Count),
  /**
   * What the chat template of the loaded model says of thinking: that there is none, that there always is, or that
   * it can be switched. null: no model in memory.
   */
  reasoning: v.nullable(v.picklist(['none', 'always', 'switchable'])),
  /** Why the last start, load or generation failed; null after a success. */
  error: v.nullable(
    v.object({
      code: ErrorCodeSchema,
      data: v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()])),
    }),
  ),
  /** A GPU that failed to start, told once: the backend that failed and the one in use. */
  notice: v.nullable(v.object({ failedBackend: v.string(), usedBackend: v.string() })),
  runningGenerations: Count,
  queuedGenerations: Count,
  memory: v.nullable(
    v.object({
      /** Resident set of the sidecar. */
      processBytes: Bytes,
      vramUsedBytes: v.nullable(Bytes),
      vramTotalBytes: v.nullable(Bytes),
    }),
  ),
  engineVersion: v.nullable(v.string()),
});
export type EngineState = v.InferOutput<typeof EngineState>;

// Machine, privacy, settings -----------------------------------------------------------------------------

export const Machine = v.object({
  processor: v.string(),
  cores: Count,
  memoryTotalBytes: Bytes,
  /** Free or given back at once when needed. */
  memoryFreeBytes: Bytes,
  /** Free on the volume of the data folder. */
  diskFreeBytes: v.nullable(Bytes),
});
export type Machine = v.InferOutput<typeof Machine>;

export const LedgerOutcome = v.picklist(['open', 'done', 'failed', 'refused']);
export const LedgerEntry = v.object({
  id: Count,
  sessionId: Id,
  at: TimeMs,
  host: v.string(),
  /** Why the connection was opened, one of the purposes of `privacy/`. */
  purpose: v.string(),
  sentBytes: Bytes,
  receivedBytes: Bytes,
  outcome: LedgerOutcome,
});
export type LedgerEntry = v.InferOutput<typeof LedgerEntry>;

export const PrivacyState = v.object({
  offline: v.boolean(),
  offlineSince: v.nullable(TimeMs),
  sessionStartedAt: TimeMs,
  /** Connections opened, refused in this run of the app. */
  connections: Count,
  refused: Count,
  lastRefusedAt: v.nullable(TimeMs),
  open: v.array(v.object({ host: v.string(), purpose: v.string() })),
});
export type PrivacyState = v.InferOutput<typeof PrivacyState>;

/** Where models are looked for: an https origin, or a mirror on this computer. Kept without the last slash. */
export const HubEndpoint = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(200),
  v.regex(/^(?:https:\/\/[\w.-]+|http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?\/?$/iu),
  v.transform((address) => address.replace(/\/$/u, '').toLowerCase()),
);

/** A web proxy as `http://host:port`, without a name and password; empty for none. */
export const ProxyAddress = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(200),
  v.regex(/^(?:https?:\/\/(?:[\w.-]+|\[[\da-f:]+\])(?::\d{1,5})?\/?)?$/iu),
  v.transform((address) => address.replace(/\/$/u, '').toLowerCase()),
);

/** Longer than any token of Hugging Face, which has 37 characters. */
export const MAX_TOKEN_LENGTH = 512;

/** An access token as it is typed or pasted: printable ASCII without spaces, as a header needs it. */
export const AccessToken = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(MAX_TOKEN_LENGTH),
  v.regex(/^[!-~]+$/),
);

/**
 * `kept`: encrypted by the system, between runs. `memory`: until the app ends. `environment`: given at start.
 * `unreadable`: kept, but it cannot be read or decrypted now.
 */
export const SecretSource = v.picklist(['kept', 'memory', 'environment', 'unreadable']);
export type SecretSource = v.InferOutput<typeof SecretSource>;

/** Whether there is a token that can be used, never the token: no call and no event gives it back. */
export const HubTokenState = v.object({ set: v.boolean(), source: v.nullable(SecretSource) });
export type HubTokenState = v.InferOutput<typeof HubTokenState>;

/** All settings that a user can change, the same in every host. */
export const Settings = v.object({
  theme: v.picklist(['system', 'light', 'dark']),
  /** Chat text size in px at 100 % zoom. */
  chatTextSize: v.picklist([14, 15, 17, 20]),
  highContrast: v.boolean(),
  /** Enter sends; off: Ctrl+Enter sends and Enter breaks the line. */
  sendWithEnter: v.boolean(),
  /** What a screen reader hears while an answer streams. */
  announceAnswers: v.picklist(['sentences', 'end', 'off']),
  /** null: no system prompt in new conversations. */
  defaultSystemPrompt: v.pipe(v.string(), v.maxLength(100_000)),
  defaultModelId: v.nullable(Id),
  loadModelAtStart: v.boolean(),
  backend: v.picklist(['auto', 'cpu']),
  flashAttention: v.picklist(['auto', 'off']),
  /** null: as many as there are physical cores. */
  threads: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256))),
  /** Context size for models without their own, null: automatic by memory. */
  contextSize: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(256), v.maxValue(1_048_576))),
  offline: v.boolean(),
  offlineSince: v.nullable(TimeMs),
  firstRunDone: v.boolean(),
  hubEndpoint: HubEndpoint,
  proxyAddress: ProxyAddress,
  sidebarOpen: v.boolean(),
  inspectorOpen: v.boolean(),
  /** CSS pixels. */
  inspectorWidth: v.pipe(v.number(), v.integer(), v.minValue(260), v.maxValue(420)),
  /** An icon in the system's tray or menu bar. Needs `canShowTray`. */
  showInTray: v.boolean(),
  /** Closing the window keeps the app in the tray. Needs `showInTray` and `canCloseToTray`. */
  closeToTray: v.boolean(),
  /** A notice of the system when a long answer ends while the window is away. Needs `canNotify`. */
  noticeWhenAnswered: v.boolean(),
  /** The model gives each new chat a title after its first answer. */
  titlesByModel: v.boolean(),
  /** What is certain of a message is read while it is being written; not on battery, where the host can tell. */
  readAhead: v.boolean(),
  /** What a model has read of a chat is kept on the disk. */
  saveStates: v.boolean(),
  /** null: automatic, by the disk's free space. */
  savedStatesMaxBytes: v.nullable(Bytes),
});
export type Settings = v.InferOutput<typeof Settings>;

export const StorageItem = v.object({
  kind: v.picklist(['database', 'backups', 'states', 'settings', 'secrets', 'logs', 'models']),
  /** Relative to the data folder, or a shortened path. */
  path: v.string(),
  sizeBytes: Bytes,
});
export type StorageItem = v.InferOutput<typeof StorageItem>;

/** What the host can do; a component asks this, never which host it is. */
export const Capabilities = v.object({
  canPickFile: v.boolean(),
  canRevealInFolder: v.boolean(),
  /** The system keeps secrets, encrypted for this account; else they are gone when the app ends. */
  canKeepSecrets: v.boolean(),
  canOpenExternal: v.boolean(),
  /** The host asks where to save; elsewhere the browser saves by itself. */
  canSaveFile: v.boolean(),
  /** Deleted files go to the system's trash. */
  canTrashFiles: v.boolean(),
  canShowTray: v.boolean(),
  /** False where closing the last window leaves an app running anyway. */
  canCloseToTray: v.boolean(),
  canNotify: v.boolean(),
});
export type Capabilities = v.InferOutput<typeof Capabilities>;
