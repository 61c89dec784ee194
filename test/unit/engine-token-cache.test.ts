import type { Token, Tokenizer } from 'node-llama-cpp';
import { expect, it } from 'vitest';
import { rememberedBytes, rememberingTokenizer } from '../../src-main/engine/sidecar/token-cache.ts';

const tokensOf = (text: string) => [...text].map((letter) => letter.charCodeAt(0) as Token);
const tooLong = 'far too long '.repeat(10);

/** A letter a token; what it was asked for is listed. */
function plain() {
  const asked: string[] = [];
  const tokenize = (text: string, specialTokens?: boolean | 'builtin', options?: 'trimLeadingSpace') => {
    asked.push([text, specialTokens, options].join());
    return tokensOf(text);
  };
  const tokenizer: Tokenizer = Object.assign(tokenize, {
    detokenize: (tokens: readonly Token[]) => String.fromCharCode(...tokens),
    isSpecialToken: () => false,
    isEogToken: (token: Token) => token === 0,
  });
  return { asked, tokenizer };
}

it('asks once for each text, and tells texts by how they are to be cut', () => {
  const { asked, tokenizer } = plain();
  const cached = rememberingTokenizer(tokenizer);
  for (let round = 0; round < 2; round += 1) {
    expect(cached('ab', false)).toEqual([97, 98]);
    cached('ab', true);
    cached('ab', false, 'trimLeadingSpace');
  }
  expect(asked).toEqual(['ab,false,', 'ab,true,', 'ab,false,trimLeadingSpace']);
  expect(cached.detokenize(cached('ab'))).toBe('ab');
});

it('gives each caller tokens of its own', () => {
  const cached = rememberingTokenizer(plain().tokenizer);
  cached('ab').pop();
  expect(cached('ab')).toEqual([97, 98]);
});

it('asks for the tokens that a model names each time', () => {
  const { asked, tokenizer } = plain();
  const cached = rememberingTokenizer(tokenizer);
  cached('BOS', 'builtin');
  cached('BOS', 'builtin');
  expect(asked).toEqual(['BOS,builtin,', 'BOS,builtin,']);
});

it('forgets what was used longest ago, and never begins with what is too long', () => {
  const { asked, tokenizer } = plain();
  const room = 2 * rememberedBytes('00one', tokensOf('one'));
  expect(rememberedBytes(`00${tooLong}`, tokensOf(tooLong))).toBeGreaterThan(room);
  const cached = rememberingTokenizer(tokenizer, room);
  for (const text of ['one', 'two', 'one', 'three', 'one', 'two', tooLong, 'one', tooLong]) cached(text);
  expect(asked.map((line) => line.split(',')[0])).toEqual([
    'one',
    'two',
    'three',
    'one',
    'two',
    tooLong,
    tooLong,
  ]);
});
