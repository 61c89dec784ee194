import { GrowingPiece, type Credit, type LivePiece } from './live-piece.ts';
import {
  languageOf,
  noReferences,
  normaliseSource,
  parseBlocks,
  toBlocks,
  type Block,
  type ParserWork,
} from './parser.ts';
import { isListLine, kindOf, openFence, TailScanner } from './scanner.ts';

/** What grows: code as it is, or pieces of a paragraph, list, table or quote. */
export type LiveTail =
  | { id: number; kind: 'code'; language: string; code: string }
  | { id: number; kind: 'pieces'; pieces: readonly LivePiece[] };

/**
 * Work on live text for each character that arrives. Settling reads it once more, so the whole stays under
 * three times the work of reading the text once.
 */
const LIVE_WORK_PER_CHARACTER = 1.2;
/** Lets the first lines be read as they come. */
const FIRST_CREDIT = 400;

export interface MarkdownStream {
  /** Blocks that will not change, except that a late definition may turn a reference into a link. */
  readonly blocks: readonly Block[];
  /** The block that still grows. */
  readonly tail: LiveTail | null;
  readonly work: Readonly<ParserWork>;
  /** Adds text. */
  append(chunk: string): void;
  /** Sets the whole text: adds what is new, or starts anew if the beginning changed. */
  update(text: string): void;
  /** Settles everything: no more text will come. */
  finish(): void;
}

/** A settled block whose source might refer to a definition that is not known yet. */
interface OpenReference {
  firstBlock: number;
  count: number;
  source: string;
}

/** A piece and what is shown of it; positions are those of the tail. */
interface PieceOfTail {
  start: number;
  end: number;
  shown: LivePiece;
  grow(addition: string): void;
}

function mentions(source: string, names: readonly string[]): boolean {
  // A name may be broken over lines, with marks of a quote in between: then it cannot be searched for.
  if (/\[[^\]]*\n/.test(source)) return true;
  const folded = source.toLowerCase().replace(/\s+/g, ' ');
  return names.some((name) => folded.includes(`[${name}`) || folded.includes(`[ ${name}`));
}

class Stream implements MarkdownStream {
  blocks: readonly Block[] = [];
  tail: LiveTail | null = null;
  work: ParserWork = { calls: 0, characters: 0 };
  #received = '';
  /** What is not settled yet: what is would only make each addition dearer. */
  #source = '';
  #heldReturn = false;
  #finished = false;
  #lineStart = 0;
  #shownEnd = 0;
  #nextId = 0;
  #references = noReferences();
  #open: OpenReference[] = [];
  #pieces: PieceOfTail[] = [];
  readonly #scanner = new TailScanner();
  readonly #credit: Credit = { left: FIRST_CREDIT };

