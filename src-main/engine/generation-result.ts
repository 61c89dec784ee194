import { appError, isAppError, type EngineState, type GenerationStats } from '../contract/index.ts';
import type { GenerateRequest, GenerationResult } from './api.ts';
import type { GenerateEvent } from './sidecar/contract.ts';

/** The result of a generation that never reached the model, or left the queue. */
export function failedResult(cause: unknown, signal: AbortSignal): GenerationResult {
  if (signal.aborted) return { stopReason: 'stopped', stats: null, error: null };
  const error = isAppError(cause) ? cause : appError('internal', undefined, { cause });
  return { stopReason: 'failed', stats: null, error };
}

/** Follows a generation, so that there are figures when the process dies before it tells its own. */
export class BrokenGeneration {
  readonly #request: GenerateRequest;
  readonly #state: EngineState;
  readonly #loadMs: number;
  readonly #now: () => number;
  readonly #startMs: number;
  #read: Extract<GenerateEvent, { type: 'read' }> | null = null;
  #generatedTokens = 0;
  #firstMs: number | null = null;
  #lastMs: number | null = null;

  constructor(request: GenerateRequest, state: EngineState, loadMs: number, now = () => performance.now()) {
    this.#request = request;
    this.#state = state;
    this.#loadMs = loadMs;
    this.#now = now;
    this.#startMs = now();
  }

  note(event: GenerateEvent): void {
    if (event.type === 'read') this.#read = event;
    if (event.type !== 'chunk') return;
    this.#generatedTokens = event.generatedTokens;
    this.#lastMs = this.#now();
    this.#firstMs ??= this.#lastMs;
  }

  /** Null when the process died before the prompt was read. Times are main's, tokens the engine's. */
  stats(stopReason: 'failed' | 'stopped'): GenerationStats | null {
    const read = this.#read;
    if (!read) return null;
    const { promptTokens, reusedTokens, reusedFrom, restoreMs, readTokens, prefillMs, seed } = read;
    const generatedTokens = this.#generatedTokens;
    const decodeMs = this.#firstMs === null || this.#lastMs === null ? 0 : this.#lastMs - this.#firstMs;
    return {
      promptTokens,
      reusedTokens,
      reusedFrom,
      restoreMs,
      readTokens,
      rereadTokens: 0,
      generatedTokens,
      guessedTokens: 0,
      guessedRight: 0,
      draftedTokens: 0,
      draftedRight: 0,
      ttftMs: this.#firstMs === null ? null : this.#firstMs - this.#startMs,
      firstTokenKind: null,
      prefillMs,
      decodeMs,
      tokensPerSecond: generatedTokens > 1 && decodeMs > 0 ? ((generatedTokens - 1) / decodeMs) * 1000 : null,
      loadMs: this.#loadMs,
      stopReason,
      contextSize: this.#state.contextSize ?? 0,
      contextTokens: promptTokens + Math.max(0, generatedTokens - 1),
      seed,
      temperature: this.#request.sampling.temperature,
      backend: this.#state.backend ?? 'cpu',
      engineVersion: this.#state.engineVersion ?? '',
    };
  }
}
