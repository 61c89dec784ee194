import { open } from 'node:fs/promises';
import { tensorTypeOf } from '../gguf-tensors.ts';

/** A model without knowledge whose arithmetic costs what a real one's does. */
export interface ProbeShape {
  /** Type of its matrices, `Q4_K` and the like. */
  type: string;
  layers: number;
  /** Both multiples of 256, the largest block. */
  embeddingLength: number;
  feedForwardLength: number;
}

const HEAD_LENGTH = 64;
const KV_HEADS = 4;
/** Few: sampling from 32,000 took no longer than from these. */
const TOKENS = 1_024;
const CONTEXT_LENGTH = 2_048;
const ALIGNMENT = 32;
const VALUE_TYPES = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;
const TOKEN_NORMAL = 1;
const TOKEN_UNKNOWN = 2;
const TOKEN_CONTROL = 3;
const TOKEN_BYTE = 6;
const TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}";

interface ProbeTensor {
  name: string;
  type: string;
  shape: number[];
}

/**
 * Writes a model whose weights are all zero: a hole in the file where the file system has them, so that it costs no
 * disk. Zeros cost the same time as any weights, and each token is then the first of the vocabulary, a letter.
 * @returns its size in bytes
 */
export async function writeProbeModel(path: string, shape: ProbeShape): Promise<number> {
  const tensors = probeTensors(shape);
  const header = probeHeader(shape, tensors);
  const dataBytes = tensors.reduce((sum, tensor) => sum + alignUp(bytesOf(tensor)), 0);
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(header);
    await file.truncate(header.length + dataBytes);
  } finally {
    await file.close();
  }
  return header.length + dataBytes;
}

function probeTensors({ type, layers, embeddingLength, feedForwardLength }: ProbeShape): ProbeTensor[] {
  const matrix = (name: string, columns: number, rows: number) => ({
    name: `${name}.weight`,
    type,
    shape: [columns, rows],
  });
  const norm = (name: string) => ({ name: `${name}.weight`, type: 'F32', shape: [embeddingLength] });
  const kvLength = KV_HEADS * HEAD_LENGTH;
  const tensors = [matrix('token_embd', embeddingLength, TOKENS)];
  for (let layer = 0; layer < layers; layer += 1) {
    const name = (part: string) => `blk.${layer}.${part}`;
    tensors.push(
      norm(name('attn_norm')),
      matrix(name('attn_q'), embeddingLength, embeddingLength),
      matrix(name('attn_k'), embeddingLength, kvLength),
      matrix(name('attn_v'), embeddingLength, kvLength),
      matrix(name('attn_output'), embeddingLength, embeddingLength),
      norm(name('ffn_norm')),
      matrix(name('ffn_gate'), embeddingLength, feedForwardLength),
      matrix(name('ffn_up'), embeddingLength, feedForwardLength),
      matrix(name('ffn_down'), feedForwardLength, embeddingLength),
    );
  }
  tensors.push(norm('output_norm'), matrix('output', embeddingLength, TOKENS));
  return tensors;
}

function probeHeader(shape: ProbeShape, tensors: readonly ProbeTensor[]): Buffer {
  const metadata = probeMetadata(shape);
  const parts: Buffer[] = [
    Buffer.from('GGUF'),
    uint32(3),
    uint64(tensors.length),
    uint64(metadata.length),
    ...metadata.flat(),
  ];
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(text(tensor.name), uint32(tensor.shape.length), ...tensor.shape.map(uint64));
    parts.push(uint32(tensorTypeOf(tensor.type).id), uint64(offset));
    offset += alignUp(bytesOf(tensor));
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...parts, Buffer.alloc(alignUp(length) - length)]);
}

