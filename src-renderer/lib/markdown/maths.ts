import { Tokenizer, type MarkedExtension, type Token, type Tokens } from 'marked';

/**
 * Where maths begins and ends in Markdown. A block of it begins at the first column, ends with a line that ends
 * with its closing mark, and holds no empty line; so a growing text can be judged line by line.
 */

export type MathsDisplay = 'inline' | 'display';

interface MathsToken extends Tokens.Generic {
  type: 'maths';
  raw: string;
  display: MathsDisplay;
  isBlock?: boolean;
}

const CLOSING: Readonly<Record<string, string>> = { $$: '$$', '\\[': '\\]', '\\(': '\\)', $: '$' };
/** Long formulas are display ones; beyond this a pair of signs is a chance. */
const MAX_INLINE_LENGTH = 400;
/** Longest block that is looked for: the blocks of a text are short, and the search has to end. */
const MAX_DISPLAY_LENGTH = 10_000;

const BLOCK_MARK = /^(?:\$\$|\\\[)/;
const INLINE_MARK = /^(?:\$\$|\$|\\[([])/;
/** What tells a formula from words or a number in brackets. */
const FORMULA_SIGN = /[\\^_={}+*/<>|−×·≤≥≠≈∑∫√∞π→-]/u;
const WORDS = /\p{L}{4}|\p{L}{2,}\s+\p{L}{2,}/u;

/** Whether a line begins a block of maths: its closing mark is not in it, or ends it. */
export function opensMaths(line: string): string | undefined {
  const mark = BLOCK_MARK.exec(line)?.[0];
  if (mark === undefined) return undefined;
  const closing = CLOSING[mark] ?? mark;
  const rest = line.slice(mark.length).trimEnd();
  return !rest.includes(closing) || rest.endsWith(closing) ? closing : undefined;
}

/** Whether a line of a block, without its opening mark, ends the block. */
export function endsMaths(rest: string, closing: string): boolean {
  return rest.trimEnd().endsWith(closing);
}

/** The text of a formula without its marks. */
export function formulaOf(source: string): string {
  const trimmed = source.trim();
  const mark = /^(?:\$\$|\$|\\[([])/.exec(trimmed)?.[0] ?? '';
  return trimmed.slice(mark.length, -mark.length || undefined);
}

/** Brackets with a backslash are also how a plain bracket is written: "\\[1\\]", "\\(see below\\)". */
export function isFormula(source: string): boolean {
  const content = formulaOf(source);
  if (content.trim() === '') return false;
  if (source.startsWith('$') || FORMULA_SIGN.test(content)) return true;
  return source.startsWith('\\(') && !WORDS.test(content);
}

/** A block at the beginning of the source, and whether it was closed. */
function readBlock(source: string): { raw: string; closed: boolean } | undefined {
  let at = 0;
  let closing: string | undefined;
  while (at < source.length) {
    const end = source.indexOf('\n', at);
    const next = end === -1 ? source.length : end + 1;
    const line = source.slice(at, end === -1 ? undefined : end);
    let rest = line;
    if (closing === undefined) {
      closing = opensMaths(line);
      if (closing === undefined) return undefined;
      rest = line.slice(closing.length);
    } else if (line.trim() === '') {
      return { raw: source.slice(0, at), closed: false };
    }
    at = next;
    if (endsMaths(rest, closing)) return { raw: source.slice(0, at), closed: true };
  }
  return { raw: source, closed: false };
}

function blockToken(source: string): MathsToken | Tokens.Paragraph | undefined {
  const found = readBlock(source);
  if (found === undefined) return undefined;
  // Without its line's end: that tells an empty line below from none.
  const raw = found.raw.replace(/\n$/, '');
  const text = raw.trimEnd();
  if (found.closed && isFormula(text)) return { type: 'maths', raw, display: 'display', isBlock: true };
  // Not closed, or words: a paragraph like any other.
  return { type: 'paragraph', raw, text, tokens: [] };
}

function readBetween(source: string, mark: string): string | undefined {
  const closing = CLOSING[mark] ?? mark;
  const end = source
    .slice(0, mark === '\\(' ? MAX_INLINE_LENGTH : MAX_DISPLAY_LENGTH)
    .indexOf(closing, mark.length);
  if (end === -1) return undefined;
  const raw = source.slice(0, end + closing.length);
  return /\n[ \t]*\n/.test(raw) || !isFormula(raw) ? undefined : raw;
}

/** Between dollars, unless they are prices: "$5 and $10", "US$5", "$HOME/$USER". */
function readDollars(source: string): string | undefined {
  const raw = /^\$(?![\s$])(?:\\.|[^$\\\n`])*\$(?![\w$])/.exec(source.slice(0, MAX_INLINE_LENGTH))?.[0];
  if (raw === undefined) return undefined;
  const content = raw.slice(1, -1);
  const price = /^\d\S*\s/.test(content) && !FORMULA_SIGN.test(content);
  return price || /\s$/.test(content) ? undefined : raw;
}

/** A formula at the beginning of the source. @param before the character in front of it, or nothing */
function readInline(source: string, before: string): MathsToken | undefined {
  const mark = INLINE_MARK.exec(source)?.[0];
  if (mark === undefined || (mark.startsWith('$') && /[\w$]/.test(before))) return undefined;
  const raw = mark === '$' ? readDollars(source) : readBetween(source, mark);
  if (raw === undefined) return undefined;
  return { type: 'maths', raw, display: mark === '$' || mark === '\\(' ? 'inline' : 'display' };
}

/** Blanks formulas out, so that a star in one is no end of emphasis. The length stays. */
function maskFormulas(source: string): string {
  if (!/\$|\\[([]/.test(source)) return source;
  let masked = '';
  let at = 0;
  for (const match of source.matchAll(/(`+)[\s\S]*?\1|\\[^([]|\$\$?|\\[([]/g)) {
    if (match.index < at || !INLINE_MARK.test(match[0])) continue;
    const found = readInline(source.slice(match.index), source[match.index - 1] ?? '');
    if (found === undefined) continue;
    masked += source.slice(at, match.index) + 'x'.repeat(found.raw.length);
    at = match.index + found.raw.length;
  }
  return masked + source.slice(at);
}

/** The source up to the first line that begins a block of maths; the whole where none does. */
function beforeMaths(source: string): string {
  for (const { index } of source.matchAll(/\n(?=\$\$|\\\[)/g)) {
    const end = source.indexOf('\n', index + 1);
    const line = source.slice(index + 1, end === -1 ? undefined : end);
    if (opensMaths(line) !== undefined) return source.slice(0, index + 1);
  }
  return source;
}

const { paragraph, lheading, table } = Tokenizer.prototype;

/** Reads a block, and again without what a block of maths inside it takes away. */
function interrupted<T extends Token>(
  self: Tokenizer,
  read: (this: Tokenizer, source: string) => T | undefined,
  source: string,
): T | undefined {
  const token = read.call(self, source);
  const clipped = token && beforeMaths(token.raw);
  return clipped === undefined || clipped === token?.raw ? token : read.call(self, clipped);
}

/** Formulas as tokens of type "maths". @param render HTML of one, given its source with its marks */
export function mathsExtension(
  render: (source: string, display: MathsDisplay, isBlock: boolean) => string,
): MarkedExtension {
  return {
    extensions: [
      {
        name: 'maths',
        level: 'block',
        tokenizer(source) {
          const token = blockToken(source);
          if (token?.type === 'paragraph') this.lexer.inline(token.text ?? '', token.tokens);
          return token;
        },
      },
      {
        name: 'maths',
        level: 'inline',
        start(source) {
          const at = source.indexOf('$');
          return at === -1 ? undefined : at;
        },
        tokenizer: (source, tokens) => readInline(source, tokens.at(-1)?.raw.at(-1) ?? ''),
        renderer: ({ raw, display, isBlock }) => render(raw, display, isBlock === true),
      },
    ],
    tokenizer: {
      paragraph(source) {
        return interrupted(this, paragraph, source);
      },
      lheading(source) {
        return interrupted(this, lheading, source);
      },
      table(source) {
        return interrupted(this, table, source);
      },
    },
    hooks: { emStrongMask: maskFormulas },
  };
}
