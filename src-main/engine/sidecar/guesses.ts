import type { LlamaContextSequence, SequenceEvaluateOptions, Token } from 'node-llama-cpp';
import type { Sampling } from '../../contract/index.ts';
import { GuessAccount } from './guess-account.ts';
import { GuessLookup } from './guess-lookup.ts';

/** Kept free at the end of a context: what is full must be told before a guess, not in the middle of one. */
const ROOM_TOKENS = 2;

/**
 * Whether an answer stays what it would be without guesses. With a repeat penalty it does not: every token of a batch
 * would be punished for the text before the batch. Nor above temperature 0: the seed that an answer was made with is
 * kept to say the same again, and which guesses pay, each of which draws anew, depends on the clock. Pure.
 */
export function mayGuess({ repeatPenalty, temperature }: Sampling): boolean {
  return repeatPenalty === 1 && temperature === 0;
}

type Account = Pick<GuessAccount, 'length' | 'note'>;
type Evaluate = LlamaContextSequence['evaluate'];

/** Tokens since the sequence was made. */
export interface GuessCounters {
  guessed: number;
  right: number;
  /** Counted by the sequence as output, and not said (yet). */
  notSaid: number;
}

const attached = new WeakMap<LlamaContextSequence, Guesses>();

/**
 * Speculation by prompt lookup: tokens that may come are evaluated in one batch with the one that is due, and those
 * that the model says itself are kept. Takes the place of the sequence's `evaluate`, and leaves every step without a
 * guess to it. (The library has token predictors; in 3.22.1 they keep one token of each guess, whatever its length:
 * `validatedTokens` of `_speculativeEvaluate` is never filled.)
 */
export class Guesses {
  readonly counters: GuessCounters = { guessed: 0, right: 0, notSaid: 0 };
  readonly #sequence: LlamaContextSequence;
  readonly #plain: Evaluate;
  readonly #newAccount: () => Account;
  #isOn = false;
  #account: Account;
  /** Tokens at the end of the cache that were not said yet. */
  #ahead = 0;

  /** @param newAccount for tests */
  constructor(sequence: LlamaContextSequence, newAccount: () => Account = () => new GuessAccount()) {
    this.#sequence = sequence;
    this.#newAccount = newAccount;
    this.#account = newAccount();
    this.#plain = sequence.evaluate.bind(sequence);
    sequence.evaluate = (tokens, options) =>
      this.#isOn ? this.#evaluate(tokens, options ?? {}) : this.#plain(tokens, options);
    attached.set(sequence, this);
  }

  /** Of one answer: switched on, or off. */
  begin(isOn: boolean): void {
    this.#isOn = isOn;
    this.#account = this.#newAccount();
  }

  /** Takes out of the cache what was guessed and not said: a saved state would hold it, and could not go on. */
  async drop(): Promise<void> {
    const end = this.#sequence.nextTokenIndex;
    const start = end - this.#ahead;
    this.#ahead = 0;
    if (start < end) await this.#sequence.eraseContextTokenRanges([{ start, end }]);
  }

  async *#evaluate(tokens: Token[], options: SequenceEvaluateOptions): ReturnType<Evaluate> {
    const lookup = new GuessLookup([...this.#sequence.contextTokens, ...tokens]);
    /** Not in the cache yet. */
    let due = tokens;
    let plain: ReturnType<Evaluate> | null = null;
    // Samplers begin anew after each guess; with one seed they would draw the same again.
    let seed = options.seed ?? 0;
    try {
      while (true) {
        const startMs = performance.now();
        const guess = due.length === 1 ? this.#guess(lookup) : [];
        let said: Token[];
        if (guess.length === 0) {
          const isNew = plain === null;
          plain ??= this.#plain(due, { ...options, seed });
          const { value, done } = await plain.next(isNew ? undefined : due);
          if (done) return;
          said = [value];
        } else {
          await plain?.return();
          plain = null;
          seed = (seed + 1) >>> 0;
          said = await this.#step(due, guess, { ...options, seed });
        }
        const count = said.length;
        for (const [index, token] of said.entries()) {
          this.#ahead = count - 1 - index;
          if (guess.length > 0) this.counters.notSaid -= 1;
          if (index > 0) this.counters.right += 1;
          const replacement = yield token;
          due = replacement === undefined ? [token] : [replacement].flat();
          lookup.push(due);
          const isOther = due.length !== 1 || due[0] !== token;
          if (isOther && this.#ahead > 0) {
            await this.drop();
            break;
          }
        }
        this.#account.note({ guessed: guess.length, tokens: count, elapsedMs: performance.now() - startMs });
      }
    } finally {
      await plain?.return();
      await this.drop();
    }
  }

  #guess(lookup: GuessLookup): Token[] {
    const room = this.#sequence.contextSize - lookup.length - ROOM_TOKENS;
    return lookup.next(Math.min(this.#account.length, room)).map((token) => token as Token);
  }

  /** One batch. Returns what the model says: the guess as far as it was right, and the token after that. */
  async #step(due: Token[], guess: Token[], options: SequenceEvaluateOptions): Promise<Token[]> {
    const { temperature, minP, topK, topP, seed, evaluationPriority } = options;
    const sampler = Object.fromEntries(
      Object.entries({ temperature, minP, topK, topP, seed }).filter(([, value]) => value !== undefined),
    );
    const input = [...due, ...guess];
    const outputs = await this.#sequence.controlledEvaluate(
      input.map((token) => [token, { generateNext: { token: true, options: sampler } }]),
      evaluationPriority === undefined ? {} : { evaluationPriority },
    );
    const said: Token[] = [];
    for (const [index, output] of outputs.entries()) {
      const token = output?.next.token;
      if (token === undefined || token === null) break;
      said.push(token);
      if (token !== guess[index]) break;
    }
    if (said.length === 0) throw new Error('nothing was sampled');
    const end = this.#sequence.nextTokenIndex;
    const wrong = guess.length - (said.length - 1);
    this.counters.guessed += guess.length;
    this.counters.notSaid += input.length;
    if (wrong > 0) await this.#sequence.eraseContextTokenRanges([{ start: end - wrong, end }]);
    return said;
  }
}

/** Those of a sequence; null where it has none. */
export function guessesOf(sequence: LlamaContextSequence): Guesses | null {
  return attached.get(sequence) ?? null;
}

/** Its counters as they are now; zeros where it never guesses. */
export function countersOf(sequence: LlamaContextSequence): GuessCounters {
  const guesses = guessesOf(sequence);
  return guesses ? { ...guesses.counters } : { guessed: 0, right: 0, notSaid: 0 };
}
