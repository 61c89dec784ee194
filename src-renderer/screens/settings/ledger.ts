import type { LedgerEntry } from '../../../src-main/contract/index.ts';
import { formatDay, formatTime } from '../../lib/format.ts';

/** Rows under one heading: this run of the app, the rest of today, then one group a day. */
export interface LedgerGroup {
  kind: 'session' | 'today' | 'day';
  /** Stable key of the group. */
  key: string;
  /** Any time of the group's day; the session's start for `session`. */
  at: number;
  rows: LedgerEntry[];
}

/**
 * Groups entries that come newest first.
 * @param sessionStartedAt start of this run of the app, ms since 1970
 * @param now ms since 1970; days are those of the local calendar
 */
export function groupLedger(
  entries: readonly LedgerEntry[],
  sessionStartedAt: number,
  now: number,
): LedgerGroup[] {
  const groups = new Map<string, LedgerGroup>();
  for (const entry of entries) {
    const group = groupOf(entry.at, sessionStartedAt, now);
    const known = groups.get(group.key);
    if (known) known.rows.push(entry);
    else groups.set(group.key, { ...group, rows: [entry] });
  }
  return [...groups.values()];
}

function groupOf(at: number, sessionStartedAt: number, now: number): Omit<LedgerGroup, 'rows'> {
  if (at >= sessionStartedAt) return { kind: 'session', key: 'session', at: sessionStartedAt };
  const day = new Date(at).toDateString();
  return { kind: day === new Date(now).toDateString() ? 'today' : 'day', key: day, at };
}

// Made once: a format costs some 50 µs.
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** Time of day to the second, as a ledger needs it. @param at ms since 1970 */
export function clockText(at: number): string {
  return clock.format(at);
}

/** The time for today, else the day and the time. @param at ms since 1970 */
export function sinceText(at: number, now: number): string {
  const time = formatTime(at);
  return new Date(at).toDateString() === new Date(now).toDateString()
    ? time
    : `${formatDay(at, now)}, ${time}`;
}
