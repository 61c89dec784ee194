import { describe, expect, test } from 'vitest';
import { DEFAULT_SAMPLING } from '../../src-main/contract/index.ts';
import {
  FIRST_GUESS_TOKENS,
  GuessAccount,
  MAX_GUESS_TOKENS,
  PLAIN_STEPS,
} from '../../src-main/engine/sidecar/guess-account.ts';
import { GuessLookup } from '../../src-main/engine/sidecar/guess-lookup.ts';
import { mayGuess } from '../../src-main/engine/sidecar/guesses.ts';
import { Random } from '../support/gguf/random.ts';

describe('what followed the last time', () => {
  test('is found where the same three tokens stand, and at most as much as is asked for', () => {
    const lookup = new GuessLookup([1, 2, 3, 4, 5, 6, 9, 9, 1, 2, 3]);
    expect(lookup.next(2)).toEqual([4, 5]);
    expect(lookup.next(100)).toEqual([4, 5, 6, 9, 9, 1, 2, 3]);
    expect(lookup.next(0)).toEqual([]);
  });

  test('is nothing after two tokens that are the same, or none', () => {
    expect(new GuessLookup([1, 2, 3, 9, 2, 3]).next(4)).toEqual([]);
    expect(new GuessLookup([1, 2]).next(4)).toEqual([]);
    expect(new GuessLookup([]).next(4)).toEqual([]);
  });

  test('is taken from the place that is the same for longest, else from the newest', () => {
    expect(new GuessLookup([7, 1, 2, 3, 40, 8, 1, 2, 3, 50, 7, 1, 2, 3]).next(1)).toEqual([40]);
    expect(new GuessLookup([1, 2, 3, 40, 1, 2, 3, 50, 1, 2, 3]).next(1)).toEqual([50]);
  });

  test('goes on while a text is copied, token by token', () => {
    const text = Array.from({ length: 50 }, (_, index) => index);
    const lookup = new GuessLookup([...text, 100, 0, 1, 2]);
    for (let at = 3; at < 50; at += 1) {
      expect(lookup.next(1)).toEqual([at]);
      lookup.push([at]);
    }
  });

  test('is always a stretch of the text that follows the same tokens', () => {
    const random = new Random(5);
    const text = Array.from({ length: 2000 }, () => random.uint32() % 6);
    const lookup = new GuessLookup(text.slice(0, 100));
    for (let end = 100; end < text.length; end += 1) {
      const guess = lookup.next(3);
      const places = Array.from({ length: end - 3 }, (_, index) => index + 3).filter((place) =>
        [1, 2, 3].every((back) => text[place - back] === text[end - back]),
      );
      if (places.length === 0) expect(guess).toEqual([]);
      else expect(places.map((place) => text.slice(place, Math.min(end, place + 3)))).toContainEqual(guess);
      lookup.push(text.slice(end, end + 1));
    }
  });
});

/** Answers of so many tokens, on a clock of their own. `costOf`: steps that a batch takes. */
function answer(options: {
  tokens: number;
  costOf: (batch: number) => number;
  /** How many of a guess are right. */
  rightOf: (guessed: number, at: number) => number;
}): { share: number; guessed: number } {
  const account = new GuessAccount();
  let elapsedMs = 0;
  let guessed = 0;
  let said = 0;
  while (said < options.tokens) {
    const guess = account.length;
    const tokens = 1 + Math.min(guess, options.rightOf(guess, said));
    const stepMs = 40 * options.costOf(1 + guess);
    account.note({ guessed: guess, tokens, elapsedMs: stepMs });
    elapsedMs += stepMs;
    guessed += guess;
    said += tokens;
  }
  // Speed against the same without guesses.
  return { share: (40 * options.costOf(1) * said) / elapsedMs, guessed };
}

describe('how far is guessed', () => {
  // Two cores and a 1.1B file: 16 tokens at once take as long as 9 one by one.
  const onProcessor = (batch: number) => (batch === 1 ? 1 : 0.6 + 0.525 * batch);
  const onCard = (batch: number) => 1 + 0.02 * batch;

  test('nothing before it is known what a token costs', () => {
    const account = new GuessAccount();
    for (let step = 0; step < PLAIN_STEPS; step += 1) {
      expect(account.length).toBe(0);
      account.note({ guessed: 0, tokens: 1, elapsedMs: 40 });
    }
    expect(account.length).toBe(FIRST_GUESS_TOKENS);
  });

  test('twice as far after each guess that was right, and short again after one that was not', () => {
    const account = new GuessAccount();
    for (let step = 0; step < PLAIN_STEPS; step += 1) account.note({ guessed: 0, tokens: 1, elapsedMs: 40 });
    for (const expected of [3, 7, 15, 15]) {
      expect(account.length).toBe(expected);
      account.note({ guessed: expected, tokens: 1 + expected, elapsedMs: 60 });
    }
    expect(account.length).toBe(MAX_GUESS_TOKENS);
    account.note({ guessed: 15, tokens: 4, elapsedMs: 60 });
    expect(account.length).toBe(FIRST_GUESS_TOKENS);
  });

  test.each([
    ['on a processor', onProcessor],
    ['on a graphics card', onCard],
    ['on a machine that gains nothing by batches', (batch: number) => batch],
  ])('costs at most 3 % where every guess is wrong, %s', (_where, costOf) => {
    for (const tokens of [128, 400, 3000]) {
      const { share } = answer({ tokens, costOf, rightOf: () => 0 });
      expect(share).toBeGreaterThan(0.97);
    }
  });

  test('wins what a batch wins where a text is copied', () => {
    const { share } = answer({ tokens: 400, costOf: onProcessor, rightOf: (guess) => guess });
    expect(share).toBeGreaterThan(0.9 * (16 / onProcessor(16)));
  });

  test('goes on after a stretch of new words, and ends with the copy', () => {
    const rightOf = (guess: number, at: number) => (Math.floor(at / 200) % 2 === 1 ? guess : 0);
    expect(answer({ tokens: 1200, costOf: onCard, rightOf }).share).toBeGreaterThan(1.3);
    expect(answer({ tokens: 1200, costOf: onProcessor, rightOf }).share).toBeGreaterThan(1);
  });

  test('one slow step is not taken for the price of a guess', () => {
    const account = new GuessAccount();
    for (let step = 0; step < 20; step += 1)
      account.note({ guessed: 0, tokens: 1, elapsedMs: step === 7 ? 900 : 40 });
    account.note({ guessed: 3, tokens: 4, elapsedMs: 5000 });
    expect(account.length).toBe(7);
  });
});

test('is left where it would change what is said', () => {
  const exact = { ...DEFAULT_SAMPLING, temperature: 0 };
  expect(mayGuess(exact)).toBe(true);
  expect(mayGuess({ ...exact, seed: 1 })).toBe(true);
  expect(mayGuess({ ...exact, repeatPenalty: 1.1 })).toBe(false);
  // Its seed is told, and has to say the same again.
  expect(mayGuess({ ...exact, temperature: 0.7, seed: null })).toBe(false);
  expect(mayGuess({ ...exact, temperature: 0.7, seed: 1 })).toBe(false);
});
