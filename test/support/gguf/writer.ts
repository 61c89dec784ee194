import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Metadata value types of GGUF v3 with their numbers in the file. */
export const VALUE_TYPES = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

type NumberType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';
type BigType = 'uint64' | 'int64';

/** One metadata value; an array holds values of one scalar type. */
export type GgufValue =
  | { type: NumberType; value: number }
  | { type: BigType; value: bigint }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'array'; of: NumberType; values: readonly number[] }
  | { type: 'array'; of: BigType; values: readonly bigint[] }
  | { type: 'array'; of: 'bool'; values: readonly boolean[] }
  | { type: 'array'; of: 'string'; values: readonly string[] };

/** Tensor types this kit writes: number in the file, elements and bytes of one block (ggml.h, ggml-common.h). */
export const TENSOR_TYPES = {
  F32: { id: 0, blockElements: 1, blockBytes: 4 },
  F16: { id: 1, blockElements: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockElements: 32, blockBytes: 18 },
  Q8_0: { id: 8, blockElements: 32, blockBytes: 34 },
  Q4_K: { id: 12, blockElements: 256, blockBytes: 144 },
  Q6_K: { id: 14, blockElements: 256, blockBytes: 210 },
} as const;

export type TensorType = keyof typeof TENSOR_TYPES;

export interface GgufTensor {
  name: string;
  type: TensorType;
  /** Elements per dimension in ggml order: the contiguous one first. */
  shape: readonly number[];
  /** Yields exactly the tensor's bytes, in pieces of any size. Left out: zeros, as a hole where the file system has them. */
  data?: () => Iterable<Uint8Array>;
}

export interface GgufFile {
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: readonly GgufTensor[];
  /** Bytes, a power of two; 32 is the format's default and is then not written as metadata. */
  alignment?: number;
}

export interface WrittenGguf {
  path: string;
  sizeBytes: number;
  /** Offset in the file where tensor data begins. */
  dataOffset: number;
  parameterCount: number;
}

const DEFAULT_ALIGNMENT = 32;
const VERSION = 3;
const WRITE_BYTES = 1024 * 1024;

/**
 * Bytes of one tensor's data.
 * @throws RangeError if the first dimension does not fill whole blocks
 */
export function tensorSizeBytes(type: TensorType, shape: readonly number[]): number {
  const { blockElements, blockBytes } = TENSOR_TYPES[type];
  const row = shape[0] ?? 0;
  if (row % blockElements !== 0)
    throw new RangeError(`row of ${row} does not fill blocks of ${blockElements}`);
  return (shape.reduce((product, n) => product * n, 1) / blockElements) * blockBytes;
}

/** Growing little-endian byte sink for the header, which fits in memory even where the tensors do not. */
class ByteSink {
  #buffer = Buffer.alloc(64 * 1024);
  #length = 0;

  #room(bytes: number): number {
    if (this.#length + bytes > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + bytes));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    const at = this.#length;
    this.#length += bytes;
    return at;
  }

  bytes(data: Uint8Array): void {
    const at = this.#room(data.length);
    this.#buffer.set(data, at);
  }

  uint32(value: number): void {
    const at = this.#room(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  uint64(value: bigint): void {
    const at = this.#room(8);
    this.#buffer.writeBigUInt64LE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#room(8);
    this.#buffer.writeBigInt64LE(value, at);
  }

  string(text: string): void {
    const data = Buffer.from(text, 'utf8');
    this.uint64(BigInt(data.length));
    this.bytes(data);
  }

  number(type: NumberType, value: number): void {
    const size = type.endsWith('8') ? 1 : type.endsWith('16') ? 2 : type === 'float64' ? 8 : 4;
    const at = this.#room(size);
    if (type === 'uint8') this.#buffer.writeUInt8(value, at);
    else if (type === 'int8') this.#buffer.writeInt8(value, at);
    else if (type === 'uint16') this.#buffer.writeUInt16LE(value, at);
    else if (type === 'int16') this.#buffer.writeInt16LE(value, at);
    else if (type === 'uint32') this.#buffer.writeUInt32LE(value, at);
    else if (type === 'int32') this.#buffer.writeInt32LE(value, at);
    else if (type === 'float32') this.#buffer.writeFloatLE(value, at);
    else this.#buffer.writeDoubleLE(value, at);
  }

  pad(alignment: number): void {
    this.#room((alignment - (this.#length % alignment)) % alignment);
  }

  get length(): number {
    return this.#length;
  }

