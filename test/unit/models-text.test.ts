import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cleanText, modelName, shorten } from '../../src-main/models/model-text.ts';
import { shortPath } from '../../src-main/models/short-path.ts';

describe('modelName', () => {
  test.each([
    ['Mistral 7B Instruct v0.3', 'x.gguf', 'Mistral 7B Instruct v0.3'],
    ['  Two   spaces\tand tab ', 'x.gguf', 'Two spaces and tab'],
    ['mistral-7b-instruct-v0.2.Q4_K_M', 'x.gguf', 'mistral-7b-instruct-v0.2'],
    ['Qwen3 8B UD-Q4_K_XL', 'x.gguf', 'Qwen3 8B'],
    [null, 'tinyllama-1.1b-chat-v1.0.Q8_0.gguf', 'tinyllama-1.1b-chat-v1.0'],
    [null, 'gpt-oss-20b-MXFP4.GGUF', 'gpt-oss-20b'],
    [null, 'gemma-3-270m-it-F16.gguf', 'gemma-3-270m-it'],
    [null, 'Mixtral-8x22B-Q4_K_M-00001-of-00005.gguf', 'Mixtral-8x22B'],
    ['D:\\Diverses\\models', 'aquila-7b.gguf', 'aquila-7b'],
    ['/home/someone/work/phi-3', 'x.gguf', 'phi-3'],
    ['47b6801b24d15ff9bcd8c96dfaea0be9ed3a0301', 'gemma-4.gguf', 'gemma-4'],
    ['model', 'good.gguf', 'good'],
    ['', 'Q4_0.gguf', 'Q4_0'],
    ['\u202e\u200b', 'safe.gguf', 'safe'],
    [null, '.gguf', 'GGUF'],
  ])('%j in %s is "%s"', (header, file, name) => {
    expect(modelName(header, file)).toBe(name);
  });

  test('a very long name is cut', () => {
    expect(modelName('long '.repeat(1000), 'x.gguf')).toHaveLength(120);
  });
});

test('cleanText leaves one line without control or direction marks', () => {
  expect(cleanText('a\u0000b\r\nc\u2028d\u202ee\ufefff')).toBe('a b c d e f');
  expect(cleanText('שלום, مرحبا, 你好')).toBe('שלום, مرحبا, 你好');
});

test('shorten keeps whole characters', () => {
  expect(shorten('abc', 3)).toBe('abc');
  expect(shorten('abcd', 3)).toBe('ab…');
  expect(shorten('a😀b', 3)).toBe('a…');
});

test('shortPath hides the home folder and nothing else', () => {
  const home = join('/', 'home', 'ada');
  expect(shortPath(home, home)).toBe('~');
  expect(shortPath(join(home, 'models'), home)).toBe(join('~', 'models'));
  expect(shortPath(join('/', 'home', 'adam'), home)).toBe(join('/', 'home', 'adam'));
  expect(shortPath(join(home, '..dotted'), home)).toBe(join('~', '..dotted'));
});
