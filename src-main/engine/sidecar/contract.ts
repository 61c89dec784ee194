import { eventIterator, oc, type ContractRouterClient } from '@orpc/contract';
import * as v from 'valibot';
import {
  Bytes,
  Count,
  EngineState,
  ErrorCodeSchema,
  ErrorData,
  errorMap,
  GenerationStats,
  Id,
  Sampling,
  StopReason,
} from '../../contract/index.ts';

/** Backends in the words of the engine state. */
export const Backend = v.picklist(['cuda', 'vulkan', 'metal', 'cpu']);
export type Backend = v.InferOutput<typeof Backend>;

export const Turn = v.object({
  role: v.picklist(['user', 'assistant']),
  text: v.string(),
  /** Of an answer that is to be continued. */
  reasoning: v.exactOptional(v.string()),
});
export type Turn = v.InferOutput<typeof Turn>;

/** `auto`: as the template does by itself. */
export const ReasoningMode = v.picklist(['auto', 'off', 'on']);
export type ReasoningMode = v.InferOutput<typeof ReasoningMode>;

/** `budgetTokens`: a thought that is longer is closed; null: no limit. */
export const Reasoning = v.object({ mode: ReasoningMode, budgetTokens: v.nullable(Count) });
export type Reasoning = v.InferOutput<typeof Reasoning>;

/** Whether the template lets a model think, and whether it can be told not to. */
export const ReasoningSupport = v.nonNullable(EngineState.entries.reasoning);
export type ReasoningSupport = v.InferOutput<typeof ReasoningSupport>;

export const Adapter = v.object({ path: v.string(), scale: v.number() });

/** How the start goes on; `trying` is said first, so that main knows which backend took the process down. */
export const StartEvent = v.variant('type', [
  v.object({ type: v.literal('trying'), backend: Backend }),
  /** `isNotable`: there is a device for it, so a person should hear of the failure. */
  v.object({ type: v.literal('failed'), backend: Backend, isNotable: v.boolean() }),
  v.object({
    type: v.literal('ready'),
    backend: Backend,
    deviceNames: v.array(v.string()),
    engineVersion: v.string(),
  }),
]);
export type StartEvent = v.InferOutput<typeof StartEvent>;

export const LoadInput = v.object({
  path: v.string(),
  sizeBytes: Bytes,
  contextSize: v.nullable(Count),
  gpuLayers: v.nullable(Count),
  threads: v.nullable(Count),
  flashAttention: v.picklist(['auto', 'off']),
  /** LoRA, in the order in which they are laid over the model. */
  adapters: v.array(Adapter),
  /** Jinja in place of the file's; null: the file's. */
  chatTemplate: v.nullable(v.string()),
  speculation: v.picklist(['auto', 'off']),
  /** A draft model; `path` null: its file cannot be used. Null as a whole: none. */
  draft: v.nullable(v.object({ modelId: Id, path: v.nullable(v.string()), sizeBytes: Bytes })),
  batchTokens: v.nullable(Count),
  cacheType: v.picklist(['f16', 'q8_0']),
  windowCache: v.picklist(['auto', 'window']),
  /** What was found out at an earlier load, null: not yet. Null as a whole: nothing is to be found out now. */
  measured: v.nullable(v.object({ threads: v.nullable(Count), cacheDivergence: v.nullable(v.number()) })),
  /** Chats that stay in memory, and answers at once; null: automatic. */
  sequences: v.nullable(Count),
  /** Chats that stay in memory where `sequences` is null; null: automatic. */
  liveChats: v.nullable(Count),
});
export type LoadInput = v.InferOutput<typeof LoadInput>;

export const LoadEvent = v.variant('type', [
  v.object({ type: v.literal('progress'), progress: v.number() }),
  v.object({ type: v.literal('step'), step: v.nonNullable(EngineState.entries.loadStep) }),
  v.object({
    type: v.literal('ready'),
    contextSize: Count,
    gpuLayers: Count,
    reasoning: ReasoningSupport,
    /** Chats that stay in memory. */
    sequences: Count,
    tuning: v.nonNullable(EngineState.entries.tuning),
    answersAtOnce: Count,
    /** What a saved state depends on besides the file and the settings that the load was asked for. */
    stateParts: v.string(),
  }),
]);
export type LoadEvent = v.InferOutput<typeof LoadEvent>;

export const PromptInput = v.object({
  systemPrompt: v.string(),
  /** Ends with the user's turn to answer, or with an answer that is to be continued. */
  turns: v.array(Turn),
  reasoning: Reasoning,
  /** The day that a template writes as today's, as YYYY-MM-DD; left out: today. */
  date: v.exactOptional(v.string()),
});
export type PromptInput = v.InferOutput<typeof PromptInput>;

/** Tokens of the rendered prompt; `system`, `turns` and `template` add up to `total`. */
export const PromptParts = v.object({
  total: Count,
  system: Count,
  /** One number for each turn of the request. */
  turns: v.array(Count),
  /** What the template writes around them. */
  template: Count,
  /** How many of `total` need not be read, were it answered now. */
  reusable: Count,
});
export type PromptParts = v.InferOutput<typeof PromptParts>;

/** A state on disk: the tokens that it holds, and the bytes of the library's file. */
export const SavedStateCandidate = v.object({ id: v.string(), tokens: v.array(Count), bytes: Bytes });
export type SavedStateCandidate = v.InferOutput<typeof SavedStateCandidate>;

