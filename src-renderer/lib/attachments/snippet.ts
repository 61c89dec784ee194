import type { TextPart } from '../../../src-main/contract/index.ts';
import { marksOf, piecesOf, type Piece } from './rank.ts';

/** About three lines of the dialog, UTF-16 units. */
const SNIPPET_LENGTH = 280;
/** Shown before the first word that was found, UTF-16 units. */
const BEFORE_LENGTH = 60;
const MORE = '…';

/** The start of the stretch with the most marks. */
function densest(marks: readonly TextPart[]): number {
  let best = { start: marks[0]?.start ?? 0, count: 0 };
  for (const [index, { start }] of marks.entries()) {
    let count = 0;
    while ((marks[index + count]?.end ?? Infinity) <= start + SNIPPET_LENGTH - BEFORE_LENGTH) count += 1;
    if (count > best.count) best = { start, count };
  }
  return best.start;
}

/** A place near `at` that cuts no word, or at least no character. */
function atSpace(text: string, at: number, from: number): number {
  const space = text.lastIndexOf(' ', at);
  if (space >= from && space > at - BEFORE_LENGTH) return space + 1;
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at;
}

/** What of a passage is shown in a list, with the words that were found marked. Pure. */
export function snippetOf(text: string, part: TextPart, terms: ReadonlySet<string>): Piece[] {
  const passage = text.slice(part.start, part.end);
  const marks = marksOf(passage, terms);
  const first = densest(marks);
  const start = first <= BEFORE_LENGTH ? 0 : atSpace(passage, first - BEFORE_LENGTH, 0);
  const end =
    start + SNIPPET_LENGTH >= passage.trimEnd().length
      ? passage.trimEnd().length
      : atSpace(passage, start + SNIPPET_LENGTH, start);
  const pieces = piecesOf(passage, { start, end }, marks);
  const plain = (at: number): Piece => ({ start: at, text: MORE, isMarked: false });
  return [
    ...(start > 0 ? [plain(-1)] : []),
    ...pieces,
    ...(end < passage.trimEnd().length ? [plain(end)] : []),
  ];
}
