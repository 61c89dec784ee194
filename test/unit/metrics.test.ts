import Database from 'better-sqlite3';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineState, SampleFigures, SampleSetup } from '../../src-main/contract/index.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { compare } from '../../src-main/metrics/compare.ts';
import { dayNames } from '../../src-main/metrics/days.ts';
import { firstTokenKindOf } from '../../src-main/metrics/first-token.ts';
import { HISTORY_MS, MemoryHistory, partsOf } from '../../src-main/metrics/memory-history.ts';
import { slowdownsOf } from '../../src-main/metrics/slowdowns.ts';
import { percentile, spreadOf } from '../../src-main/metrics/spread.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { OF_TIME, PAGE, samples } from '../../src-main/store/queries/samples.ts';
import type { Db } from '../../src-main/store/sql.ts';
import { newFigures, newSetup } from '../support/samples.ts';

const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 23, 12);

let db: Db;
beforeEach(() => {
  db = new Database(':memory:');
  migrate(db, migrations, 0);
  return () => db.close();
});

const add = (setup: SampleSetup, figures: SampleFigures) => samples.add(db, { setup, figures });
const summary = (filter: Parameters<typeof samples.page>[1]['filter'] = { from: null }, timeZone = 'UTC') =>
  samples.summary(db, { filter, timeZone, now: NOW });

const setups = [
  newSetup(),
  newSetup({ modelKey: 'bbbb', modelName: 'Qwen3 8B', backend: 'cuda', devices: ['RTX 4060'] }),
  newSetup({ threads: 4, contextSize: 4096, quant: null }),
];
const arbitrary = fc.record({
  setup: fc.integer({ min: 0, max: setups.length - 1 }),
  figures: fc
    .record({
      at: fc.integer({ min: NOW - 40 * DAY, max: NOW }),
      kind: fc.constantFrom('follow_up', 'warm', 'cold', null),
      purpose: fc.constantFrom('answer', 'answer', 'answer', 'title'),
      reusedTokens: fc.integer({ min: 0, max: 4000 }),
      readTokens: fc.integer({ min: 0, max: 400 }),
      generatedTokens: fc.integer({ min: 0, max: 60 }),
      // A clock ticks; what is next to nothing has no speed.
      prefillMs: fc.integer({ min: 0, max: 900_000 }).map((ticks) => ticks / 100),
      restoreMs: fc.constantFrom(0, 0, 40),
      firstTokenMs: fc.option(fc.double({ min: 0, max: 60_000, noNaN: true })),
      tokensPerSecond: fc.option(fc.double({ min: 0.1, max: 200, noNaN: true })),
    })
    .map((over) => newFigures(over as Partial<SampleFigures>)),
});

/** The middle by counting: as many are at most as large as are at least as large. */
function bruteMedian(values: readonly number[]): number | null {
  const sorted = [...values];
  for (let i = 0; i < sorted.length; i += 1)
    for (let j = i + 1; j < sorted.length; j += 1) {
      const [a = 0, b = 0] = [sorted[i], sorted[j]];
      if (b < a) [sorted[i], sorted[j]] = [b, a];
    }
  if (sorted.length === 0) return null;
  const half = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(half)] ?? null)
    : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
}
const close = (got: number | null | undefined, want: number | null) => {
  if (want === null) expect(got ?? null).toBeNull();
  else expect(Math.abs((got ?? Number.NaN) - want)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(want)));
};

