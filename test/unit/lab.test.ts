import { describe, expect, test } from 'vitest';
import { BENCH_FORMAT, BENCH_FORMAT_VERSION, type BenchRun } from '../../src-main/contract/index.ts';
import { benchFile, readBenchFile } from '../../src-main/metrics/lab-file.ts';
import { BenchPrompts } from '../../src-main/metrics/lab-prompts.ts';
import {
  benchSlowdowns,
  changeOf,
  comparedLines,
  figureOf,
  rowsOf,
} from '../../src-main/metrics/lab-summary.ts';

type Over = Partial<BenchRun> & { decode?: number[]; engineVersion?: string };

function run({
  decode = [46, 46.2, 46.1, 46.3, 45.9],
  engineVersion = '3.22.0',
  ...over
}: Over = {}): BenchRun {
  return {
    id: crypto.randomUUID(),
    imported: false,
    name: 'Nightly',
    at: 1_700_000_000_000,
    elapsedMs: 60_000,
    isPartial: false,
    model: { key: 'key', name: 'Main', quant: 'Q4_K_M', sha256: null, sizeBytes: 4_000 },
    settings: {
      contextSize: 4096,
      gpuLayers: 0,
      threads: 2,
      flashAttention: 'auto',
      cacheType: 'f16',
      batchTokens: 512,
    },
    protocol: { depths: [512], decodeTokens: 64, repeats: 5 },
    environment: {
      engineVersion,
      appVersion: '0.1.0',
      backend: 'cpu',
      devices: [],
      driver: null,
      os: 'linux 6.1',
      arch: 'x64',
      processor: 'A processor',
      cores: 2,
      memoryTotalBytes: 8_000,
      onBattery: null,
    },
    figures: {
      loadMs: [1000, 1010, 990, 1005, 995],
      coldMs: [1500, 1510, 1490, 1505, 1495],
      depths: [
        {
          depth: 512,
          promptTokens: [508, 511],
          prefill: [900, 905, 895, 902, 898],
          decode,
          warmMs: [560, 562, 558, 561, 559],
          followUpMs: [50, 51, 49, 50, 50],
        },
      ],
    },
    peakMemoryBytes: 5_000,
    peakVramBytes: null,
    disturbed: 0,
    ...over,
  };
}

describe('figures of repeats', () => {
  test.each([
    [[], null],
    [[5], { count: 1, median: 5, plusMinus: null }],
    [[1, 3], { count: 2, median: 2, plusMinus: 0.5 }],
    // Quartiles 2 and 4; the one that was slow for another reason moves neither.
    [[1, 2, 3, 4, 5], { count: 5, median: 3, plusMinus: 1 }],
    [[1, 2, 3, 4, 500], { count: 5, median: 3, plusMinus: 1 }],
  ])('%j', (values, expected) => {
    expect(figureOf(values)).toEqual(expected);
  });

  const up = (values: number[], by: number) => values.map((value) => value * by);
  const base = [46, 46.2, 46.1, 46.3, 45.9];
  test.each([
    ['all five above all five', up(base, 1.06), 'decode', 'better'],
    ['all five below all five', up(base, 0.94), 'decode', 'worse'],
    ['a time that became longer', up(base, 1.06), 'warm', 'worse'],
    ['a time that became shorter', up(base, 0.94), 'cold', 'better'],
    ['values that overlap', [46.3, 46.9, 46, 45.8, 47], 'decode', 'noise'],
    ['apart, but by less than two runs of the same differ', up(base, 1.009), 'decode', 'noise'],
    ['four repeats', up(base, 1.2).slice(1), 'decode', 'too_few'],
    ['one repeat', [80], 'decode', 'too_few'],
  ] as const)('%s', (_, after, quantity, verdict) => {
    expect(changeOf(base, after, quantity)?.verdict).toBe(verdict);
  });

  test('without one side there is nothing to compare', () => {
    expect(changeOf([], base, 'decode')).toBeNull();
    expect(changeOf(base, [], 'decode')).toBeNull();
  });
});

