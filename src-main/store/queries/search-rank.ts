import type { Segment } from '../../contract/index.ts';
import { fold, wordsOf, type Term } from './search-text.ts';

/** What is read of a long message to rank it, in UTF-16 units: its length is not a reason to wait. */
const RANKED_LENGTH = 12_000;
/** What is read of a long message for the place to show; a hit further down shows the beginning. */
const SHOWN_LENGTH = 200_000;
/** Length of a snippet, and how much of it lies before the first hit. */
const SNIPPET_LENGTH = 160;
const LEAD_LENGTH = 40;

// The usual constants of BM25 (Robertson and Zaragoza, 2009).
const K1 = 1.2;
const B = 0.75;
/** About the length of an answer, in UTF-16 units: what a text is compared with. */
const USUAL_LENGTH = 600;
/** A hit of today counts up to this much more than an old one, halved with every 90 days. */
const RECENCY_WEIGHT = 0.5;
const RECENCY_HALF_LIFE_MS = 90 * 24 * 3_600_000;

const isLetter = /[\p{L}\p{N}]/u;

/** How often a term occurs in a folded text. Letters around it make it another word, except behind a beginning. */
function countOf(folded: string, needle: string, isPrefix: boolean): number {
  let count = 0;
  for (let at = folded.indexOf(needle); at >= 0; at = folded.indexOf(needle, at + needle.length)) {
    const before = at === 0 ? '' : (folded[at - 1] ?? '');
    const after = folded[at + needle.length] ?? '';
    if (isLetter.test(before) && needle.charCodeAt(0) < 0x300) continue;
    if (isPrefix || !isLetter.test(after) || needle.charCodeAt(needle.length - 1) >= 0x300) count += 1;
  }
  return count;
}

/**
 * BM25 of one text without the part for how rare a word is: every ranked text has every word. Newer texts count
 * more.
 */
export function scoreOf(text: string, terms: readonly Term[], ageMs: number): number {
  const folded = fold(text.slice(0, RANKED_LENGTH));
  const lengthFactor = K1 * (1 - B + (B * text.length) / USUAL_LENGTH);
  let score = 0;
  for (const { words, isPrefix } of terms) {
    const longest = words.reduce((a, b) => (b.length > a.length ? b : a), '');
    const tf = countOf(folded, longest, isPrefix && longest === words.at(-1));
    score += (tf * (K1 + 1)) / (tf + lengthFactor);
  }
  return score * (1 + RECENCY_WEIGHT * 0.5 ** (Math.max(0, ageMs) / RECENCY_HALF_LIFE_MS));
}

interface Span {
  start: number;
  end: number;
  term: number;
}

/** Every place where a term stands, in order, overlaps left out. */
function spansOf(text: string, terms: readonly Term[]): Span[] {
  const words = [...wordsOf(text)];
  const spans: Span[] = [];
  const isMatch = (word: string | undefined, wanted: string, isPrefix: boolean) =>
    word !== undefined && (isPrefix ? word.startsWith(wanted) : word === wanted);
  for (let i = 0; i < words.length; i += 1) {
    const term = terms.findIndex(({ words: wanted, isPrefix }) =>
      wanted.every((word, k) => isMatch(words[i + k]?.folded, word, isPrefix && k === wanted.length - 1)),
    );
    const first = words[i];
    const last = words[i + (terms[term]?.words.length ?? 1) - 1];
    if (term < 0 || !first || !last) continue;
    spans.push({ start: first.start, end: last.end, term });
    i += (terms[term]?.words.length ?? 1) - 1;
  }
  return spans;
}

const oneLine = (text: string) => text.replace(/\s+/gu, ' ');

function segmentsBetween(text: string, spans: readonly Span[], from: number, to: number): Segment[] {
  const segments: Segment[] = [];
  let at = from;
  for (const { start, end } of spans) {
    if (start < at || end > to) continue;
    if (start > at) segments.push({ text: oneLine(text.slice(at, start)), hit: false });
    segments.push({ text: oneLine(text.slice(start, end)), hit: true });
    at = end;
  }
  if (at < to) segments.push({ text: oneLine(text.slice(at, to)), hit: false });
  return segments;
}

/** The whole text in pieces, hits marked. */
export function highlighted(text: string, terms: readonly Term[]): Segment[] {
  return segmentsBetween(text, spansOf(text, terms), 0, text.length);
}

/** Where most different terms stand close together; the first such place. */
function bestPlace(spans: readonly Span[]): number {
  let best = { terms: 0, start: 0 };
  for (let i = 0; i < spans.length; i += 1) {
    const start = spans[i]?.start ?? 0;
    const terms = new Set<number>();
    for (let k = i; k < spans.length; k += 1) {
      const span = spans[k];
      if (!span || span.end > start + SNIPPET_LENGTH - LEAD_LENGTH) break;
      terms.add(span.term);
    }
    if (terms.size > best.terms) best = { terms: terms.size, start };
  }
  return best.start;
}

/** Moves a cut to a space nearby, and never into the middle of a character. */
function cutNear(text: string, at: number, direction: 1 | -1): number {
  for (let i = at; Math.abs(i - at) < 15 && i > 0 && i < text.length; i += direction) {
    if (/\s/u.test(text[i] ?? '')) return i;
  }
  const isInside = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  return isInside ? at - 1 : at;
}

/** One line around the best place. */
export function snippetOf(text: string, terms: readonly Term[]): Segment[] {
  const shown = text.slice(0, SHOWN_LENGTH);
  const spans = spansOf(shown, terms);
  const place = bestPlace(spans);
  const from = place <= LEAD_LENGTH ? 0 : cutNear(shown, place - LEAD_LENGTH, 1);
  const isShort = shown.length - from <= SNIPPET_LENGTH;
  const to = isShort ? shown.length : cutNear(shown, from + SNIPPET_LENGTH, -1);
  const inside = spans.filter(({ start }) => start >= from);
  const segments = segmentsBetween(shown, inside, from, Math.max(to, from));
  if (from > 0) segments.unshift({ text: '…', hit: false });
  if (to < text.length) segments.push({ text: '…', hit: false });
  return segments;
}
