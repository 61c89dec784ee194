import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { titleFrom, turnsOf } from '../../src-main/conversations/history.ts';

describe('turnsOf', () => {
  it('leaves out answers without text and joins the user turns around them', () => {
    expect(
      turnsOf([
        { role: 'user', text: 'one' },
        { role: 'assistant', text: '  ' },
        { role: 'user', text: 'two' },
        { role: 'assistant', text: 'answer' },
        { role: 'user', text: 'three' },
      ]),
    ).toEqual([
      { role: 'user', text: 'one\n\ntwo' },
      { role: 'assistant', text: 'answer' },
      { role: 'user', text: 'three' },
    ]);
  });

  it('always alternates roles and never changes its input', () => {
    const turn = fc.record({
      role: fc.constantFrom('user' as const, 'assistant' as const),
      text: fc.string(),
    });
    fc.assert(
      fc.property(fc.array(turn), (path) => {
        const before = structuredClone(path);
        const turns = turnsOf(path);
        expect(path).toEqual(before);
        for (const [index, current] of turns.entries()) expect(current.role).not.toBe(turns[index + 1]?.role);
      }),
    );
  });
});

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
