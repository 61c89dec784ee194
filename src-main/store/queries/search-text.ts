// How text becomes words, on both sides of the index: what SQLite's `unicode61` tokenizer does to it, and what it
// does not: letters of scripts that are written without spaces count as a word each, so that a part of a sentence
// is found, as a phrase.

const SPACELESS =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const hasSpaceless = new RegExp(`[${SPACELESS}]`, 'u');
const spaceless = new RegExp(`[${SPACELESS}]`, 'gu');
/** A letter of such a script with its marks, or a run of other letters and digits. */
const wordPattern = new RegExp(
  `[[${SPACELESS}]&&[\\p{L}\\p{N}]]\\p{M}*|[[\\p{L}\\p{N}\\p{Co}]--[${SPACELESS}]][[\\p{L}\\p{N}\\p{Co}\\p{M}]--[${SPACELESS}]]*`,
  'gv',
);
const isAscii = /^[\0-\x7f]*$/u;

/** What is put into the index in place of the text; null: the text as it is. */
export function indexedForm(text: string): string | null {
  return hasSpaceless.test(text) ? text.replace(spaceless, ' $& ').replace(/ {2,}/gu, ' ') : null;
}

/** Without case and accents; about what the index's own folding does. */
export function fold(text: string): string {
  if (isAscii.test(text)) return text.toLowerCase();
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

export interface Word {
  start: number;
  end: number;
  folded: string;
}

/** The words of a text with their places, in UTF-16 units. */
export function* wordsOf(text: string): Generator<Word> {
  for (const { 0: word, index } of text.matchAll(wordPattern)) {
    yield { start: index, end: index + word.length, folded: fold(word) };
  }
}

/** Words that follow each other; the last one may be the beginning of a word. */
export interface Term {
  words: string[];
  isPrefix: boolean;
}

export interface ParsedQuery {
  must: Term[];
  not: Term[];
}

/** Beginnings of one letter would meet half of everything. */
const MIN_PREFIX_LENGTH = 2;
/** More words than a person types; a pasted page must not become a query of a thousand terms. */
const MAX_TERMS = 24;

const piecePattern = /(-?)"([^"]*)("?)|(-?)([^\s"]+)/gu;

/**
 * Reads what was typed. Any text is valid: what is no word is left out. The last word is a beginning unless a
 * space, a quote or another sign follows it.
 */
export function parseQuery(query: string): ParsedQuery {
  const parsed: ParsedQuery = { must: [], not: [] };
  for (const match of query.matchAll(piecePattern)) {
    const [piece, minusOfPhrase, phrase, closed, minus, plain] = match;
    const text = phrase ?? plain ?? '';
    const found = [...wordsOf(text)];
    const last = found.at(-1);
    if (!last) continue;
    const isAtEnd = match.index + piece.length === query.length && last.end === text.length && !closed;
    const isPrefix = isAtEnd && last.folded.length >= MIN_PREFIX_LENGTH && !hasSpaceless.test(last.folded);
    const isNegative = (minusOfPhrase || minus) === '-';
    const term = { words: found.map(({ folded }) => folded), isPrefix: isPrefix && !isNegative };
    const list = isNegative ? parsed.not : parsed.must;
    if (list.length < MAX_TERMS) list.push(term);
  }
  return parsed;
}

const matchOfTerm = ({ words, isPrefix }: Term) => `"${words.join(' ')}"${isPrefix ? ' *' : ''}`;

/** The query in FTS5's language; null when it asks for no word. Terms hold letters and digits only. */
export function matchExpression({ must, not }: ParsedQuery): string | null {
  if (must.length === 0) return null;
  const wanted = must.map(matchOfTerm).join(' AND ');
  return not.length === 0 ? wanted : `(${wanted}) NOT (${not.map(matchOfTerm).join(' OR ')})`;
}