function probeMetadata(shape: ProbeShape): Buffer[][] {
  const { embeddingLength, feedForwardLength, layers } = shape;
  const number = (key: string, value: number) => [text(key), uint32(VALUE_TYPES.uint32), uint32(value)];
  const float = (key: string, value: number) => [text(key), uint32(VALUE_TYPES.float32), float32(value)];
  const word = (key: string, value: string) => [text(key), uint32(VALUE_TYPES.string), text(value)];
  const list = (key: string, type: number, items: Buffer[]) => [
    text(key),
    uint32(VALUE_TYPES.array),
    uint32(type),
    uint64(items.length),
    ...items,
  ];
  const tokens = probeTokens();
  return [
    word('general.architecture', 'llama'),
    word('general.name', 'Speed of this computer'),
    number('llama.context_length', CONTEXT_LENGTH),
    number('llama.embedding_length', embeddingLength),
    number('llama.block_count', layers),
    number('llama.feed_forward_length', feedForwardLength),
    number('llama.rope.dimension_count', HEAD_LENGTH),
    number('llama.attention.head_count', embeddingLength / HEAD_LENGTH),
    number('llama.attention.head_count_kv', KV_HEADS),
    number('llama.attention.key_length', HEAD_LENGTH),
    number('llama.attention.value_length', HEAD_LENGTH),
    float('llama.attention.layer_norm_rms_epsilon', 1e-5),
    word('tokenizer.ggml.model', 'llama'),
    list(
      'tokenizer.ggml.tokens',
      VALUE_TYPES.string,
      tokens.map((token) => text(token.text)),
    ),
    list(
      'tokenizer.ggml.scores',
      VALUE_TYPES.float32,
      tokens.map((_, id) => float32(-id)),
    ),
    list(
      'tokenizer.ggml.token_type',
      VALUE_TYPES.int32,
      tokens.map((token) => uint32(token.type)),
    ),
    number('tokenizer.ggml.unknown_token_id', tokens.length - 3),
    number('tokenizer.ggml.bos_token_id', tokens.length - 2),
    number('tokenizer.ggml.eos_token_id', tokens.length - 1),
    [text('tokenizer.ggml.add_bos_token'), uint32(VALUE_TYPES.bool), Buffer.of(0)],
    [text('tokenizer.ggml.add_space_prefix'), uint32(VALUE_TYPES.bool), Buffer.of(0)],
    word('tokenizer.chat_template', TEMPLATE),
  ];
}

/** Letters first, so that the greedy choice among equals is text; the three special ones last. */
function probeTokens(): { text: string; type: number }[] {
  const tokens = [...'abcdefghijklmnopqrstuvwxyz'].map((letter) => ({ text: letter, type: TOKEN_NORMAL }));
  tokens.push({ text: '\u2581', type: TOKEN_NORMAL });
  // The engine looks up the line feed among them.
  for (let byte = 0; byte < 256; byte += 1) {
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    tokens.push({ text: `<0x${hex}>`, type: TOKEN_BYTE });
  }
  while (tokens.length < TOKENS - 3) tokens.push({ text: `<${tokens.length}>`, type: TOKEN_NORMAL });
  tokens.push({ text: '<unk>', type: TOKEN_UNKNOWN });
  tokens.push({ text: '<s>', type: TOKEN_CONTROL }, { text: '</s>', type: TOKEN_CONTROL });
  return tokens;
}

function bytesOf({ type, shape }: ProbeTensor): number {
  const { elements, bytes } = tensorTypeOf(type);
  return (shape.reduce((product, size) => product * size, 1) / elements) * bytes;
}

/** What a token is computed from: weights of the layers' matrices, and bytes with those of the output matrix. */
export function probeWeights(shape: ProbeShape): { readElements: number; decodeBytes: number } {
  const matrices = probeTensors(shape).filter(
    ({ name, type }) => type === shape.type && name !== 'token_embd.weight',
  );
  const inLayers = matrices.filter(({ name }) => name.startsWith('blk.'));
  return {
    readElements: inLayers.reduce((sum, { shape: [columns = 0, rows = 0] }) => sum + columns * rows, 0),
    decodeBytes: matrices.reduce((sum, tensor) => sum + bytesOf(tensor), 0),
  };
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint64(bytes.length), bytes]);
}
