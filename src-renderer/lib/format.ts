/**
 * Figures as they are shown (guide section 7). Numbers and dates follow the locale, units stay as they are.
 * `locale` is a BCP 47 tag; without it the browser's own is used.
 */

const KILO = 1000;
const KIBI = 1024;
const SECOND_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAYS_IN_WEEK_GROUP = 7;

const numberFormats = new Map<string, Intl.NumberFormat>();
const dateFormats = new Map<string, Intl.DateTimeFormat>();

// Making an Intl format costs some 50 µs, and a list makes hundreds.
function numberFormat(locale: string | undefined, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale ?? ''}${JSON.stringify(options)}`;
  const known = numberFormats.get(key) ?? new Intl.NumberFormat(locale, options);
  numberFormats.set(key, known);
  return known;
}

function dateFormat(locale: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale ?? ''}${JSON.stringify(options)}`;
  const known = dateFormats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  dateFormats.set(key, known);
  return known;
}

function fixed(value: number, decimals: number, locale: string | undefined): string {
  return numberFormat(locale, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    useGrouping: true,
  }).format(value);
}

/** A whole number with the locale's grouping: 3,637. */
export function formatCount(value: number, locale?: string): string {
  return fixed(Math.round(value), 0, locale);
}

/** A number with so many decimals: 46.2. */
export function formatDecimal(value: number, decimals: number, locale?: string): string {
  return fixed(value, decimals, locale);
}

/** A large number as a figure and its word: `1.24` and `million`; below 10,000 the whole number and no word. */
export function formatLarge(value: number, locale?: string): [figure: string, word: string] {
  if (value < 10 * KILO) return [formatCount(value, locale), ''];
  const parts = numberFormat(locale, {
    notation: 'compact',
    compactDisplay: 'long',
    maximumSignificantDigits: 3,
  }).formatToParts(value);
  const text = (wanted: (type: string) => boolean) =>
    parts
      .filter(({ type }) => wanted(type))
      .map((part) => part.value)
      .join('')
      .trim();
  return [text((type) => type !== 'compact'), text((type) => type === 'compact')];
}

/** A change from before with its sign: +3.1%, −6.0%. @param share 0.031 */
export function formatChange(share: number, locale?: string): string {
  return numberFormat(locale, {
    style: 'percent',
    signDisplay: 'exceptZero',
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  })
    .format(share)
    .replace('-', '\u2212');
}

/** A share from 0 to 1 as a whole percentage: 62%. */
export function formatPercent(share: number, locale?: string): string {
  return numberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }).format(share);
}

/** File size, decimal units as on Hugging Face: 4.4 GB, 402 MB, 12 kB, 80 B. */
export function formatFileSize(bytes: number, locale?: string): string {
  return sizeText(bytes, 1, locale);
}

function sizeText(bytes: number, decimals: number, locale: string | undefined): string {
  const gigabytes = bytes / KILO ** 3;
  // From 999.5 MB on, rounding would show "1,000 MB".
  if (bytes >= 999.5 * KILO ** 2) return `${fixed(gigabytes, gigabytes < 99.95 ? decimals : 0, locale)} GB`;
  if (bytes >= 999.5 * KILO) {
    const megabytes = bytes / KILO ** 2;
    return `${fixed(megabytes, megabytes < 9.95 ? 1 : 0, locale)} MB`;
  }
  if (bytes >= KILO) return `${fixed(bytes / KILO, 0, locale)} kB`;
  return `${fixed(bytes, 0, locale)} B`;
}

/** A file size that is an estimate: 4.4 GB, 220 MB. */
export function formatRoughSize(bytes: number, locale?: string): string {
  const gigabytes = bytes / KILO ** 3;
  if (gigabytes >= 0.95) return `${fixed(gigabytes, gigabytes < 99.95 ? 1 : 0, locale)} GB`;
  return `${fixed(Math.round(bytes / KILO ** 2 / 10) * 10, 0, locale)} MB`;
}

/** `3.21 of 7.48 GB`: the two figures, which grow under the eye; the unit only once when both have the same. */
export function formatFileSizes(done: number, all: number, locale?: string): [string, string] {
  const whole = sizeText(all, 2, locale);
  const part = sizeText(done, 2, locale);
  const [figure = part, unit = ''] = part.split(' ');
  return [whole.endsWith(` ${unit}`) ? figure : part, whole];
}

