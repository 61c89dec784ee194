import { describe, expect, it } from 'vitest';
import { capOf, isWorthSaving, samePrefix, toEvict } from '../../src-main/state-cache/decide.ts';

const GB = 1_000_000_000;
const GIB = 1024 ** 3;

describe('the space of saved states', () => {
  it.each([
    ['8 GiB on a large disk', { chosen: null, free: 500 * GB, held: 0 }, 8 * GIB],
    ['a tenth of a small one', { chosen: null, free: 20 * GB, held: 0 }, 2 * GB],
    ['the same with states on it', { chosen: null, free: 18 * GB, held: 2 * GB }, 2 * GB],
    ['nothing where space is short', { chosen: null, free: 400_000_000, held: 0 }, 0],
    ['less than they have where it became short', { chosen: null, free: 0, held: 600_000_000 }, 60_000_000],
    ['what the user chose', { chosen: 30 * GB, free: 500 * GB, held: 0 }, 30 * GB],
    ['less where there is less', { chosen: 30 * GB, free: 10 * GB, held: 0 }, 9.5 * GB],
    ['nothing when the user chose nothing', { chosen: 0, free: 500 * GB, held: 0 }, 0],
    ['the most where the system does not tell', { chosen: null, free: null, held: 0 }, 8 * GIB],
  ])('is %s', (_name, space, expected) => {
    expect(capOf(space)).toBe(expected);
  });
});

describe('saving a chat', () => {
  it.each([
    ['that takes long to read', { tokens: 1_000, freshTokens: 1_000, readingMs: 12_000 }, true],
    ['that is read at once', { tokens: 1_000, freshTokens: 1_000, readingMs: 1_900 }, false],
    ['of which little is new', { tokens: 1_000, freshTokens: 100, readingMs: 12_000 }, false],
    ['of which enough is new', { tokens: 1_000, freshTokens: 170, readingMs: 12_000 }, true],
    ['that was read more than once', { tokens: 1_000, freshTokens: 5_000, readingMs: 2_100 }, true],
    ['of unknown speed', { tokens: 1_000, freshTokens: 1_000, readingMs: null }, false],
    ['without tokens', { tokens: 0, freshTokens: 0, readingMs: 9_000 }, false],
  ])('%s', (_name, chat, expected) => {
    expect(isWorthSaving(chat, 2_000)).toBe(expected);
  });
});

describe('eviction', () => {
  const day = 24 * 3_600_000;
  const now = 100 * day;
  const state = (name: string, bytes: number, readingMs: number, ageDays = 0) => ({
    name,
    bytes,
    readingMs,
    usedAt: now - ageDays * day,
  });
  const names = (states: readonly { name: string }[]) => states.map(({ name }) => name);

  it('takes nothing while there is room', () => {
    expect(toEvict([state('a', 60, 1), state('b', 40, 1)], 100, now)).toEqual([]);
  });

  it('takes first what saves least per byte', () => {
    const states = [
      state('large and quick', 60, 3_000),
      state('small', 40, 9_000),
      state('slow', 60, 30_000),
    ];
    expect(names(toEvict(states, 100, now))).toEqual(['large and quick']);
    expect(names(toEvict(states, 60, now))).toEqual(['large and quick', 'small']);
  });

  it('takes the older one of two alike, and an old one before a newer one that saves a little less', () => {
    const alike = [state('old', 50, 5_000, 3), state('new', 50, 5_000, 1)];
    expect(names(toEvict(alike, 50, now))).toEqual(['old']);
    const unlike = [state('old', 50, 6_000, 14), state('new', 50, 5_000, 0)];
    expect(names(toEvict(unlike, 50, now))).toEqual(['old']);
  });

  it('takes everything when nothing may stay', () => {
    expect(toEvict([state('a', 1, 1), state('b', 1, 1)], 0, now)).toHaveLength(2);
  });
});

it.each([
  [[], [], 0],
  [[1, 2, 3], [1, 2, 3], 3],
  [[1, 2, 3], [1, 2], 2],
  [[1, 2, 3], [1, 9, 3], 1],
])('the same start of %j and %j is %i long', (left, right, expected) => {
  expect(samePrefix(left, right)).toBe(expected);
});
