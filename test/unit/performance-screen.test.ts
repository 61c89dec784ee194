import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  areaPath,
  daysBetween,
  linear,
  linePath,
  logarithmic,
  logTicksOf,
  markerPath,
  MAX_SERIES,
  someOf,
  spreadLabels,
  ticksOf,
} from '../../src-renderer/lib/charts.ts';
import { formatChange, formatLarge } from '../../src-renderer/lib/format.ts';
import { csvOf, jsonOf } from '../../src-renderer/lib/table-file.ts';
import {
  countText,
  durationParts,
  modelNames,
  secondsText,
  shortVersion,
  spanText,
} from '../../src-renderer/screens/performance/figures.ts';
import { samplesFile } from '../../src-renderer/screens/performance/samples-file.ts';
import { tableFile } from '../../src-renderer/screens/performance/table.ts';
import { MetricsStore, startOf } from '../../src-renderer/state/metrics.svelte.ts';
import type { AppClient, GenerationSample, MetricsSummary } from '../../src-main/contract/index.ts';
import { newFigures, newSetup } from '../support/samples.ts';

describe('scales', () => {
  it('map a range to pixels, and one value to the middle', () => {
    expect(linear([0, 10], [100, 0])(2.5)).toBe(75);
    expect(linear([5, 5], [0, 100])(5)).toBe(50);
    expect(logarithmic([1, 100], [0, 100])(10)).toBeCloseTo(50, 9);
  });

  it('have round ticks around every range', () => {
    expect(ticksOf(0, 0.3).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(ticksOf(38, 92).ticks).toEqual([20, 40, 60, 80, 100]);
    expect(ticksOf(0, 3, { whole: true }).ticks).toEqual([0, 1, 2, 3]);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }).map((value) => value / 1000),
        fc.integer({ min: 0, max: 1e9 }).map((value) => value / 1000),
        (a, b) => {
          const { from, to, ticks } = ticksOf(Math.min(a, b), Math.max(a, b));
          const slack = (to - from) * 1e-6;
          expect(from).toBeLessThanOrEqual(Math.min(a, b) + slack);
          expect(to).toBeGreaterThanOrEqual(Math.max(a, b) - slack);
          expect(ticks.length).toBeGreaterThanOrEqual(2);
          expect(ticks.length).toBeLessThanOrEqual(8);
        },
      ),
    );
    expect(logTicksOf(0.05, 4)).toEqual([0.1, 0.3, 1, 3]);
  });
});

describe('shapes', () => {
  it('are paths', () => {
    const points = [
      { x: 0, y: 1 },
      { x: 2.04, y: 3 },
    ];
    expect(linePath(points)).toBe('M0 1L2 3');
    expect(areaPath(points, [{ x: 0, y: 9 }])).toBe('M0 1L2 3L0 9Z');
    expect(linePath([])).toBe('');
    const shapes = Array.from({ length: MAX_SERIES }, (_, series) => markerPath(series, { x: 0, y: 0 }));
    expect(new Set(shapes).size).toBe(MAX_SERIES);
  });

  it('keep labels apart, in order and inside', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 140, noNaN: true }), { maxLength: 5 }), (wanted) => {
        const placed = spreadLabels(wanted, { gap: 17, from: 8, to: 146 });
        const order = wanted.map((y, index) => ({ y, at: placed[index] ?? 0 })).toSorted((a, b) => a.y - b.y);
        for (const [index, { at }] of order.entries()) {
          expect(at).toBeGreaterThanOrEqual(8 - 1e-9);
          expect(at).toBeLessThanOrEqual(146 + 1e-9);
          if (index > 0) expect(at - (order[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(17 - 1e-9);
        }
      }),
    );
  });

  it('count the days of an axis through the end of summer time', () => {
    const days = daysBetween('2026-10-24', '2026-10-26');
    expect(days).toEqual(['2026-10-24', '2026-10-25', '2026-10-26']);
    expect(someOf(['a', 'b', 'c', 'd', 'e'], 3).map(({ item }) => item)).toEqual(['a', 'c', 'e']);
  });
});

describe('figures', () => {
  it('are short where there is little room', () => {
    expect(durationParts(180)).toEqual(['0.18', 's']);
    expect(durationParts(111_000)).toEqual(['1 min 51 s', '']);
    expect([secondsText(30), secondsText(300), secondsText(3000), secondsText(30_000)]).toEqual([
      '0.03 s',
      '0.3 s',
      '3 s',
      '30 s',
    ]);
    expect([countText(0), countText(500), countText(20_000), countText(1_500_000)]).toEqual([
      '0',
      '500',
      '20k',
      '1.5M',
    ]);
    expect([spanText(0), spanText(2000), spanText(120_000)]).toEqual(['0', '2 s', '2 min']);
    expect(formatLarge(9_799, 'en')).toEqual(['9,799', '']);
    expect(formatLarge(1_240_000, 'en')).toEqual(['1.24', 'million']);
    expect(formatChange(0.031, 'en')).toBe('+3.1%');
    expect(formatChange(-0.06, 'en')).toBe('−6.0%');
    expect(shortVersion('node-llama-cpp 3.22.1 (llama.cpp b7100)')).toBe('3.22.1');
    expect(shortVersion('test')).toBe('test');
  });

  it('name models apart', () => {
    const of = (modelKey: string, name: string, quant: string | null) => ({ modelKey, name, quant });
    expect([...modelNames([of('a', 'M', 'Q4'), of('b', 'M', 'Q8'), of('c', 'N', 'Q4')]).values()]).toEqual([
      'M Q4',
      'M Q8',
      'N',
    ]);
  });

  it('begin at midnight here', () => {
    const now = new Date(2026, 10, 23, 15, 30).getTime();
    expect(startOf('today', now)).toBe(new Date(2026, 10, 23).getTime());
    expect(startOf('days14', now)).toBe(new Date(2026, 10, 10).getTime());
    expect(startOf('all', now)).toBeNull();
  });
});

