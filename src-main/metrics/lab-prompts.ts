/** Plain words of one token or two in most vocabularies. */
const WORDS =
  `wind harbour water stone river light paper window garden winter summer morning bridge letter table
  music forest island silver market engine mountain village sailor anchor lantern copper valley meadow signal`
    .trim()
    .split(/\s+/u);
const ASK =
  'Write a very long story in which all of these words occur, in this order, and do not stop early: ';
/** What comes after a prompt and its answer: short, so that the wait is that of a follow-up. */
export const FOLLOW_UP = 'Go on with the story.';
/** A guess that only saves a count: English words of such a list take about so many tokens. */
const TOKENS_A_WORD = 1.4;
const MAX_TRIES = 6;

/** Prompts that differ from their first word on, so that nothing of one is reused for another. */
export class BenchPrompts {
  readonly #seed: string;
  #made = 0;

  /** @param seed of this run: nothing of another run's prompts is in memory or on the disk */
  constructor(seed: string) {
    this.#seed = seed;
  }

  /**
   * A prompt of at most `depth` tokens, and nearly as many.
   * @param countTokens of the whole rendered prompt; null when it cannot be counted
   */
  async of(depth: number, countTokens: (text: string) => Promise<number | null>): Promise<string> {
    this.#made += 1;
    const start = `${this.#seed}-${this.#made}. ${ASK}`;
    let words = Math.max(1, Math.round(depth / TOKENS_A_WORD));
    let best = start;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const text = start + wordsOf(words, this.#made);
      const count = await countTokens(text);
      // A context that it does not fit into by far has no count.
      if (count === null) words = Math.floor(words / 2);
      else {
        if (count <= depth) best = text;
        if (count <= depth && depth - count <= depth * 0.02) return text;
        const fewer = Math.floor((words * depth) / count) - (count > depth ? 1 : 0);
        if (fewer === words || fewer < 1) return best;
        words = fewer;
      }
    }
    return best;
  }
}

function wordsOf(count: number, shift: number): string {
  return Array.from({ length: count }, (_, index) => WORDS[(index * 7 + shift) % WORDS.length]).join(' ');
}