/** Speed of a transfer, decimal units: 38.4 MB/s, 820 kB/s. @param bytesPerSecond bytes a second */
export function formatRate(bytesPerSecond: number, locale?: string): string {
  if (bytesPerSecond >= 999.5 * KILO) {
    const megabytes = bytesPerSecond / KILO ** 2;
    return `${fixed(megabytes, megabytes < 99.95 ? 1 : 0, locale)} MB/s`;
  }
  return `${fixed(bytesPerSecond / KILO, 0, locale)} kB/s`;
}

/**
 * Memory as a bare figure in GiB with one decimal, for places that name the unit once: 4.1. What would show as
 * nothing has its own unit.
 */
export function formatGibibytes(bytes: number, locale?: string): string {
  if (bytes > 0 && bytes < 0.05 * KIBI ** 3) return formatMemory(bytes, locale);
  return fixed(bytes / KIBI ** 3, 1, locale);
}

/**
 * The two ends of a predicted speed: 42 and 48; with one decimal where whole numbers would hide the range.
 * @param low tokens a second
 * @param high tokens a second
 */
export function formatRange(low: number, high: number, locale?: string): [string, string] {
  const decimals = low < 3 || (low < 10 && Math.round(low) === Math.round(high)) ? 1 : 0;
  return [fixed(low, decimals, locale), fixed(high, decimals, locale)];
}

/** Memory, binary units: 5.6 GiB, 340 MiB. */
export function formatMemory(bytes: number, locale?: string): string {
  const gibibytes = bytes / KIBI ** 3;
  if (bytes >= 1023.5 * KIBI ** 2) return `${fixed(gibibytes, gibibytes < 99.95 ? 1 : 0, locale)} GiB`;
  return `${fixed(bytes / KIBI ** 2, 0, locale)} MiB`;
}

/** Speed of reading or answering: 46.2 tok/s. @param tokensPerSecond tokens a second */
export function formatSpeed(tokensPerSecond: number, locale?: string): string {
  return `${fixed(tokensPerSecond, 1, locale)} tok/s`;
}

/**
 * A time span: 0.18 s, 2.1 s, 51 s, 1 min 51 s, 2 h 5 min.
 * @param ms milliseconds
 */
