/** A sentence ends at its mark and the space or line break after it, or at a paragraph's end. */
const SENTENCE_END = /[.!?…。！？][)\]"'”’»]*(?=\s)|\n{2,}/g;

/**
 * The sentences of `text` that are finished and lie after `from`.
 * @param from UTF-16 units that were announced before
 * @returns what to announce, empty if nothing is finished, and where the next call goes on
 */
export function finishedSentences(text: string, from: number): { spoken: string; end: number } {
  let end = from;
  for (const match of text.slice(from).matchAll(SENTENCE_END)) end = from + match.index + match[0].length;
  return { spoken: plainText(text.slice(from, end)), end };
}

/** Markdown as one would read it out: no marks, and code only by name. */
export function plainText(markdown: string): string {
  return markdown
    .replace(/```[\s\S]*?(```|$)/g, ' ')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^[ \t]*(#{1,6}|>|[-*+]|\d+\.)[ \t]+/gm, '')
    .replace(/[*_`~|]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Number of words as a reader counts them. */
export function countWords(text: string): number {
  return plainText(text)
    .split(' ')
    .filter((word) => word !== '').length;
}
