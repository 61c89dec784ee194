import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_SAMPLING } from '../../src-main/contract/index.ts';
import { Guesses } from '../../src-main/engine/sidecar/guesses.ts';
import type { Turn } from '../../src-main/engine/sidecar/contract.ts';
import {
  distanceFromFresh,
  EXACT_SHAPES,
  ExactEngine,
  MAX_KL,
  plantTokens,
  referenceSteps,
  writeExactModel,
} from '../support/probabilities.ts';

/** Longer than the window, so that what lies behind it counts. */
const LONG = Array.from({ length: 40 }, (_, index) => `word ${index} of the number`).join(' ');

/** Places at which tables are compared. */
const TABLE_STEPS = 6;

/** Seven tokens at every step, whatever they cost. */
const always = () => ({ length: 7, hasLost: false, note: () => {} });

/** Top-k, top-p and min-p of a table at temperature 1, and then the temperature: calculated, not by llama.cpp. */
function sampledTable(
  all: ReadonlyMap<Token, number>,
  { temperature, topK, topP, minP }: Record<'temperature' | 'topK' | 'topP' | 'minP', number>,
): Map<Token, number> {
  const best = [...all].toSorted((a, b) => b[1] - a[1]).slice(0, topK);
  const most = best[0]?.[1] ?? 0;
  const total = best.reduce((sum, [, probability]) => sum + probability, 0);
  let reached = 0;
  const kept = best.filter(([, probability]) => {
    const isKept = reached < topP;
    reached += probability / total;
    return isKept && probability >= minP * most;
  });
  const weights = kept.map(
    ([token, probability]) => [token, (probability / most) ** (1 / temperature)] as const,
  );
  const sum = weights.reduce((before, [, weight]) => before + weight, 0);
  return new Map(weights.map(([token, weight]) => [token, weight / sum]));
}

const user = (text: string): Turn => ({ role: 'user', text });
const model = (text: string): Turn => ({ role: 'assistant', text });

const MODELS = [
  { name: 'grouped-query attention', shape: EXACT_SHAPES['grouped-query'], settings: {} },
  { name: 'a sliding window', shape: EXACT_SHAPES['sliding window'], settings: {} },
  {
    name: 'a sliding window, kept whole',
    shape: EXACT_SHAPES['sliding window'],
    settings: { windowCache: 'auto' as const },
  },
];

