import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  writeAbsurdCount,
  writeEmptyFile,
  writeHugeContext,
  writeMissingTensor,
  writeNotGguf,
  writeTooLarge,
  writeTruncatedHeader,
  writeTruncatedTensors,
  writeUnknownArchitecture,
} from '../support/gguf/broken-models.ts';
import { halfBits, RandomBlocks } from '../support/gguf/random-blocks.ts';
import { SHAPES, syntheticVocabulary, writeRandomModel } from '../support/gguf/random-model.ts';
import {
  chunkScript,
  htmlInjectionScript,
  longScript,
  markdownScript,
  rtlScript,
  writeScriptedModel,
} from '../support/gguf/scripted-model.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-models-'));
  path = join(folder, 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function parse() {
  const parsed = await gguf(path, { allowLocalFile: true, computeParametersCount: true });
  return { ...parsed, metadata: Object.fromEntries<unknown>(Object.entries(parsed.metadata)) };
}

describe('chunks of a script', () => {
  test.each([
    markdownScript,
    htmlInjectionScript,
    rtlScript,
    longScript(300),
    'a a a a b',
    ' x \n\n',
    'the the the',
  ])('differ from each other and join to the script: %#', (script) => {
    const chunks = chunkScript(script);
    expect(chunks.join('')).toBe(script);
    expect(new Set(chunks).size).toBe(chunks.length);
    expect(chunks.every((chunk) => chunk.trim() !== '')).toBe(true);
  });

  test('white space alone is refused', () => {
    expect(() => chunkScript(' \n ')).toThrow(RangeError);
  });
});

test('the scripted file is half a megabyte, the same every time, and its header says what was asked', async () => {
  const options = {
    script: markdownScript,
    contextLength: 2048,
    name: 'Teller',
    licence: 'mit',
    fileType: 7,
  };
  const { sizeBytes } = await writeScriptedModel(path, options);
  const first = await readFile(path);
  const { metadata } = await parse();
  expect(sizeBytes).toBeLessThan(700_000);
  expect(metadata).toMatchObject({
    'general.architecture': 'llama',
    'general.name': 'Teller',
    'general.license': 'mit',
    'general.file_type': 7,
    'llama.context_length': 2048,
    'llama.block_count': 1,
  });
  await writeScriptedModel(path, options);
  expect((await readFile(path)).equals(first)).toBe(true);
  await writeScriptedModel(path, { ...options, chatTemplate: null });
  expect((await parse()).metadata['tokenizer.chat_template']).toBeUndefined();
});

test('reserved text in a script is refused', async () => {
  await expect(writeScriptedModel(path, { script: 'a <|im_end|> b' })).rejects.toThrow('reserved');
});

test.each([
  ['150M', 153],
  ['1.1B', 1100],
  ['mistral-7b', 7241],
  ['gemma3', 121],
] as const)('the matrices of the %s shape have %i million weights', async (shape, millions) => {
  const dims = SHAPES[shape];
  const { embedding: d, heads, kvHeads, headDim, feedForward } = dims;
  const matrices = 2 * d * headDim * (heads + kvHeads) + 3 * d * feedForward;
  const vocabulary = 32_000 * d * (dims.architecture === 'gemma3' ? 1 : 2);
  expect(Math.round((dims.blocks * matrices + vocabulary) / 1e6)).toBe(millions);
});

test('a random model has a 32k vocabulary, the right types, and differs by seed alone', async () => {
  const dims = { ...SHAPES['150M'], blocks: 1, embedding: 256 };
  const written = await writeRandomModel(path, { shape: dims, type: 'Q4_0' });
  const first = await readFile(path);
  const { metadata, tensorInfos, parameterCount } = await parse();
  expect(metadata['tokenizer.ggml.tokens']).toHaveLength(32_000);
  expect(parameterCount).toBe(written.parameterCount);
  const type = (name: string) => tensorInfos.find((t) => t.name === name)?.dtype;
  expect([type('token_embd.weight'), type('blk.0.attn_q.weight'), type('output.weight')]).toEqual([2, 2, 14]);
  await writeRandomModel(path, { shape: dims, type: 'Q4_0' });
  expect((await readFile(path)).equals(first)).toBe(true);
  await writeRandomModel(path, { shape: dims, type: 'Q4_0', seed: 2 });
  expect((await readFile(path)).equals(first)).toBe(false);
});

test('gemma3 says its sliding window and has its extra norms and no output matrix', async () => {
  const dims = { ...SHAPES.gemma3, blocks: 1 };
  await writeRandomModel(path, { shape: dims, type: 'Q8_0', vocabularySize: 500 });
  const { metadata, tensorInfos } = await parse();
  expect(metadata).toMatchObject({
    'general.architecture': 'gemma3',
    'gemma3.attention.sliding_window': 512,
  });
  const names = tensorInfos.map((t) => t.name);
  expect(names).toContain('blk.0.post_ffw_norm.weight');
  expect(names).not.toContain('output.weight');
});

test('every word of the vocabulary can be reached by merging, and none is there twice', () => {
  const tokens = syntheticVocabulary(5000, 3);
  const texts = new Set(tokens.map((t) => t.text));
  expect(texts.size).toBe(5000);
  for (const { text, type } of tokens) {
    if (type === 1 && [...text].length > 1)
      expect(texts.has([...text].slice(0, -1).join('')), text).toBe(true);
  }
});

test('random blocks decode to weights of the asked size', () => {
  expect([halfBits(1), halfBits(0.5), halfBits(1.5)]).toEqual([0x3c00, 0x3800, 0x3e00]);
  const bytes = Buffer.concat([...new RandomBlocks(5).tensor('Q8_0', 4096, 8, 0.02)]);
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < bytes.length; at += 34) {
    const half = bytes.readUInt16LE(at);
    const scale = 2 ** ((half >> 10) - 15) * (1 + (half & 1023) / 1024);
    for (let i = 0; i < 32; i++) {
      const weight = scale * bytes.readInt8(at + 2 + i);
      sum += weight;
      squares += weight ** 2;
    }
  }
  expect(Math.abs(sum / 32_768)).toBeLessThan(0.001);
  expect(Math.sqrt(squares / 32_768)).toBeCloseTo(0.02, 2);
});

