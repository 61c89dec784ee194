import MiniSearch from 'minisearch';
import type { TextPart } from '../../../src-main/contract/index.ts';
import { isUnspaced, wordsOf } from './words.ts';

/** A passage that answers to a question, best first. */
export interface Hit {
  /** Place of the passage among all. */
  readonly index: number;
  readonly score: number;
  /** Words of the passage that were found, folded; those all over the text only when the question has no others. */
  readonly terms: ReadonlySet<string>;
}

/** Passages between two pauses: some 15 kB of text take a few ms, so that the window stays alive. */
const PASSAGES_AT_ONCE = 16;
/** Shorter words must be there as they are: a beginning of three letters is in everything. */
const MIN_PREFIX_LETTERS = 4;
const MIN_FUZZY_LETTERS = 5;
/** One letter of five to seven, two of eight and more may differ: endings and slips. */
const FUZZY_SHARE = 0.2;
/** A word that is in more of a text's passages says nothing about one of them: alone it finds none. */
const COMMON_SHARE = 0.3;
/** In fewer passages nothing is called common. */
const MIN_PASSAGES_TO_TELL = 8;
const WEIGHTS = { prefix: 0.5, fuzzy: 0.35 };

const termsOf = (text: string, asked: boolean): string[] =>
  Array.from(wordsOf(text, asked), ({ term }) => term);

/** Ranks passages of one text by BM25+, in any script. */
export class PassageIndex {
  readonly #search: MiniSearch<{ id: number; text: string }>;
  readonly #isCommon: (term: string) => boolean;

  private constructor(search: MiniSearch<{ id: number; text: string }>, isCommon: (term: string) => boolean) {
    this.#search = search;
    this.#isCommon = isCommon;
  }

  /** Reads all passages, with pauses. */
  static async of(text: string, passages: readonly TextPart[]): Promise<PassageIndex> {
    const passagesWith = new Map<string, number>();
    const read = (passage: string): string[] => {
      const terms = termsOf(passage, false);
      for (const term of new Set(terms)) passagesWith.set(term, (passagesWith.get(term) ?? 0) + 1);
      return terms;
    };
    const search = new MiniSearch<{ id: number; text: string }>({
      fields: ['text'],
      tokenize: read,
      processTerm: (term) => term,
      searchOptions: {
        tokenize: (question) => termsOf(question, true),
        processTerm: (term) => term,
        prefix: (term) => (isUnspaced(term) ? [...term].length === 1 : term.length >= MIN_PREFIX_LETTERS),
        fuzzy: (term) => (!isUnspaced(term) && term.length >= MIN_FUZZY_LETTERS ? FUZZY_SHARE : false),
        weights: WEIGHTS,
      },
    });
    const documents = passages.map(({ start, end }, id) => ({ id, text: text.slice(start, end) }));
    await search.addAllAsync(documents, { chunkSize: PASSAGES_AT_ONCE });
    const most = passages.length < MIN_PASSAGES_TO_TELL ? Infinity : passages.length * COMMON_SHARE;
    return new PassageIndex(search, (term) => (passagesWith.get(term) ?? 0) > most);
  }

  /** Passages with at least one word of the question that tells, best first; of equal ones the earlier. */
  rank(question: string): Hit[] {
    const hits = this.#search
      .search(question)
      .map(({ id, score, terms }) => ({ index: Number(id), score, terms: new Set(terms) }))
      .sort((a, b) => b.score - a.score || a.index - b.index);
    const telling = hits.flatMap((hit) => {
      const terms = new Set([...hit.terms].filter((term) => !this.#isCommon(term)));
      return terms.size === 0 ? [] : [{ ...hit, terms }];
    });
    return telling.length > 0 ? telling : hits;
  }
}

/** Whether a question has a word to look for. Pure. */
export function hasWords(question: string): boolean {
  return !wordsOf(question, true).next().done;
}

/** Where the words of a hit stand in a text, UTF-16 units, in order, joined where they touch. Pure. */
export function marksOf(text: string, terms: ReadonlySet<string>): TextPart[] {
  const marks: { start: number; end: number }[] = [];
  for (const { term, start, end } of wordsOf(text)) {
    if (!terms.has(term)) continue;
    const last = marks.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else marks.push({ start, end });
  }
  return marks;
}

/** A stretch of text, marked or not. */
export interface Piece {
  /** Where it begins in the whole text, UTF-16 units. */
  readonly start: number;
  readonly text: string;
  readonly isMarked: boolean;
}

/** A stretch of a text cut at marks, which lie in order. Pure. */
export function piecesOf(text: string, within: TextPart, marks: readonly TextPart[]): Piece[] {
  const pieces: Piece[] = [];
  const add = (start: number, end: number, isMarked: boolean) => {
    if (end > start) pieces.push({ start, text: text.slice(start, end), isMarked });
  };
  let at = within.start;
  for (const mark of marks) {
    const start = Math.max(at, Math.min(mark.start, within.end));
    const end = Math.max(start, Math.min(mark.end, within.end));
    add(at, start, false);
    add(start, end, true);
    at = end;
  }
  add(at, within.end, false);
  return pieces;
}
