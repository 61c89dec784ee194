/** Turns put in at first, and with each step: 12 rendered turns take 30 to 50 ms, and fill most screens. */
export const TURNS_AT_ONCE = 12;
/** More turns than this are never in the page: it costs the same whether a chat has a hundred or ten thousand. */
export const MAX_TURNS = 96;

/** The turns of a chat that are in the page. */
export interface TurnRange {
  /** null: as many as are put in at first. */
  from: number | null;
  /** null: up to the newest, whatever comes. */
  to: number | null;
}

export const NEWEST: TurnRange = { from: null, to: null };

/** The range as places in a list of `count` turns. */
export function placesOf({ from, to }: TurnRange, count: number): { from: number; to: number } {
  const end = Math.min(to ?? count, count);
  const start = Math.max(0, from ?? end - TURNS_AT_ONCE);
  // Also of a branch that has become shorter something is seen.
  return { from: Math.min(start, Math.max(0, end - 1)), to: end };
}

/** One step towards the beginning; far turns at the other end go. */
export function earlier(range: TurnRange, count: number): TurnRange {
  const { from, to } = placesOf(range, count);
  const first = Math.max(0, from - TURNS_AT_ONCE);
  return { from: first, to: to - first > MAX_TURNS ? first + MAX_TURNS : range.to };
}

/** One step towards the newest; far turns at the other end go. */
export function later(range: TurnRange, count: number): TurnRange {
  const { from, to } = placesOf(range, count);
  const last = Math.min(count, to + TURNS_AT_ONCE);
  return { from: Math.max(from, last - MAX_TURNS), to: last === count ? null : last };
}

/** The surroundings of one turn. */
export function around(index: number, count: number): TurnRange {
  const half = TURNS_AT_ONCE / 2;
  const last = index + half;
  return { from: Math.max(0, index - half), to: last >= count ? null : last };
}

/** The same turns after `by` older ones came before them. */
export function moved({ from, to }: TurnRange, by: number): TurnRange {
  return { from: from === null ? null : from + by, to: to === null ? null : to + by };
}
