/**
 * A batch cannot be interrupted, so a stop waits for the running chunk: about this long, in ms.
 */
export const CHUNK_TARGET_MS = 250;
/** The first chunk after a load: on the slowest machines still about a second. */
export const FIRST_CHUNK_TOKENS = 32;
/** Measured on a 1.1B Q4_0 file: 16 tokens cost 9 % more a token than 128, 8 tokens 48 % more. */
const MIN_CHUNK_TOKENS = 16;
/** Four batches of llama.cpp's default size: more gains nothing on a GPU. */
const MAX_CHUNK_TOKENS = 2048;
/** A chunk may take this many times the tokens of the one before: one fast sample is no proof. */
const MAX_GROWTH = 4;
/** Attention's kernels work in blocks of this size. */
const ROUND_TO = 8;

/** The chunk before, as measured. */
export interface ChunkSample {
  tokens: number;
  elapsedMs: number;
}

/**
 * Tokens of the next prefill chunk, so that it takes about {@link CHUNK_TARGET_MS}. Pure.
 * @param last null before anything was measured
 */
export function nextChunkSize(last: ChunkSample | null): number {
  if (!last) return FIRST_CHUNK_TOKENS;
  const atTarget = (last.tokens / Math.max(last.elapsedMs, 0.1)) * CHUNK_TARGET_MS;
  const capped = Math.min(atTarget, Math.max(last.tokens, FIRST_CHUNK_TOKENS) * MAX_GROWTH, MAX_CHUNK_TOKENS);
  const rounded = Math.floor(capped / ROUND_TO) * ROUND_TO;
  return Math.max(MIN_CHUNK_TOKENS, rounded);
}

/** Weight of a new chunk in the speed: what other programs do to one chunk is forgotten within ten. */
const SPEED_WEIGHT = 0.3;

/** How fast a model reads here. The rests at the end of a prompt say nothing of it. */
export class ReadingSpeed {
  #msPerToken: number | null = null;

  /** Null before a chunk of some size was read. */
  get msPerToken(): number | null {
    return this.#msPerToken;
  }

  note({ tokens, elapsedMs }: ChunkSample): void {
    if (tokens < MIN_CHUNK_TOKENS) return;
    const now = elapsedMs / tokens;
    this.#msPerToken ??= now;
    this.#msPerToken += SPEED_WEIGHT * (now - this.#msPerToken);
  }
}

/** How many tokens at the start are the same. Pure. */
export function commonPrefixLength(left: readonly number[], right: readonly number[]): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) if (left[index] !== right[index]) return index;
  return length;
}