describe('files', () => {
  it('are CSV with whole figures, and never a formula', () => {
    expect(
      csvOf(
        ['a', 'b'],
        [
          ['x,"y"', 1.23456789],
          ['=SUM(A1)', null],
        ],
      ),
    ).toBe('a,b\r\n"x,""y""",1.23456789\r\n\'=SUM(A1),\r\n');
    expect(csvOf(['n'], [[-3]])).toBe('n\r\n-3\r\n');
    expect(JSON.parse(jsonOf(['a', 'b'], [['x', null]]))).toEqual([{ a: 'x', b: null }]);
  });

  it('of a chart have its rows', () => {
    const data = {
      fileName: 'models',
      columns: [
        { name: 'model', label: 'Model' },
        { name: 'tokens', label: 'Tokens', format: String },
      ],
      rows: [['Mistral', 46.25]],
    };
    const at = Date.UTC(2026, 10, 23);
    expect(tableFile(data, 'csv', at)).toEqual({
      fileName: 'leeward-models-2026-11-23.csv',
      text: 'model,tokens\r\nMistral,46.25\r\n',
    });
    expect(JSON.parse(tableFile(data, 'json', at).text)).toEqual([{ model: 'Mistral', tokens: 46.25 }]);
  });

  it('of answers have every field of the records', () => {
    const sample: GenerationSample = { id: 1, ...newFigures(), ...newSetup() };
    expect(JSON.parse(samplesFile([sample], 'json', 0).text)).toEqual([sample]);
    const [head = '', line = ''] = samplesFile([sample], 'csv', 0).text.split('\r\n');
    const cells = Object.fromEntries(head.split(',').map((name, index) => [name, line.split(',')[index]]));
    expect(cells).toMatchObject({
      model: 'Mistral 7B',
      at: '1970-01-01T00:16:40.000Z',
      kind: 'warm',
      firstTokenMs: '420.75',
      tokensPerSecond: '45.75',
      threads: '',
      guessedRight: '21',
      vramBytes: '6000000000',
    });
    const inFile = Object.keys(cells);
    const left = Object.keys(sample).filter((name) => !inFile.includes(name));
    // Under other names: the model's, and each of the sampling's.
    expect(left).toEqual(['modelKey', 'modelName', 'sampling']);
  });
});

describe('the store of the screen', () => {
  const settled = { type: 'generation.settled', conversationId: 'c', messageId: 'm' } as const;

  it('reads while it is shown only, with what was chosen', async () => {
    const asked: unknown[] = [];
    const summary = vi.fn(async (input: unknown): Promise<MetricsSummary> => {
      asked.push(input);
      return { answers: asked.length } as MetricsSummary;
    });
    const store = new MetricsStore({ metrics: { summary } } as unknown as AppClient);
    store.handle(settled);
    expect(summary).not.toHaveBeenCalled();
    const hide = store.show();
    await vi.waitFor(() => expect(store.summary?.answers).toBe(1));
    store.setPeriod('all');
    await vi.waitFor(() => expect(asked.at(-1)).toMatchObject({ filter: { from: null } }));
    store.choose('threads', null);
    await vi.waitFor(() => expect(asked.at(-1)).toMatchObject({ filter: { from: null, threads: null } }));
    store.choose('threads', undefined);
    expect(store.isNarrowed).toBe(false);
    await vi.waitFor(() => expect(asked).toHaveLength(4));
    store.handle(settled);
    await vi.waitFor(() => expect(asked).toHaveLength(5));
    hide();
    store.handle(settled);
    expect(summary).toHaveBeenCalledTimes(5);
  });

  it('keeps what was shown when a reading fails, and says so', async () => {
    const summary = vi
      .fn<() => Promise<MetricsSummary>>()
      .mockResolvedValueOnce({ answers: 3 } as MetricsSummary)
      .mockRejectedValueOnce(new Error('gone'));
    const store = new MetricsStore({ metrics: { summary } } as unknown as AppClient);
    await store.refresh();
    await store.refresh();
    expect(store.summary?.answers).toBe(3);
    expect(store.failure?.code).toBe('internal');
  });

  it('collects the raw records page by page', async () => {
    const page = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ id: from + index }) as GenerationSample);
    const samples = vi.fn(async ({ afterId }: { afterId: number }) =>
      afterId === 0 ? page(1, 5_000) : page(afterId + 1, 12),
    );
    const store = new MetricsStore({ metrics: { samples } } as unknown as AppClient);
    expect(await store.samples()).toHaveLength(5_012);
    expect(samples.mock.calls.map(([{ afterId }]) => afterId)).toEqual([0, 5_000]);
  });
});
