import { pageAt, type TextPart } from '../../../src-main/contract/index.ts';
import type { CutText } from './passages.ts';

/** Pages or lines, from 1. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Parts in order, those that touch or overlap as one. Pure. */
export function joined(parts: readonly TextPart[]): TextPart[] {
  const sorted = [...parts].filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = result.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** Parts without one stretch. Pure. */
export function without(parts: readonly TextPart[], gone: TextPart): TextPart[] {
  return joined(
    parts.flatMap(({ start, end }) => [
      { start, end: Math.min(end, gone.start) },
      { start: Math.max(start, gone.end), end },
    ]),
  );
}

/** How much of a stretch is among parts; `parts` as {@link joined} gives them. Pure. */
export function coverage(parts: readonly TextPart[], { start, end }: TextPart): 'none' | 'some' | 'all' {
  let covered = 0;
  for (const part of parts) covered += Math.max(0, Math.min(end, part.end) - Math.max(start, part.start));
  return covered === 0 ? 'none' : covered >= end - start ? 'all' : 'some';
}

/**
 * Reads numbers of pages or lines as a person writes them: "3, 7-9", "12-" for all from 12 on.
 * @returns 'empty', 'form' or 'beyond' (no such page) when they cannot be taken. Pure.
 */
export function parseRanges(text: string, count: number): NumberRange[] | 'empty' | 'form' | 'beyond' {
  const pieces = text
    .normalize('NFKC')
    .split(/[,;、，\n]/u)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
  if (pieces.length === 0) return 'empty';
  const ranges: NumberRange[] = [];
  for (const piece of pieces) {
    const found = /^(?<from>\d{1,9})?\s*(?<to>[-\u2010-\u2015\u2212]\s*(?<last>\d{1,9})?)?$/u.exec(
      piece,
    )?.groups;
    const { from, to, last } = found ?? {};
    if (from === undefined && last === undefined) return 'form';
    const first = from === undefined ? 1 : Number(from);
    const end = to === undefined ? first : last === undefined ? count : Number(last);
    if (first < 1 || first > count || end > count) return 'beyond';
    if (end < first) return 'form';
    ranges.push({ first, last: end });
  }
  return ranges;
}

/** Where each page, or each line of a text without pages, begins. Pure. */
export function unitStarts({ text, pageStarts }: CutText): readonly number[] {
  if (pageStarts !== null) return pageStarts;
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0 && at + 1 < text.length; at = text.indexOf('\n', at + 1))
    starts.push(at + 1);
  return starts;
}

/** The stretches of pages or lines. Pure. @param starts as {@link unitStarts} gives them */
export function partsOfRanges(
  ranges: readonly NumberRange[],
  starts: readonly number[],
  length: number,
): TextPart[] {
  return joined(
    ranges.map(({ first, last }) => ({ start: starts[first - 1] ?? 0, end: starts[last] ?? length })),
  );
}

/** The pages or lines that a stretch touches, from 1. Pure. */
export function rangeOf({ start, end }: TextPart, starts: readonly number[]): NumberRange {
  return { first: pageAt(starts, start), last: pageAt(starts, Math.max(start, end - 1)) };
}
