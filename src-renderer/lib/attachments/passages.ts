import type { TextPart } from '../../../src-main/contract/index.ts';

/**
 * Longest passage, UTF-8 bytes: about 300 tokens of a Western language, and never more tokens than bytes. In scripts
 * of three bytes a letter it has as much to say in fewer letters.
 */
export const MAX_PASSAGE_BYTES = 1_200;
/**
 * A heading begins a new passage unless the one before it is shorter than this, bytes. So little at the end of a page
 * or a text goes with the passage before it.
 */
export const MIN_PASSAGE_BYTES = 200;

/** ATX headings of Markdown, and chapters that number themselves. */
const HEADING = /^(?:#{1,6}\s|(?:chapter|section|part)\s+[\divxlc]+\b|\d+(?:\.\d+)+\s+\p{Lu})/iu;
/** No heading needs more of a line, UTF-16 units. */
const LOOKED_AT = 200;
const EMPTY = /^\s*$/u;
/** Behind these a sentence ends; full-width signs need no space after them. */
const SENTENCE_END = /[.!?…]["')\]»”’]*\s|[。！？｡]/gu;

/** The text that passages are cut from. */
export interface CutText {
  readonly text: string;
  /** Where each page begins; null: none. No passage goes over the end of a page. */
  readonly pageStarts: readonly number[] | null;
}

function bytesOf(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  // Half of a pair of four bytes.
  return code >= 0xd800 && code < 0xe000 ? 2 : 3;
}

function utf8Bytes(text: string, start: number, end: number): number {
  let bytes = 0;
  for (let at = start; at < end; at += 1) bytes += bytesOf(text.charCodeAt(at));
  return bytes;
}

/** The furthest place at which a passage that begins at `start` may end, between two whole characters. */
function furthest(text: string, start: number, end: number): number {
  let bytes = 0;
  for (let at = start; at < end; at += 1) {
    bytes += bytesOf(text.charCodeAt(at));
    if (bytes <= MAX_PASSAGE_BYTES) continue;
    const isInside =
      (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
    return isInside ? at - 1 : at;
  }
  return end;
}

/** Where a line that is too long for one passage is cut: behind a sentence, at a space, else anywhere. */
function cutIn(text: string, start: number, end: number): number {
  const limit = furthest(text, start, end);
  if (limit >= end) return end;
  const piece = text.slice(start, limit);
  const sentence = [...piece.matchAll(SENTENCE_END)].at(-1);
  const behind = sentence ? sentence.index + sentence[0].length : 0;
  if (behind > piece.length / 2) return start + behind;
  const space = piece.search(/\s\S*$/u);
  return space > piece.length / 2 ? start + space + 1 : limit;
}

interface Line extends TextPart {
  readonly isEmpty: boolean;
  readonly isHeading: boolean;
}

function* linesOf(text: string, from: number, to: number): Generator<Line> {
  for (let start = from; start < to;) {
    const found = text.indexOf('\n', start);
    const end = found < 0 || found >= to ? to : found + 1;
    const line = text.slice(start, Math.min(end, start + LOOKED_AT));
    yield {
      start,
      end,
      isEmpty: end - start <= LOOKED_AT && EMPTY.test(line),
      isHeading: HEADING.test(line),
    };
    start = end;
  }
}

/** Collects lines into passages: whole paragraphs, as long as they fit. */
class Cutter {
  readonly passages: TextPart[] = [];
  readonly #text: string;
  #start: number;
  #bytes = 0;
  /** The end of the last paragraph in the passage that is open. */
  #paragraphEnd = -1;

  constructor(text: string, start: number) {
    this.#text = text;
    this.#start = start;
  }

  add(line: Line): void {
    const bytes = utf8Bytes(this.#text, line.start, line.end);
    if (line.isHeading && this.#bytes >= MIN_PASSAGE_BYTES) this.#close(line.start);
    if (this.#bytes + bytes > MAX_PASSAGE_BYTES && !line.isEmpty) this.#makeRoom(line.start, bytes);
    if (bytes > MAX_PASSAGE_BYTES) this.#takeLong(line);
    else this.#bytes += bytes;
    if (line.isEmpty) this.#paragraphEnd = line.end;
  }

  end(at: number): TextPart[] {
    const last = this.passages.at(-1);
    // What is left over is too short to say anything alone.
    if (last && utf8Bytes(this.#text, this.#start, at) < MIN_PASSAGE_BYTES)
      this.passages.splice(-1, 1, { start: last.start, end: at });
    else this.#close(at);
    return this.passages;
  }

  /** Ends before the paragraph that does not fit; a paragraph that alone is too long is cut at its lines. */
  #makeRoom(at: number, bytes: number): void {
    if (this.#paragraphEnd > this.#start) this.#close(this.#paragraphEnd);
    this.#bytes = utf8Bytes(this.#text, this.#start, at);
    if (this.#bytes + bytes > MAX_PASSAGE_BYTES) this.#close(at);
  }

  #takeLong({ start, end }: Line): void {
    for (let from = start; from < end;) {
      const to = cutIn(this.#text, from, end);
      if (to < end) this.#close(to);
      else this.#bytes = utf8Bytes(this.#text, from, to);
      from = to;
    }
  }

  #close(at: number): void {
    if (at > this.#start) this.passages.push({ start: this.#start, end: at });
    this.#start = at;
    this.#bytes = 0;
    this.#paragraphEnd = -1;
  }
}

/**
 * Cuts a text into passages that are looked for and sent one by one. They follow each other without a gap; those
 * without a word are left out. Pure.
 */
export function passagesOf({ text, pageStarts }: CutText): TextPart[] {
  const starts = pageStarts ?? [0];
  const all = starts.flatMap((from, index) => {
    const to = starts[index + 1] ?? text.length;
    const cutter = new Cutter(text, from);
    for (const line of linesOf(text, from, to)) cutter.add(line);
    return cutter.end(to);
  });
  return all.filter(({ start, end }) => !EMPTY.test(text.slice(start, end)));
}
