/**
 * Guesses in one batch. 16 tokens at once is where a processor's kernels are near their best (prefill.ts), and a
 * graphics card has room for more than a text that is copied ever needs.
 */
export const MAX_GUESS_TOKENS = 15;
/** A first guess is short: most are wrong. Each that was right to its end is followed by one of twice its length. */
export const FIRST_GUESS_TOKENS = 3;
/** Steps without a guess before the first one: what one costs has to be known. */
export const PLAIN_STEPS = 3;
/** Newest steps without a guess that are kept; their median is what one costs. */
const KEPT_STEPS = 9;
/** Of the time of an answer, what wrong guesses may cost. */
const ALLOWED_SHARE = 0.01;
/** The same at the start of an answer, in steps. */
const ALLOWED_STEPS = 1.5;
/** Time won counts for at most so many steps of later losses, so that the end of a copy is noticed. */
const MAX_CREDIT_STEPS = 4;

/** One step of an answer: what was guessed, how many tokens came of it, and how long it took. */
export interface GuessStep {
  guessed: number;
  tokens: number;
  elapsedMs: number;
}

/**
 * Decides how far to guess, by what guesses have cost and won in this answer: where a text has nothing to copy, or a
 * machine takes as long for a batch as for its tokens one by one, they stop by themselves. Pure; times come from
 * outside.
 */
export class GuessAccount {
  #plain: number[] = [];
  #length = FIRST_GUESS_TOKENS;
  /** Time that guesses have cost more than they won, in ms. */
  #lostMs = 0;
  #elapsedMs = 0;

  /** Tokens to guess next; 0: none for now. */
  get length(): number {
    const plainMs = this.#plainMs();
    if (plainMs === null || this.#plain.length < PLAIN_STEPS) return 0;
    const allowedMs = ALLOWED_STEPS * plainMs + ALLOWED_SHARE * this.#elapsedMs;
    return this.#lostMs <= allowedMs ? this.#length : 0;
  }

  note({ guessed, tokens, elapsedMs }: GuessStep): void {
    this.#elapsedMs += elapsedMs;
    if (guessed === 0) {
      this.#plain = [...this.#plain, elapsedMs].slice(-KEPT_STEPS);
      return;
    }
    const plainMs = this.#plainMs();
    if (plainMs === null) return;
    // A batch is never slower than its tokens one by one: what is more was another program's time.
    const spentMs = Math.min(elapsedMs, (1 + guessed) * plainMs);
    this.#lostMs = Math.max(this.#lostMs + spentMs - tokens * plainMs, -MAX_CREDIT_STEPS * plainMs);
    const wasRight = tokens > guessed;
    this.#length = wasRight ? Math.min(MAX_GUESS_TOKENS, 2 * guessed + 1) : FIRST_GUESS_TOKENS;
  }

  #plainMs(): number | null {
    const sorted = this.#plain.toSorted((left, right) => left - right);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }
}
