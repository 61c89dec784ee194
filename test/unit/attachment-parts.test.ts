import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placesOf, placesText, type TextPart } from '../../src-main/contract/index.ts';
import { fileText, partsText } from '../../src-main/conversations/attached.ts';
import {
  coverage,
  joined,
  parseRanges,
  partsOfRanges,
  rangeOf,
  unitStarts,
  without,
} from '../../src-renderer/lib/attachments/part-ranges.ts';
import {
  MAX_PASSAGE_BYTES,
  MIN_PASSAGE_BYTES,
  passagesOf,
} from '../../src-renderer/lib/attachments/passages.ts';
import { hasWords, marksOf, PassageIndex, piecesOf } from '../../src-renderer/lib/attachments/rank.ts';
import { snippetOf } from '../../src-renderer/lib/attachments/snippet.ts';
import { wordsOf } from '../../src-renderer/lib/attachments/words.ts';

const bytes = (text: string) => new TextEncoder().encode(text).length;
const cut = (text: string, pageStarts: number[] | null = null) =>
  passagesOf({ text, pageStarts }).map(({ start, end }) => text.slice(start, end));
const words = (count: number, word = 'word') => Array.from({ length: count }, () => word).join(' ');

describe('passages', () => {
  it('are paragraphs, as many as fit together', () => {
    const [first, second, third] = [words(150, 'one'), words(150, 'two'), words(40, 'three')];
    expect(cut(`${first}\n\n${second}\n\n${third}\n`)).toEqual([`${first}\n\n`, `${second}\n\n${third}\n`]);
    expect(cut('short\n\nshort too\n')).toEqual(['short\n\nshort too\n']);
  });

  it('begin at headings and at pages', () => {
    const text = words(60);
    expect(cut(`# One\n${text}\n# Two\n${text}`)).toEqual([`# One\n${text}\n`, `# Two\n${text}`]);
    expect(cut('a\nb\nc', [0, 2, 4])).toEqual(['a\n', 'b\n', 'c']);
    expect(cut('a\n\n \n', [0, 2])).toEqual(['a\n']);
  });

  it('are cut at lines, behind sentences, at spaces, and anywhere when there is nothing else', () => {
    const line = `${words(50)}\n`;
    for (const passage of cut(line.repeat(20)).slice(0, -1)) expect(passage).toMatch(/\n$/u);
    const [sentences] = cut(`${words(40)}. `.repeat(20));
    expect(sentences).toMatch(/\. $/u);
    const [chinese] = cut(`${'潮'.repeat(60)}。`.repeat(20));
    expect(chinese).toMatch(/。$/u);
    expect(cut('x'.repeat(1_300)).map(({ length }) => length)).toEqual([1_300]);
    expect(cut('x'.repeat(3_000)).map(({ length }) => length)).toEqual([1_200, 1_200, 600]);
    expect(cut('🌊'.repeat(400)).map((piece) => piece.isWellFormed())).toEqual([true, true]);
  });

  it('follow each other without a gap, none longer than a passage may be', () => {
    const text = fc.array(
      fc.constantFrom('\n', '\n\n', '# H\n', 'a ', '潮', '🌊', '. ', words(30), 'y'.repeat(700)),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(text, (pieces) => {
        const whole = pieces.join('');
        const parts = passagesOf({ text: whole, pageStarts: null });
        let at = 0;
        for (const { start, end } of parts) {
          expect(whole.slice(at, start).trim()).toBe('');
          const own = whole.slice(start, end);
          expect(bytes(own.trimEnd())).toBeLessThan(MAX_PASSAGE_BYTES + MIN_PASSAGE_BYTES);
          expect(own.isWellFormed()).toBe(true);
          at = end;
        }
        expect(whole.slice(at).trim()).toBe('');
      }),
    );
  });
});

/** Best passages for a question, each line a passage. */
async function ranked(lines: readonly string[], question: string): Promise<number[]> {
  let at = 0;
  const parts = lines.map((line) => ({ start: at, end: (at += line.length) }));
  const index = await PassageIndex.of(lines.join(''), parts);
  return index.rank(question).map((hit) => hit.index);
}

