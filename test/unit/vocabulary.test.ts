import { expect, test } from 'vitest';
import { vocabularyKey } from '../../src-main/engine/vocabulary.ts';

const NORMAL = 1;
const UNUSED = 5;
const facts = {
  tokenizer: 'gpt2',
  tokens: ['a', 'b', 'c'],
  tokenTypes: [NORMAL, NORMAL, NORMAL],
};

test('a vocabulary is the same with rows at its end that are never used', () => {
  const padded = {
    ...facts,
    tokens: [...facts.tokens, '[PAD3]', '[PAD4]'],
    tokenTypes: [...facts.tokenTypes, UNUSED, UNUSED],
  };
  expect(vocabularyKey(padded)).toBe(vocabularyKey(facts));
  expect(vocabularyKey({ ...padded, tokenTypes: [] })).not.toBe(vocabularyKey(facts));
});

test.each([
  ['a token more', { tokens: ['a', 'b', 'c', 'd'], tokenTypes: [NORMAL, NORMAL, NORMAL, NORMAL] }],
  ['other words', { tokens: ['a', 'b', 'd'] }],
  ['another order', { tokens: ['b', 'a', 'c'] }],
  ['other cuts', { tokens: ['a', 'bc'] }],
  ['another tokenizer', { tokenizer: 'llama' }],
])('and another one with %s', (_what, change) => {
  expect(vocabularyKey({ ...facts, ...change })).not.toBe(vocabularyKey(facts));
});

test('a header without tokens has none', () => {
  expect(vocabularyKey({ ...facts, tokens: undefined })).toBeNull();
  expect(vocabularyKey({ ...facts, tokens: [] })).toBeNull();
  expect(vocabularyKey({ ...facts, tokens: 'abc' })).toBeNull();
});
