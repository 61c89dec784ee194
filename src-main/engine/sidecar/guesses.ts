import type { LlamaContextSequence, LlamaModel, SequenceEvaluateOptions, Token } from 'node-llama-cpp';
import type { Sampling } from '../../contract/index.ts';
import type { Draft } from './draft.ts';
import { draw, drawsByPosition, uniformAt } from './draw.ts';
import { GuessAccount } from './guess-account.ts';
import { GuessLookup } from './guess-lookup.ts';

/** Kept free at the end of a context: what is full must be told before a guess, not in the middle of one. */
const ROOM_TOKENS = 2;
/** Of one guess by a draft model, which computes them one by one. */
export const MAX_DRAFT_TOKENS = 7;

type Account = Pick<GuessAccount, 'length' | 'note' | 'hasLost'>;
type Evaluate = LlamaContextSequence['evaluate'];

/** Tokens since the sequence was made. */
export interface GuessCounters {
  guessed: number;
  right: number;
  /** Of those, the ones that a draft model guessed. */
  draftGuessed: number;
  draftRight: number;
  /** Counted by the sequence as output, and not said (yet). */
  notSaid: number;
}

const NONE: GuessCounters = { guessed: 0, right: 0, draftGuessed: 0, draftRight: 0, notSaid: 0 };

/** Tokens that may come, and where from. */
interface Guess {
  tokens: Token[];
  from: 'lookup' | 'draft';
  /** The draft model has not read all of the text yet: what that takes is no price of a guess. */
  isReading?: boolean;
}

const NO_GUESS: Guess = { tokens: [], from: 'lookup' };

interface GuessesOptions {
  /** False where a wrong guess could not be taken back: every token is then computed by itself. */
  canGuess?: boolean;
  draft?: Draft | null;
  /** For tests. @param maxTokens of one guess */
  newAccount?: (maxTokens?: number) => Account;
}

const isGreedy = ({ temperature = 0 }: SequenceEvaluateOptions): boolean => temperature === 0;

const attached = new WeakMap<LlamaContextSequence, Guesses>();

/**
 * Speculation: tokens that may come are evaluated in one batch with the one that is due, and those that the model says
 * itself are kept. They come from the text, where it repeats itself, or from a draft model. Takes the place of the
 * sequence's `evaluate`. Each token is drawn from its own table by a random number of its own, which depends on the
 * seed and its place only: what is said is the same with guesses and without.
 *
 * (The library has token predictors; in 3.21.1 they keep one token of each guess, whatever its length:
 * `validatedTokens` of `_speculativeEvaluate` is never filled.)
 */
export class Guesses {
  readonly counters: GuessCounters = { ...NONE };
  readonly #sequence: LlamaContextSequence;
  readonly #options: Required<GuessesOptions>;
  readonly #plain: Evaluate;
  #isOn = false;
  #accounts: Record<Guess['from'], Account>;
  /** Of this answer. */
  #usesDraft = false;
  /** Tokens at the end of the cache that were not said yet. */
  #ahead = 0;
  /** Tokens of the answer that were said. */
  #position = 0;