export function formatDuration(ms: number, locale?: string): string {
  const seconds = Math.max(0, ms) / SECOND_MS;
  if (seconds < 0.995) return `${fixed(seconds, 2, locale)} s`;
  if (seconds < 9.95) return `${fixed(seconds, 1, locale)} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE_S) return `${fixed(whole, 0, locale)} s`;
  if (whole < HOUR_S) {
    const rest = whole % MINUTE_S;
    const minutes = `${fixed(Math.floor(whole / MINUTE_S), 0, locale)} min`;
    return rest === 0 ? minutes : `${minutes} ${fixed(rest, 0, locale)} s`;
  }
  const minutes = Math.round(whole / MINUTE_S);
  const hours = `${fixed(Math.floor(minutes / 60), 0, locale)} h`;
  return minutes % 60 === 0 ? hours : `${hours} ${fixed(minutes % 60, 0, locale)} min`;
}

/** A wait, estimated or still going on: tenths below a second, then as {@link formatDuration} rounded. */
export function formatWait(ms: number, locale?: string): string {
  const seconds = Math.max(0, ms) / SECOND_MS;
  if (seconds < 0.95) return `${fixed(Math.max(0.1, seconds), 1, locale)} s`;
  return seconds < MINUTE_S ? `${fixed(seconds, 0, locale)} s` : formatDuration(ms, locale);
}

/** Tokens in a narrow place: 470, 3.6k, 128k, 1.2M. */
export function formatTokensCompact(tokens: number, locale?: string): string {
  if (tokens < KILO) return fixed(tokens, 0, locale);
  if (tokens < 999_500) {
    const thousands = tokens / KILO;
    return `${fixed(thousands, thousands < 99.95 ? 1 : 0, locale)}k`;
  }
  return `${fixed(tokens / KILO ** 2, 1, locale)}M`;
}

/** A context size, for which k is 1,024: 8k, 32k, 128k, 1M; other sizes as {@link formatTokensCompact}. */
export function formatContextSize(tokens: number, locale?: string): string {
  if (tokens >= KIBI ** 2 && tokens % KIBI ** 2 === 0) return `${fixed(tokens / KIBI ** 2, 0, locale)}M`;
  if (tokens >= KIBI && tokens % KIBI === 0) return `${fixed(tokens / KIBI, 0, locale)}k`;
  return formatTokensCompact(tokens, locale);
}

/** Number of weights: 7.25B, 268M. */
export function formatParameters(count: number, locale?: string): string {
  if (count >= 999.5e6) return `${fixed(count / 1e9, count < 99.95e9 ? 2 : 0, locale)}B`;
  if (count >= 999.5e3) return `${fixed(count / 1e6, count < 9.95e6 ? 1 : 0, locale)}M`;
  return `${fixed(count / 1e3, 0, locale)}k`;
}

/** Time of day: 10:43. @param at ms since 1970 */
export function formatTime(at: number, locale?: string): string {
  return dateFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(at);
}

/** Day and month, with the year when it is not this one: 20 Nov, 3 Feb 2025. @param at ms since 1970 */
export function formatDay(at: number, now: number, locale?: string): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const options: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
  return dateFormat(locale, sameYear ? options : { ...options, year: 'numeric' }).format(at);
}

/** Day and time in full, for tooltips and `datetime` labels. @param at ms since 1970 */
export function formatDateTime(at: number, locale?: string): string {
  return dateFormat(locale, { dateStyle: 'long', timeStyle: 'short' }).format(at);
}

/** Whole days of the local calendar from `at` to `now`; 0 is today. */
function daysAgo(at: number, now: number): number {
  const then = new Date(at);
  const today = new Date(now);
  // Through UTC, because a local day may have 23 or 25 hours.
  const from = Date.UTC(then.getFullYear(), then.getMonth(), then.getDate());
  const to = Date.UTC(today.getFullYear(), today.getMonth(), today.getDate());
  return Math.round((to - from) / (24 * HOUR_S * SECOND_MS));
}

/**
 * The short time in a list row: today and yesterday the time, in the last 7 days the weekday, else the day.
 * @param at ms since 1970
 */
export function formatListTime(at: number, now: number, locale?: string): string {
  const days = daysAgo(at, now);
  if (days <= 1) return formatTime(at, locale);
  if (days <= DAYS_IN_WEEK_GROUP) return dateFormat(locale, { weekday: 'short' }).format(at);
  return formatDay(at, now, locale);
}

/** A heading of a list by day. `month` groups carry their name from the locale, the others are texts. */
export type DayGroup =
  { kind: 'today' | 'yesterday' | 'week'; key: string } | { kind: 'month'; key: string; label: string };

/** The group that a time belongs to; times in the future count as today. @param at ms since 1970 */
export function dayGroupOf(at: number, now: number, locale?: string): DayGroup {
  const days = daysAgo(at, now);
  if (days <= 0) return { kind: 'today', key: 'today' };
  if (days === 1) return { kind: 'yesterday', key: 'yesterday' };
  if (days <= DAYS_IN_WEEK_GROUP) return { kind: 'week', key: 'week' };
  const date = new Date(at);
  const sameYear = date.getFullYear() === new Date(now).getFullYear();
  const label = dateFormat(locale, sameYear ? { month: 'long' } : { month: 'long', year: 'numeric' }).format(
    at,
  );
  return {
    kind: 'month',
    key: `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}`,
    label,
  };
}

/**
 * Groups items that come newest first, keeping their order.
 * @param timeOf ms since 1970 of an item
 */
export function groupByDay<Item>(
  items: readonly Item[],
  timeOf: (item: Item) => number,
  now: number,
  locale?: string,
): { group: DayGroup; items: Item[] }[] {
  const groups = new Map<string, { group: DayGroup; items: Item[] }>();
  for (const item of items) {
    const group = dayGroupOf(timeOf(item), now, locale);
    const known = groups.get(group.key);
    if (known === undefined) groups.set(group.key, { group, items: [item] });
    else known.items.push(item);
  }
  return [...groups.values()];
}
