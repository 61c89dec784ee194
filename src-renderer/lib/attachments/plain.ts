import { UnreadFile } from './problem.ts';

/** Signs that no text has; tabs, line ends and form feeds are text. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const BINARY = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/u;

function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

/**
 * A text file's text, by its byte order mark, else as UTF-8, else as Windows-1252; lines end with `\n`. Pure.
 * @throws UnreadFile `not_text`
 */
export function decodeText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch {
    text = new TextDecoder('windows-1252').decode(bytes);
  }
  if (BINARY.test(text)) throw new UnreadFile('not_text');
  return tidied(text);
}

/** Line ends as `\n`, no spaces at line ends, at most one empty line in a row. Pure. */
export function spaced(text: string): string {
  return tidied(text)
    .split('\n')
    .map((line) => line.replaceAll(/[ \t\u00a0]+/gu, ' ').trim())
    .join('\n')
    .replaceAll(/\n{3,}/gu, '\n\n')
    .trim();
}

function tidied(text: string): string {
  return text.replaceAll(/\r\n?/gu, '\n');
}

/** Texts of pages as one text, and where each begins. Pure. */
export function joinPages(pages: readonly string[]): { text: string; pageStarts: number[] } {
  const pageStarts: number[] = [];
  let text = '';
  for (const page of pages) {
    pageStarts.push(text.length);
    text += `${page}\n`;
  }
  return { text, pageStarts };
}
