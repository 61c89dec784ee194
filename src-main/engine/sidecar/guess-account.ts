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
/**
 * Tokens that may be computed for nothing, whatever the clock says: a first guess, and this share of what was said.
 * No answer of 100 tokens or more is then computed with more than 1.03 times its tokens where every guess is wrong.
 */
const ALLOWED_WRONG_SHARE = 0.015;
/** What each right guess adds to that: below this rate no machine gains by guesses. */
const WRONG_FOR_RIGHT = 7;
/** The most of it that is kept for later, in tokens. */
const MAX_CREDIT_TOKENS = 2 * MAX_GUESS_TOKENS;
/** A token of a guess that takes longer to make than so many of the model's own was slowed by another program. */
const MAX_GUESS_COST = 2;

/** One step of an answer: what was guessed, how many tokens came of it, and how long it took. */
export interface GuessStep {
  guessed: number;
  tokens: number;
  /** Of the model's own batch. */
  elapsedMs: number;
  /** What making the guess took; left out: nothing. */
  guessMs?: number;
}

/**
 * Decides how far to guess, by what guesses have cost and won in this answer: where a text has nothing to copy, or a
 * machine takes as long for a batch as for its tokens one by one, they stop by themselves. Both the clock and the
 * count have to agree, for other programs can make one step as slow as ten. Pure; times come from outside.
 */
export class GuessAccount {
  readonly #maxTokens: number;
  #plain: number[] = [];
  #length = FIRST_GUESS_TOKENS;
  /** Time that guesses have cost more than they won, in ms. */
  #lostMs = 0;
  /** The same, with all that they ever won. */
  #balanceMs = 0;
  #elapsedMs = 0;
  #said = 0;
  /** Wrong guesses that right ones have not made up for, in tokens. */
  #wrong = 0;

  /** @param maxTokens of one guess */
  constructor(maxTokens = MAX_GUESS_TOKENS) {
    this.#maxTokens = maxTokens;
  }

  /** Tokens to guess next; 0: none for now. */
  get length(): number {
    const plainMs = this.#plainMs();
    if (plainMs === null || this.#plain.length < PLAIN_STEPS) return 0;
    const allowedMs = ALLOWED_STEPS * plainMs + ALLOWED_SHARE * this.#elapsedMs;
    const allowedWrong = FIRST_GUESS_TOKENS + ALLOWED_WRONG_SHARE * this.#said;
    const isAllowed = this.#lostMs <= allowedMs && this.#wrong + this.#length <= allowedWrong;
    return isAllowed ? this.#length : 0;
  }

  /** Guesses have cost more than they won until now. */
  get hasLost(): boolean {
    return this.#balanceMs > 0;
  }

  note({ guessed, tokens, elapsedMs, guessMs = 0 }: GuessStep): void {
    this.#elapsedMs += elapsedMs + guessMs;
    this.#said += tokens;
    if (guessed === 0) {
      this.#plain = [...this.#plain, elapsedMs].slice(-KEPT_STEPS);
      // One that was thought of, and not likely enough.
      return this.#pay(Math.min(guessMs, MAX_GUESS_COST * (this.#plainMs() ?? 0)));
    }
    const right = Math.min(guessed, tokens - 1);
    this.#wrong = Math.max(this.#wrong + guessed - right - WRONG_FOR_RIGHT * right, -MAX_CREDIT_TOKENS);
    const wasRight = tokens > guessed;
    this.#length = wasRight ? Math.min(this.#maxTokens, 2 * guessed + 1) : FIRST_GUESS_TOKENS;
    const plainMs = this.#plainMs();
    if (plainMs === null) return;
    // A batch is never faster than one of its tokens, nor slower than all of them one by one: what is outside of that
    // is another program's time, or a price of a token from when there was one.
    const batchMs = Math.min(Math.max(elapsedMs, plainMs), (1 + guessed) * plainMs);
    const spentMs = batchMs + Math.min(guessMs, MAX_GUESS_COST * guessed * plainMs);
    this.#pay(spentMs - tokens * plainMs);
  }

  /** @param costMs below 0: it was won */
  #pay(costMs: number): void {
    this.#balanceMs += costMs;
    this.#lostMs = Math.max(this.#lostMs + costMs, -MAX_CREDIT_STEPS * (this.#plainMs() ?? 0));
  }

  #plainMs(): number | null {
    const sorted = this.#plain.toSorted((left, right) => left - right);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }
}
