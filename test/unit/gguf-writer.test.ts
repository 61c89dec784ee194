import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tensorSizeBytes, writeGguf } from '../support/gguf/writer.ts';
import type { GgufTensor, GgufValue } from '../support/gguf/writer.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-gguf-'));
  path = join(folder, 'file.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = () => gguf(path, { allowLocalFile: true, typedMetadata: true });

test('every metadata type is read back by an independent parser', async () => {
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['t.uint8', { type: 'uint8', value: 255 }],
    ['t.int8', { type: 'int8', value: -128 }],
    ['t.uint16', { type: 'uint16', value: 65_535 }],
    ['t.int16', { type: 'int16', value: -32_768 }],
    ['t.uint32', { type: 'uint32', value: 4_294_967_295 }],
    ['t.int32', { type: 'int32', value: -2_147_483_648 }],
    ['t.float32', { type: 'float32', value: 0.5 }],
    ['t.float64', { type: 'float64', value: Math.PI }],
    ['t.uint64', { type: 'uint64', value: 18_446_744_073_709_551_615n }],
    ['t.int64', { type: 'int64', value: -9_223_372_036_854_775_808n }],
    ['t.true', { type: 'bool', value: true }],
    ['t.false', { type: 'bool', value: false }],
    ['t.text', { type: 'string', value: 'שלום \u{1F600} "quoted"\n' }],
    ['t.strings', { type: 'array', of: 'string', values: ['', 'a', '\u2581b'] }],
    ['t.ints', { type: 'array', of: 'int32', values: [-1, 0, 1] }],
    ['t.bigs', { type: 'array', of: 'uint64', values: [0n, 1n << 63n] }],
    ['t.bools', { type: 'array', of: 'bool', values: [true, false] }],
    ['t.none', { type: 'array', of: 'float32', values: [] }],
  ]);
  await writeGguf(path, { metadata, tensors: [] });
  const parsed = await read();
  expect(parsed.metadata).toMatchObject({ version: 3, tensor_count: 0n, kv_count: BigInt(metadata.size) });
  for (const [key, value] of metadata) {
    const typed = parsed.typedMetadata[key as keyof typeof parsed.typedMetadata];
    expect(typed?.value, key).toEqual(value.type === 'array' ? value.values : value.value);
  }
});

test('tensors lie where the header says, aligned, with their own bytes', async () => {
  const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);
  const f32 = bytes(5 * 3 * 4, 1);
  const q4 = bytes(2 * 18 * 2, 101);
  const tensors: GgufTensor[] = [
    { name: 'a.weight', type: 'F32', shape: [5, 3], data: () => [f32.subarray(0, 7), f32.subarray(7)] },
    { name: 'b.weight', type: 'Q4_0', shape: [64, 2], data: () => [q4] },
    { name: 'zeros.weight', type: 'Q8_0', shape: [32, 4] },
    { name: 'c.weight', type: 'F16', shape: [3], data: () => [bytes(6, 201)] },
  ];
  for (const alignment of [32, 64, 256]) {
    const written = await writeGguf(path, {
      metadata: new Map<string, GgufValue>([['general.architecture', { type: 'string', value: 'llama' }]]),
      tensors,
      alignment,
    });
    const { tensorInfos, tensorDataOffset } = await read();
    const file = await readFile(path);
    expect(Number(tensorDataOffset)).toBe(written.dataOffset);
    expect(file.length).toBe(written.sizeBytes);
    expect(written.parameterCount).toBe(15 + 128 + 128 + 3);
    expect(tensorInfos.map((t) => [t.name, t.shape.map(Number), t.dtype])).toEqual([
      ['a.weight', [5, 3], 0],
      ['b.weight', [64, 2], 2],
      ['zeros.weight', [32, 4], 8],
      ['c.weight', [3], 1],
    ]);
    const at = (index: number, length: number) => {
      const offset = written.dataOffset + Number(tensorInfos[index]?.offset);
      expect(offset % alignment).toBe(0);
      return new Uint8Array(file.subarray(offset, offset + length));
    };
    expect(at(0, f32.length)).toEqual(f32);
    expect(at(1, q4.length)).toEqual(q4);
    expect(at(2, 4 * 34)).toEqual(new Uint8Array(4 * 34));
    expect(at(3, 6)).toEqual(bytes(6, 201));
  }
});

test('data are taken piece by piece: a generator may reuse its buffer', async () => {
  const piece = new Uint8Array(3_000_000);
  const pieces = 24;
  const data = function* () {
    for (let i = 0; i < pieces; i++) {
      piece.fill(i);
      yield piece;
    }
  };
  const { dataOffset } = await writeGguf(path, {
    metadata: new Map(),
    tensors: [{ name: 'big', type: 'F32', shape: [piece.length / 4, pieces], data }],
  });
  const file = await readFile(path);
  for (let i = 0; i < pieces; i++) {
    const start = dataOffset + i * piece.length;
    expect([file[start], file[start + piece.length - 1]]).toEqual([i, i]);
  }
});

test('a generator of the wrong length and a row of half a block are refused', async () => {
  const tensor: GgufTensor = { name: 'x', type: 'F32', shape: [4], data: () => [new Uint8Array(12)] };
  await expect(writeGguf(path, { metadata: new Map(), tensors: [tensor] })).rejects.toThrow(
    '12 bytes given, 16',
  );
  expect(() => tensorSizeBytes('Q4_0', [48, 2])).toThrow(RangeError);
  expect(tensorSizeBytes('Q6_K', [512, 3])).toBe(2 * 210 * 3);
});

test('zero tensors of gigabytes take no time and the header stays true', async () => {
  const written = await writeGguf(path, {
    metadata: new Map(),
    tensors: [{ name: 'huge', type: 'Q4_0', shape: [65_536, 65_536] }],
  });
  expect(written.sizeBytes - written.dataOffset).toBe((65_536 * 65_536 * 18) / 32);
  expect((await stat(path)).size).toBe(written.sizeBytes);
});
