import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RoundStore } from '../bench/rounds.ts';
import { meetsTarget, ratios } from '../bench/row.ts';
import { median, summarise } from '../bench/stats.ts';
import { figureTable } from '../bench/table.ts';
import { TARGETS, targetTable } from '../bench/targets.ts';

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

test('every target has a row, whose source makes the figure that answers it', async () => {
  const rows = join(import.meta.dirname, '..', 'bench', 'rows');
  const names = (await readdir(rows)).map((name) => name.replace('.ts', ''));
  for (const { row, judged } of TARGETS) {
    expect(names).toContain(row);
    const source = await readFile(join(rows, `${row}.ts`), 'utf8');
    expect(source, `${row}: ${judged}`).toContain(judged.replace(/^\*: /u, ''));
    expect(source, row).toMatch(/target: \{ at|, 50\)|atMost/u);
  }
});

test('the table of targets has ours, theirs, the ratio, the target, and names what was not measured', () => {
  const figure = (name: string, value: number, unit: string, more = {}) => ({
    ...{ name, unit, ...summarise([value]), ...more },
  });
  const table = targetTable({
    session: {
      measuredAt: '2026-01-02T03:04:05.000Z',
      figures: [
        figure('a turn, app', 115, 'ms'),
        figure('a turn, app without reuse', 400, 'ms'),
        figure('a turn, llama-server', 100, 'ms'),
        figure('median turn, app / llama-server', 1.15, 'ratio', { target: { atMost: 1 } }),
      ],
    },
    fit: {
      measuredAt: '2026-01-02T03:04:05.000Z',
      figures: [
        figure('150M: memory predicted', 101, 'MiB'),
        figure('150M: memory measured', 100, 'MiB'),
        figure('150M: memory, error', 0.01, 'share', { target: { atMost: 0.1 } }),
      ],
    },
  });
  const line = (start: string) => table.split('\n').find((text) => text.trim().startsWith(start)) ?? '';
  expect(line('session of 40 turns / llama-server').replace(/ {2,}/gu, '|')).toBe(
    '|session of 40 turns / llama-server|115.0 ms|100.0 ms|1.150|at most 1|missed|session 2026-01-02T03:04',
  );
  expect(line('memory predicted, error (150M)').replace(/ {2,}/gu, '|')).toContain(
    '|101.0 MiB|100.0 MiB|0.010|at most 0.1|met|',
  );
  expect(line('idle, the page')).toContain('not measured');
});
