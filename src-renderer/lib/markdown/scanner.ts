/**
 * Finds places where a growing Markdown text can be cut so that what lies before never changes its meaning.
 * Where that is uncertain no cut is made: a larger tail costs time, a wrong cut would change the result.
 */

/** What the unsettled tail began as. */
export type TailKind = 'empty' | 'paragraph' | 'list' | 'quote' | 'fence' | 'heading';

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
const UNDECIDED = /^(?:[-*+_=][-*+_= \t]*|\d{1,9}[.)]?[ \t]*|#{1,6}|`+[^`]*|~+.*)$/;
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

  /** Forgets the tail, after a cut. */
  reset(): void {
    this.kind = 'empty';
    this.fence = undefined;
    this.#blankBefore = false;
    this.#previous = '';
    this.#hasList = false;
    this.#unsure = false;
  }

  /**
   * Whether the text can be cut before this line.
   * @param complete the line's end has arrived
   */
  before(line: string, complete: boolean): Verdict {
    if (this.kind === 'empty' || this.#unsure || line.trim() === '') return 'keep';
    if (this.fence !== undefined || /^[ \t]/.test(line)) return 'keep';
    if (!complete && UNDECIDED.test(line)) return 'wait';
    if (this.#hasList && LIST_START.test(line)) return 'keep';
    if (isListLine(line)) return this.#beforeListLine(line);
    if (this.#blankBefore) return 'cut';
    if (this.kind === 'quote' || OPEN_DEFINITION.test(this.#previous)) return 'keep';
    if (HEADING.test(line) || openFence(line) !== undefined) return 'cut';
    return 'keep';
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
    if (this.kind === 'empty' && !blank) this.kind = kindOf(line);
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

  #takeOutsideFence(line: string): void {
    if (/^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)/.test(line)) this.#hasList = true;
    // A deeper fence belongs to a list item, which ends after a blank line whatever is in it. One that may be
    // in an item or not is followed to its end; see `unsure`.
    const opened = openFence(line);
    if (opened === undefined || opened.indent > 3 || line.slice(0, opened.indent).includes('\t')) return;
    this.fence = opened;
    if (OPEN_DEFINITION.test(this.#previous)) this.#unsure = true;
  }
}

/** The kind that a first line makes. */
export function kindOf(line: string): TailKind {
  if (HEADING.test(line)) return 'heading';
  if (openFence(line)?.indent === 0) return 'fence';
  if (isListLine(line)) return 'list';
  if (/^ {0,3}>/.test(line)) return 'quote';
  return 'paragraph';
}
