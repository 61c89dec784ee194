/** Longest automatic title; more is cut by the sidebar anyway. */
const AUTO_TITLE_LENGTH = 60;
/** Enough text to cut a title from; a message can be two million characters. */
const SCANNED_LENGTH = 1_000;

/** A title from the first line with words, without Markdown marks, cut at a word. */
export function titleFrom(text: string): string {
  const start = text.slice(0, SCANNED_LENGTH);
  const line =
    start
      .split('\n')
      .map((raw) =>
        raw
          .replace(/^[\s#>*`\-+]+/u, '')
          .replace(/\s+/gu, ' ')
          .trim(),
      )
      .find((candidate) => /[\p{L}\p{N}]/u.test(candidate)) ?? start.trim().replace(/\s+/gu, ' ');
  const characters = [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(line)];
  if (characters.length <= AUTO_TITLE_LENGTH) return line || '…';
  const cut = characters
    .slice(0, AUTO_TITLE_LENGTH)
    .map(({ segment }) => segment)
    .join('');
  const lastSpace = cut.lastIndexOf(' ');
  return `${lastSpace > AUTO_TITLE_LENGTH / 2 ? cut.slice(0, lastSpace) : cut}…`;
}
