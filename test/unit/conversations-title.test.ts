import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { titleFrom } from '../../src-main/conversations/title.ts';

describe('titleFrom', () => {
  it.each([
    ['What is the height of tide at Brest?', 'What is the height of tide at Brest?'],
    ['## A heading\n\nand text', 'A heading'],
    ['\n\n   \n- first   point\n- second', 'first point'],
    ['```\ncode first\n```', 'code first'],
    ['!!!', '!!!'],
  ])('%j', (text, title) => {
    expect(titleFrom(text)).toBe(title);
  });

  it('cuts long text at a word and never inside a character', () => {
    expect(titleFrom('word '.repeat(50))).toBe(`${'word '.repeat(11)}word…`);
    expect(titleFrom('👨‍👩‍👧‍👦'.repeat(100))).toBe(`${'👨‍👩‍👧‍👦'.repeat(60)}…`);
  });

  it('is never empty and stays short', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (text) => {
        const title = titleFrom(text);
        expect(title).not.toBe('');
        expect([...new Intl.Segmenter().segment(title)].length).toBeLessThanOrEqual(61);
      }),
    );
  });
});
