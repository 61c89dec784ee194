import { describe, expect, test } from 'vitest';
import type { Token } from 'node-llama-cpp';
import { DEFAULT_SAMPLING } from '../../src-main/contract/index.ts';
import { DraftPause } from '../../src-main/engine/sidecar/draft.ts';
import { draw, drawsByPosition, uniformAt } from '../../src-main/engine/sidecar/draw.ts';
import {
  FIRST_GUESS_TOKENS,
  GuessAccount,
  MAX_GUESS_TOKENS,
  PLAIN_STEPS,
} from '../../src-main/engine/sidecar/guess-account.ts';
import { GuessLookup } from '../../src-main/engine/sidecar/guess-lookup.ts';
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

  test('does not believe a clock by which wrong guesses win', () => {
    // Slow when a token was timed, fast ever since: no step without a guess says so.
    for (const tokens of [100, 160, 400, 3000]) {
      const account = new GuessAccount();
      let [said, wrong] = [0, 0];
      while (said < tokens) {
        const guessed = account.length;
        account.note({ guessed, tokens: 1, elapsedMs: said < PLAIN_STEPS ? 400 : 60 });
        said += 1;
        wrong += guessed;
      }
      expect(wrong).toBeGreaterThanOrEqual(FIRST_GUESS_TOKENS);
      expect(wrong / said).toBeLessThanOrEqual(0.03);
    }
  });

  test('less far where the guesses take long to make, and no further than it may', () => {
    const account = new GuessAccount(7);
    for (let step = 0; step < PLAIN_STEPS; step += 1) account.note({ guessed: 0, tokens: 1, elapsedMs: 40 });
    for (const expected of [3, 7, 7]) {
      expect(account.length).toBe(expected);
      account.note({ guessed: expected, tokens: 1 + expected, elapsedMs: 50, guessMs: 20 });
    }
    expect(account.hasLost).toBe(false);
    // As slow as the model itself, and half of it wrong.
    for (let step = 0; step < 8; step += 1)
      account.note({ guessed: 4, tokens: 3, elapsedMs: 60, guessMs: 160 });
    expect(account.length).toBe(0);
    expect(account.hasLost).toBe(true);
  });

  test('not for long where they are thought of and not made', () => {
    const account = new GuessAccount(7);
    let elapsedMs = 0;
    const tokens = 400;
    for (let said = 0; said < tokens; said += 1) {
      // Each costs a fifth of a step.
      const guessMs = account.length > 0 ? 8 : 0;
      account.note({ guessed: 0, tokens: 1, elapsedMs: 40, guessMs });
      elapsedMs += 40 + guessMs;
    }
    expect((40 * tokens) / elapsedMs).toBeGreaterThan(0.97);
    expect(account.hasLost).toBe(true);
  });

  test('an answer that won has not lost by its last guesses', () => {
    const account = new GuessAccount(7);
    for (let step = 0; step < PLAIN_STEPS; step += 1) account.note({ guessed: 0, tokens: 1, elapsedMs: 40 });
    for (let step = 0; step < 20; step += 1)
      account.note({ guessed: 7, tokens: 8, elapsedMs: 80, guessMs: 20 });
    for (let step = 0; step < 8; step += 1)
      account.note({ guessed: 3, tokens: 1, elapsedMs: 80, guessMs: 20 });
    expect(account.length).toBe(0);
    expect(account.hasLost).toBe(false);
  });
});

describe('each token is drawn by itself', () => {
  const exact = { ...DEFAULT_SAMPLING, temperature: 0 };

  test('where nothing but its own table counts, whatever the seed', () => {
    expect(drawsByPosition(DEFAULT_SAMPLING)).toBe(true);
    expect(drawsByPosition({ ...exact, topK: 0 })).toBe(true);
    expect(drawsByPosition({ ...DEFAULT_SAMPLING, seed: 1 })).toBe(true);
    expect(drawsByPosition({ ...exact, repeatPenalty: 1.1 })).toBe(false);
    expect(drawsByPosition({ ...DEFAULT_SAMPLING, topK: 0 })).toBe(false);
  });

  const token = (id: number) => id as Token;

  test('as often as its probability says', () => {
    const table = new Map([0.5, 0.3, 0.15, 0.05].map((probability, id) => [token(id), probability]));
    const counts = [0, 0, 0, 0];
    const all = 40_000;
    for (let seed = 0; seed < 200; seed += 1)
      for (let position = 0; position < all / 200; position += 1) {
        const id = draw(table, uniformAt(seed, position));
        counts[id ?? -1] = (counts[id ?? -1] ?? 0) + 1;
      }
    // Chi-square with three degrees of freedom: above 16.3 once in a thousand.
    const chiSquare = [...table].reduce((sum, [id, probability]) => {
      const expected = probability * all;
      return sum + ((counts[id] ?? 0) - expected) ** 2 / expected;
    }, 0);
    expect(chiSquare).toBeLessThan(16.3);
  });

  test('independently of the tokens before it', () => {
    const all = 20_000;
    const numbers = Array.from({ length: all }, (_, position) => uniformAt(42, position));
    const mean = numbers.reduce((sum, number) => sum + number, 0) / all;
    expect(mean).toBeCloseTo(0.5, 1);
    const products = numbers
      .slice(1)
      .reduce((sum, number, at) => sum + (number - 0.5) * ((numbers[at] ?? 0) - 0.5), 0);
    // Correlation of neighbours; its deviation is 1 / sqrt(all).
    expect(Math.abs((12 * products) / all)).toBeLessThan(4 / Math.sqrt(all));
    expect(new Set(numbers).size).toBeGreaterThan(all - 10);
  });

  test('from tables that do not add up to one, and from none', () => {
    const table = new Map([
      [token(7), 0.2],
      [token(8), 0],
      [token(9), 0.2],
    ]);
    expect(draw(table, 0)).toBe(7);
    expect(draw(table, 0.51)).toBe(9);
    expect(draw(table, 0.999_999)).toBe(9);
    expect(draw(new Map(), 0.5)).toBeNull();
  });
});

describe('a draft that does not pay', () => {
  test('is left out of one answer, then of two, four and so on', () => {
    const pause = new DraftPause();
    const left = (): number => {
      let answers = 0;
      while (!pause.begin()) answers += 1;
      return answers;
    };
    const lost: number[] = [];
    for (let time = 0; time < 7; time += 1) {
      lost.push(left());
      pause.end(true);
    }
    expect(lost).toEqual([0, 1, 2, 4, 8, 16, 16]);
    expect(left()).toBe(16);
    pause.end(false);
    expect(left()).toBe(0);
  });
});
