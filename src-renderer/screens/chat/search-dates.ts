export type DatePreset = 'any' | 'week' | 'month' | 'year' | 'own';

const DAYS = { week: 7, month: 30, year: 365 } as const;

/** The range of a preset: whole days of the local calendar, up to now. @param now ms since 1970 */
export function rangeSince(
  preset: Exclude<DatePreset, 'own'>,
  now: number,
): { from: number | null; to: null } {
  if (preset === 'any') return { from: null, to: null };
  const today = new Date(now);
  const from = new Date(today.getFullYear(), today.getMonth(), today.getDate() - DAYS[preset]);
  return { from: from.getTime(), to: null };
}

/** Local midnight of a `YYYY-MM-DD`, ms since 1970; null for anything else. @param later days after it */
export function startOfDay(value: string, later = 0): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/u.exec(value);
  if (match === null) return null;
  const [, year, month, day] = match;
  const at = new Date(Number(year), Number(month) - 1, Number(day) + later).getTime();
  return at >= 0 ? at : null;
}

/** `YYYY-MM-DD` of the local day, empty for null. @param at ms since 1970 */
export function dateOf(at: number | null): string {
  if (at === null) return '';
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