describe('a list of runs', () => {
  const cellOf = (runs: BenchRun[], place = 0) => {
    const row = rowsOf(runs)[place];
    const line = row?.lines.find(({ quantity }) => quantity === 'decode');
    return { previousId: row?.previousId, change: line?.cells[0]?.change };
  };
  const slower = () => run({ decode: [43, 43.1, 43.2, 42.9, 43.3] });

  test('compares with the newest run before that is the same', () => {
    const [old, older] = [run(), run()];
    expect(cellOf([slower(), old, older])).toMatchObject({
      previousId: old.id,
      change: { verdict: 'worse' },
    });
    expect(cellOf([old])).toEqual({ previousId: null, change: null });
  });

  test.each<[string, Over]>([
    ['imported', { imported: true }],
    ['partial', { isPartial: true }],
    ['of another file', { model: { ...run().model, key: 'other' } }],
    ['with another context', { settings: { ...run().settings, contextSize: 8192 } }],
    ['with other threads', { settings: { ...run().settings, threads: 4 } }],
    ['with another cache', { settings: { ...run().settings, cacheType: 'q8_0' } }],
    ['with another batch', { settings: { ...run().settings, batchTokens: 256 } }],
    ['at other depths', { protocol: { ...run().protocol, depths: [1024] } }],
  ])('not with one that is %s', (_, over) => {
    expect(cellOf([slower(), run(over)]).previousId).toBeNull();
  });

  test('a run of before the batch was told is one with the usual batch', () => {
    const old = run({ settings: { ...run().settings, batchTokens: null } });
    expect(cellOf([slower(), old]).previousId).toBe(old.id);
  });

  test('more repeats make no other run', () => {
    expect(
      cellOf([slower(), run({ protocol: { ...run().protocol, repeats: 10 } })]).previousId,
    ).not.toBeNull();
  });

  test('side by side, each differs from the first', () => {
    const lines = comparedLines([run(), slower(), run({ figures: { ...run().figures, depths: [] } })]);
    const decode = lines.find(({ quantity, depth }) => quantity === 'decode' && depth === 512);
    expect(decode?.cells.map(({ change }) => change?.verdict ?? null)).toEqual([null, 'worse', null]);
    expect(decode?.cells[2]?.figure).toBeNull();
  });

  test('says since when a model is slower', () => {
    const now = { ...slower(), environment: { ...run().environment, engineVersion: '3.22.1' } };
    expect(benchSlowdowns([now, run()])).toMatchObject([{ name: 'Main', since: 'engine', value: '3.22.1' }]);
    expect(benchSlowdowns([slower(), run()])).toEqual([]);
    expect(benchSlowdowns([run(), now])).toEqual([]);
    expect(benchSlowdowns([now])).toEqual([]);
  });
});

describe('a file of runs', () => {
  test('comes back as it was, marked as imported', () => {
    const runs = [run(), run({ name: 'Other' })];
    const { fileName, text } = benchFile(runs, Date.UTC(2026, 10, 23));
    expect(fileName).toBe('leeward-benchmark-2026-11-23.json');
    expect(readBenchFile(text)).toEqual({
      runs: runs.map((one) => ({ ...one, imported: true })),
      refused: [],
    });
  });

  const file = (over: object) =>
    JSON.stringify({ format: BENCH_FORMAT, version: BENCH_FORMAT_VERSION, runs: [run()], ...over });
  test.each([
    ['not_json', '{'],
    ['other_format', '[]'],
    ['other_format', 'null'],
    ['other_format', file({ format: 'leeward-presets' })],
    ['other_format', file({ runs: {} })],
    ['newer_version', file({ version: BENCH_FORMAT_VERSION + 1 })],
    ['too_many', file({ runs: Array.from({ length: 1001 }, () => 0) })],
  ])('is refused as a whole: %s', (problem, text) => {
    expect(readBenchFile(text)).toEqual({ problem });
  });

  test('keeps what is right and names what is not', () => {
    const wrong = { ...run(), environment: { ...run().environment, cores: -1 } };
    const unknown = { ...run(), path: '/home/someone/model.gguf' };
    const read = readBenchFile(file({ runs: [unknown, wrong, 7] }));
    if ('problem' in read) throw new Error(read.problem);
    expect(read.runs).toHaveLength(1);
    expect(JSON.stringify(read.runs)).not.toContain('someone');
    expect(read.refused).toEqual([
      { place: 2, field: 'environment.cores' },
      { place: 3, field: null },
    ]);
  });

  test('whatever it holds, never throws and lets in only runs', () => {
    // The same rubbish every time: a small generator of numbers.
    let state = 7;
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % below;
    };
    const whole = benchFile([run(), run()], 0).text;
    const rubbish = ['null', '-1', '1e400', '"\\u0000"', '[]', '{}', 'true', '"x"', '', ',', '}'];
    let letIn = 0;
    for (let round = 0; round < 2_000; round += 1) {
      const at = random(whole.length);
      const piece = rubbish[random(rubbish.length)] ?? '';
      const text = whole.slice(0, at) + piece + whole.slice(at + random(40));
      const read = readBenchFile(text);
      if ('problem' in read) continue;
      letIn += read.runs.length;
      for (const { figures, imported } of read.runs) {
        expect(imported).toBe(true);
        const values = figures.depths.flatMap(({ prefill, decode }) => [...prefill, ...decode]);
        expect(values.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
      }
      rowsOf(read.runs);
    }
    expect(letIn).toBeGreaterThan(0);
  });
});

describe('prompts', () => {
  const words = (text: string) => Promise.resolve(Math.ceil(text.length / 4));

  test.each([128, 512, 4096])('of %i tokens are nearly so long, and never longer', async (depth) => {
    const text = await new BenchPrompts('seed').of(depth, words);
    const count = await words(text);
    expect(count).toBeLessThanOrEqual(depth);
    expect(count).toBeGreaterThan(depth * 0.9);
  });

  test('differ from their first word on', async () => {
    const prompts = new BenchPrompts('seed');
    const [one, two] = [await prompts.of(128, words), await prompts.of(128, words)];
    const first = (text: string) => text.split(' ')[0];
    expect(first(one)).not.toBe(first(two));
    expect(first(one)).not.toBe(first(await new BenchPrompts('other').of(128, words)));
  });
});