describe('a summary', () => {
  it('says what a computation by hand from the raw records says', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 60 }), fc.boolean(), fc.boolean(), (made, month, one) => {
        samples.forget(db, undefined);
        for (const { setup, figures } of made) add(setups[setup] ?? newSetup(), figures);
        const filter = {
          from: month ? NOW - 14 * DAY : null,
          ...(one ? { modelKey: 'aaaa', threads: null } : {}),
        };
        const got = summary(filter);
        const raw = samples.page(db, { filter, afterId: 0, limit: 1000 });
        const answers = raw.filter(({ purpose }) => purpose === 'answer');
        const total = (of: (sample: (typeof raw)[number]) => number) =>
          answers.reduce((all, sample) => all + of(sample), 0);
        expect(got.answers).toBe(answers.length);
        expect(got.generatedTokens).toBe(total((sample) => sample.generatedTokens));
        expect(got.reusedTokens).toBe(total((sample) => sample.reusedTokens));
        expect(got.readTokens).toBe(total((sample) => sample.readTokens));
        for (const { kind, waits, bins } of got.firstTokens) {
          const wanted = answers.flatMap((sample) =>
            sample.kind === kind && sample.firstTokenMs !== null ? [sample.firstTokenMs] : [],
          );
          close(waits?.median, bruteMedian(wanted));
          expect(bins.reduce((all, { count }) => all + count, 0)).toBe(wanted.length);
          for (const { fromMs, toMs, count } of bins) {
            // The edges themselves are rounded: a value within a billionth of one may be on either side.
            const sure = wanted.filter((ms) => ms > fromMs * (1 + 1e-9) && ms < toMs * (1 - 1e-9));
            const possible = wanted.filter(
              (ms) => Math.max(ms, 1) >= fromMs * (1 - 1e-9) && Math.max(ms, 1) <= toMs * (1 + 1e-9),
            );
            expect(count).toBeGreaterThanOrEqual(sure.length);
            expect(count).toBeLessThanOrEqual(possible.length);
          }
        }
        const keys = new Set(answers.map(({ modelKey }) => modelKey));
        expect(new Set(got.models.map(({ modelKey }) => modelKey))).toEqual(keys);
        let savedMs = 0;
        for (const model of got.models) {
          const own = answers.filter(({ modelKey }) => modelKey === model.modelKey);
          const speeds = own.flatMap(({ tokensPerSecond, generatedTokens }) =>
            tokensPerSecond !== null && generatedTokens >= 16 ? [tokensPerSecond] : [],
          );
          const read = own.flatMap(({ readTokens, prefillMs, restoreMs }) =>
            readTokens >= 64 && prefillMs > restoreMs ? [(readTokens / (prefillMs - restoreMs)) * 1000] : [],
          );
          expect(model.answers).toBe(own.length);
          close(model.decode?.median, bruteMedian(speeds));
          expect(model.decode?.count ?? 0).toBe(speeds.length);
          const prefill = bruteMedian(read);
          close(model.prefill?.median, prefill);
          if (prefill === null) expect(model.savedMs).toBeNull();
          else {
            const saved = own.reduce(
              (all, { reusedTokens, restoreMs }) => all + (reusedTokens / prefill) * 1000 - restoreMs,
              0,
            );
            expect(Math.abs((model.savedMs ?? 0) - saved)).toBeLessThan(1e-6 * Math.max(1, Math.abs(saved)));
            savedMs += saved;
          }
        }
        expect(Math.abs((got.savedMs ?? 0) - savedMs)).toBeLessThan(1e-6 * Math.max(1, Math.abs(savedMs)));
        for (const { day, answers: count, models } of got.days) {
          const ofDay = answers.filter(({ at }) => new Date(at).toISOString().startsWith(day));
          expect(count).toBe(ofDay.length);
          for (const { modelKey, decode } of models)
            close(
              decode.median,
              bruteMedian(
                ofDay.flatMap((sample) =>
                  sample.modelKey === modelKey &&
                  sample.generatedTokens >= 16 &&
                  sample.tokensPerSecond !== null
                    ? [sample.tokensPerSecond]
                    : [],
                ),
              ),
            );
        }
        expect(got.days.map(({ day }) => day)).toEqual(
          [...new Set(answers.map(({ at }) => new Date(at).toISOString().slice(0, 10)))].sort(),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('keeps every figure and every setting as it was given', () => {
    const setup = newSetup({ adapters: [{ name: 'pirate', scale: 0.5 }], reasoning: null, sampling: null });
    add(setup, newFigures());
    add(setup, newFigures({ at: 2_000_000, kind: null, reusedFrom: null, firstTokenMs: null }));
    const [first, second] = samples.page(db, { filter: { from: null }, afterId: 0, limit: 10 });
    expect(first).toEqual({ id: 1, ...newFigures(), ...setup });
    expect(second).toMatchObject({ kind: null, reusedFrom: null, firstTokenMs: null });
    expect(db.prepare('SELECT count(*) FROM sample_setups').pluck().get()).toBe(1);
    expect(samples.page(db, { filter: { from: null }, afterId: 1, limit: 10 })).toHaveLength(1);
    samples.forget(db, undefined);
    expect(samples.page(db, { filter: { from: null }, afterId: 0, limit: 10 })).toEqual([]);
  });

  it('reads the time that was asked for from an index, and pages by their key', () => {
    const plan = (sql: string) => {
      const names = [...sql.matchAll(/@(\w+)/gu)].map(([, name]) => [name ?? '', null]);
      return db
        .prepare<[Record<string, null>], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
        .all(Object.fromEntries(names))
        .map(({ detail }) => detail);
    };
    expect(plan(OF_TIME)).toEqual(['SEARCH s USING INDEX generation_samples_by_time (at>?)']);
    expect(plan(PAGE)[0]).toBe('SEARCH s USING INTEGER PRIMARY KEY (rowid>?)');
  });

  it('of nothing is empty', () => {
    expect(summary()).toMatchObject({
      from: null,
      to: null,
      answers: 0,
      savedMs: null,
      models: [],
      days: [],
    });
    expect(summary().firstTokens.map(({ waits }) => waits)).toEqual([null, null, null]);
  });

  it('puts an answer on the day of the reader, through a change of the clocks', () => {
    // Central Europe left summer time on 25 October 2026 at 01:00 UTC.
    const berlin = dayNames('Europe/Berlin');
    expect(berlin(Date.UTC(2026, 9, 24, 21, 59))).toBe('2026-10-24');
    expect(berlin(Date.UTC(2026, 9, 24, 22, 1))).toBe('2026-10-25');
    expect(berlin(Date.UTC(2026, 9, 25, 22, 59))).toBe('2026-10-25');
    expect(berlin(Date.UTC(2026, 9, 25, 23, 1))).toBe('2026-10-26');
    expect(dayNames('Asia/Kathmandu')(Date.UTC(2026, 0, 1, 18, 14))).toBe('2026-01-01');
    expect(dayNames('Asia/Kathmandu')(Date.UTC(2026, 0, 1, 18, 15))).toBe('2026-01-02');
  });

  it('compares with the same time before, and offers what can be asked for', () => {
    for (let n = 0; n < 12; n += 1) {
      add(newSetup(), newFigures({ at: NOW - 20 * DAY + n, tokensPerSecond: 40 + (n % 3) }));
      add(newSetup({ threads: 8 }), newFigures({ at: NOW - 2 * DAY + n, tokensPerSecond: 50 + (n % 3) }));
    }
    const { models, options, answers } = summary({ from: NOW - 14 * DAY });
    expect(answers).toBe(12);
    expect(models[0]?.change).toEqual({ verdict: 'better', change: 51 / 41 - 1 });
    expect(options.threads).toEqual([8]);
    expect(summary().options.threads).toEqual([null, 8]);
    expect(summary({ from: null, threads: 8 }).answers).toBe(12);
  });
});

describe('percentiles', () => {
  it('are interpolated as in R', () => {
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(percentile([1, 2, 3, 4, 10], 0.9)).toBeCloseTo(7.6, 9);
    expect(spreadOf([7])).toEqual({ count: 1, median: 7, p10: 7, p90: 7 });
    expect(spreadOf([])).toBeNull();
  });
});

describe('a comparison', () => {
  const more = { better: 'more' } as const;

  it('tells a difference from noise', () => {
    expect(compare([40, 41, 40.5, 39.8, 40.2], [46, 46.4, 45.9, 46.2, 46.1], more)).toMatchObject({
      verdict: 'better',
    });
    expect(compare([40, 41, 40.5, 39.8, 40.2], [40.4, 39.9, 41.2, 40.1, 39.7], more).verdict).toBe('noise');
    expect(compare([40, 41, 40.5, 39.8], [46, 46.4, 45.9, 46.2, 46.1], more)).toEqual({
      verdict: 'too_few',
      change: null,
    });
    expect(compare([5, 5, 5, 5, 5], [5, 5, 5, 5, 5], more)).toEqual({ verdict: 'noise', change: 0 });
  });

  it('is the other way round for times', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { maxLength: 30 }),
        fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { maxLength: 30 }),
        (before, after) => {
          const speed = compare(before, after, more);
          const time = compare(before, after, { better: 'less' });
          const opposite = { better: 'worse', worse: 'better', noise: 'noise', too_few: 'too_few' };
          expect(time).toEqual({ verdict: opposite[speed.verdict], change: speed.change });
        },
      ),
    );
  });

  it('cries wolf for at most one in forty pairs of the same thing', () => {
    // A fixed generator: the same numbers in every run.
    let state = 12345;
    const random = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    const speeds = (count: number) =>
      Array.from({ length: count }, () => 40 * (1 + 0.2 * (random() + random() + random() - 1.5)));
    let alarms = 0;
    for (let n = 0; n < 1000; n += 1)
      if (compare(speeds(12), speeds(20), more).verdict !== 'noise') alarms += 1;
    expect(alarms).toBeLessThan(25);
  });
});

