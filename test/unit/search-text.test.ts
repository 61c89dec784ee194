import { describe, expect, test } from 'vitest';
import { titleOf } from '../../src-main/conversations/titles.ts';
import { highlighted, scoreOf, snippetOf } from '../../src-main/store/queries/search-rank.ts';
import {
  fold,
  indexedForm,
  matchExpression,
  parseQuery,
  wordsOf,
} from '../../src-main/store/queries/search-text.ts';

const expression = (query: string) => matchExpression(parseQuery(query));

describe('the query language', () => {
  test.each([
    ['lee shore', '"lee" AND "shore" *'],
    ['lee shore ', '"lee" AND "shore"'],
    ['"lee shore"', '"lee shore"'],
    ['"lee sho', '"lee sho" *'],
    ['lee -shore', '("lee") NOT ("shore")'],
    ['lee -"high shore" -x', '("lee") NOT ("high shore" OR "x")'],
    ['foo-bar', '"foo bar" *'],
    ["don't ", '"don t"'],
    ['Crème', '"creme" *'],
    ['a', '"a"'],
    ['学习', '"学 习"'],
    ['iPhone手机', '"iphone 手 机"'],
    ['AND OR NOT NEAR(', '"and" AND "or" AND "not" AND "near"'],
    ['text:x*', '"text x"'],
    ['', null],
    ['"""', null],
    ['-only', null],
    ['!?% --', null],
  ])('%s', (query, wanted) => {
    expect(expression(query)).toBe(wanted);
  });

  test('a pasted page is cut', () => {
    expect(parseQuery('word '.repeat(500)).must).toHaveLength(24);
  });
});

describe('words', () => {
  test('scripts without spaces are words by letter', () => {
    expect(indexedForm('plain text')).toBeNull();
    expect(indexedForm('学习ok')).toBe(' 学 习 ok');
    expect([...wordsOf('Übung 中国, x2')].map(({ folded }) => folded)).toEqual(['ubung', '中', '国', 'x2']);
    expect(fold('ÉCOLE')).toBe('ecole');
  });
});

const terms = (query: string) => parseQuery(query).must;

describe('what is shown', () => {
  test('marks words, beginnings, phrases and accents, and nothing else', () => {
    expect(highlighted('A lee-shore, Léé shores', terms('lee sho'))).toEqual([
      { text: 'A ', hit: false },
      { text: 'lee', hit: true },
      { text: '-', hit: false },
      { text: 'shore', hit: true },
      { text: ', ', hit: false },
      { text: 'Léé', hit: true },
      { text: ' ', hit: false },
      { text: 'shores', hit: true },
    ]);
    expect(highlighted('在中国学习', terms('中国')).filter(({ hit }) => hit)).toEqual([
      { text: '中国', hit: true },
    ]);
    expect(highlighted('sleek', terms('lee'))).toEqual([{ text: 'sleek', hit: false }]);
  });

  test('a snippet is one line around the place where most words stand', () => {
    const text = `lee ${'filler '.repeat(100)}\n\nthe lee\tshore is near ${'after '.repeat(100)}`;
    const snippet = snippetOf(text, terms('lee shore'));
    const line = snippet.map((segment) => segment.text).join('');
    expect(line).toContain('the lee shore is near');
    expect(line.startsWith('…')).toBe(true);
    expect(line.endsWith('…')).toBe(true);
    expect(line.length).toBeLessThan(200);
    expect(snippet.filter(({ hit }) => hit).map((segment) => segment.text)).toEqual(['lee', 'shore']);
  });

  test('never cuts a character in two', () => {
    const text = `${'🦊'.repeat(300)}word${'🦊'.repeat(300)}`;
    const line = snippetOf(text, terms('word')).map((segment) => segment.text);
    expect(line.join('').isWellFormed()).toBe(true);
    expect(line).toContain('word');
  });

  test('more hits, shorter texts and newer texts count more', () => {
    const score = (text: string, ageDays = 0) => scoreOf(text, terms('lee '), ageDays * 86_400_000);
    expect(score('lee lee lee')).toBeGreaterThan(score('lee and so on'));
    expect(score('lee')).toBeGreaterThan(score(`lee ${'long '.repeat(500)}`));
    expect(score('lee', 1)).toBeGreaterThan(score('lee', 400));
    expect(score('sleek')).toBe(0);
  });
});

describe('a title in an answer', () => {
  test.each([
    ['Sorting lists', 'Sorting lists'],
    ['## **"Sorting lists."**\nHere is why', 'Sorting lists'],
    ['Title: «Une idée»', 'Une idée'],
    ['<think>\nA title…\n</think>\n\nLee shores', 'Lee shores'],
    ['<think>never ends', null],
    ['\n\n- 学习中国历史。', '学习中国历史'],
    ['a\u0000b\u202ec', 'a b c'],
    ['', null],
    ['…', null],
    ['word '.repeat(40), null],
  ])('%j', (answer, title) => {
    expect(titleOf(answer)).toBe(title);
  });
});