describe.each(MODELS)('the cache of a model with $name', ({ shape, settings }) => {
  let folder = '';
  let engine: ExactEngine;
  let reference: LlamaContextSequence;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leeward-exact-'));
    engine = await ExactEngine.load(await writeExactModel(join(folder, 'exact.gguf'), shape), settings);
    const isWindow = 'slidingWindow' in shape;
    expect(engine.loaded.tuning.fullWindow).toBe(isWindow && 'windowCache' in settings);
    reference = await engine.fresh();
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  const [first, second] = [user(`${LONG} one`), user('and then')];

  test('says after a follow-up what reading all of it says', async () => {
    const before = await engine.answer([first], { conversationId: 'a' });
    const { stats, sequence } = await engine.answer([first, model(before.text), second], {
      conversationId: 'a',
    });
    expect(stats.reusedTokens).toBeGreaterThan(100);
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
  });

  test('says after a branch switch and back what reading all of it says', async () => {
    const other = [first, model('other words were said here'), second];
    await engine.answer(other, { conversationId: 'a' });
    const back = [first, model('these words were said'), user('what about that')];
    const { stats, sequence } = await engine.answer(back, { conversationId: 'a' });
    expect(stats.reusedTokens).toBeGreaterThan(100);
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
    const again = await engine.answer(other, { conversationId: 'a' });
    expect(await distanceFromFresh(reference, again.sequence)).toBeLessThan(MAX_KL);
  });

  test('says after it was on disk what reading all of it says', async () => {
    const path = join(folder, 'state.bin');
    const before = await engine.answer([first], { conversationId: 'b' });
    await before.sequence.saveStateToFile(path);
    await before.sequence.clearHistory();
    await before.sequence.loadStateFromFile(path, { acceptRisk: true });
    const { stats, sequence } = await engine.answer([first, model(before.text), second], {
      conversationId: 'b',
    });
    expect(stats.reusedTokens).toBeGreaterThan(100);
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
  });

  test('says with guesses what it says without', async () => {
    const { sequence } = await engine.answer([first], { conversationId: 'c' });
    const context = sequence.contextTokens;
    const { tokens } = await referenceSteps(reference, context);
    const guessing = await engine.fresh();
    const [last] = context.slice(-1);
    if (last === undefined) throw new Error('an empty context');
    await guessing.evaluateWithoutGeneratingNewTokens(context.slice(0, -1));
    const guesses = new Guesses(guessing, { newAccount: always });
    guesses.begin({ ...DEFAULT_SAMPLING, temperature: 0 });
    const said: Token[] = [];
    for await (const token of guessing.evaluate([last], { temperature: 0, yieldEogToken: true }))
      if (said.push(token) === tokens.length) break;
    expect(said).toEqual(tokens);
    expect(guesses.counters.right).toBeGreaterThan(10);
    // What is left in the cache is what was said, but for the last token.
    expect(guessing.contextTokens).toEqual([...context, ...tokens.slice(0, -1)]);
    expect(await distanceFromFresh(reference, guessing)).toBeLessThan(MAX_KL);
    await guessing.context.dispose();
  });

  test('draws with guesses what it draws without', async () => {
    const { sequence } = await engine.answer([first], { conversationId: 'd' });
    const context = sequence.contextTokens;
    const [last] = context.slice(-1);
    if (last === undefined) throw new Error('an empty context');
    const sampler = { temperature: 0.9, topK: 40, topP: 0.95, minP: 0.02 };
    const drawnBy = async (seed: number, canGuess: boolean) => {
      const fresh = await engine.fresh();
      await fresh.evaluateWithoutGeneratingNewTokens(context.slice(0, -1));
      const guesses = new Guesses(fresh, { canGuess, newAccount: always });
      guesses.begin({ ...DEFAULT_SAMPLING, ...sampler });
      const said: Token[] = [];
      for await (const token of fresh.evaluate([last], { ...sampler, seed, yieldEogToken: true }))
        if (said.push(token) === 64) break;
      await fresh.context.dispose();
      return { said, ...guesses.counters };
    };
    const plain = await drawnBy(5, false);
    const guessed = await drawnBy(5, true);
    expect(guessed.said).toEqual(plain.said);
    expect(plain.guessed).toBe(0);
    expect(guessed.right).toBeGreaterThan(0);
    expect(guessed.guessed).toBeGreaterThan(guessed.right);
    expect((await drawnBy(6, true)).said).not.toEqual(plain.said);
  });

  test.each([
    { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 },
    { temperature: 2.5, topK: 10, topP: 0.5, minP: 0 },
    { temperature: 0.3, topK: 256, topP: 0.9, minP: 0.2 },
    { temperature: 0.01, topK: 40, topP: 1, minP: 0 },
  ])('draws from the table that %o makes of all probabilities, alone and in a batch', async (sampler) => {
    const { sequence } = await engine.answer([first], { conversationId: 'e' });
    const context = sequence.contextTokens;
    let [last] = context.slice(-1);
    if (last === undefined) throw new Error('an empty context');
    const fresh = await engine.fresh();
    await fresh.evaluateWithoutGeneratingNewTokens(context.slice(0, -1));
    const back = (start: number) => fresh.eraseContextTokenRanges([{ start, end: fresh.nextTokenIndex }]);
    const alone = async (token: Token, options: typeof sampler) => {
      const start = fresh.nextTokenIndex;
      const steps = fresh.evaluateWithMetadata([token], { probabilities: true }, options);
      const { value, done } = await steps.next();
      await steps.return();
      await back(start);
      if (done) throw new Error('nothing was sampled');
      return value.probabilities;
    };
    const inBatch = async (token: Token) => {
      const start = fresh.nextTokenIndex;
      const [output] = await fresh.controlledEvaluate([
        [token, { generateNext: { probabilities: true, options: sampler } }],
      ]);
      await back(start);
      return output?.next.probabilities ?? new Map<Token, number>();
    };
    const sizes: number[] = [];
    // At some places a model is so sure that every sampler leaves one token.
    for (let step = 0; step < TABLE_STEPS; step += 1) {
      const all = await alone(last, { temperature: 1, topK: 0, topP: 1, minP: 0 });
      expect(all.size).toBeGreaterThan(256);
      const expected = sampledTable(all, sampler);
      sizes.push(expected.size);
      for (const table of [await alone(last, sampler), await inBatch(last)]) {
        expect([...table.keys()][0]).toBe([...expected.keys()][0]);
        for (const [token, probability] of expected)
          expect(table.get(token) ?? 0).toBeCloseTo(probability, 4);
        const others = [...table].filter(([token]) => !expected.has(token));
        expect(others.reduce((sum, [, probability]) => sum + probability, 0)).toBeLessThan(1e-4);
      }
      await fresh.evaluateWithoutGeneratingNewTokens([last]);
      const [, second] = [...all].toSorted((a, b) => b[1] - a[1]);
      if (second) [last] = second;
    }
    expect(Math.max(...sizes)).toBeGreaterThan(1);
    await fresh.context.dispose();
  });

  describe('the check itself finds', () => {
    /** Goes on with the cache of some tokens as if it were that of others. */
    const distanceWith = async (held: Token[], claimed: Token[]): Promise<number> => {
      const path = join(folder, 'planted.bin');
      const [sequence] = engine.loaded.sequences.all;
      if (!sequence) throw new Error('no sequence');
      await sequence.clearHistory();
      await sequence.evaluateWithoutGeneratingNewTokens(held);
      await sequence.saveStateToFile(path);
      await plantTokens(path, claimed);
      await sequence.loadStateFromFile(path, { acceptRisk: true });
      return distanceFromFresh(reference, sequence);
    };
    const tokens = (text: string) => engine.loaded.model.tokenize(text).slice(0, 150);

    test('nothing where nothing is wrong', async () => {
      expect(await distanceWith(tokens(LONG), tokens(LONG))).toBeLessThan(MAX_KL);
    });

    test('one wrong token', async () => {
      const claimed = tokens(LONG);
      const held = [...claimed.slice(0, -20), ...claimed.slice(0, 1), ...claimed.slice(-19)];
      expect(await distanceWith(held, claimed)).toBeGreaterThan(10 * MAX_KL);
    });

    test('the state of another branch', async () => {
      const claimed = tokens(LONG);
      const branch = tokens(`other words ${LONG}`);
      const held = [...claimed.slice(0, 75), ...branch.slice(0, 75)];
      expect(await distanceWith(held, claimed)).toBeGreaterThan(10 * MAX_KL);
    });

    test('a position that is off by one', async () => {
      const claimed = tokens(LONG);
      const held = [...claimed.slice(0, 1), ...claimed.slice(0, -1)];
      expect(held).toHaveLength(claimed.length);
      expect(await distanceWith(held, claimed)).toBeGreaterThan(10 * MAX_KL);
    });
  });
});
