import {
  Lexer,
  Marked,
  Parser,
  Renderer,
  Tokenizer,
  type Links,
  type MarkedOptions,
  type Token,
  type Tokens,
} from 'marked';
import { safeLinkAddress, shownAddress } from './address.ts';
import { mathsExtension, type MathsDisplay } from './maths.ts';

/** A piece of an answer that is rendered by itself. Top-level code has its own component. */
export type Block =
  { id: number; kind: 'html'; html: string } | { id: number; kind: 'code'; language: string; code: string };

/** What was given to the parser, to prove that streaming costs no more than it should. */
export interface ParserWork {
  calls: number;
  characters: number;
}

/** Answers are part of a page that has its own h1 and h2. */
const HEADING_OFFSET = 2;
const MAX_HEADING = 6;
const MAX_LANGUAGE_LENGTH = 32;
/** A cell with more characters than this is kept from being squeezed to the width of one word. */
const LONG_CELL = 14;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes every character that means something in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** As {@link escapeHtml}, but character references of the source stay what they stand for. */
function escapeText(text: string): string {
  return text.replace(
    /[<>"']|&(?!(?:#\d{1,7}|#[Xx][\da-fA-F]{1,6}|\w+);)/g,
    (found) => ESCAPES[found] ?? found,
  );
}

/** The first word after a code fence, as far as it can be a language's name. */
export function languageOf(info: string | undefined): string {
  const word = /^[\w+#.-]+/.exec(info?.trim() ?? '')?.[0] ?? '';
  return word.slice(0, MAX_LANGUAGE_LENGTH).toLowerCase();
}

function inert(label: string, address: string): string {
  const shown = shownAddress(address);
  return shown === '' || label === escapeHtml(shown) ? label : `${label} (${escapeHtml(shown)})`;
}

/** Every element that comes out of here is on the sanitizer's list; no attribute carries a style. */
class HtmlRenderer extends Renderer {
  override space(): string {
    return '';
  }
  override code({ text, lang }: Tokens.Code): string {
    const language = languageOf(lang);
    const name = language === '' ? '' : ` class="language-${language}"`;
    return `<pre dir="ltr"><code${name}>${escapeHtml(text)}</code></pre>`;
  }
  override blockquote({ tokens }: Tokens.Blockquote): string {
    return `<blockquote dir="auto">${this.parser.parse(tokens)}</blockquote>`;
  }
  // Unreachable, since the tokenizers are off; a later version of the parser must not open a way.
  override html({ text }: Tokens.HTML | Tokens.Tag): string {
    return escapeHtml(text);
  }
  override def(): string {
    return '';
  }
  override heading({ tokens, depth }: Tokens.Heading): string {
    const level = Math.min(MAX_HEADING, depth + HEADING_OFFSET);
    return `<h${level} dir="auto">${this.parser.parseInline(tokens)}</h${level}>`;
  }
  override hr(): string {
    return '<hr>';
  }
  override list({ ordered, start, items }: Tokens.List): string {
    const content = items.map((item) => this.listitem(item)).join('');
    if (!ordered) return `<ul dir="auto">${content}</ul>`;
    const from = typeof start === 'number' && start !== 1 ? ` start="${start}"` : '';
    return `<ol dir="auto"${from}>${content}</ol>`;
  }
  override listitem({ tokens }: Tokens.ListItem): string {
    return `<li dir="auto">${this.parser.parse(tokens)}</li>`;
  }
  override checkbox({ checked }: Tokens.Checkbox): string {
    return checked ? '☑ ' : '☐ ';
  }
  override paragraph({ tokens }: Tokens.Paragraph): string {
    return `<p dir="auto">${this.parser.parseInline(tokens)}</p>`;
  }
  override table({ header, rows }: Tokens.Table): string {
    const head = header.map((cell) => this.tablecell(cell)).join('');
    const body = rows.map((row) => `<tr>${row.map((cell) => this.tablecell(cell)).join('')}</tr>`).join('');
    const bodyHtml = body === '' ? '' : `<tbody>${body}</tbody>`;
    return `<div data-table=""><table dir="auto"><thead><tr>${head}</tr></thead>${bodyHtml}</table></div>`;
  }
  override tablecell({ text, tokens, header, align }: Tokens.TableCell): string {
    const name = header ? 'th' : 'td';
    const scope = header ? ' scope="col"' : '';
    const alignment = align === null ? '' : ` data-align="${align}"`;
    const long = text.length > LONG_CELL ? ' data-long=""' : '';
    return `<${name} dir="auto"${scope}${alignment}${long}>${this.parser.parseInline(tokens)}</${name}>`;
  }
  override codespan({ text }: Tokens.Codespan): string {
    return `<code dir="ltr">${escapeHtml(text)}</code>`;
  }
  /** Never an anchor that goes anywhere: the screen shows the whole address first and asks. */
  override link({ href, text, tokens, autolink }: Tokens.Link): string {
    const label = autolink === true ? escapeHtml(text) : this.parser.parseInline(tokens);
    const address = safeLinkAddress(href);
    if (address === null) return autolink === true ? label : inert(label, href);
    return `<a role="link" tabindex="0" data-href="${escapeHtml(address)}">${label}</a>`;
  }
  /** Never fetched: a remote picture would tell its server that this was read. */
  override image({ href, text }: Tokens.Image): string {
    return inert(escapeText(text), href);
  }
  override text(token: Tokens.Text | Tokens.Escape): string {
    if ('tokens' in token && token.tokens !== undefined) return this.parser.parseInline(token.tokens);
    return escapeText(token.text);
  }
}

/** Ends a bare address where quoted HTML goes on: at a quotation mark or a closing bracket. */
function bareAddress(this: Tokenizer, source: string): Tokens.Link | undefined {
  const address = /^(?:https?:\/\/|www\.)[^\s<>"]*/i.exec(source)?.[0];
  return Tokenizer.prototype.url.call(this, address ?? source);
}

/** The source of a formula, for {@link typesetMaths} to put the formula in its place. */
function formulaHtml(source: string, display: MathsDisplay, isBlock: boolean): string {
  const name = isBlock ? 'div' : 'span';
  return `<${name} data-math="${display}">${escapeHtml(source.trim())}</${name}>`;
}

function makeOptions(): MarkedOptions {
  const engine = new Marked({ gfm: true, breaks: true });
  engine.use(mathsExtension(formulaHtml));
  // Raw HTML is no part of what a model may write: without these it is text like any other.
  engine.use({ tokenizer: { html: () => undefined, tag: () => undefined, url: bareAddress } });
  return { ...engine.defaults, renderer: new HtmlRenderer() };
}
const options = makeOptions();

/** Names and addresses of reference links, collected over the whole text. */
export type References = Links;

export function noReferences(): References {
  // No prototype: a reference named "constructor" must not be found.
  return Object.setPrototypeOf({}, null) as References;
}

/** Line ends as the parser makes them, and no NUL, which HTML would turn into something else. */
export function normaliseSource(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/\0/g, '\uFFFD');
}

/**
 * Reads block by block. Definitions of reference links are added to `references`; the first one of a name
 * counts.
 *
 * @param source text with normalised line ends
 */
export function parseBlocks(source: string, references: References, work: ParserWork): Token[] {
  work.calls += 1;
  work.characters += source.length;
  const lexer = new Lexer(options);
  lexer.tokens.links = references;
  return lexer.lex(source);
}

/** Reads text inside a paragraph, heading, list item or cell. */
export function parseInline(source: string, references: References, work: ParserWork): Token[] {
  work.calls += 1;
  work.characters += source.length;
  const lexer = new Lexer(options);
  lexer.tokens.links = references;
  return lexer.inlineTokens(source, []);
}

export function blocksToHtml(tokens: Token[]): string {
  return Parser.parse(tokens, options);
}

export function inlineToHtml(tokens: Token[]): string {
  return Parser.parseInline(tokens, options);
}

/** Turns tokens into blocks; definitions and blank lines make none. */
export function toBlocks(tokens: Token[], nextId: () => number): Block[] {
  const blocks: Block[] = [];
  for (const token of tokens) {
    if (token.type === 'space' || token.type === 'def') continue;
    if (token.type === 'code') {
      const code = token as Tokens.Code;
      blocks.push({ id: nextId(), kind: 'code', language: languageOf(code.lang), code: code.text });
    } else {
      blocks.push({ id: nextId(), kind: 'html', html: blocksToHtml([token]) });
    }
  }
  return blocks;
}

/** Renders a whole text at once. The result holds no HTML of the source, but is sanitised again before use. */
export function renderBlocks(text: string, work: ParserWork = { calls: 0, characters: 0 }): Block[] {
  let id = 0;
  return toBlocks(parseBlocks(normaliseSource(text), noReferences(), work), () => id++);
}
