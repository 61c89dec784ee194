import type { AppError, EngineState, GenerationStats, Sampling } from '../contract/index.ts';

/** What the engine needs to know of a model. The path was accepted by the header parser. */
export interface LoadRequest {
  modelId: string;
  path: string;
  sizeBytes: number;
  /** Differs when the file was replaced or changed: then the model in memory is not this one. */
  fileState: string;
  /** null: automatic, as large as the memory carries up to the trained size (at most 8,192 by default). */
  contextSize: number | null;
  /** null: automatic. */
  gpuLayers: number | null;
  threads: number | null;
  flashAttention: 'auto' | 'off';
  /** LoRA adapters, laid over the model in this order; the paths were accepted by the header parser. */
  adapters: { path: string; scale: number }[];
  /** Jinja in place of the file's template; null: the file's. */
  chatTemplate: string | null;
  /** Guessing of what is copied: where it pays, or never. */
  speculation: 'auto' | 'off';
  /** A smaller model that guesses what this one will say; `path` null: its file cannot be used. null: none. */
  draft: { modelId: string; path: string | null; sizeBytes: number; fileState: string } | null;
  /** Tokens that are computed at a time, at most; null: the engine's choice. */
  batchTokens: number | null;
  /** How keys and values are kept. Other than `f16` only after a check with this model, at the load. */
  cacheType: 'f16' | 'q8_0';
  /** What layers with a sliding window keep: all where the memory carries it, or the window only. */
  windowCache: 'auto' | 'window';
  /** What `EngineState.tuning` said of it at an earlier load on this machine; null: it is found out. */
  measured: { threads: number | null; cacheDivergence: number | null };
  /**
   * Chats that stay in memory, each with a context of its own, and may be answered at once; fewer where the memory is
   * short. null: as many as a share of the memory holds, and one answer at a time where the processor computes it.
   */
  sequences: number | null;
  /** Chats that stay in memory where `sequences` is null, fewer where the memory is short; null: as there. */
  liveChats: number | null;
  /**
   * The model is unloaded when nothing was asked of it for so long; 0: right after the answer; null: it stays. Not
   * one of the settings that make a model another one: a change takes effect without a load.
   */
  keepLoadedMinutes: number | null;
}

export interface ChatTurn {
  role: 'user' | 'assistant';
  text: string;
  /** The thoughts of an answer that is to be continued; without text, they go on themselves. */
  reasoning?: string;
}

/**
 * `auto`: as the chat template does by itself; `on` and `off` where {@link EngineState} says `switchable`. A thought
 * that is longer than `budgetTokens` is closed, and the answer begins; null: no limit.
 */
export interface Reasoning {
  mode: 'auto' | 'off' | 'on';
  budgetTokens: number | null;
}

/** Tokens of a rendered prompt; `system`, `turns` and `template` add up to `total`. */
export interface PromptParts {
  total: number;
  system: number;
  /** One number for each turn. */
  turns: number[];
  /** What the chat template writes around them. */
  template: number;
  /** How many of `total` need not be read, were it answered now. */
  reusable: number;
}

export interface GenerateRequest {
  /** For the queue and for events; the assistant message's id. */
  generationId: string;
  /**
   * The model that is to answer, loaded before. Another chat may have loaded its own in the meantime: then this
   * one is loaded again, with its last settings. Left out: whatever model was loaded last.
   */
  modelId?: string;
  systemPrompt: string;
  /**
   * Oldest first. Ends with the user's turn to answer, or with an answer, whose text is then continued: the chunks
   * hold only what is new.
   */
  turns: ChatTurn[];
  sampling: Sampling;
  /** Default: as the template does, without a limit. */
  reasoning?: Reasoning;
  /**
   * The day that a template writes as today's, as YYYY-MM-DD: one for all prompts of a chat, else what was read of
   * it is of no use after midnight. Left out: today.
   */
  date?: string;
  /** Whose chat it is: what the engine holds of it is reused first. */
  conversationId?: string;
  /**
   * `background` gives way, and ends as stopped where it would cut the chat used last: see {@link Engine.generate}.
   * Default `foreground`.
   */
  priority?: 'foreground' | 'background';
  /** Read where they save more tokens than what the memory holds, and cost less than reading those. */
  savedStates?: SavedStates;
  /** Left out: the chat must not be on the disk, not even for a moment. */
  branchCopy?: BranchCopy;
}

/**
 * The way by which an answer on another branch, or in another chat that begins alike, leaves what was read of the first
 * one in memory: a file that the engine
 * writes, reads and removes again at once, where that is faster than reading the tokens.
 */
export interface BranchCopy {
  /** A larger chat is not copied. */
  readonly maxBytes: number;
  /** Other chats that may be copied where this one begins as they do. */
  readonly from: readonly string[];
  /**
   * Of a file that does not exist yet, asked for anew by each attempt just before it; null: the chat must not be on the
   * disk any more. What a crash has left there is for the caller to remove.
   */
  open(): string | null;
  /** The file of this attempt is gone, or was not needed. @param bytes that were written */
  closed(bytes: number): void;
}

export type ReadAheadRequest = Pick<
  GenerateRequest,
  | 'modelId'
  | 'systemPrompt'
  | 'turns'
  | 'reasoning'
  | 'date'
  | 'conversationId'
  | 'savedStates'
  | 'branchCopy'
>;

export interface ReadAheadResult {
  readTokens: number;
  /** Of what is certain: held in memory before, or read from a saved state. */
  reusedTokens: number;
  elapsedMs: number;
}

