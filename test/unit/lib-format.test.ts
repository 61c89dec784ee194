import { describe, expect, it } from 'vitest';
import {
  dayGroupOf,
  formatContextSize,
  formatFileSizes,
  formatGibibytes,
  formatRange,
  formatRate,
  formatRoughSize,
  formatCount,
  formatDay,
  formatDuration,
  formatFileSize,
  formatListTime,
  formatMemory,
  formatParameters,
  formatPercent,
  formatSpeed,
  formatTime,
  formatTokensCompact,
  formatWait,
  groupByDay,
} from '../../src-renderer/lib/format.ts';

const EN = 'en-GB';
const GIB = 1024 ** 3;

describe('figures', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [12_400, '12 kB'],
    [1_500_000, '1.5 MB'],
    [402_000_000, '402 MB'],
    [999_600_000, '1.0 GB'],
    [4_372_812_000, '4.4 GB'],
    [140_000_000_000, '140 GB'],
  ])('file size of %d bytes is %s', (bytes, text) => expect(formatFileSize(bytes, EN)).toBe(text));

  it.each([
    [0, '0 MiB'],
    [32 * 1024 ** 2, '32 MiB'],
    [1023.7 * 1024 ** 2, '1.0 GiB'],
    [5.6 * GIB, '5.6 GiB'],
    [128 * GIB, '128 GiB'],
  ])('memory of %d bytes is %s', (bytes, text) => expect(formatMemory(bytes, EN)).toBe(text));

  it.each([
    [0, '0.00 s'],
    [180, '0.18 s'],
    [996, '1.0 s'],
    [2100, '2.1 s'],
    [9960, '10 s'],
    [51_000, '51 s'],
    [59_700, '1 min'],
    [111_000, '1 min 51 s'],
    [3_599_800, '1 h'],
    [3_900_000, '1 h 5 min'],
    [-5, '0.00 s'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms, EN)).toBe(text));

  it.each([
    [0, '0'],
    [470, '470'],
    [999, '999'],
    [3637, '3.6k'],
    [7045, '7.0k'],
    [99_960, '100k'],
    [131_072, '131k'],
    [999_600, '1.0M'],
  ])('%d tokens are %s', (tokens, text) => expect(formatTokensCompact(tokens, EN)).toBe(text));

  it.each([
    [512, '512'],
    [4096, '4k'],
    [8192, '8k'],
    [131_072, '128k'],
    [1_048_576, '1M'],
    [5000, '5.0k'],
  ])('a context of %d is %s', (tokens, text) => expect(formatContextSize(tokens, EN)).toBe(text));

  it.each([
    [7_248_023_552, '7.25B'],
    [268_098_176, '268M'],
    [1_100_048_384, '1.10B'],
    [141_000_000_000, '141B'],
    [5_200_000, '5.2M'],
    [42_000, '42k'],
  ])('%d parameters are %s', (count, text) => expect(formatParameters(count, EN)).toBe(text));

  it('writes speeds, counts and shares', () => {
    expect(formatSpeed(46.21, EN)).toBe('46.2 tok/s');
    expect(formatCount(3637.4, EN)).toBe('3,637');
    expect(formatPercent(0.624, EN)).toBe('62%');
  });

  it.each([
    [820_400, '820 kB/s'],
    [38.4e6, '38.4 MB/s'],
    [251.3e6, '251 MB/s'],
  ])('a rate of %d is %s', (rate, text) => expect(formatRate(rate, EN)).toBe(text));

  it.each([
    [3.21e9, 7.48e9, ['3.21', '7.48 GB']],
    [402e6, 7.48e9, ['402 MB', '7.48 GB']],
  ])('%d of %d names a unit once', (done, all, texts) =>
    expect(formatFileSizes(done, all, EN)).toEqual(texts),
  );

  it.each([
    [42.2, 47.9, ['42', '48']],
    [5.1, 7.4, ['5', '7']],
    [5.1, 5.4, ['5.1', '5.4']],
    [1.21, 1.74, ['1.2', '1.7']],
  ])('a speed from %d to %d', (low, high, texts) => expect(formatRange(low, high, EN)).toEqual(texts));

  it('an estimate has fewer digits', () => {
    expect(formatRoughSize(4.389e9, EN)).toBe('4.4 GB');
    expect(formatRoughSize(219.4e6, EN)).toBe('220 MB');
    expect(formatGibibytes(4.1 * 1024 ** 3, EN)).toBe('4.1');
    expect(formatGibibytes(11 * 1024 ** 2, EN)).toBe('11 MiB');
    expect(formatGibibytes(0, EN)).toBe('0.0');
  });

  describe('a wait', () => {
    it.each([
      [0, '0.1 s'],
      [420, '0.4 s'],
      [960, '1 s'],
      [3_400, '3 s'],
      [59_400, '59 s'],
      [111_000, '1 min 51 s'],
    ])('of %d ms is %s', (ms, text) => expect(formatWait(ms, EN)).toBe(text));
  });

  it('follows the locale', () => {
    expect(formatFileSize(4_372_812_000, 'de')).toBe('4,4 GB');
    expect(formatCount(3637, 'de')).toBe('3.637');
  });
});

describe('times', () => {
  const now = new Date(2026, 10, 23, 12, 0).getTime();
  const at = (day: number, hour = 9, month = 10, year = 2026): number =>
    new Date(year, month, day, hour, 48).getTime();

  it.each([
    [at(23, 0), { kind: 'today', key: 'today' }],
    [at(24, 0), { kind: 'today', key: 'today' }],
    [at(22, 23), { kind: 'yesterday', key: 'yesterday' }],
    [at(21), { kind: 'week', key: 'week' }],
    [at(16), { kind: 'week', key: 'week' }],
    [at(15), { kind: 'month', key: '2026-11', label: 'November' }],
    [at(3, 9, 1), { kind: 'month', key: '2026-02', label: 'February' }],
    [at(3, 9, 1, 2025), { kind: 'month', key: '2025-02', label: 'February 2025' }],
  ])('groups by day', (time, group) => expect(dayGroupOf(time, now, EN)).toEqual(group));

  it('counts days of the calendar over a change of clocks', () => {
    // Whatever the zone of the machine: midnight to midnight over both changes of a year.
    for (const [month, day] of [
      [2, 29],
      [9, 25],
    ] as const) {
      const later = new Date(2026, month, day + 1, 0, 30).getTime();
      expect(dayGroupOf(new Date(2026, month, day, 0, 10).getTime(), later, EN).kind).toBe('yesterday');
    }
  });

  it('keeps the order inside groups', () => {
    const times = [at(23, 11), at(23, 8), at(22), at(1)];
    expect(
      groupByDay(times, (time) => time, now, EN).map(({ group, items }) => [group.key, items.length]),
    ).toEqual([
      ['today', 2],
      ['yesterday', 1],
      ['2026-11', 1],
    ]);
  });

  it('shortens with distance', () => {
    expect(formatTime(at(23), EN)).toBe('09:48');
    expect(formatListTime(at(22), now, EN)).toBe('09:48');
    expect(formatListTime(at(20), now, EN)).toBe('Fri');
    expect(formatListTime(at(3), now, EN)).toBe('3 Nov');
    expect(formatDay(at(3, 9, 1, 2025), now, EN)).toBe('3 Feb 2025');
  });
});