describe('broken files are broken in the way they say', () => {
  test('not a GGUF, and empty', async () => {
    await writeNotGguf(path);
    await expect(parse()).rejects.toThrow('magic');
    await writeEmptyFile(path);
    expect((await stat(path)).size).toBe(0);
  });

  test('cut in the header, cut in the data', async () => {
    await writeTruncatedHeader(path);
    expect((await stat(path)).size).toBe(1000);
    await writeTruncatedTensors(path);
    const { tensorInfos, tensorDataOffset } = await parse();
    const end = Number(tensorDataOffset) + Math.max(...tensorInfos.map((t) => Number(t.offset)));
    expect((await stat(path)).size).toBeLessThan(end);
    expect((await stat(path)).size).toBeGreaterThan(Number(tensorDataOffset));
  });

  test('unknown architecture, missing tensor, huge context', async () => {
    await writeUnknownArchitecture(path);
    expect((await parse()).metadata['general.architecture']).toBe('leeward-unknown');
    await writeMissingTensor(path);
    expect((await parse()).tensorInfos.map((t) => t.name)).not.toContain('blk.0.ffn_gate.weight');
    await writeHugeContext(path);
    expect((await parse()).metadata).toMatchObject({ 'llama.context_length': 2_000_000_000 });
  });

  test.each([
    'tensor-count',
    'metadata-count',
    'key-length',
    'string-length',
    'array-length',
    'nested-array',
  ] as const)('absurd %s', async (absurdity) => {
    await writeAbsurdCount(path, absurdity);
    await expect(parse()).rejects.toThrow(/exceeds maximum allowed/);
  });

  test('a whole file larger than any memory takes no disk', async (context) => {
    if (!(await writeTooLarge(path))) context.skip('this file system refuses a file of 4.3 TB');
    const { size, blocks } = await stat(path);
    expect(size).toBeGreaterThan(4e12);
    expect(blocks * 512).toBeLessThan(1e6);
    expect((await parse()).tensorInfos).toHaveLength(128 * 9 + 3);
  });
});
