/**
 * A batch cannot be interrupted, so a stop waits for the running chunk: about this long, in ms. This for what is
 * read ahead, which must be out of the way at once, and while another answer waits for its next word.
 */
export const CHUNK_TARGET_MS = 250;
/**
 * And this for an answer that has the engine for itself. Measured on a 1.1B Q4_0 file with 2 threads, against a batch
 * of 512: 24 tokens reach 0.80 of the speed, 32 reach 0.86, 64 reach 0.95, and 128 no more.
 */
export const ALONE_TARGET_MS = 600;
/** The first chunk after a load: on the slowest machines still about a second. */
export const FIRST_CHUNK_TOKENS = 32;
/** Measured on a 1.1B Q4_0 file: 16 tokens cost 9 % more a token than 128, 8 tokens 48 % more. */
const MIN_CHUNK_TOKENS = 16;
/** Four batches of llama.cpp's default size: more gains nothing on a GPU. */
const MAX_CHUNK_TOKENS = 2048;
/** A chunk may take this many times the tokens of the one before: one fast sample is no proof. */
const MAX_GROWTH = 4;
/** Attention's kernels work in blocks of this size; the products of matrices in larger ones: 40 tokens are slower than 32. */
const ROUND_TO = 8;
const ROUND_MORE_TO = 32;

/** The chunk before, as measured. */
export interface ChunkSample {
  tokens: number;
  elapsedMs: number;
}

/**
 * Tokens of the next prefill chunk, so that it takes about `targetMs`. Pure.
 * @param last null before anything was measured
 */
export function nextChunkSize(last: ChunkSample | null, targetMs = CHUNK_TARGET_MS): number {
  if (!last) return FIRST_CHUNK_TOKENS;
  const atTarget = (last.tokens / Math.max(last.elapsedMs, 0.1)) * targetMs;
  const capped = Math.min(atTarget, Math.max(last.tokens, FIRST_CHUNK_TOKENS) * MAX_GROWTH, MAX_CHUNK_TOKENS);
  const block = capped < ROUND_MORE_TO ? ROUND_TO : ROUND_MORE_TO;
  const rounded = Math.floor(capped / block) * block;
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