describe('slower since', () => {
  const newer = 'node-llama-cpp 3.22.1 (llama.cpp b7100)';
  const answers = (setup: SampleSetup, from: number, speeds: readonly number[]) =>
    speeds.map((tokensPerSecond, index) => ({ at: from + index, setup, tokensPerSecond }));
  const around = (middle: number, count = 12) =>
    Array.from({ length: count }, (_, index) => middle + ((index * 7) % 5) / 10);

  it('names the change that explains it', () => {
    const engine = newSetup({ engineVersion: newer });
    const [found] = slowdownsOf([
      ...answers(newSetup(), 0, around(42)),
      ...answers(engine, 100, around(39.4)),
    ]);
    expect(found).toMatchObject({ name: 'Mistral 7B', since: 'engine', value: newer, at: 100 });
    expect(found?.change).toBeCloseTo(39.6 / 42.2 - 1, 6);
    const card = newSetup({ backend: 'cuda', devices: ['RTX 4060'] });
    expect(
      slowdownsOf([...answers(newSetup(), 0, around(42)), ...answers(card, 100, around(30))])[0],
    ).toMatchObject({ since: 'device', value: 'cuda, RTX 4060' });
  });

  it('is silent about noise, small changes, few answers, other settings and what became faster', () => {
    const engine = newSetup({ engineVersion: newer });
    const silent = (after: SampleSetup, speeds: readonly number[]) =>
      expect(slowdownsOf([...answers(newSetup(), 0, around(42)), ...answers(after, 100, speeds)])).toEqual(
        [],
      );
    silent(engine, around(42));
    silent(engine, around(41.2));
    silent(engine, around(30, 9));
    silent(engine, around(50));
    silent(newSetup({ engineVersion: newer, threads: 2 }), around(20));
    silent(newSetup({ engineVersion: newer, modelKey: 'bbbb' }), around(20));
  });
});