  update(text: string): void {
    if (text.length === this.#received.length && text === this.#received) return;
    if (this.#finished || !text.startsWith(this.#received)) this.#restart();
    const known = this.#received.length;
    this.append(text.slice(known));
    // The caller's string instead of one that was put together piece by piece.
    this.#received = text;
  }

  append(chunk: string): void {
    if (chunk === '') return;
    this.#received += chunk;
    let added = this.#heldReturn ? `\r${chunk}` : chunk;
    // A line feed may follow in the next chunk.
    this.#heldReturn = added.endsWith('\r');
    if (this.#heldReturn) added = added.slice(0, -1);
    added = normaliseSource(added);
    this.#source += added;
    this.#credit.left += added.length * LIVE_WORK_PER_CHARACTER;
    this.#scan();
    this.#showTail();
  }

  finish(): void {
    if (this.#heldReturn) this.#source += '\n';
    this.#heldReturn = false;
    if (this.#source !== '') this.#settle(this.#source.length);
    this.#lineStart = 0;
    this.tail = null;
    this.#finished = true;
  }

  #restart(): void {
    this.blocks = [];
    this.tail = null;
    this.#received = '';
    this.#source = '';
    this.#heldReturn = false;
    this.#finished = false;
    this.#lineStart = 0;
    this.#shownEnd = 0;
    this.#references = noReferences();
    this.#open = [];
    this.#pieces = [];
    this.#scanner.reset();
  }

  /** Takes whole lines, cuts where it is safe, and leaves what cannot be judged yet. */
  #scan(): void {
    for (;;) {
      const end = this.#source.indexOf('\n', this.#lineStart);
      const complete = end !== -1;
      const line = this.#source.slice(this.#lineStart, complete ? end : undefined);
      const verdict = this.#scanner.before(line, complete);
      if (verdict === 'cut') this.#settle(this.#lineStart);
      if (!complete) {
        this.#shownEnd = verdict === 'wait' ? this.#lineStart : this.#source.length;
        return;
      }
      this.#lineStart += line.length + 1;
      if (this.#scanner.take(line)) this.#settle(this.#lineStart);
    }
  }

  #settle(end: number): void {
    const source = this.#source.slice(0, end);
    this.#source = this.#source.slice(end);
    this.#lineStart -= end;
    this.#scanner.reset();
    this.#pieces = [];
    const known = new Set(Object.keys(this.#references));
    const tokens = parseBlocks(source, this.#references, this.work);
    // The tail's id goes on to its first block, so that a code block on screen stays the same one.
    const tailId = this.tail?.id;
    this.tail = null;
    let first = true;
    const made = toBlocks(tokens, () => {
      const id = first && tailId !== undefined ? tailId : this.#nextId++;
      first = false;
      return id;
    });
    const added = Object.keys(this.#references).filter((name) => !known.has(name));
    if (added.length > 0) this.#resolveReferences(added);
    if (source.includes('[')) this.#open.push({ firstBlock: this.blocks.length, count: made.length, source });
    this.blocks = [...this.blocks, ...made];
  }

  /** Reads again what may refer to a definition that came later. */
  #resolveReferences(names: readonly string[]): void {
    const blocks = [...this.blocks];
    for (const { firstBlock, count, source } of this.#open) {
      if (!mentions(source, names)) continue;
      const ids = blocks.slice(firstBlock, firstBlock + count).map((block) => block.id);
      let at = 0;
      const again = toBlocks(
        parseBlocks(source, this.#references, this.work),
        () => ids[at++] ?? this.#nextId++,
      );
      blocks.splice(firstBlock, count, ...again);
    }
    this.blocks = blocks;
  }

  #showTail(): void {
    const text = this.#source.slice(0, this.#shownEnd);
    if (text.trim() === '') {
      this.tail = null;
      this.#pieces = [];
      return;
    }
    const id = this.tail?.id ?? this.#nextId++;
    const firstLine = /^\n*([^\n]*)/.exec(text)?.[1] ?? '';
    if (kindOf(firstLine) === 'fence' && text.trimStart().includes('\n'))
      this.tail = this.#codeTail(id, text);
    else if (kindOf(firstLine) === 'maths') this.tail = this.#mathsTail(id, text);
    else if (openFence(firstLine)?.indent !== 0) this.tail = this.#pieceTail(id, text);
  }

  #codeTail(id: number, text: string): LiveTail {
    const start = text.search(/[^\n]/);
    const head = text.indexOf('\n', start);
    const info = openFence(text.slice(start, head))?.info;
    const rest = text.slice(head + 1);
    // The last line may be the beginning of the closing fence.
    const lastLine = rest.lastIndexOf('\n') + 1;
    const closing = /^[ \t]*(?:`+|~+)?[ \t]*$/.test(rest.slice(lastLine));
    const code = closing ? rest.slice(0, Math.max(0, lastLine - 1)) : rest;
    return { id, kind: 'code', language: languageOf(info), code };
  }

  /** A formula is its source until it is whole. */
  #mathsTail(id: number, text: string): LiveTail {
    this.#pieces = [];
    const piece = { id: 0, html: '<p dir="ltr"></p>', inlines: [], provisional: '', pending: text.trim() };
    return { id, kind: 'pieces', pieces: [piece] };
  }

  #pieceTail(id: number, text: string): LiveTail {
    for (const start of this.#newStarts(text)) {
      const last = this.#pieces.at(-1);
      if (last !== undefined) last.grow(text.slice(last.end, start));
      this.#pieces.push(this.#newPiece(start));
    }
    const last = this.#pieces.at(-1);
    if (last !== undefined) last.grow(text.slice(last.end));
    return { id, kind: 'pieces', pieces: this.#pieces.map(({ shown }) => shown) };
  }

  #newPiece(start: number): PieceOfTail {
    const piece = new GrowingPiece(this.#pieces.length, this.#references, this.work, this.#credit);
    const record: PieceOfTail = {
      start,
      end: start,
      shown: piece.show(),
      grow(addition) {
        if (addition === '') return;
        record.end += addition.length;
        record.shown = piece.grow(addition);
      },
    };
    return record;
  }

  /** Where pieces begin that are not shown yet: at each item of the outer list, else only at 0. */
  #newStarts(text: string): number[] {
    const last = this.#pieces.at(-1);
    const starts = last === undefined ? [0] : [];
    if (this.#scanner.kind !== 'list') return starts;
    const from = last?.start ?? 0;
    for (const match of text.slice(from).matchAll(/\n((?:[-*+]|\d{1,9}[.)])[ \t]+\S[^\n]*)/g)) {
      if (isListLine(match[1] ?? '')) starts.push(from + match.index + 1);
    }
    return starts;
  }
}

/**
 * Renders a text that grows. Blocks that are whole are read once; only the block that grows is read again,
 * and never more than its share: the whole costs at most three times as much as reading the text once.
 */
export function createMarkdownStream(): MarkdownStream {
  return new Stream();
}