export const GenerateInput = v.object({
  ...PromptInput.entries,
  generationId: v.string(),
  /** Whose chat it is: the sequence that holds it is asked first. */
  conversationId: v.exactOptional(v.string()),
  sampling: Sampling,
  /** It gives up no chat for itself: where it would have to, it ends as stopped. */
  isBackground: v.exactOptional(v.boolean()),
  /** The state that was chosen, and where its checked file lies. */
  savedState: v.exactOptional(v.object({ ...SavedStateCandidate.entries, path: v.string() })),
  /** Of a file that may hold the chat while a branch of it is copied; left out: it must not be on the disk. */
  copyPath: v.exactOptional(v.string()),
  /** A larger one is not written; left out: no limit of its own. */
  copyMaxBytes: v.exactOptional(Bytes),
  /** Other chats that the file may hold, since this one may begin as they do; left out: none. */
  copyFrom: v.exactOptional(v.array(v.string())),
});
export type GenerateInput = v.InferOutput<typeof GenerateInput>;

const Failure = v.object({ code: ErrorCodeSchema, details: ErrorData.entries.details });

const ReusedFrom = GenerationStats.entries.reusedFrom;

/** Said before the library sees a state file: main then knows what took the process down. */
const Restoring = v.object({ type: v.literal('restoring'), id: v.string() });
const RestoreEnd = v.object({ type: v.literal('restored'), id: v.string(), isRefused: v.boolean() });
export type RestoreEvent = v.InferOutput<typeof Restoring> | v.InferOutput<typeof RestoreEnd>;

/** In a call with a `copyPath`, once a sequence is taken: the file is gone, or was not needed, and then has 0 bytes. */
const Copied = v.object({ type: v.literal('copied'), bytes: Bytes, elapsedMs: v.number() });
export type CopyEvent = v.InferOutput<typeof Copied>;

/** Stopped like a generation, by its id. */
export const ReadAheadInput = v.omit(GenerateInput, ['sampling', 'isBackground']);
export type ReadAheadInput = v.InferOutput<typeof ReadAheadInput>;

export const ReadAheadEvent = v.variant('type', [
  Restoring,
  RestoreEnd,
  Copied,
  v.object({ type: v.literal('done'), readTokens: Count, reusedTokens: Count, elapsedMs: v.number() }),
]);
export type ReadAheadEvent = v.InferOutput<typeof ReadAheadEvent>;

export const GenerateEvent = v.variant('type', [
  Restoring,
  RestoreEnd,
  Copied,
  v.object({ type: v.literal('reading'), done: Count, total: Count, etaMs: v.nullable(v.number()) }),
  /** The prompt is read; if the process dies later, main still has these figures. */
  v.object({
    type: v.literal('read'),
    promptTokens: Count,
    reusedTokens: Count,
    reusedFrom: ReusedFrom,
    restoreMs: v.number(),
    readTokens: Count,
    prefillMs: v.number(),
    seed: Count,
  }),
  v.object({
    type: v.literal('chunk'),
    kind: v.picklist(['answer', 'reasoning']),
    text: v.string(),
    /** Tokens sampled until now, by the sequence's counter. */
    generatedTokens: Count,
  }),
  v.object({
    type: v.literal('done'),
    stopReason: StopReason,
    stats: v.nullable(GenerationStats),
    failure: v.nullable(Failure),
  }),
]);
export type GenerateEvent = v.InferOutput<typeof GenerateEvent>;

const base = oc.errors(errorMap);

/** The calls between the core and its sidecar. Internal: no client sees it. */
export const sidecarContract = {
  start: base
    .input(v.object({ backend: v.picklist(['auto', 'cpu']), excluded: v.array(Backend) }))
    .output(eventIterator(StartEvent)),
  /** Answers while native code works; silence means that the process hangs. */
  ping: base.output(v.void()),
  load: base.input(LoadInput).output(eventIterator(LoadEvent)),
  unload: base.output(v.void()),
  generate: base.input(GenerateInput).output(eventIterator(GenerateEvent)),
  /**
   * Stops a generation. A call of its own, because an aborted stream would lose the events that follow the
   * stop: the last text and the figures.
   */
  stop: base.input(v.object({ generationId: v.string() })).output(v.void()),
  /** Closes the thought of a running generation; false when none is open. */
  endThinking: base.input(v.object({ generationId: v.string() })).output(v.boolean()),
  readAhead: base.input(ReadAheadInput).output(eventIterator(ReadAheadEvent)),
  /** The one of these states that is worth reading for this prompt; null: what the memory holds is as good. */
  chooseState: base
    .input(
      v.object({
        ...PromptInput.entries,
        conversationId: v.exactOptional(v.string()),
        mayCopy: v.exactOptional(v.boolean()),
        copyFrom: v.exactOptional(v.array(v.string())),
        candidates: v.array(SavedStateCandidate),
      }),
    )
    .output(v.nullable(v.string())),
  /** Null when no free sequence holds this chat. */
  saveState: base.input(v.object({ conversationId: v.string(), path: v.string() })).output(
    v.nullable(
      v.object({
        tokens: v.array(Count),
        bytes: Bytes,
        elapsedMs: v.number(),
        readingMs: v.nullable(v.number()),
      }),
    ),
  ),
  heldChats: base.output(
    v.array(
      v.object({
        conversationId: v.string(),
        tokens: Count,
        hasDraft: v.boolean(),
        readingMs: v.nullable(v.number()),
        bytes: v.nullable(Bytes),
      }),
    ),
  ),
  countTokens: base.input(PromptInput).output(v.nullable(Count)),
  countParts: base
    .input(v.object({ ...PromptInput.entries, conversationId: v.exactOptional(v.string()) }))
    .output(v.nullable(PromptParts)),
  memory: base.output(v.nonNullish(EngineState.entries.memory)),
  /** Frees everything; the process ends after the answer. */
  shutdown: base.output(v.void()),
};

export type SidecarClient = ContractRouterClient<typeof sidecarContract>;