describe('the wait for a first token', () => {
  const stats = { ttftMs: 300, loadMs: 0, promptTokens: 100, reusedTokens: 0 };

  it('is cold with a load, and for the first prompt after one', () => {
    expect(firstTokenKindOf({ ...stats, loadMs: 900, reusedTokens: 99 }, false)).toBe('cold');
    expect(firstTokenKindOf(stats, true)).toBe('cold');
    expect(firstTokenKindOf({ ...stats, reusedTokens: 80 }, true)).toBe('follow_up');
  });

  it('follows up where half of the prompt was reused, and is warm else', () => {
    expect(firstTokenKindOf({ ...stats, reusedTokens: 50 }, false)).toBe('follow_up');
    expect(firstTokenKindOf({ ...stats, reusedTokens: 49 }, false)).toBe('warm');
    expect(firstTokenKindOf({ ...stats, ttftMs: null }, false)).toBeNull();
  });
});

describe('memory', () => {
  const machine = { memoryTotalBytes: 16_000, memoryFreeBytes: 9_000 };
  const nothing = { weightsBytes: 0, kvCacheBytes: 0, buffersBytes: 0 };

  it('is the app and the others without a model', () => {
    expect(partsOf(machine, null, null, 500)).toEqual({
      ram: { ...nothing, appBytes: 500, otherBytes: 6_500 },
      vram: null,
    });
  });

  it('adds up: the pages of a file are the model, and free for others', () => {
    const loaded = {
      ram: { weightsBytes: 1_000, kvCacheBytes: 700, buffersBytes: 300 },
      mappedBytes: 2_000,
      vram: { weightsBytes: 4_000, kvCacheBytes: 1_000, buffersBytes: 100 },
    };
    const memory = { processBytes: 4_200, vramUsedBytes: 6_000, vramTotalBytes: 8_000 };
    const { ram, vram } = partsOf(machine, memory, loaded, 500);
    expect(ram).toEqual({
      weightsBytes: 3_000,
      kvCacheBytes: 700,
      buffersBytes: 300,
      appBytes: 700,
      otherBytes: 16_000 - 9_000 - 2_000 - 700,
    });
    expect(vram).toEqual({
      weightsBytes: 4_000,
      kvCacheBytes: 1_000,
      buffersBytes: 100,
      appBytes: 0,
      otherBytes: 900,
    });
  });

  it('is kept for half an hour; a model is looked up once', async () => {
    let now = 1_000_000;
    let lookedUp = 0;
    let listener: (state: EngineState) => void = () => {};
    let state = {
      ...INITIAL_STATE,
      modelId: 'm',
      contextSize: 512,
      memory: { processBytes: 1, vramUsedBytes: null, vramTotalBytes: null },
    };
    const history = new MemoryHistory({
      engine: {
        get state() {
          return state;
        },
        onState: (told) => {
          listener = told;
          return () => (listener = () => {});
        },
      },
      loaded: async () => {
        lookedUp += 1;
        return null;
      },
      machine: async () => ({ ...machine, processor: '', cores: 1, diskFreeBytes: null }),
      nameOf: async () => 'Main',
      now: () => now,
    });
    const tell = async (processBytes: number) => {
      state = { ...state, memory: { ...state.memory, processBytes } };
      listener(state);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await tell(2);
    // The same moment, and the same memory again.
    await tell(3);
    now += 5_000;
    listener(state);
    expect((await history.read()).readings.map(({ at }) => at)).toEqual([1_000_000, 1_005_000]);
    now += HISTORY_MS;
    await tell(4);
    expect((await history.read()).readings.map(({ modelName }) => modelName)).toEqual(['Main', 'Main']);
    expect(lookedUp).toBe(1);
    history.close();
    now += 5_000;
    await tell(5);
    expect((await history.read()).readings).toHaveLength(3);
  });

  it('never says more than was measured', () => {
    const loaded = {
      ram: { weightsBytes: 3_000, kvCacheBytes: 700, buffersBytes: 300 },
      mappedBytes: 0,
      vram: nothing,
    };
    const memory = { processBytes: 3_200, vramUsedBytes: null, vramTotalBytes: null };
    expect(partsOf(machine, memory, loaded, 500).ram).toMatchObject({
      weightsBytes: 3_000,
      kvCacheBytes: 200,
      buffersBytes: 0,
      appBytes: 500,
    });
  });
});
