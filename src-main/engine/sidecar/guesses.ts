import { TokenPredictor, type LlamaContextSequence, type Token } from 'node-llama-cpp';
import type { Sampling } from '../../contract/index.ts';
import { GuessAccount } from './guess-account.ts';
import { GuessLookup } from './guess-lookup.ts';

/** Where a context that is nearly full would be cut for the sake of a guess. */
const ROOM_TOKENS = 2;

/**
 * Whether an answer stays what it would be without guesses. With a repeat penalty it does not: the library punishes
 * every token of a batch for the text before the batch. A seed is to say the same again, and which guesses pay
 * depends on the clock. Pure.
 */
export function mayGuess({ repeatPenalty, temperature, seed }: Sampling): boolean {
  return repeatPenalty === 1 && (temperature === 0 || seed === null);
}

/**
 * Speculation by prompt lookup: tokens that may come are evaluated in one batch with the one that is due, and those
 * that the model would have said itself are kept. One a sequence, off until an answer switches it on.
 */
export class Guesses extends TokenPredictor {
  #isOn = false;
  #account = new GuessAccount();
  #sequence: LlamaContextSequence | null = null;
  #text: readonly Token[] = [];
  /** Made when it is first asked: most of what is read is never guessed from. */
  #lookup: GuessLookup | null = null;
  /** The step that runs. */
  #step: { guessed: number; tokens: number; startMs: number } | null = null;

  /** Of one answer: switched on, or off. */
  begin(isOn: boolean): void {
    this.#isOn = isOn;
    this.#account = new GuessAccount();
    this.#step = null;
  }

  override reset({ targetSequence, stateTokens }: Parameters<TokenPredictor['reset']>[0]): void {
    this.#sequence = targetSequence;
    this.#text = stateTokens;
    this.#lookup = null;
    this.#step = null;
  }

  override pushTokens(tokens: Token[]): void {
    if (!this.#isOn) return;
    this.#lookup?.push(tokens);
    if (this.#step) this.#step.tokens += tokens.length;
  }

  override predictTokens(): Token[] {
    if (!this.#isOn || !this.#sequence) return [];
    const nowMs = performance.now();
    if (this.#step) this.#account.note({ ...this.#step, elapsedMs: nowMs - this.#step.startMs });
    this.#lookup ??= new GuessLookup(this.#text);
    const room = this.#sequence.contextSize - this.#lookup.length - ROOM_TOKENS;
    const guess = this.#lookup.next(Math.min(this.#account.length, room));
    this.#step = { guessed: guess.length, tokens: 0, startMs: nowMs };
    return guess as Token[];
  }
}

/** Those of a sequence; null where it has none. */
export function guessesOf({ tokenPredictor }: Pick<LlamaContextSequence, 'tokenPredictor'>): Guesses | null {
  return tokenPredictor instanceof Guesses ? tokenPredictor : null;
}

/** Takes out of the cache what was guessed and not said: a saved state would hold it, and could not go on. */
export async function dropGuesses(sequence: LlamaContextSequence): Promise<void> {
  const start = sequence.nextTokenIndex;
  if (sequence.tokenPredictor) await sequence.eraseContextTokenRanges([{ start, end: sequence.contextSize }]);
}
