/** Shapes and places of charts. Pure: lengths in CSS pixels, y grows downwards. */

export interface Point {
  x: number;
  y: number;
}

/** From a range of values to a range of pixels. A range without length is mapped to the middle. */
export function linear(
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): (value: number) => number {
  if (to === from) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** The same on a logarithmic scale; values above 0. */
export function logarithmic(
  [from, to]: readonly [number, number],
  pixels: readonly [number, number],
): (value: number) => number {
  const scale = linear([Math.log10(from), Math.log10(to)], pixels);
  return (value) => scale(Math.log10(value));
}

/** Round steps that a person counts in: 1, 2 or 5 times a power of ten. */
function niceStep(span: number, steps: number): number {
  const rough = span / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** A single value stands in the middle of a range of half of it. */
const spare = (value: number): number => Math.max(1, Math.abs(value)) / 4;

/**
 * A range of round values that holds `from` to `to`, and 3 to 5 ticks in it (guide section 4).
 * @param options.whole no steps below 1: for what is counted
 */
export function ticksOf(
  from: number,
  to: number,
  { steps = 4, whole = false } = {},
): { from: number; to: number; ticks: number[] } {
  if (to === from) return ticksOf(from - spare(from), to + spare(to), { steps, whole });
  const span = to - from;
  const step = Math.max(niceStep(span, steps), whole ? 1 : 0);
  const first = Math.floor(from / step + 1e-9) * step;
  const last = Math.max(first + step, Math.ceil(to / step - 1e-9) * step);
  const count = Math.round((last - first) / step);
  // Multiplied, not added up: sums of 0.1 are not round.
  const ticks = Array.from({ length: count + 1 }, (_, index) =>
    Number((first + index * step).toPrecision(12)),
  );
  return { from: first, to: last, ticks };
}

/** Ticks of a logarithmic axis, 1 and 3 of each power of ten, inside the range. */
export function logTicksOf(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1)
    for (const factor of [1, 3]) {
      const tick = Number((factor * 10 ** power).toPrecision(2));
      if (tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9)) ticks.push(tick);
    }
  return ticks;
}

const place = ({ x, y }: Point): string => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;

/** The `d` of a line through points. */
export function linePath(points: readonly Point[]): string {
  return points.length === 0 ? '' : `M${points.map(place).join('L')}`;
}

/** The `d` of the area between an upper and a lower line. */
export function areaPath(upper: readonly Point[], lower: readonly Point[]): string {
  return upper.length === 0 ? '' : `${linePath([...upper, ...lower.toReversed()])}Z`;
}

/** Shapes that stay apart without colour, in the order of the series. */
const MARKERS: readonly ((point: Point) => string)[] = [
  ({ x, y }) => `M${x - 3} ${y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z`,
  ({ x, y }) => `M${x - 2.7} ${y - 2.7}h5.4v5.4h-5.4Z`,
  ({ x, y }) => `M${x} ${y - 3.4}L${x + 3.4} ${y + 2.6}H${x - 3.4}Z`,
  ({ x, y }) => `M${x} ${y - 3.8}L${x + 3.8} ${y}L${x} ${y + 3.8}L${x - 3.8} ${y}Z`,
  ({ x, y }) => `M${x} ${y + 3.4}L${x - 3.4} ${y - 2.6}H${x + 3.4}Z`,
];

/** As many lines as can be told apart. */
export const MAX_SERIES = MARKERS.length;

/** The `d` of the marker of a series. */
export function markerPath(series: number, point: Point): string {
  return (MARKERS[series % MARKERS.length] ?? (() => ''))(point);
}

/**
 * Moves labels apart that would lie on each other, in their order, and keeps them inside.
 * @param wanted their middles; the result is in the same order
 * @param gap from middle to middle
 */
export function spreadLabels(
  wanted: readonly number[],
  { gap, from, to }: { gap: number; from: number; to: number },
): number[] {
  const order = wanted.map((y, index) => ({ y, index })).toSorted((a, b) => a.y - b.y);
  let last = Number.NEGATIVE_INFINITY;
  for (const label of order) {
    label.y = Math.max(label.y, last + gap, from);
    last = label.y;
  }
  let next = to + gap;
  for (const label of order.toReversed()) {
    label.y = Math.min(label.y, next - gap);
    next = label.y;
  }
  const placed = [...wanted];
  for (const { y, index } of order) placed[index] = y;
  return placed;
}

/** Days from `2026-11-10` to `2026-11-23`, both included, in order. */
export function daysBetween(first: string, last: string): string[] {
  const days: string[] = [];
  // In UTC every day has 24 hours.
  const end = Date.parse(`${last}T00:00:00Z`);
  for (let at = Date.parse(`${first}T00:00:00Z`); at <= end; at += 24 * 60 * 60 * 1000)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/** At most `count` of them, evenly apart, with the last one. */
export function someOf<T>(items: readonly T[], count: number): { item: T; index: number }[] {
  const step = Math.max(1, Math.ceil(items.length / count));
  return items
    .map((item, index) => ({ item, index }))
    .filter(({ index }) => (items.length - 1 - index) % step === 0);
}
