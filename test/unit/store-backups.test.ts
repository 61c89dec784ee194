import { describe, expect, test } from 'vitest';
import { backupFacts, expiredBackups, KEPT_BACKUPS } from '../../src-main/store/backup.ts';

const DAY_MS = 24 * 3_600_000;
/** A Wednesday. */
const NOON = Date.UTC(2026, 10, 25, 12);

const nameOf = (at: number, reason = '') =>
  `leeward-v90-${new Date(at).toISOString().replaceAll(/[-:.]/g, '')}${reason && `-${reason}`}.db`;
const daysAgo = (days: number, reason?: string) => nameOf(NOON - days * DAY_MS, reason);
const keptOf = (names: string[]) => {
  const expired = new Set(expiredBackups(names));
  return names.filter((name) => !expired.has(name));
};

describe('names of backups', () => {
  test('say version, time and reason', () => {
    expect(backupFacts('leeward-v90-20261123T200501123Z-daily.db')).toEqual({
      version: 90,
      createdAt: Date.UTC(2026, 10, 23, 20, 5, 1, 123),
      reason: 'daily',
    });
    expect(backupFacts('leeward-v0-20261123T200501123Z.db')).toMatchObject({ reason: 'upgrade' });
  });

  test.each([
    'mine.db',
    'leeward.db',
    'leeward-v1-20261399T999999999Z.db',
    'leeward-v90-20261123T200501123Z-x.db',
  ])('%s is none', (name) => expect(backupFacts(name)).toBeNull());
});

describe('which backups stay', () => {
  test('the newest of each of the last 7 days, and of 4 weeks', () => {
    const names = Array.from({ length: 40 }, (_, index) => daysAgo(39 - index, 'daily'));
    const days = [0, 1, 2, 3, 4, 5, 6].map((day) => daysAgo(day, 'daily'));
    // Sundays before: the newest of the weeks. That of three days ago is one of the days.
    const weeks = [10, 17].map((day) => daysAgo(day, 'daily'));
    expect(keptOf(names)).toEqual([...days, ...weeks].sort());
  });

  test('of one day the newest', () => {
    const names = [nameOf(NOON, 'daily'), nameOf(NOON + 1_000, 'daily'), nameOf(NOON + 2_000, 'daily')];
    expect(keptOf(names)).toEqual(names.slice(2));
  });

  test('a computer that was off keeps what it has', () => {
    const names = [daysAgo(400, 'daily'), daysAgo(399, 'daily'), daysAgo(90, 'daily')];
    expect(keptOf(names)).toEqual(names);
  });

  test('the others are counted by reason, and unknown files are left alone', () => {
    for (const reason of ['', 'manual', 'restore']) {
      const names = Array.from({ length: 8 }, (_, index) => daysAgo(8 - index, reason));
      expect(keptOf(['mine.db', ...names])).toEqual(['mine.db', ...names.slice(-KEPT_BACKUPS)]);
    }
  });
});