describe('ranking', () => {
  const HARBOUR = [
    'The harbour opens at six and the café at eight.',
    'High water at Brest is at 16:58; the tide turns slowly.',
    'The lock keeper answers on channel nine, and the lock is closed at night.',
    'The the the the the the the of of of.',
  ];
  it.each([
    ['a rare word before common ones', 'when is the lock open', 2],
    ['an accent that was not typed', 'cafe', 0],
    ['an accent that was typed', 'CAFÉ', 0],
    ['a number', 'what happens at 16:58', 1],
    ['another ending', 'tides at Brest', 1],
    ['the beginning of a word', 'harb', 0],
    ['a slip', 'chanel', 2],
  ])('finds %s', async (_, question, best) => {
    expect((await ranked(HARBOUR, question))[0]).toBe(best);
  });

  it.each([
    ['Chinese', ['港口今天关闭。', '明天的天气很好。', '潮汐表在第三页。'], '潮汐', 2],
    ['one Chinese letter at an end', ['港口今天关闭', '明天天气'], '闭', 0],
    ['Japanese', ['東京の港は閉まっています。', '満潮は十六時です。'], '満潮の時刻', 1],
    ['Korean with a particle', ['항구는 여섯 시에 열립니다.', '조류가 바뀝니다.'], '항구', 0],
    ['Thai', ['ท่าเรือเปิดหกโมง', 'น้ำขึ้นตอนเย็น'], 'น้ำขึ้น', 1],
    ['Russian', ['Гавань открыта с шести.', 'Прилив в полдень.'], 'гавань', 0],
    ['Arabic', ['الميناء مفتوح', 'المد عند الظهر'], 'الظهر', 1],
    ['German', ['Der Hafen öffnet um sechs.', 'Die Straße ist gesperrt.'], 'strasse', 1],
    ['Polish', ['Łódź wypływa rano.', 'Port jest zamknięty.'], 'lodz', 0],
  ])('reads %s', async (_, lines, question, best) => {
    expect((await ranked(lines, question))[0]).toBe(best);
  });

  it('finds nothing for words that are not there, and for no words', async () => {
    expect(await ranked(HARBOUR, 'zebra')).toEqual([]);
    expect(await ranked(HARBOUR, '?! …')).toEqual([]);
    expect(hasWords('?! …')).toBe(false);
    expect(hasWords('潮')).toBe(true);
  });

  it('of equal passages the earlier comes first', async () => {
    expect(await ranked(['low water. ', 'low water. ', 'none'], 'water')).toEqual([0, 1]);
  });

  it('marks the words that were found, in any spelling of theirs', () => {
    const text = 'Le Café du port; 潮汐表.';
    const terms = new Set(['cafe', '潮汐']);
    const marks = marksOf(text, terms);
    expect(marks.map(({ start, end }) => text.slice(start, end))).toEqual(['Café', '潮汐']);
    expect(piecesOf(text, { start: 3, end: 11 }, marks)).toEqual([
      { start: 3, text: 'Café', isMarked: true },
      { start: 7, text: ' du ', isMarked: false },
    ]);
    expect(Array.from(wordsOf('ab潮汐c'), ({ term }) => term)).toEqual(['ab', '潮汐', '汐', 'c']);
  });
});

describe('ranges', () => {
  it.each([
    ['3', [[3, 3]]],
    ['3, 7-9', [[3, 3], [7, 9]]],
    [' 7 – 9 ; 2', [[7, 9], [2, 2]]],
    ['10-', [[10, 12]]],
    ['-2', [[1, 2]]],
    ['３、５', [[3, 3], [5, 5]]],
    ['', 'empty'],
    [' , ', 'empty'],
    ['seven', 'form'],
    ['9-7', 'form'],
    ['-', 'form'],
    ['0', 'beyond'],
    ['13', 'beyond'],
    ['1-13', 'beyond'],
  ])('%j is read', (text, expected) => {
    const read = parseRanges(text, 12);
    expect(typeof read === 'string' ? read : read.map(({ first, last }) => [first, last])).toEqual(expected);
  }); // prettier-ignore

  it('join, are taken off, and tell how much of a stretch they cover', () => {
    const part = (start: number, end: number): TextPart => ({ start, end });
    expect(joined([part(5, 9), part(0, 2), part(2, 3), part(8, 12), part(4, 4)])).toEqual([
      part(0, 3),
      part(5, 12),
    ]);
    expect(without([part(0, 10), part(12, 20)], part(5, 14))).toEqual([part(0, 5), part(14, 20)]);
    expect(coverage([part(0, 5), part(8, 10)], part(5, 8))).toBe('none');
    expect(coverage([part(0, 5), part(8, 10)], part(3, 9))).toBe('some');
    expect(coverage([part(0, 5)], part(1, 5))).toBe('all');
  });

  it('are pages, or lines of a text without pages', () => {
    const text = 'a\nbb\n\nc\n';
    const lines = unitStarts({ text, pageStarts: null });
    expect(lines).toEqual([0, 2, 5, 6]);
    expect(partsOfRanges([{ first: 2, last: 3 }], lines, text.length)).toEqual([{ start: 2, end: 6 }]);
    expect(rangeOf({ start: 2, end: 6 }, lines)).toEqual({ first: 2, last: 3 });
    expect(unitStarts({ text, pageStarts: [0, 5] })).toEqual([0, 5]);
    expect(partsOfRanges([{ first: 2, last: 2 }], [0, 5], text.length)).toEqual([{ start: 5, end: 8 }]);
  });
});