  constructor(sequence: LlamaContextSequence, options: GuessesOptions = {}) {
    this.#sequence = sequence;
    this.#options = {
      canGuess: true,
      draft: null,
      newAccount: (maxTokens) => new GuessAccount(maxTokens),
      ...options,
    };
    this.#accounts = this.#newAccounts();
    this.#plain = sequence.evaluate.bind(sequence);
    sequence.evaluate = (tokens, evaluateOptions) =>
      this.#isOn ? this.#evaluate(tokens, evaluateOptions ?? {}) : this.#plain(tokens, evaluateOptions);
    attached.set(sequence, this);
  }

  /** The draft model's sequence for it; null: none. */
  get draft(): Draft | null {
    return this.#options.draft;
  }

  /** Of one answer. */
  begin(sampling: Sampling): void {
    const { canGuess, draft } = this.#options;
    // Greedy tokens need no table: without guesses the library's own step says the same.
    this.#isOn = drawsByPosition(sampling) && (canGuess || sampling.temperature > 0);
    this.#usesDraft = this.#isOn && canGuess && (draft?.begin() ?? false);
    this.#accounts = this.#newAccounts();
    this.#position = 0;
  }

  /**
   * Of one answer: takes out of the cache what was guessed and not said: a saved state would hold it, and could not go
   * on.
   */
  async end(): Promise<void> {
    if (this.#usesDraft) this.#options.draft?.end(this.#accounts.draft.hasLost);
    this.#usesDraft = false;
    await this.#drop();
  }

  #newAccounts(): Record<Guess['from'], Account> {
    const { newAccount } = this.#options;
    return { lookup: newAccount(), draft: newAccount(MAX_DRAFT_TOKENS) };
  }

  async #drop(): Promise<void> {
    const end = this.#sequence.nextTokenIndex;
    const start = end - this.#ahead;
    this.#ahead = 0;
    if (start < end) await this.#sequence.eraseContextTokenRanges([{ start, end }]);
  }

  async *#evaluate(tokens: Token[], options: SequenceEvaluateOptions): ReturnType<Evaluate> {
    /** Not made before the first guess: the first token waits for nothing. */
    let text: GuessLookup | null = null;
    /** Not in the cache yet. */
    let due = tokens;
    let plain: ReturnType<Evaluate> | null = null;
    try {
      while (true) {
        const startMs = performance.now();
        if (due.length === 1 && this.#isGuessing)
          text ??= new GuessLookup([...this.#sequence.contextTokens, ...due]);
        const guess = due.length === 1 && text ? await this.#guess(text) : NO_GUESS;
        const guessMs = performance.now() - startMs;
        let said: Token[];
        if (guess.tokens.length === 0) {
          const isNew = plain === null;
          plain ??= this.#singly(due, { ...options, yieldEogToken: true });
          const { value, done } = await plain.next(isNew ? undefined : due);
          if (done) return;
          said = [value];
        } else {
          await plain?.return();
          plain = null;
          said = await this.#step(due, guess, options);
        }
        const elapsedMs = performance.now() - startMs - guessMs;
        this.#note(guess, { guessed: guess.tokens.length, tokens: said.length, elapsedMs, guessMs });
        for (const [index, token] of said.entries()) {
          this.#ahead = said.length - 1 - index;
          this.#count(guess, index);
          if (options.yieldEogToken !== true && this.#sequence.model.isEogToken(token)) return;
          const replacement = yield token;
          due = replacement === undefined ? [token] : [replacement].flat();
          text?.push(due);
          const isOther = due.length !== 1 || due[0] !== token;
          if (isOther && this.#ahead > 0) {
            await this.#drop();
            break;
          }
        }
      }
    } finally {
      await plain?.return();
      await this.#drop();
    }
  }

  #singly(tokens: Token[], options: SequenceEvaluateOptions): ReturnType<Evaluate> {
    return isGreedy(options) ? this.#plain(tokens, options) : this.#drawn(tokens, options);
  }

  /** The library's step, token by token, with our draw. Takes the tokens that come next as the library's does. */
  async *#drawn(tokens: Token[], options: SequenceEvaluateOptions): ReturnType<Evaluate> {
    const steps = this.#sequence.evaluateWithMetadata(tokens, { probabilities: true }, options);
    try {
      let next: Token | Token[] | undefined;
      while (true) {
        const { value, done } = await steps.next(next);
        if (done) return;
        next = (yield this.#draw(value.probabilities, this.#position, options)) ?? undefined;
      }
    } finally {
      await steps.return();
    }
  }

  /** @throws Error when there was nothing to draw from */
  #draw(
    table: ReadonlyMap<Token, number> | undefined,
    position: number,
    { seed }: SequenceEvaluateOptions,
  ): Token {
    const token = table ? draw(table, uniformAt(seed ?? 0, position)) : null;
    if (token === null) throw new Error('nothing was sampled');
    return token;
  }

  get #isGuessing(): boolean {
    const { lookup, draft } = this.#accounts;
    return this.#options.canGuess && (lookup.length > 0 || draft.length > 0);
  }

  async #guess(text: GuessLookup): Promise<Guess> {
    const { draft } = this.#options;
    const room = this.#sequence.contextSize - text.length - ROOM_TOKENS;
    const found = text.next(Math.min(this.#accounts.lookup.length, room));
    if (found.length > 0) return { tokens: found.map((token) => token as Token), from: 'lookup' };
    if (!this.#usesDraft || !draft) return NO_GUESS;
    try {
      const drafted = await draft.next(text.tokens, Math.min(this.#accounts.draft.length, room));
      return { tokens: drafted ?? [], from: 'draft', isReading: drafted === null };
    } catch {
      // The answer needs no guess: it goes on without.
      this.#usesDraft = false;
      await draft.fail();
      return NO_GUESS;
    }
  }

  #note(guess: Guess, step: Parameters<Account['note']>[0]): void {
    if (guess.tokens.length > 0) return this.#accounts[guess.from].note(step);
    const { guessMs = 0, ...plain } = step;
    this.#accounts.lookup.note(plain);
    this.#accounts.draft.note(guess.from === 'draft' && !guess.isReading ? { ...plain, guessMs } : plain);
  }

  /** One more token is said: with a guess, the last of a step is the model's own. */
  #count({ tokens, from }: Guess, index: number): void {
    this.#position += 1;
    if (tokens.length === 0) return;
    this.counters.notSaid -= 1;
    if (index === 0) return;
    this.counters.right += 1;
    if (from === 'draft') this.counters.draftRight += 1;
  }

  /** One batch. Returns what the model says: the guess as far as it was right, and the token after that. */
  async #step(
    due: Token[],
    { tokens: guess, from }: Guess,
    options: SequenceEvaluateOptions,
  ): Promise<Token[]> {
    const { temperature, minP, topK, topP, evaluationPriority } = options;
    const sampler = Object.fromEntries(
      Object.entries({ temperature, minP, topK, topP }).filter(([, value]) => value !== undefined),
    );
    const input = [...due, ...guess];
    const wanted = isGreedy(options) ? { token: true } : { probabilities: true };
    const outputs = await this.#sequence.controlledEvaluate(
      input.map((token) => [token, { generateNext: { ...wanted, options: sampler } }]),
      evaluationPriority === undefined ? {} : { evaluationPriority },
    );
    const said: Token[] = [];
    for (const [index, output] of outputs.entries()) {
      const { token, probabilities } = output?.next ?? {};
      const drawn = isGreedy(options) ? token : this.#draw(probabilities, this.#position + index, options);
      if (drawn === undefined || drawn === null) break;
      said.push(drawn);
      if (drawn !== guess[index]) break;
    }
    if (said.length === 0) throw new Error('nothing was sampled');
    const end = this.#sequence.nextTokenIndex;
    const wrong = guess.length - (said.length - 1);
    this.counters.guessed += guess.length;
    if (from === 'draft') this.counters.draftGuessed += guess.length;
    this.counters.notSaid += input.length;
    if (wrong > 0) await this.#sequence.eraseContextTokenRanges([{ start: end - wrong, end }]);
    return said;
  }
}

/** A wrong guess is taken back out of the cache; where that is not possible each would need a copy of it before. */
export function canTakeBack(
  { fileInsights }: Pick<LlamaModel, 'fileInsights'>,
  isFullWindow: boolean,
): boolean {
  const { isRecurrent, isHybrid, swaSize } = fileInsights;
  return !isRecurrent && !isHybrid && (swaSize === undefined || isFullWindow);
}

/** Those of a sequence; null where it has none. */
export function guessesOf(sequence: LlamaContextSequence): Guesses | null {
  return attached.get(sequence) ?? null;
}

/** Its counters as they are now; zeros where it never guesses. */
export function countersOf(sequence: LlamaContextSequence): GuessCounters {
  const guesses = guessesOf(sequence);
  return { ...(guesses?.counters ?? NONE) };
}
