import type { LedgerEntry } from '../../../src-main/contract/index.ts';

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
export function groupLedger(entries: readonly LedgerEntry[], sessionStartedAt: number, now: number): LedgerGroup[] {
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