describe('what the model is told', () => {
  const pages = { id: 'f', name: 'tides.pdf', text: 'one\ntwo\nthree\nfour\n', pageStarts: [0, 4, 8, 14] };

  it('names the pages of the parts, in order, and says where text is left out', () => {
    const parts = [{ start: 0, end: 4 }, { start: 8, end: 19 }];
    expect(fileText({ ...pages, parts })).toBe(
      'File: tides.pdf, only these parts of it: pages 1, 3-4 of 4\n```\n[page 1]\none\n[...]\n[page 3]\nthree\n[page 4]\nfour\n```',
    );
    expect(fileText({ ...pages, parts: [{ start: 9, end: 12 }] })).toBe(
      'File: tides.pdf, only these parts of it: page 3 of 4\n```\n[page 3]\nhre\n```',
    );
  }); // prettier-ignore

  it('names lines where a file has no pages', () => {
    const file = { ...pages, name: 'tides.txt', pageStarts: null };
    expect(fileText({ ...file, parts: [{ start: 4, end: 14 }] })).toBe(
      'File: tides.txt, only these parts of it: lines 2-3 of 4\n```\n[lines 2-3]\ntwo\nthree\n```',
    );
  });

  it('a part is placed by its first and last letter', () => {
    expect(placesOf(pages, [{ start: 2, end: 5 }])).toEqual([{ start: 2, end: 5, first: 1, last: 2 }]);
    const lines = { text: pages.text, pageStarts: null };
    expect(placesOf(lines, [{ start: 0, end: 4 }, { start: 5, end: 9 }])).toEqual([
      { start: 0, end: 4, first: 1, last: 1 },
      { start: 5, end: 9, first: 2, last: 3 },
    ]);
    expect(placesText([{ first: 3, last: 3 }, { first: 3, last: 4 }, { first: 7, last: 9 }, { first: 10, last: 10 }])).toBe(
      '3-4, 7-10',
    );
    const at = (first: number, last: number) => ({ start: 0, end: 1, first, last });
    expect(partsText(true, [at(3, 3), at(3, 3)])).toBe('page 3');
    expect(partsText(false, [at(3, 3), at(9, 9)])).toBe('lines 3, 9');
  }); // prettier-ignore
});

describe('snippets', () => {
  const passage = `${words(60, 'calm')} high water at Brest ${words(60, 'calm')}`;

  it('show the stretch with the most words that were found, between whole words', () => {
    const pieces = snippetOf(passage, { start: 0, end: passage.length }, new Set(['high', 'water', 'brest']));
    const text = pieces.map((piece) => piece.text).join('');
    expect(text).toMatch(/^…calm .*high water at Brest calm.*…$/u);
    expect(pieces.filter(({ isMarked }) => isMarked).map((piece) => piece.text)).toEqual([
      'high',
      'water',
      'Brest',
    ]);
    expect(text.length).toBeLessThan(300);
  });

  it('of a short passage are all of it', () => {
    expect(snippetOf('xx low water \n', { start: 3, end: 14 }, new Set(['low']))).toEqual([
      { start: 0, text: 'low', isMarked: true },
      { start: 3, text: ' water', isMarked: false },
    ]);
  });

  it('are not found by a word that is all over the text, if there is another', async () => {
    const parts = Array.from({ length: 10 }, (_, index) => ({ start: index * 10, end: index * 10 + 10 }));
    const index = await PassageIndex.of(`${'the quay. '.repeat(9)}the lock. `, parts);
    expect(index.rank('the lock')).toMatchObject([{ index: 9, terms: new Set(['lock']) }]);
    expect(index.rank('the')[0]?.terms).toEqual(new Set(['the']));
  });
});