  take(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}

function writeScalar(sink: ByteSink, type: GgufValue['type'], value: unknown): void {
  if (typeof value === 'string') sink.string(value);
  else if (typeof value === 'boolean') sink.number('uint8', value ? 1 : 0);
  else if (typeof value === 'bigint' && type === 'uint64') sink.uint64(value);
  else if (typeof value === 'bigint') sink.int64(value);
  else if (typeof value === 'number' && isNumberType(type)) sink.number(type, value);
  else throw new TypeError(`a ${typeof value} is no ${type}`);
}

function isNumberType(type: GgufValue['type']): type is NumberType {
  return !['string', 'bool', 'array', 'uint64', 'int64'].includes(type);
}

function writeValue(sink: ByteSink, value: GgufValue): void {
  sink.uint32(VALUE_TYPES[value.type]);
  if (value.type !== 'array') return writeScalar(sink, value.type, value.value);
  sink.uint32(VALUE_TYPES[value.of]);
  sink.uint64(BigInt(value.values.length));
  for (const item of value.values) writeScalar(sink, value.of, item);
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/**
 * Builds the bytes of a file's header: magic, metadata, tensor infos and padding up to the tensor data.
 * Returns the offset of each tensor relative to the data's start, and the data's length.
 */
export function buildHeader(file: GgufFile): { header: Uint8Array; offsets: number[]; dataBytes: number } {
  const alignment = file.alignment ?? DEFAULT_ALIGNMENT;
  const metadata = new Map(file.metadata);
  if (alignment !== DEFAULT_ALIGNMENT)
    metadata.set('general.alignment', { type: 'uint32', value: alignment });
  const sink = new ByteSink();
  sink.bytes(Buffer.from('GGUF'));
  sink.uint32(VERSION);
  sink.uint64(BigInt(file.tensors.length));
  sink.uint64(BigInt(metadata.size));
  for (const [key, value] of metadata) {
    sink.string(key);
    writeValue(sink, value);
  }
  const offsets: number[] = [];
  let offset = 0;
  for (const tensor of file.tensors) {
    sink.string(tensor.name);
    sink.uint32(tensor.shape.length);
    for (const n of tensor.shape) sink.uint64(BigInt(n));
    sink.uint32(TENSOR_TYPES[tensor.type].id);
    sink.uint64(BigInt(offset));
    offsets.push(offset);
    offset = align(offset + tensorSizeBytes(tensor.type, tensor.shape), alignment);
  }
  sink.pad(alignment);
  return { header: sink.take(), offsets, dataBytes: offset };
}

/** Collects small pieces: a system call for every row of weights would cost more than the weights. */
class PieceWriter {
  readonly #handle: FileHandle;
  readonly #buffer = new Uint8Array(WRITE_BYTES);
  #length = 0;
  #position: number;
  written = 0;

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle;
    this.#position = position;
  }

  async write(piece: Uint8Array): Promise<void> {
    this.written += piece.length;
    if (this.#length + piece.length > this.#buffer.length) await this.flush();
    if (piece.length > this.#buffer.length) return this.#put(piece);
    this.#buffer.set(piece, this.#length);
    this.#length += piece.length;
  }

  async flush(): Promise<void> {
    await this.#put(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  async #put(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#position);
      done += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}

async function writeTensor(handle: FileHandle, tensor: GgufTensor, position: number): Promise<void> {
  if (!tensor.data) return;
  const writer = new PieceWriter(handle, position);
  for (const piece of tensor.data()) await writer.write(piece);
  await writer.flush();
  const expected = tensorSizeBytes(tensor.type, tensor.shape);
  if (writer.written !== expected)
    throw new RangeError(`${tensor.name}: ${writer.written} bytes given, ${expected} expected`);
}

/**
 * Writes a GGUF v3 file. Tensor data are pulled from their generators piece by piece, so memory stays at the
 * size of one piece whatever the file's size.
 * @throws RangeError if a generator yields another number of bytes than its tensor's shape says
 */
export async function writeGguf(path: string, file: GgufFile): Promise<WrittenGguf> {
  const { header, offsets, dataBytes } = buildHeader(file);
  const handle = await open(path, 'w');
  try {
    await handle.write(header);
    for (const [index, tensor] of file.tensors.entries()) {
      await writeTensor(handle, tensor, header.length + (offsets[index] ?? 0));
    }
    await handle.truncate(header.length + dataBytes);
  } finally {
    await handle.close();
  }
  const parameterCount = file.tensors.reduce((sum, t) => sum + t.shape.reduce((p, n) => p * n, 1), 0);
  return { path, sizeBytes: header.length + dataBytes, dataOffset: header.length, parameterCount };
}
