/** A word of a text, as it is looked for, and where it stands, UTF-16 units. */
export interface Word {
  readonly term: string;
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
/** Scripts that put no spaces between words, and Korean, whose particles hang on them. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]+/gu;
const ACCENTS = /[\u0300-\u036f]/gu;
/** Letters that are no letter with an accent to Unicode, but to those who type them. */
const PLAIN: Readonly<Record<string, string>> = { ß: 'ss', ł: 'l', ø: 'o', đ: 'd', æ: 'ae', œ: 'oe', ı: 'i' };

function isAscii(word: string): boolean {
  for (let at = 0; at < word.length; at += 1) if (word.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** A word without case and accents. Pure. */
export function folded(word: string): string {
  // Most words of most texts: unfolding them takes most of the time.
  if (isAscii(word)) return word.toLowerCase();
  return word
    .normalize('NFKD')
    .replaceAll(ACCENTS, '')
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[ßłøđæœı]/gu, (letter) => PLAIN[letter] ?? letter);
}

/** Whether a term is of a script whose words are taken as pairs of letters. Pure. */
export function isUnspaced(term: string): boolean {
  return term.search(UNSPACED) === 0;
}

/** Pairs of letters that overlap; a single letter stays one. */
function* pairsOf(run: string, at: number, asked: boolean): Generator<Word> {
  const letters = [...run];
  let start = at;
  for (const [index, letter] of letters.entries()) {
    const next = letters[index + 1];
    // The last letter alone is kept in a text, so that a question of one letter finds it.
    if (next !== undefined || !asked || letters.length === 1) {
      const pair = letter + (next ?? '');
      yield { term: folded(pair), start, end: start + pair.length };
    }
    start += letter.length;
  }
}

/**
 * The words of a text in any script. Pure.
 * @param asked they are a question's, and not a text's
 */
export function* wordsOf(text: string, asked = false): Generator<Word> {
  for (const { 0: found, index } of text.matchAll(WORD)) {
    if (isAscii(found)) {
      yield wordAt(found, index);
      continue;
    }
    let at = 0;
    for (const { 0: run, index: runAt } of found.matchAll(UNSPACED)) {
      if (runAt > at) yield wordAt(found.slice(at, runAt), index + at);
      yield* pairsOf(run, index + runAt, asked);
      at = runAt + run.length;
    }
    if (at < found.length) yield wordAt(found.slice(at), index + at);
  }
}

function wordAt(word: string, start: number): Word {
  return { term: folded(word), start, end: start + word.length };
}
