import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { openFileSource, type ByteSource } from '../../src-main/models/byte-source.ts';
import { createHeaderReader, type HeaderReader } from '../../src-main/models/gguf-header.ts';
import { withMutatedFiles } from '../soak/soaks/gguf.ts';
import {
  writeAbsurdCount,
  writeEmptyFile,
  writeNotGguf,
  writeTooLarge,
  writeTruncatedHeader,
  writeTruncatedTensors,
  writeUnknownArchitecture,
  type Absurdity,
} from '../support/gguf/broken-models.ts';
import { writeRandomModel } from '../support/gguf/random-model.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { CHATML_TEMPLATE } from '../support/gguf/vocabulary.ts';
import {
  buildHeader,
  VALUE_TYPES,
  writeGguf,
  type GgufFile,
  type GgufValue,
} from '../support/gguf/writer.ts';

let folder: string;
let reader: HeaderReader;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-header-'));
  reader = createHeaderReader(entries.ggufWorker);
});
afterAll(async () => {
  await reader.close();
  await rm(folder, { recursive: true, force: true });
});

const fileAt = (name: string) => join(folder, `${name}.gguf`);

async function readFileHeader(path: string) {
  const source = await openFileSource(path);
  try {
    return await reader.read(source);
  } finally {
    await source.close();
  }
}

function memorySource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => Uint8Array.from(bytes.subarray(offset, offset + length)),
  };
}

async function failureOf(promise: Promise<unknown>) {
  return promise.then(
    () => ({ code: 'no error', details: undefined }),
    (error: unknown) => ({
      code: errorCodeOf(error),
      details: isAppError(error) ? error.data.details : undefined,
    }),
  );
}

const text = (value: string): GgufValue => ({ type: 'string', value });
const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });

/** A small valid file in memory; keys may be replaced or added. */
function fileOf(metadata: Record<string, GgufValue> = {}, over: Partial<GgufFile> = {}) {
  const file: GgufFile = {
    metadata: new Map(Object.entries({ 'general.architecture': text('llama'), ...metadata })),
    tensors: [{ name: 'token_embd.weight', type: 'Q4_0', shape: [64, 8] }],
    ...over,
  };
  const { header, dataBytes } = buildHeader(file);
  return Buffer.concat([header, Buffer.alloc(dataBytes)]);
}

/** A header of `keys` arrays, each of `count` empty texts: much work in few bytes of source. */
function emptyTexts(keys: number, count: number): Buffer {
  const start = buildHeader({ metadata: new Map(), tensors: [] }).header.slice(0, 24);
  const array = Buffer.alloc(8 + 3 + 4 + 4 + 8 + 8 * count);
  array.writeBigUInt64LE(3n, 0);
  array.write('a.b', 8);
  array.writeUInt32LE(VALUE_TYPES.array, 11);
  array.writeUInt32LE(VALUE_TYPES.string, 15);
  array.writeBigUInt64LE(BigInt(count), 19);
  const file = Buffer.concat([start, ...Array.from({ length: keys }, () => array)]);
  file.writeBigUInt64LE(BigInt(keys), 16);
  return file;
}

