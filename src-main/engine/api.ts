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
}

export interface ChatTurn {
  role: 'user' | 'assistant';
  text: string;
  /** The thoughts of an answer that is to be continued; without text, they go on themselves. */
  reasoning?: string;
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
  /** Oldest first, ends with the user's turn to answer. */
  turns: ChatTurn[];
  sampling: Sampling;
}

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
   * Answers with the loaded model. Generations run one at a time, in order. Never rejects: a failure is in
   * the result, and every chunk that arrived before it was delivered. Aborting `signal` stops it, while the
   * prompt is read too, within one prefill chunk.
   */
  generate(
    request: GenerateRequest,
    options: { signal: AbortSignal; onEvent: (event: GenerationEvent) => void },
  ): Promise<GenerationResult>;
  /**
   * Tokens of the rendered prompt with the loaded model; null when none is loaded, or the text is many times as
   * long as the context.
   */
  countTokens(request: { systemPrompt: string; turns: ChatTurn[] }): Promise<number | null>;
  /** Forgets the restart budget and starts again. */
  restart(): Promise<void>;
  /** Settings that need a new sidecar process: applied at the next start or model load. */
  configure(options: { backend: 'auto' | 'cpu' }): void;
  /** Stops the sidecar; at most 2 s. */
  dispose(): Promise<void>;
}
