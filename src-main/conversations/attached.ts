import { placesOf, placesText, type NewAttachment, type PartPlace } from '../contract/index.ts';
import type { StoredFile } from '../store/api.ts';

type AttachedText = Pick<NewAttachment, 'id' | 'name' | 'text' | 'pageStarts' | 'parts'>;

/** A message's files, each with the id that figures about it are told by. */
export type Files = readonly AttachedText[];

/** Stands where text between two parts is left out. */
const GAP = '[...]';

/** Parts as the model, and a reader of an exported chat, are told of them: "pages 3, 7-9". Pure. */
export function partsText(hasPages: boolean, places: readonly PartPlace[]): string {
  const numbers = placesText(places);
  const unit = hasPages ? 'page' : 'line';
  return `${unit}${/[-,]/u.test(numbers) ? 's' : ''} ${numbers}`;
}

/** A stretch with its pages marked, so that an answer can name them. */
function pagesIn(
  text: string,
  pageStarts: readonly number[],
  { start, end, first, last }: PartPlace,
): string {
  const pages = pageStarts.slice(first - 1, last).map((pageStart, index) => {
    const from = Math.max(start, pageStart);
    const to = Math.min(end, pageStarts[first + index] ?? text.length);
    return `[page ${first + index}]\n${text.slice(from, to).trimEnd()}`;
  });
  return pages.join('\n');
}

/** All of a file, or its parts in order, each with its place. */
function textOf({ text, pageStarts, parts }: AttachedText, places: readonly PartPlace[] | null): string {
  if (places === null || parts === null) {
    if (pageStarts === null) return text;
    const whole = { start: 0, end: text.length, first: 1, last: pageStarts.length };
    return pagesIn(text, pageStarts, whole);
  }
  const pieces = places.map((place, index) => {
    const piece =
      pageStarts === null
        ? `[${partsText(false, [place])}]\n${text.slice(place.start, place.end).trimEnd()}`
        : pagesIn(text, pageStarts, place);
    const follows = index > 0 && text.slice(places[index - 1]?.end, place.start).trim() === '';
    return index === 0 || follows ? piece : `${GAP}\n${piece}`;
  });
  return pieces.join('\n');
}

/** What is said of a file before its text. */
function headOf({ name, text, pageStarts }: AttachedText, places: readonly PartPlace[] | null): string {
  if (places === null) return `File: ${name}`;
  const count = pageStarts?.length ?? text.trimEnd().split('\n').length;
  return `File: ${name}, only these parts of it: ${partsText(pageStarts !== null, places)} of ${count}`;
}

/** A file as the model reads it: its name, and its text in a fence longer than any inside. Pure. */
export function fileText(file: AttachedText): string {
  const places = file.parts && placesOf(file, file.parts);
  const text = textOf(file, places);
  const longest = [...text.matchAll(/`+/gu)].reduce((most, [run]) => Math.max(most, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${headOf(file, places)}\n${fence}\n${text.trimEnd()}\n${fence}`;
}

/** What a message says to the model: its files, then its text. Pure. */
export function textWithFiles(text: string, files: Files): string {
  return [...files.map(fileText), text].join('\n\n');
}

/** Gives each message of a path its files. */
export function withFiles<M extends { readonly id: string }>(
  path: readonly M[],
  files: readonly StoredFile[],
): (M & { readonly files: Files })[] {
  const byMessage = Map.groupBy(files, ({ messageId }) => messageId);
  return path.map((message) => ({ ...message, files: byMessage.get(message.id) ?? [] }));
}
