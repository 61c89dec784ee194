import {
  blocksToHtml,
  inlineToHtml,
  noReferences,
  parseBlocks,
  parseInline,
  type ParserWork,
  type References,
} from './parser.ts';
import { closesFence, openFence, type OpenFence } from './scanner.ts';
import type { Token } from 'marked';

/** What is shown of a block that still grows: its frame, finished parts of its last line, then plain text. */
export interface LivePiece {
  id: number;
  /** HTML of the block; later text goes into its last element. */
  html: string;
  /** HTML of finished pieces of the last line, in order. */
  inlines: readonly string[];
  /** HTML after that which the next word may still change. */
  provisional: string;
  /** Text that is not read yet. */
  pending: string;
}

/** Stands for the text to come while the frame of a block is made. Private use: it means nothing in Markdown. */
const SENTINEL = '\uE000';
/** Beginning of a line that frames its text: quote, list, task and heading marks. */
const LINE_FRAME = /^[ \t]*(?:>[ \t]?|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?|\d{1,9}[.)][ \t]+|#{1,6}[ \t]+)*/;
/** A line that goes on in another block than the line before. */
const NEW_FRAME = /^(?:[ \t]+\S|>|[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]|\||`{3}|~{3})/;
const MAY_OPEN = /[*_`~[<&\\\n$]|https?:\/\/|www\./;
const MAY_CLOSE = /[*_`~\])>;\\\n$]/;
const SCHEME_LENGTH = 'https://'.length;
const UNRESOLVED =
  /(?<!\w)_|_(?=\W|$)|\*(?!\s)|(?<!\s)\*|`|~|!?\[|[!\\]$|<[^\s<>]*$|&[#\w]*$|(?:https?:\/\/|www\.)\S*$|(?<![\w$])\$(?!\s)|\$\$/;

/** Characters that the parser may still be given for what is live; refilled by what arrives. */
export interface Credit {
  left: number;
}

/**
 * One block, or one item of a list, while it grows. Only what changed is read again: the frame when a new
 * line needs one, the last line from the last finished place on. When there is no credit the text is shown
 * plain until there is, or until the block is settled.
 */
export class GrowingPiece {
  readonly id: number;
  #html = '';
  #inlines: string[] = [];
  #provisional = '';
  #text = '';
  /** The frame covers the text up to here; -1: there is none yet. */
  #framed = -1;
  #frozen = 0;
  #triedAt = 0;
  /** Something before here may be a mark; up to `#searchedTo` was looked for. */
  #mayOpen = false;
  #searchedTo = 0;
  #blankBefore = false;
  #frameDue = true;
  #fence: OpenFence | undefined;
  #lineStart = 0;
  readonly #references: References;
  readonly #work: ParserWork;
  readonly #credit: Credit;

  constructor(id: number, references: References, work: ParserWork, credit: Credit) {
    this.id = id;
    this.#references = references;
    this.#work = work;
    this.#credit = credit;
  }

  /** Takes text to add and returns what to show. */
  grow(addition: string): LivePiece {
    const lines = addition.split('\n');
    lines.forEach((line, index) => {
      if (line !== '') {
        this.#text += line;
        this.#read();
      }
      if (index === lines.length - 1) return;
      this.#text += '\n';
      this.#endLine();
    });
    if (this.#fence !== undefined && this.#frameDue) this.#makeFrame(this.#lineStart);
    return this.show();
  }

  #read(): void {
    if (this.#fence !== undefined) return;
    this.#lookForFrame();
    if (!this.#frameDue) this.#readInline();
  }

  show(): LivePiece {
    return {
      id: this.id,
      html: this.#html,
      inlines: this.#inlines,
      provisional: this.#provisional,
      pending: this.#pending(),
    };
  }

  #pending(): string {
    const rest = this.#text.slice(this.#triedAt);
    // A row is shown when it is whole: half of one would be bars and dashes.
    if (this.#isTable()) return '';
    const fence = this.#fence;
    if (fence === undefined) return this.#framed === -1 ? '' : rest.trimEnd();
    return rest.replace(new RegExp(`^[ \\t]{0,${fence.indent}}`, 'gm'), '').replace(/\n[ \t]*[`~]*$/, '');
  }

  #isTable(): boolean {
    return this.#html.endsWith('</table></div>');
  }

  #endLine(): void {
    const line = this.#text.slice(this.#lineStart, -1);
    this.#lineStart = this.#text.length;
    this.#blankBefore = line.trim() === '';
    if (this.#fence !== undefined) {
      if (closesFence(line.trim(), this.#fence)) {
        this.#fence = undefined;
        this.#frameDue = true;
      }
      return;
    }
    const frame = LINE_FRAME.exec(line)?.[0].length ?? 0;
    const opened = openFence(line.slice(frame));
    if (opened !== undefined) {
      this.#fence = { ...opened, indent: frame };
      this.#frameDue = true;
    }
    if (line.trimStart().startsWith('|') || /^[-:| \t]+\|[-:| \t]*$/.test(line) || this.#isTable())
      this.#frameDue = true;
  }

  /** A line that began may need another frame than the one that is shown. */
  #lookForFrame(): void {
    const line = this.#text.slice(this.#lineStart);
    const isFirst = this.#framed === -1;
    const isNew = this.#lineStart > this.#framed && NEW_FRAME.test(line);
    if (isNew || this.#afterBlank()) this.#frameDue = true;
    if (!this.#frameDue) return;
    const frame = LINE_FRAME.exec(line)?.[0].length ?? 0;
    const content = line.slice(frame);
    if (line.startsWith('|')) {
      if (!isFirst) this.#makeFrame(this.#lineStart);
    } else if (/[^\s\d#>*+\-|`~=_.)]/.test(content) || content.length > 12) {
      this.#makeFrame(this.#lineStart + frame);
    }
  }

  #afterBlank(): boolean {
    return this.#framed < this.#lineStart && this.#blankBefore;
  }

  #makeFrame(end: number): void {
    const inTable = this.#fence === undefined && this.#text.slice(this.#lineStart).startsWith('|');
    const cost = end + 1;
    if (this.#credit.left < cost) return;
    this.#credit.left -= cost;
    const source = this.#text.slice(0, end) + (inTable ? '' : SENTINEL);
    this.#html = blocksToHtml(parseBlocks(source, this.#copyOfReferences(), this.#work)).replaceAll(
      SENTINEL,
      '',
    );
    this.#inlines = [];
    this.#provisional = '';
    this.#framed = end;
    this.#frozen = end;
    this.#triedAt = end;
    this.#searchedTo = end;
    this.#mayOpen = false;
    this.#frameDue = false;
  }

  /** Half a definition must not become known. */
  #copyOfReferences(): References {
    return Object.assign(noReferences(), this.#references);
  }

  #readInline(): void {
    // Only what is new is searched, with room for a scheme that began before.
    this.#mayOpen ||= MAY_OPEN.test(
      this.#text.slice(Math.max(this.#frozen, this.#searchedTo - SCHEME_LENGTH)),
    );
    this.#searchedTo = this.#text.length;
    const cost = this.#text.length - this.#frozen;
    if (!this.#mayOpen || this.#credit.left < cost) return;
    const fresh = this.#text.slice(this.#triedAt);
    const segment = this.#text.slice(this.#frozen);
    if (!MAY_CLOSE.test(fresh) && !(/\s/.test(fresh) && /https?:\/\/|www\./.test(segment))) return;
    this.#credit.left -= segment.length;
    this.#triedAt = this.#text.length;
    const tokens = parseInline(segment, this.#copyOfReferences(), this.#work);
    const [finished, open, length] = splitFinished(tokens);
    if (length > 0) this.#inlines = [...this.#inlines, inlineToHtml(finished)];
    this.#frozen += length;
    this.#mayOpen = MAY_OPEN.test(this.#text.slice(this.#frozen));
    this.#provisional = inlineToHtml(open);
  }
}

/** The tokens up to the first that may still change, those from it on, and the length of the first part. */
function splitFinished(tokens: Token[]): [Token[], Token[], number] {
  const finished: Token[] = [];
  let length = 0;
  for (const [index, token] of tokens.entries()) {
    const last = index === tokens.length - 1;
    const at = token.type === 'text' ? token.raw.search(UNRESOLVED) : -1;
    // A mark at the very end may be half of a longer one: "*" of "**", a link's "]" before its "(".
    // A bare address may go on while no space follows it.
    const growingAddress =
      token.type === 'link' && token['autolink'] === true && !/^\s/.test(tokens[index + 1]?.raw ?? '');
    const growing = growingAddress || beginsFormula(token, tokens.slice(index + 1));
    if (growing || at === 0 || (last && token.type !== 'text' && token.type !== 'br')) {
      return [finished, tokens.slice(index), length];
    }
    if (at > 0) {
      finished.push(textToken(token.raw.slice(0, at)));
      return [finished, [textToken(token.raw.slice(at)), ...tokens.slice(index + 1)], length + at];
    }
    finished.push(token);
    length += token.raw.length;
  }
  return [finished, [], length];
}

/** A bracket with a backslash, whose other one has not come. */
function beginsFormula(token: Token, after: Token[]): boolean {
  if (token.type !== 'escape' || !/^\\[([]$/.test(token.raw)) return false;
  const closing = token.raw === '\\(' ? '\\)' : '\\]';
  return !after.some(({ raw }) => raw === closing);
}

function textToken(raw: string): Token {
  return { type: 'text', raw, text: raw };
}