/**
 * A state on disk that {@link Engine.generate} may read in place of the tokens it holds. Only the engine's own key and
 * the tokens are trusted to say what it is good for; whether the file is whole is for the caller to know.
 */
export interface SavedStateCandidate {
  id: string;
  /** {@link Engine.stateKey} when it was saved: with another it is passed over. */
  key: string;
  /** Of which text, token by token, as {@link SavedState} said. */
  tokens: readonly number[];
  /** Of the library's file, for what reading it costs. */
  bytes: number;
}

/** States on disk for one generation. */
export interface SavedStates {
  candidates: readonly SavedStateCandidate[];
  /**
   * Asked once, for the one candidate that is worth reading: the path of a checked file in the library's own form,
   * which stays there until the generation has ended; null: it cannot be had.
   */
  open(id: string): Promise<string | null>;
  /** Told of a file that took the process down, or that the library refused; it must not be offered again. */
  rejected(id: string): void;
}

/** What {@link Engine.saveState} wrote. */
export interface SavedState {
  /** {@link Engine.stateKey} of the model that it belongs to. */
  key: string;
  tokens: number[];
  bytes: number;
  elapsedMs: number;
  /** What reading those tokens again would take, by the speed measured last; null before anything was measured. */
  readingMs: number | null;
}

/** A chat that is held in memory and not answering. */
export interface HeldChat {
  conversationId: string;
  /** Without those of a message that is not sent yet: they are never saved. */
  tokens: number;
  /** Such a message was read ahead. Saving the chat gives that up. */
  hasDraft: boolean;
  /** As in {@link SavedState}. */
  readingMs: number | null;
  /** What a state of those tokens would take, about; null when that cannot be told. */
  bytes: number | null;
}

export type PromptRequest = Pick<
  GenerateRequest,
  'systemPrompt' | 'turns' | 'reasoning' | 'date' | 'conversationId'
>;

export type GenerationEvent =
  | { type: 'queued'; place: number }
  | { type: 'reading'; done: number; total: number; etaMs: number | null }
  /** `generatedTokens`: sampled until now. */
  | { type: 'chunk'; kind: 'answer' | 'reasoning'; text: string; generatedTokens?: number };

/** How a generation ended. `stats` is null only when it failed before the prompt was read. */
export interface GenerationResult {
  stopReason: 'end' | 'stopped' | 'max_tokens' | 'context_full' | 'failed';
  stats: GenerationStats | null;
  error: AppError | null;
}

/** Supervises the sidecar and queues its work. Owned by the core; one a process. */
export interface Engine {
  readonly state: EngineState;
  onState(listener: (state: EngineState) => void): () => void;
  /** Starts the sidecar when it is not running. Errors are in `state.error` and thrown. */
  start(): Promise<void>;
  /** Loads a model, unloading another first. Same model and settings: returns at once. */
  load(request: LoadRequest, signal?: AbortSignal): Promise<void>;
  unload(): Promise<void>;
  /**
   * Answers with the loaded model. Generations run in order, as many at once as the model has sequences; another
   * model waits until all have ended. Never rejects: a failure is in the result, and every chunk that arrived before
   * it was delivered. Aborting `signal` stops it, while the prompt is read too, within one prefill chunk.
   *
   * One of the background starts when none of the foreground waits. It never makes one wait: where it holds the only
   * sequence it is stopped, and its result has the error `conflict`; it may be asked for again.
   */
  generate(
    request: GenerateRequest,
    options: { signal: AbortSignal; onEvent: (event: GenerationEvent) => void },
  ): Promise<GenerationResult>;
  /**
   * Reads what is certain of the next prompt, so that its answer need not wait for that. The last turn is a message
   * that is still being written; after an answer nothing of the next message is known. The same tokens are read again
   * in which the template's history differs from what the model said. Work in the background: it gives way within one
   * prefill chunk, and never loads a model. Null when it read nothing for want of a model or of its turn; never rejects.
   */
  readAhead(request: ReadAheadRequest, signal: AbortSignal): Promise<ReadAheadResult | null>;
  /** Closes the open thought of a running generation, so that it answers; false when there is none. */
  answerNow(generationId: string): Promise<boolean>;
  /**
   * Tokens of the rendered prompt with the loaded model; null when none is loaded, or the text is many times as
   * long as the context.
   */
  countTokens(request: PromptRequest): Promise<number | null>;
  /** The same tokens by where they come from, and how many of them need not be read; null as `countTokens`. */
  countParts(request: PromptRequest): Promise<PromptParts | null>;
  /**
   * Says of the model in memory what a saved state depends on: model and adapters by path and file state, context,
   * cache, template, backend and version of the engine. Null when no model is in memory.
   */
  readonly stateKey: string | null;
  /**
   * Writes what the memory holds of a chat to a file, when nothing of the foreground waits; null when it holds
   * nothing, or the chat is being answered, or no model is in memory.
   * @param request.path of a file that does not exist yet; what is there after a failure is for the caller to remove
   * @throws aborted while it waits; internal when the file cannot be written; engine_crashed
   */
  saveState(
    request: { conversationId: string; path: string },
    signal?: AbortSignal,
  ): Promise<SavedState | null>;
  /** The chats that {@link Engine.saveState} could save now. */
  heldChats(): Promise<HeldChat[]>;
  /** Forgets the restart budget and starts again. */
  restart(): Promise<void>;
  /** Settings that need a new sidecar process: applied at the next start or model load. */
  configure(options: { backend: 'auto' | 'cpu' }): void;
  /** Stops the sidecar; at most 2 s. */
  dispose(): Promise<void>;
}
