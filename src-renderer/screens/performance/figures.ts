import type { FirstTokenKind, MetricsSummary } from '../../../src-main/contract/index.ts';
import { formatDay, formatDecimal, formatDuration } from '../../lib/format.ts';

/** Height of every chart, CSS pixels. */
export const CHART_HEIGHT = 168;

/** Fixed meanings (guide section 4). */
export const KIND_COLOURS: Readonly<Record<FirstTokenKind, string>> = {
  follow_up: 'var(--viz-1)',
  warm: 'var(--viz-4)',
  cold: 'var(--viz-2)',
};

/** In the order in which a model keeps its colour and shape, whatever is filtered. */
export const SERIES_COLOURS = [
  'var(--viz-1)',
  'var(--viz-2)',
  'var(--viz-3)',
  'var(--viz-4)',
  'var(--viz-5)',
] as const;

/** Names of models, with their quant where two have the same. */
export function modelNames(
  models: readonly Pick<MetricsSummary['models'][number], 'modelKey' | 'name' | 'quant'>[],
): Map<string, string> {
  const counts = new Map<string, number>();
  for (const { name } of models) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map(
    models.map(({ modelKey, name, quant }) => {
      const isShared = (counts.get(name) ?? 0) > 1 && quant !== null;
      return [modelKey, isShared ? `${name} ${quant}` : name];
    }),
  );
}

/** A name beside a mark, cut to `letters`. */
export function shortName(name: string, letters: number): string {
  return name.length > letters ? `${name.slice(0, letters - 1).trimEnd()}…` : name;
}

/** `3.22.1` of `node-llama-cpp 3.22.1 (llama.cpp b7100)`; another text stays whole. */
export function shortVersion(version: string): string {
  return /\d+(?:\.\d+)+/u.exec(version)?.[0] ?? version;
}

/** Tokens a second as a figure without its unit: 46.2; 1,912 where tenths say nothing. */
export function speedFigure(speed: number): string {
  return formatDecimal(speed, speed < 999.5 ? 1 : 0);
}

/** A time as a figure and its unit, where it has one of each. */
export function durationParts(ms: number): [figure: string, unit: string] {
  const text = formatDuration(ms);
  const [figure = text, unit = '', ...more] = text.split(' ');
  return more.length > 0 ? [text, ''] : [figure, unit];
}

/** A day of the figures as it is named on an axis. @param day `2026-11-23` */
export function dayText(day: string, now: number): string {
  // At noon, so that no time zone moves it.
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return formatDay(new Date(year, month - 1, date, 12).getTime(), now);
}

/** The day of a time here, as the figures name days. @param at ms since 1970 */
export function dayOf(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A round time of an axis, without digits that say nothing: 0.03 s, 0.3 s, 3 s; minutes as elsewhere. @param ms above 0 */
export function secondsText(ms: number): string {
  if (ms >= 10_000) return formatDuration(ms);
  return `${formatDecimal(ms / 1000, ms < 100 ? 2 : ms < 1000 ? 1 : 0)} s`;
}

/** A round count of an axis: 0, 500, 20k, 1.5M. */
export function countText(value: number): string {
  const [size, letter] = value >= 1e6 ? [1e6, 'M'] : value >= 1e3 ? [1e3, 'k'] : [1, ''];
  const figure = value / size;
  return `${formatDecimal(figure, Number.isInteger(figure) ? 0 : 1)}${letter}`;
}

/** A round span of an axis; zero has no unit. @param ms at least 0 */
export function spanText(ms: number): string {
  return ms === 0 ? formatDecimal(0, 0) : ms < 60_000 ? secondsText(ms) : formatDuration(ms);
}
