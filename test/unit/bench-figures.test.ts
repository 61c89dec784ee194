import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RoundStore } from '../bench/rounds.ts';
import { meetsTarget, ratios } from '../bench/row.ts';
import { median, summarise } from '../bench/stats.ts';
import { figureTable } from '../bench/table.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-rounds-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the median is the middle value, whatever the order', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('the interval has the coverage that it says (binomial tables)', () => {
  // Seven samples: the whole range covers 1 - 2/2^7; one step in would cover 87.5 %, which is too little.
  expect(summarise([7, 6, 5, 4, 3, 2, 1])).toEqual({
    median: 4,
    low: 1,
    high: 7,
    min: 1,
    max: 7,
    samples: 7,
    coverage: 1 - 2 / 128,
  });
  // Nine samples: second to eighth covers 96.1 %.
  const nine = summarise([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect([nine.low, nine.high]).toEqual([2, 8]);
  expect(nine.coverage).toBeCloseTo(0.961, 3);
  // Five samples cannot reach 95 %; the summary says what they do reach.
  expect(summarise([1, 2, 3, 4, 5]).coverage).toBeCloseTo(0.9375, 4);
});

test('ratios are taken within a round', () => {
  const rounds = [
    { app: 10, bench: 20 },
    { app: 3, bench: 4 },
  ];
  expect(ratios(rounds, 'app', 'bench')).toEqual([0.5, 0.75]);
  expect(() => ratios(rounds, 'app', 'missing')).toThrow(RangeError);
});

test('a target is judged by the median and shown', () => {
  const figure = { name: 'x', unit: 'ratio', ...summarise([0.9, 0.98, 0.99]) };
  expect(meetsTarget(figure)).toBeUndefined();
  expect(meetsTarget({ ...figure, target: { atLeast: 0.97 } })).toBe(true);
  expect(meetsTarget({ ...figure, target: { atMost: 0.97 } })).toBe(false);
  expect(figureTable([{ ...figure, target: { atMost: 0.97 }, met: false }])).toContain(
    'at most 0.97: missed',
  );
});

test('rounds that were done are kept when a run is cut off, unless the conditions changed', async () => {
  const report = () => undefined;
  const measured: number[] = [];
  const measure = (failAt: number) => (round: number) => {
    if (round === failAt) throw new Error('cut off');
    measured.push(round);
    return Promise.resolve({ value: round });
  };
  const run = (failAt: number, model: string) =>
    new RoundStore(folder, 'row').run(4, { model }, measure(failAt), report);
  await expect(run(2, 'a')).rejects.toThrow('cut off');
  expect(await run(9, 'a')).toEqual([{ value: 0 }, { value: 1 }, { value: 2 }, { value: 3 }]);
  expect(measured).toEqual([0, 1, 2, 3]);
  await run(9, 'b');
  expect(measured).toHaveLength(8);
  await new RoundStore(folder, 'row').finish();
  await run(9, 'b');
  expect(measured).toHaveLength(12);
});
