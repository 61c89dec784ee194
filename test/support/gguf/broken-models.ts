import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dimsMetadata, modelTensors } from './llama-shape.ts';
import { SHAPES, writeRandomModel } from './random-model.ts';
import { plainScript, writeScriptedModel } from './scripted-model.ts';
import { baseVocabulary, CHATML_TEMPLATE, SPECIAL_IDS, tokenizerMetadata } from './vocabulary.ts';
import { buildHeader, writeGguf } from './writer.ts';
import type { GgufValue } from './writer.ts';

/** Bytes of the fixed start of a GGUF v3 file: magic, version, tensor count, metadata count. */
const FIXED_HEADER_BYTES = 24;

/** A text file with a model's name: no GGUF magic. */
export async function writeNotGguf(path: string): Promise<void> {
  await writeFile(path, '<!doctype html>\n<title>Not found</title>\n<p>This page was saved as a model.\n');
}

/** An empty file, as a download leaves behind that never began. */
export async function writeEmptyFile(path: string): Promise<void> {
  await writeFile(path, '');
}

/** A good model cut inside its metadata: what a download leaves behind that stopped early. */
export async function writeTruncatedHeader(path: string): Promise<void> {
  await writeScriptedModel(path, { script: plainScript });
  await truncate(path, 1000);
}

/** A good model cut in the middle of its tensors; the header is whole and says more than there is. */
export async function writeTruncatedTensors(path: string): Promise<void> {
  const { dataOffset, sizeBytes } = await writeScriptedModel(path, { script: plainScript });
  await truncate(path, dataOffset + Math.floor((sizeBytes - dataOffset) / 2));
}

/** A well-formed file of an architecture that no version of llama.cpp knows. */
export async function writeUnknownArchitecture(
  path: string,
  architecture = 'leeward-unknown',
): Promise<void> {
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.name', { type: 'string', value: 'Unknown architecture' }],
    [`${architecture}.context_length`, { type: 'uint32', value: 2048 }],
    [`${architecture}.block_count`, { type: 'uint32', value: 1 }],
  ]);
  await writeGguf(path, { metadata, tensors: [{ name: 'token_embd.weight', type: 'F32', shape: [32, 32] }] });
}

/** A known architecture with a tensor missing: the loader must refuse it, not crash. */
export async function writeMissingTensor(path: string): Promise<void> {
  await writeScriptedModel(path, { script: plainScript });
  const bytes = await readFile(path);
  const at = bytes.indexOf('blk.0.ffn_gate.weight');
  bytes.write('blk.0.ffn_hate.weight', at);
  await writeFile(path, bytes);
}

/** Which length or count of the header says something absurd. */
export type Absurdity =
  'tensor-count' | 'metadata-count' | 'key-length' | 'string-length' | 'array-length' | 'nested-array';

/** A header with one count near 2^63, which a careless reader would allocate or loop over. */
export async function writeAbsurdCount(path: string, absurdity: Absurdity): Promise<void> {
  const huge = 0x7fff_ffff_ffff_fff0n;
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: ['a', 'b'] }],
  ]);
  const header = Buffer.from(buildHeader({ metadata, tensors: [] }).header);
  // After the fixed start: key length 8, "general.architecture" 20, type 4, string length 8, "llama" 5.
  const stringLength = FIXED_HEADER_BYTES + 8 + 20 + 4;
  // Then key length 8, "tokenizer.ggml.tokens" 21, type 4, element type 4, array length 8.
  const elementType = stringLength + 8 + 5 + 8 + 21 + 4;
  if (absurdity === 'tensor-count') header.writeBigUInt64LE(huge, 8);
  else if (absurdity === 'metadata-count') header.writeBigUInt64LE(huge, 16);
  else if (absurdity === 'key-length') header.writeBigUInt64LE(huge, FIXED_HEADER_BYTES);
  else if (absurdity === 'string-length') header.writeBigUInt64LE(huge, stringLength);
  else if (absurdity === 'array-length') header.writeBigUInt64LE(huge, elementType + 4);
  else return writeNestedArrays(path);
  await writeFile(path, header);
}

/** Arrays of one array of one array, deep enough to end a recursive reader's stack. */
async function writeNestedArrays(path: string): Promise<void> {
  const depth = 200_000;
  const start = Buffer.alloc(FIXED_HEADER_BYTES);
  start.write('GGUF');
  start.writeUInt32LE(3, 4);
  start.writeBigUInt64LE(1n, 16);
  const key = Buffer.from('deep');
  const keyLength = Buffer.alloc(8);
  keyLength.writeBigUInt64LE(BigInt(key.length));
  const arrayType = Buffer.from([9, 0, 0, 0]);
  const nested = Buffer.alloc(depth * 12);
  for (let level = 0; level < depth; level++) {
    nested.writeUInt32LE(9, level * 12);
    nested.writeBigUInt64LE(1n, level * 12 + 4);
  }
  await writeFile(path, Buffer.concat([start, keyLength, key, arrayType, nested]));
}

/**
 * A whole, valid file of zero blocks whose weights are larger than any machine's memory: 4.3 TB in Q4_0, kept as
 * a hole. llama.cpp copies such blocks when it loads them, so it too fails at once if a caller does not refuse.
 * @returns false where the file system refuses a file of that length; then there is no file
 */
export async function writeTooLarge(path: string): Promise<boolean> {
  const dims = { ...SHAPES['mistral-7b'], blocks: 128, embedding: 65_536, heads: 512, feedForward: 262_144 };
  const tokens = baseVocabulary();
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: dims.architecture }],
    ['general.name', { type: 'string', value: 'Too large' }],
    ['general.file_type', { type: 'uint32', value: 2 }],
    ...dimsMetadata(dims, tokens.length),
    ...tokenizerMetadata(tokens, CHATML_TEMPLATE, SPECIAL_IDS.eos),
  ]);
  const tensors = modelTensors(dims, tokens.length, (role) => ({ type: role === 'norm' ? 'F32' : 'Q4_0' }));
  try {
    await writeGguf(path, { metadata, tensors });
    return true;
  } catch (error) {
    await rm(path, { force: true });
    if (
      error instanceof Error &&
      'code' in error &&
      ['EFBIG', 'EINVAL', 'ENOSPC'].includes(String(error.code))
    )
      return false;
    throw error;
  }
}

/** A working model whose key-value cache alone needs `contextLength` x 1 KiB; ask for all of it to run out. */
export async function writeHugeContext(path: string, contextLength = 2_000_000_000): Promise<void> {
  await writeRandomModel(path, {
    shape: { ...SHAPES.small, contextLength },
    type: 'Q8_0',
    vocabularySize: 400,
  });
}