describe('facts of a good file', () => {
  test('a scripted model', async () => {
    const written = await writeScriptedModel(fileAt('scripted'), { script: plainScript });
    const header = await readFileHeader(written.path);
    expect(header).toMatchObject({
      name: 'Scripted',
      architecture: 'llama',
      parameterCount: written.parameterCount,
      quant: 'F32',
      trainedContextSize: 4096,
      licence: 'apache-2.0',
      chatTemplate: CHATML_TEMPLATE,
      layerCount: 1,
      headCount: 2,
      kvHeadCount: 1,
      embeddingLength: 128,
      split: null,
      tokenizer: expect.stringContaining('llama'),
    });
    expect(header.dataEndOffset).toBeLessThanOrEqual(written.sizeBytes);
    expect(header.metadata.find(({ key }) => key === 'general.name')).toEqual({
      key: 'general.name',
      value: 'Scripted',
    });
    expect(header.metadata.map(({ key }) => key)).not.toContain('tensor_count');
  });

  test('a quantized model without file_type is named by the type of most weights', async () => {
    const path = fileAt('random');
    const written = await writeRandomModel(path, { shape: 'small', type: 'Q8_0', vocabularySize: 400 });
    const header = await readFileHeader(path);
    expect(header.parameterCount).toBe(written.parameterCount);
    expect(header.quant).toBe('Q8_0');
    expect(header.vocabularySize).toBe(400);
  });

  test.each([
    [15, 'Q4_K_M'],
    [7, 'Q8_0'],
    [38, 'MXFP4_MOE'],
    [15 + 1024, 'Q4_K_M'],
    [777, 'Q4_0'],
  ])('file_type %i is %s', async (fileType, quant) => {
    expect((await reader.read(memorySource(fileOf({ 'general.file_type': uint32(fileType) })))).quant).toBe(
      quant,
    );
  });

  test('counts for each layer give the largest, a missing KV count the head count', async () => {
    const perLayer: GgufValue = { type: 'array', of: 'uint32', values: [8, 16, 4] };
    const header = await reader.read(memorySource(fileOf({ 'llama.attention.head_count': perLayer })));
    expect(header).toMatchObject({ headCount: 16, kvHeadCount: 16 });
  });

  test('a licence named "other" gives way to its name', async () => {
    const other = { 'general.license': text('other'), 'general.license.name': text('gemma') };
    expect((await reader.read(memorySource(fileOf(other)))).licence).toBe('gemma');
  });

  test('a header that ends near the end of its file, and one over several chunks', async () => {
    const values = Array.from({ length: 400_000 }, (_, n) => `token ${n}`);
    const bytes = fileOf({ 'tokenizer.ggml.tokens': { type: 'array', of: 'string', values } });
    expect(bytes.length).toBeGreaterThan(6_000_000);
    expect((await reader.read(memorySource(bytes))).vocabularySize).toBe(400_000);
  });

  test('hostile texts are shortened, cleaned and harmless as keys', async () => {
    const header = await reader.read(
      memorySource(
        fileOf({
          'general.name': text('Good\u202emodel\u0000\n\u200bname'),
          ['__proto__.polluted']: text('yes'),
          ['constructor']: text('y'),
          ['long']: text('z'.repeat(100_000)),
        }),
      ),
    );
    expect(header.name).toBe('Good model name');
    expect(header.metadata.find(({ key }) => key === 'long')?.value).toHaveLength(200);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

describe('files that are refused', () => {
  test.each<[string, (path: string) => Promise<unknown>, string]>([
    ['a web page', writeNotGguf, 'model_not_gguf'],
    ['an empty file', writeEmptyFile, 'model_not_gguf'],
    ['a header cut short', writeTruncatedHeader, 'model_truncated'],
    ['tensors cut short', writeTruncatedTensors, 'model_truncated'],
  ])('%s', async (name, write, code) => {
    const path = fileAt(name.replaceAll(' ', '-'));
    await write(path);
    expect((await failureOf(readFileHeader(path))).code).toBe(code);
  });

  test.each<Absurdity>([
    'tensor-count',
    'metadata-count',
    'key-length',
    'string-length',
    'array-length',
    'nested-array',
  ])('an absurd %s', async (absurdity) => {
    const path = fileAt(absurdity);
    await writeAbsurdCount(path, absurdity);
    expect((await failureOf(readFileHeader(path))).code).toBe('model_malformed');
  });

  test('every cut of the header and of the data is told as truncated', async () => {
    const path = fileAt('cuts');
    const { dataOffset } = await writeScriptedModel(path, { script: plainScript });
    const bytes = await readFile(path);
    const cuts = [
      8,
      20,
      24,
      100,
      Math.floor(dataOffset / 2),
      dataOffset - 40,
      dataOffset,
      bytes.length - 100,
    ];
    for (const cut of cuts) {
      expect([cut, await failureOf(reader.read(memorySource(bytes.subarray(0, cut))))]).toEqual([
        cut,
        { code: 'model_truncated', details: { needBytes: expect.any(Number), sizeBytes: cut } },
      ]);
    }
    const { dataEndOffset } = await reader.read(memorySource(bytes));
    expect((await failureOf(reader.read(memorySource(bytes.subarray(0, dataEndOffset))))).code).toBe(
      'no error',
    );
    expect((await failureOf(reader.read(memorySource(bytes.subarray(0, dataEndOffset - 1))))).code).toBe(
      'model_truncated',
    );
  });

  test.each<[string, Buffer]>([
    ['alignment', fileOf({ 'general.alignment': uint32(3) })],
    ['alignment', fileOf({ 'general.alignment': uint32(2 ** 31) })],
    [
      'key twice',
      Buffer.from(
        fileOf({ 'a.x': uint32(1), 'a.y': uint32(2) })
          .toString('latin1')
          .replace('a.y', 'a.x'),
        'latin1',
      ),
    ],
    ['key twice', fileOf({ ['__proto__']: text('x') })],
    ['tensor twice', fileOf({}, { tensors: [0, 1].map(() => ({ name: 'same', type: 'F32', shape: [8] })) })],
    ['tensor name too long', fileOf({}, { tensors: [{ name: 'x'.repeat(64), type: 'F32', shape: [8] }] })],
    ['tensor dimensions', fileOf({}, { tensors: [{ name: 'five', type: 'F32', shape: [2, 2, 2, 2, 2] }] })],
  ])('%s', async (reason, bytes) => {
    expect(await failureOf(reader.read(memorySource(bytes)))).toEqual({
      code: 'model_malformed',
      details: { reason },
    });
  });

  test('version 1, an unknown version and a big-endian file', async () => {
    for (const version of [1, 4, 0x0300_0000]) {
      const bytes = fileOf();
      bytes.writeUInt32LE(version, 4);
      expect((await failureOf(reader.read(memorySource(bytes)))).code).toBe('model_malformed');
    }
  });

  test('a file whose shapes need more than any disk holds', async () => {
    const path = fileAt('too-large');
    if (!(await writeTooLarge(path))) return;
    await truncate(path, 1_000_000);
    expect((await failureOf(readFileHeader(path))).code).toBe('model_truncated');
  });

  test('an unknown architecture is read: what it can run is for the engine to say', async () => {
    const path = fileAt('unknown');
    await writeUnknownArchitecture(path);
    expect((await readFileHeader(path)).architecture).toBe('leeward-unknown');
  });
});

describe('the reader', () => {
  test('a source that cannot be read passes its own error, and the next file is read', async () => {
    const broken: ByteSource = { sizeBytes: 1000, read: () => Promise.reject(new Error('cable pulled')) };
    await expect(reader.read(broken)).rejects.toThrow('cable pulled');
    expect((await reader.read(memorySource(fileOf()))).architecture).toBe('llama');
  });

  test('a file that takes too long ends the worker, and the next file is read by another', async () => {
    const impatient = createHeaderReader(entries.ggufWorker, { maxParseMs: 500 });
    try {
      const slow = emptyTexts(5, 1_000_000);
      const failures = await Promise.all([
        failureOf(impatient.read(memorySource(slow))),
        failureOf(impatient.read(memorySource(fileOf()))),
      ]);
      expect(failures).toEqual([
        { code: 'model_malformed', details: { reason: 'time' } },
        { code: 'no error', details: undefined },
      ]);
    } finally {
      await impatient.close();
    }
  });

  test('a header beyond the limit is refused without reading it all', async () => {
    let bytesRead = 0;
    const start = fileOf({}, { tensors: [] }).subarray(0, 24);
    start.writeBigUInt64LE(100_000n, 16);
    // One key after the other, each with a text of 10,000 bytes, as often as anyone asks.
    const record = Buffer.alloc(8 + 1 + 4 + 8 + 10_000, 'x');
    record.writeBigUInt64LE(1n, 0);
    record.writeUInt32LE(VALUE_TYPES.string, 9);
    record.writeBigUInt64LE(10_000n, 13);
    const endless: ByteSource = {
      sizeBytes: 10_000_000_000,
      async read(offset, length) {
        bytesRead += length;
        const phase = offset === 0 ? 0 : (offset - start.length) % record.length;
        const records = Buffer.alloc(length + phase, record).subarray(phase);
        return Uint8Array.from(
          Buffer.concat([offset === 0 ? start : Buffer.alloc(0), records]).subarray(0, length),
        );
      },
    };
    expect((await failureOf(reader.read(endless))).details).toEqual({ reason: 'header too long' });
    expect(bytesRead).toBeLessThan(50_000_000);
  });

  test('after close nothing is read', async () => {
    const closed = createHeaderReader(entries.ggufWorker);
    await closed.close();
    expect((await failureOf(closed.read(memorySource(fileOf())))).code).toBe('aborted');
  });
});

test('100 mutated files, by fixed seeds: accepted or a typed error, never a crash', async () => {
  const outcomes = new Map<string, number>();
  await withMutatedFiles(async (next) => {
    for (let index = 0; index < 100; index += 1) {
      const { outcome } = await next(1, index);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  });
  const codes = ['accepted', 'model_malformed', 'model_not_gguf', 'model_truncated'];
  expect([...outcomes.keys()].filter((code) => !codes.includes(code))).toEqual([]);
  expect(outcomes.get('model_malformed')).toBeGreaterThan(10);
  expect(outcomes.get('model_truncated')).toBeGreaterThan(10);
}, 120_000);

test('a sparse file of a large shape is accepted without reading its weights', async () => {
  const path = fileAt('large');
  const tensors = [{ name: 'token_embd.weight', type: 'Q4_K' as const, shape: [4096, 320_000] }];
  await writeGguf(path, { metadata: new Map([['general.architecture', text('llama')]]), tensors });
  expect((await readFileHeader(path)).parameterCount).toBe(4096 * 320_000);
});
