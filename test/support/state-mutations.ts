import { crc32 } from 'node:zlib';
import type { StateRecord } from '../../src-main/state-cache/state-file.ts';
import type { Random } from './gguf/random.ts';

/** What is known of a saved state that is to be broken. */
export interface WholeState {
  readonly bytes: Buffer;
  readonly record: StateRecord;
  /** A whole state of the same chat by another model. */
  readonly other: Buffer;
}

type Mutation = (state: WholeState, random: Random) => Buffer;

const TRAILER_BYTES = 16;
const EXTREMES = [0, 1, 0x7fff_ffff, 0xffff_ffff];

const below = (limit: number, random: Random): number => random.uint32() % Math.max(1, limit);

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** The file with another record behind the same data, the checksum of the record right again. */
function withRecord({ bytes, record }: WholeState, patch: Record<string, unknown>): Buffer {
  const text = Buffer.from(JSON.stringify({ ...record, ...patch }));
  const trailer = Buffer.from(bytes.subarray(bytes.length - TRAILER_BYTES));
  trailer.writeUInt32LE(text.length, 0);
  trailer.writeUInt32LE(crc32(text), 4);
  const start = record.dataBytes + record.tokenCount * 4;
  return Buffer.concat([bytes.subarray(0, start), text, trailer]);
}

/** Ways in which a disk, a copy or another version breaks a file. Each draws its places from the seeded generator. */
const MUTATIONS = {
  bitFlip: ({ bytes }, random) =>
    changed(bytes, (copy) => {
      const index = below(copy.length, random);
      copy.writeUInt8(copy.readUInt8(index) ^ (1 << below(8, random)), index);
    }),
  tailBitFlip: ({ bytes, record }, random) =>
    changed(bytes, (copy) => {
      const index = record.dataBytes + below(copy.length - record.dataBytes, random);
      copy.writeUInt8(copy.readUInt8(index) ^ (1 << below(8, random)), index);
    }),
  truncated: ({ bytes }, random) => bytes.subarray(0, below(bytes.length, random)),
  longer: ({ bytes }, random) => Buffer.concat([bytes, Buffer.alloc(1 + below(5_000, random), 7)]),
  hole: ({ bytes }, random) =>
    changed(bytes, (copy) => {
      const start = below(copy.length, random);
      // One more, so that a hole among zeros is one too.
      copy
        .fill(0, start, Math.min(copy.length, start + 4_096))
        .writeUInt8(bytes.readUInt8(start) ^ 0xff, start);
    }),
  twoBlocksSwapped: ({ bytes, record }, random) => {
    const size = 512;
    const blocks = Math.floor(record.dataBytes / size) - 1;
    const isSame = (start: number) =>
      bytes.subarray(start, start + size).equals(bytes.subarray(start + size, start + 2 * size));
    let first = below(blocks, random) * size;
    // Much of a cache is zeros. The first block has the token ids, which differ from what follows.
    while (first > 0 && isSame(first)) first -= size;
    const second = first + size;
    return changed(bytes, (copy) => {
      bytes.copy(copy, first, second, second + size);
      bytes.copy(copy, second, first, second);
    });
  },
  otherVersion: ({ bytes }, random) =>
    changed(bytes, (copy) => copy.write(String(below(1, random) + 2), copy.length - 1)),
  otherModel: ({ other }) => Buffer.from(other),
  otherKey: (state, random) => withRecord(state, { key: random.uint32().toString(16) }),
  otherId: (state) => withRecord(state, { id: crypto.randomUUID() }),
  otherLength: (state, random) => withRecord(state, { dataBytes: below(state.record.dataBytes, random) }),
  otherTokenCount: (state, random) =>
    withRecord(state, { tokenCount: EXTREMES[below(EXTREMES.length, random)] ?? 0 }),
  moreInRecord: (state) => withRecord(state, { version: 2 }),
  noRecord: ({ bytes, record }) => bytes.subarray(0, record.dataBytes),
  text: (_state, random) => Buffer.from('not a state '.repeat(1 + below(50, random))),
} as const satisfies Record<string, Mutation>;

/** What the checksum cannot tell: data that was already wrong when it was written. */
const FORGERIES = {
  forgedHeader: ({ bytes }, random) =>
    changed(bytes, (copy) => {
      // Magic, version, token count, first ids: 4 bytes each.
      copy.writeUInt32LE(EXTREMES[below(EXTREMES.length, random)] ?? 0, 4 * below(6, random));
    }),
  forgedData: ({ bytes, record }, random) =>
    changed(bytes, (copy) => {
      const ids = 12 + record.tokenCount * 4;
      // The cells of the cache come first behind the ids, then keys and values.
      const index = ids + below(random.uint32() % 2 === 0 ? 256 : record.dataBytes - ids - 4, random);
      copy.writeUInt32LE(EXTREMES[below(EXTREMES.length, random)] ?? 0, index);
    }),
  forgedModel: ({ bytes, record, other }) => {
    // Another model's data under this model's name, cut or filled to the same length.
    const data = Buffer.alloc(record.dataBytes);
    other.copy(data, 0, 0, Math.min(other.length, data.length));
    return Buffer.concat([data, bytes.subarray(record.dataBytes)]);
  },
} as const satisfies Record<string, Mutation>;

/** The checksum of the data set right. */
function resealed(state: WholeState, bytes: Buffer): Buffer {
  const dataCrc = crc32(bytes.subarray(0, state.record.dataBytes));
  return withRecord({ ...state, bytes }, { dataCrc });
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[below(items.length, random)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

/** A broken copy of a state, by name. */
export function brokenState(state: WholeState, random: Random): { kind: string; bytes: Buffer } {
  const [kind, mutate] = pick(Object.entries(MUTATIONS), random);
  return { kind, bytes: mutate(state, random) };
}

/** A copy with wrong data and a right checksum, by name. */
export function forgedState(state: WholeState, random: Random): { kind: string; bytes: Buffer } {
  const [kind, mutate] = pick(Object.entries(FORGERIES), random);
  return { kind, bytes: resealed(state, mutate(state, random)) };
}
