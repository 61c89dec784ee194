import * as v from 'valibot';
import { TextPart, type PartPlace } from './entities.ts';

/** Parts of one file: more than a person would look through. */
export const MAX_TEXT_PARTS = 1_000;

/** In order; none is empty, and none touches another's text. */
export const TextParts = v.pipe(
  v.array(TextPart),
  v.minLength(1),
  v.maxLength(MAX_TEXT_PARTS),
  v.check(
    (parts) => parts.every(({ start, end }, index) => start < end && start >= (parts[index - 1]?.end ?? 0)),
    'order',
  ),
);

interface PagedText {
  readonly text: string;
  readonly pageStarts: readonly number[] | null;
}

const LINE_END = 0x0a;

/** The number of the page on which a place stands, from 1. Pure. */
export function pageAt(pageStarts: readonly number[], place: number): number {
  let low = 0;
  let high = pageStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pageStarts[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** Where parts of a file stand. Pure; reads the text once. */
export function placesOf({ text, pageStarts }: PagedText, parts: readonly TextPart[]): PartPlace[] {
  if (pageStarts !== null)
    return parts.map(({ start, end }) => ({
      ...{ start, end },
      first: pageAt(pageStarts, start),
      last: pageAt(pageStarts, Math.max(start, end - 1)),
    }));
  let read = 0;
  let line = 1;
  const lineAt = (place: number) => {
    for (; read < place; read += 1) if (text.charCodeAt(read) === LINE_END) line += 1;
    return line;
  };
  return parts.map(({ start, end }) => ({
    ...{ start, end },
    first: lineAt(start),
    last: lineAt(Math.max(start, end - 1)),
  }));
}

/** Numbers of pages or lines as a person writes them: "3, 7-9". Pure. */
export function placesText(places: readonly Pick<PartPlace, 'first' | 'last'>[]): string {
  const runs: { first: number; last: number }[] = [];
  for (const { first, last } of places) {
    const run = runs.at(-1);
    if (run && first <= run.last + 1) run.last = Math.max(run.last, last);
    else runs.push({ first, last });
  }
  return runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}
