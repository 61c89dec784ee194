/** A piece of a text, for showing what matched. */
export interface Segment {
  text: string;
  marked: boolean;
}

export interface FuzzyMatch {
  /** Higher is better; comparable for one query only. */
  score: number;
  segments: Segment[];
}

const WORD_START = 8;
const NEXT_TO = 5;
const TEXT_START = 6;
/** More than the beginnings of a few words come to. */
const WHOLE = 30;
/** Each letter skipped takes this away, so that matches close together win. */
const SKIP = 0.2;

const ASCII = /^[\0-\x7f]*$/u;

/** Folds case and accents, one unit for one unit, so that places in the result are places in the text. */
function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return [...text]
    .map((letter) => {
      const plain = letter.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
      return plain.length === letter.length ? plain : letter;
    })
    .join('');
}

const isWordStart = (text: string, index: number): boolean =>
  index === 0 || /[^\p{L}\p{N}]/u.test(text[index - 1] ?? '');

/** Places of a word's letters in the text: the word as a whole where it stands, else the beginnings of words. */
function placesOf(word: string, text: string): number[] | null {
  const whole = bestWhole(word, text);
  if (whole !== -1) return Array.from({ length: word.length }, (_, offset) => whole + offset);
  return initialsOf(word, text, 0, -1, new Set());
}

/**
 * Places of the letters from `index` on: each follows the one before at once, or begins a word.
 * @param previous place of the letter before, -1 for none
 * @param failed what was tried before
 */
function initialsOf(
  word: string,
  text: string,
  index: number,
  previous: number,
  failed: Set<string>,
): number[] | null {
  const letter = word[index];
  if (letter === undefined) return [];
  const tried = `${index} ${previous}`;
  if (failed.has(tried)) return null;
  for (let at = text.indexOf(letter, previous + 1); at !== -1; at = text.indexOf(letter, at + 1)) {
    const follows = index > 0 && at === previous + 1;
    if (!follows && !isWordStart(text, at)) continue;
    const rest = initialsOf(word, text, index + 1, at, failed);
    if (rest !== null) return [at, ...rest];
  }
  failed.add(tried);
  return null;
}

/** First place where the word begins a word of the text, else where it stands at all. */
function bestWhole(word: string, text: string): number {
  let first = -1;
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (isWordStart(text, at)) return at;
    if (first === -1) first = at;
  }
  return first;
}

function scoreOf(places: readonly number[], text: string): number {
  let score = 0;
  for (const [index, place] of places.entries()) {
    score += 1;
    if (isWordStart(text, place)) score += WORD_START;
    const before = places[index - 1];
    if (before !== undefined) score += place === before + 1 ? NEXT_TO : -SKIP * (place - before);
  }
  const [first = 0, last = first] = [places[0], places.at(-1)];
  if (last - first === places.length - 1) score += WHOLE;
  return score + (first === 0 ? TEXT_START : 0);
}

/** Cuts a text at the marked places (UTF-16 units). */
function segmentsOf(text: string, marked: ReadonlySet<number>): Segment[] {
  const segments: Segment[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const isMarked = marked.has(index);
    const last = segments.at(-1);
    if (last?.marked === isMarked) last.text += text[index] ?? '';
    else segments.push({ text: text[index] ?? '', marked: isMarked });
  }
  return segments;
}

/**
 * Finds every word of the query in the text: as it stands, or as the beginnings of words ("mttr" finds "Move to
 * trash"). An empty query matches with score 0.
 * @returns null when a word is not in it
 */
export function fuzzyMatch(query: string, text: string): FuzzyMatch | null {
  const words = fold(query.trim()).split(/\s+/u).filter(Boolean);
  const folded = fold(text);
  const marked = new Set<number>();
  let score = 0;
  for (const word of words) {
    const places = placesOf(word, folded);
    if (places === null) return null;
    score += scoreOf(places, folded);
    for (const place of places) marked.add(place);
  }
  return { score, segments: segmentsOf(text, marked) };
}
