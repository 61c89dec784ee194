import type { NewAttachment } from '../contract/index.ts';
import type { StoredFile } from '../store/api.ts';

type AttachedText = Pick<NewAttachment, 'id' | 'name' | 'text' | 'pageStarts'>;

/** A message's files, each with the id that figures about it are told by. */
export type Files = readonly AttachedText[];

/** Pages are marked, so that an answer can name them. */
function pagesOf({ text, pageStarts }: AttachedText): string {
  if (pageStarts === null) return text;
  return pageStarts
    .map((start, index) => `[page ${index + 1}]\n${text.slice(start, pageStarts[index + 1]).trimEnd()}`)
    .join('\n');
}

/** A file as the model reads it: its name, and its text in a fence longer than any inside. Pure. */
export function fileText(file: AttachedText): string {
  const text = pagesOf(file);
  const longest = [...text.matchAll(/`+/gu)].reduce((most, [run]) => Math.max(most, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `File: ${file.name}\n${fence}\n${text.trimEnd()}\n${fence}`;
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
