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
      return 'text' in token ? unescaped(token) : '';
    })
    .join('');
}

/** marked writes the text of an escape and of code as it stands in the source. */
function unescaped(token: Token): string {
  const text: unknown = 'text' in token ? token.text : '';
  return typeof text === 'string' ? text : '';
}
