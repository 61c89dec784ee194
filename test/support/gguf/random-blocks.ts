import { float32Bytes } from './llama-shape.ts';
import { Random } from './random.ts';
import type { TensorType } from './writer.ts';
import { TENSOR_TYPES } from './writer.ts';

/** Bytes of random blocks made once per kind of tensor; larger tensors repeat them from a shifting start. */
const POOL_BYTES = 2 * 1024 * 1024;

/** Rows of a float tensor handed over at a time. */
const FLOAT_PIECE = 64 * 1024;

/** IEEE 754 half bits of a normal positive number. */
export function halfBits(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  if (exponent < -14 || exponent > 15) throw new RangeError(`${value} is not a normal half`);
  const mantissa = Math.round((value / 2 ** exponent - 1) * 1024);
  return ((exponent + 15) << 10) + mantissa;
}

/** Standard deviation of the integers of one block type when drawn uniformly, as filled below. */
const SPREAD = { Q4_0: 4.61, Q8_0: 73.3, Q6_K: 18.5 * 24 } as const;

type BlockType = keyof typeof SPREAD;

function isBlockType(type: TensorType): type is BlockType {
  return Object.hasOwn(SPREAD, type);
}

/** Fills one block with uniform random integers and a scale that gives weights of about `deviation`. */
function fillBlock(view: DataView, at: number, type: BlockType, deviation: number, random: Random): void {
  const { blockBytes } = TENSOR_TYPES[type];
  const scale = halfBits((deviation / SPREAD[type]) * (0.75 + random.uniform() / 2));
  if (type === 'Q6_K') {
    // ql 128 and qh 64 bytes, then 16 signed scales, then the half scale (block_q6_K in ggml-common.h).
    for (let i = 0; i < 192; i += 4) view.setUint32(at + i, random.uint32(), true);
    for (let i = 0; i < 16; i++) view.setInt8(at + 192 + i, 16 + (random.uint32() % 16));
    view.setUint16(at + 208, scale, true);
    return;
  }
  view.setUint16(at, scale, true);
  for (let i = 2; i < blockBytes; i++) {
    const byte = random.uint32() & 0xff;
    // -128 is not a value the quantizer writes.
    view.setUint8(at + i, type === 'Q8_0' && byte === 0x80 ? 0 : byte);
  }
}

/** Makes random tensor data of any size from one seed, at memory speed. */
export class RandomBlocks {
  readonly #random: Random;
  readonly #pools = new Map<string, Uint8Array>();

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /**
   * Bytes of `rows` rows of `rowElements` weights with mean 0 and a standard deviation of about `deviation`.
   * Floats are drawn one by one from a normal distribution; blocks repeat a pool from a random start, which
   * changes nothing about speed. Rows for which `isZero` says so are zeros.
   */
  *tensor(
    type: TensorType,
    rowElements: number,
    rows: number,
    deviation: number,
    isZero: (row: number) => boolean = () => false,
  ): Generator<Uint8Array> {
    if (type === 'F32') return yield* this.#floats(rowElements, rows, deviation, isZero);
    if (!isBlockType(type)) throw new RangeError(`no random blocks of type ${type}`);
    const { blockBytes, blockElements } = TENSOR_TYPES[type];
    const rowBytes = (rowElements / blockElements) * blockBytes;
    const pool = this.#pool(type, deviation);
    const poolBlocks = pool.length / blockBytes;
    let at = (this.#random.uint32() % poolBlocks) * blockBytes;
    for (let row = 0; row < rows; row++) {
      if (isZero(row)) {
        yield new Uint8Array(rowBytes);
        continue;
      }
      for (let left = rowBytes; left > 0;) {
        const piece = pool.subarray(at, Math.min(pool.length, at + left));
        yield piece;
        left -= piece.length;
        at = (at + piece.length) % pool.length;
      }
    }
  }

  *#floats(rowElements: number, rows: number, deviation: number, isZero: (row: number) => boolean) {
    const perPiece = Math.max(1, Math.floor(FLOAT_PIECE / rowElements));
    for (let first = 0; first < rows; first += perPiece) {
      const count = Math.min(perPiece, rows - first);
      const values = new Float32Array(count * rowElements);
      for (let i = 0; i < values.length; i++) {
        if (!isZero(first + Math.floor(i / rowElements))) values[i] = this.#random.normal() * deviation;
      }
      yield float32Bytes(values);
    }
  }

  #pool(type: BlockType, deviation: number): Uint8Array {
    const key = `${type} ${deviation}`;
    const existing = this.#pools.get(key);
    if (existing) return existing;
    const { blockBytes } = TENSOR_TYPES[type];
    const blocks = Math.floor(POOL_BYTES / blockBytes);
    const pool = new Uint8Array(blocks * blockBytes);
    const view = new DataView(pool.buffer);
    for (let block = 0; block < blocks; block++)
      fillBlock(view, block * blockBytes, type, deviation, this.#random);
    this.#pools.set(key, pool);
    return pool;
  }
}
