/**
 * Finds places where a growing Markdown text can be cut so that what lies before never changes its meaning.
 * Where that is uncertain no cut is made: a larger tail costs time, a wrong cut would change the result.
 */

import { endsMaths, isFormula, opensMaths } from './maths.ts';

/** What the unsettled tail began as. */
export type TailKind = 'empty' | 'paragraph' | 'list' | 'quote' | 'fence' | 'heading' | 'maths';

export interface OpenFence {
  marker: string;
  /** Columns before the fence. */
  indent: number;
  info: string;
}

const LIST_MARKER = /^ {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]+\S/;
const LIST_START = /^(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const HEADING = /^#{1,6}(?:[ \t]|$)/;
const FENCE = /^([ \t]*)(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
/** May still become a list marker, heading, fence or rule when more of the line arrives. */
const UNDECIDED = /^(?:[-*+_=][-*+_= \t]*|\d{1,9}[.)]?[ \t]*|#{1,6}|`+[^`]*|~+.*|\$|\\|(?:\$\$|\\\[).*)$/;
const DELIMITER_ROW = /^[-:| \t*+]+$/;
/** A definition whose address may stand on the next line. */
const OPEN_DEFINITION = /^ {0,3}\[.*\]:[ \t]*$/;

export function isListLine(line: string): boolean {
  return LIST_MARKER.test(line) && !RULE.test(line);
}

export function openFence(line: string): OpenFence | undefined {
  const match = FENCE.exec(line);
  if (match === null) return undefined;
  return { indent: match[1]?.length ?? 0, marker: match[2] ?? '', info: (match[3] ?? '').trim() };
}

export function closesFence(line: string, fence: OpenFence): boolean {
  const trimmed = line.trim();
  return (
    /^ {0,3}\S/.test(line) &&
    trimmed.length >= fence.marker.length &&
    [...trimmed].every((character) => character === fence.marker[0])
  );
}

export type Verdict = 'cut' | 'keep' | 'wait';

/** Follows the lines of the tail. One scanner belongs to one stream. */
export class TailScanner {
  kind: TailKind = 'empty';
  fence: OpenFence | undefined;
  #blankBefore = false;
  #previous = '';
  /** Some line may have begun a list, so that a list line may go on in it. */
  #hasList = false;
  /** Our reading of a fence may differ from the parser's: nothing is cut any more. */
  #unsure = false;
  /** Ends the block of maths that the tail is. */
  #closing: string | undefined;
  #maths = '';
  #hasQuote = false;
  /** A block of maths may have begun inside a list or quote, where a fence would be part of it. */
  #maybeMaths = false;

  /** Forgets the tail, after a cut. */
  reset(): void {
    this.kind = 'empty';
    this.fence = undefined;
    this.#blankBefore = false;
    this.#previous = '';
    this.#hasList = false;
    this.#unsure = false;
    this.#closing = undefined;
    this.#maybeMaths = false;
    this.#hasQuote = false;
  }

  /**
   * Whether the text can be cut before this line.
   * @param complete the line's end has arrived
   */
  before(line: string, complete: boolean): Verdict {
    if (this.kind === 'empty' || this.#unsure || line.trim() === '') return 'keep';
    if (this.fence !== undefined || this.#closing !== undefined || /^[ \t]/.test(line)) return 'keep';
    if (!complete && UNDECIDED.test(line)) return 'wait';
    if (this.#hasList && LIST_START.test(line)) return 'keep';
    if (this.#maybeMaths && !this.#blankBefore) return 'keep';
    if (isListLine(line)) return this.#beforeListLine(line);
    if (this.#blankBefore) return 'cut';
    if (this.kind === 'quote' || OPEN_DEFINITION.test(this.#previous)) return 'keep';
    if (HEADING.test(line) || openFence(line) !== undefined) return 'cut';
    return !this.#hasList && !this.#hasQuote && opensMaths(line) !== undefined ? 'cut' : 'keep';
  }

  #beforeListLine(line: string): Verdict {
    if (this.#blankBefore) return 'cut';
    const interrupts = /^(?:[-*+]|1[.)])[ \t]/.test(line) && !DELIMITER_ROW.test(line);
    const plain = this.kind === 'paragraph' && !OPEN_DEFINITION.test(this.#previous);
    return interrupts && plain && !this.#previous.includes('|') ? 'cut' : 'keep';
  }

  /**
   * Takes a complete line into the tail.
   * @returns true if the text can be cut after it
   */
  take(line: string): boolean {
    const blank = line.trim() === '';
    if (this.kind === 'empty' && !blank) {
      this.kind = kindOf(line);
      this.#closing = opensMaths(line);
      this.#maths = '';
      if (this.#closing !== undefined) return this.#takeMaths(line, line.slice(this.#closing.length));
    } else if (this.#closing !== undefined) {
      return this.#takeMaths(line, line);
    }
    const fence = this.fence;
    if (fence !== undefined) {
      if (fence.indent > 0 && /^\S/.test(line)) this.#unsure = true;
      if (closesFence(line, fence)) {
        this.fence = undefined;
        this.#blankBefore = false;
        this.#previous = line;
        return this.kind === 'fence';
      }
    } else {
      this.#takeOutsideFence(line);
    }
    this.#blankBefore = blank && this.fence === undefined;
    if (!blank) this.#previous = line;
    return this.kind === 'heading';
  }

  /** Follows a block of maths to its end, or to an empty line: then it was a paragraph. */
  #takeMaths(line: string, rest: string): boolean {
    this.#maths += `${line}\n`;
    const ends = endsMaths(rest, this.#closing ?? '');
    this.#blankBefore = line.trim() === '';
    if (ends || this.#blankBefore) this.#closing = undefined;
    this.#previous = line;
    const isWhole = ends && isFormula(this.#maths.trim());
    if (this.#closing === undefined && !isWhole) this.kind = 'paragraph';
    return isWhole;
  }

  #takeOutsideFence(line: string): void {
    if (/^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)/.test(line)) this.#hasList = true;
    // A deeper fence belongs to a list item, which ends after a blank line whatever is in it. One that may be
    // in an item or not is followed to its end; see `unsure`.
    if (/^ {0,3}>/.test(line)) this.#hasQuote = true;
    if (line.trim() === '') this.#maybeMaths = false;
    else if (opensMaths(line.replace(/^[\s>]*/, '')) !== undefined) this.#maybeMaths = true;
    const opened = openFence(line);
    if (opened !== undefined && this.#maybeMaths) this.#unsure = true;
    if (opened === undefined || opened.indent > 3 || line.slice(0, opened.indent).includes('\t')) return;
    this.fence = opened;
    if (OPEN_DEFINITION.test(this.#previous)) this.#unsure = true;
  }
}

/** The kind that a first line makes. */
export function kindOf(line: string): TailKind {
  if (HEADING.test(line)) return 'heading';
  if (openFence(line)?.indent === 0) return 'fence';
  if (opensMaths(line) !== undefined) return 'maths';
  if (isListLine(line)) return 'list';
  if (/^ {0,3}>/.test(line)) return 'quote';
  return 'paragraph';
}
