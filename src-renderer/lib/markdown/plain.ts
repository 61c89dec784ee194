import type { Token, Tokens } from 'marked';
import { formulaOf } from './maths.ts';
import { noReferences, normaliseSource, parseBlocks } from './parser.ts';

const INDENT = '  ';

/**
 * Markdown as a reader sees it, without its marks: lists with bullets and numbers, tables with a tab between
 * cells, code and formulas as they are.
 */
export function plainTextOf(markdown: string): string {
  const work = { calls: 0, characters: 0 };
  return blocksOf(parseBlocks(normaliseSource(markdown), noReferences(), work)).trim();
}

function blocksOf(tokens: readonly Token[]): string {
  return tokens
    .filter(({ type }) => type !== 'space' && type !== 'def')
    .map(blockOf)
    .join('\n\n');
}

function blockOf(token: Token): string {
  switch (token.type) {
    case 'code':
      return (token as Tokens.Code).text;
    case 'list':
      return listOf(token as Tokens.List);
    case 'table':
      return tableOf(token as Tokens.Table);
    case 'blockquote':
      return blocksOf((token as Tokens.Blockquote).tokens);
    case 'hr':
      return '';
    default:
      return inlineOf([token]);
  }
}

function listOf({ items, ordered, start }: Tokens.List): string {
  const first = typeof start === 'number' ? start : 1;
  return items
    .map((item, index) => {
      const mark = ordered ? `${first + index}. ` : '• ';
      const box = item.task ? (item.checked === true ? '☑ ' : '☐ ') : '';
      const text = item.tokens
        .filter(({ type }) => type !== 'space' && type !== 'checkbox')
        .map(blockOf)
        .join('\n');
      return mark + box + text.replaceAll('\n', `\n${INDENT}`);
    })
    .join('\n');
}

function tableOf({ header, rows }: Tokens.Table): string {
  return [header, ...rows].map((cells) => cells.map((cell) => inlineOf(cell.tokens)).join('\t')).join('\n');
}

function inlineOf(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'br') return '\n';
      if (token.type === 'maths') return formulaOf(token.raw);
      if ('tokens' in token && token.tokens !== undefined) return inlineOf(token.tokens);
      const text: unknown = 'text' in token ? token.text : '';
      if (typeof text !== 'string') return '';
      return token.type === 'codespan' ? text : withoutEntities(text);
    })
    .join('');
}

/** The entities that models write; a browser knows two thousand more, which stay as they are. */
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
};
const MAX_CODE_POINT = 0x10_ffff;

function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(\w+));/g, (entity, decimal, hex, name) => {
    if (typeof name === 'string') return ENTITIES[name] ?? entity;
    const code = typeof hex === 'string' ? parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= MAX_CODE_POINT ? String.fromCodePoint(code) : entity;
  });
}
