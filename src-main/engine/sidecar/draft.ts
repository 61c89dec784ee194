import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { commonPrefixLength } from './prefill.ts';

/** A token that the draft model itself finds less likely than this is no guess: most of those are wrong. */
const LEAST_PROBABILITY = 0.4;
/** The draft model's best candidates, of which the first is taken; at temperature 1, so that the table is a table. */
const SAMPLER = { temperature: 1, topK: 8, topP: 1, minP: 0, yieldEogToken: true };
/** Tokens of a text that the draft model has not read yet, read between two tokens of the answer: the first time. */
const FIRST_CHUNK_TOKENS = 32;
const MIN_CHUNK_TOKENS = 8;
const MAX_CHUNK_TOKENS = 512;
/** How long the answer may wait for such a chunk, in ms: hardly seen, and a stop waits no longer. */
const CHUNK_MS = 60;
/** Answers without the draft, at most, before it is tried again. */
const MAX_PAUSE = 16;

/** How many answers a draft that did not pay is left out of: one, two, four... Pure. */
export class DraftPause {
  #answers = 0;
  #left = 0;

  /** Of an answer. False: this one goes without. */
  begin(): boolean {
    if (this.#left === 0) return true;
    this.#left -= 1;
    return false;
  }

  /** Of an answer that went with it. @param hasLost it cost more than it won */
  end(hasLost: boolean): void {
    this.#answers = hasLost ? Math.min(MAX_PAUSE, Math.max(1, 2 * this.#answers)) : 0;
    this.#left = this.#answers;
  }
}

/** Guesses by a smaller model with the same vocabulary, which reads the same text in a sequence of its own. */
export class Draft {
  readonly #sequence: LlamaContextSequence;
  readonly #pause: DraftPause;
  #chunkTokens = FIRST_CHUNK_TOKENS;

  /** @param pause one for all sequences of a model */
  constructor(sequence: LlamaContextSequence, pause: DraftPause) {
    this.#sequence = sequence;
    this.#pause = pause;
  }

  begin(): boolean {
    return this.#pause.begin();
  }

  end(hasLost: boolean): void {
    this.#pause.end(hasLost);
  }

  /** Of an answer that went with it, in place of `end`: it failed, and what its sequence holds is not known any more. */
  async fail(): Promise<void> {
    this.end(true);
    await this.#sequence.clearHistory().catch(() => {});
  }

  /**
   * What may come after a text, at most `count` tokens; none where the model is unsure. Null while it still has much of
   * the text to read, of which each call reads a chunk.
   */
  async next(text: readonly number[], count: number): Promise<Token[] | null> {
    const sequence = this.#sequence;
    if (count <= 0 || text.length + count >= sequence.contextSize) return [];
    const same = Math.min(commonPrefixLength(sequence.contextTokens, text), text.length - 1);
    if (same < sequence.nextTokenIndex)
      await sequence.eraseContextTokenRanges([{ start: same, end: sequence.nextTokenIndex }]);
    const unread = text.slice(same).map((token) => token as Token);
    if (unread.length > this.#chunkTokens) {
      await this.#read(unread.slice(0, this.#chunkTokens));
      return null;
    }
    return this.#guess(unread, count);
  }

  async #read(tokens: Token[]): Promise<void> {
    const startMs = performance.now();
    await this.#sequence.evaluateWithoutGeneratingNewTokens(tokens);
    const isQuick = performance.now() - startMs < CHUNK_MS;
    this.#chunkTokens = isQuick
      ? Math.min(MAX_CHUNK_TOKENS, 2 * this.#chunkTokens)
      : Math.max(MIN_CHUNK_TOKENS, Math.floor(this.#chunkTokens / 2));
  }

  async #guess(unread: Token[], count: number): Promise<Token[]> {
    const guess: Token[] = [];
    const steps = this.#sequence.evaluateWithMetadata(unread, { probabilities: true }, SAMPLER);
    try {
      let next: Token | undefined;
      while (guess.length < count) {
        const { value, done } = await steps.next(next);
        if (done) break;
        const [best] = value.probabilities;
        if (!best || best[1] < LEAST_PROBABILITY) break;
        [next] = best;
        guess.push(next);
        if (this.#sequence.model.isEogToken(next)) break;
      }
    } finally {
      await steps.return();
    }
    return guess;
  }
}
