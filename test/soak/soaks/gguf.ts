import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCodeOf } from '../../../src-main/contract/index.ts';
import { entries } from '../../../src-main/entries.ts';
import type { ByteSource } from '../../../src-main/models/byte-source.ts';
import { createHeaderReader } from '../../../src-main/models/gguf-header.ts';
import { Random } from '../../support/gguf/random.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';

export const name = 'gguf';
export const defaultCount = 1000;

export interface GgufSoakOptions {
  count: number;
  seed: number;
  log(line: string): void;
  /** `Date.now()` at which the soak stops, with what it has done so far. */
  deadline: number;
}

/** Codes that a broken file may end with. Anything else is a fault of ours. */
const EXPECTED = new Set(['accepted', 'model_not_gguf', 'model_truncated', 'model_malformed']);
/** A hostile header may cost the worker its time limit, never more. */
const MAX_FILE_MS = 25_000;

type Mutation = (bytes: Buffer, headerBytes: number, random: Random) => Buffer;

const EXTREMES = [0n, 1n, 0x7fn, 0xffffn, 0x7fff_ffffn, 0xffff_ffffn, 1n << 40n, (1n << 63n) - 1n, (1n << 64n) - 1n];
const pick = <T>(items: readonly T[], random: Random): T | undefined => items[random.uint32() % items.length];
const below = (limit: number, random: Random) => random.uint32() % Math.max(1, limit);

/** Ways to break a file. Each draws its places from the seeded generator. */
export const mutations: Readonly<Record<string, Mutation>> = {
  flipBits(bytes, headerBytes, random) {
    for (let n = 1 + below(16, random); n > 0; n -= 1) {
      const at = below(headerBytes, random);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8, random));
    }
    return bytes;
  },
  randomBytes(bytes, headerBytes, random) {
    const start = below(headerBytes, random);
    const end = Math.min(headerBytes, start + 1 + below(64, random));
    for (let at = start; at < end; at += 1) bytes[at] = random.uint32() & 0xff;
    return bytes;
  },
  extremeNumber(bytes, headerBytes, random) {
    const at = below(headerBytes - 8, random);
    bytes.writeBigUInt64LE(pick(EXTREMES, random) ?? 0n, at);
    return bytes;
  },
  extremeCount(bytes, _headerBytes, random) {
    bytes.writeBigUInt64LE(pick(EXTREMES, random) ?? 0n, pick([8, 16], random) ?? 8);
    return bytes;
  },
  swapType(bytes, headerBytes, random) {
    bytes.writeUInt32LE(below(16, random), below(headerBytes - 4, random));
    return bytes;
  },
  cutHeader: (bytes, headerBytes, random) => bytes.subarray(0, below(headerBytes, random)),
  cutData: (bytes, headerBytes, random) =>
    bytes.subarray(0, headerBytes + below(bytes.length - headerBytes, random)),
  dropBytes(bytes, headerBytes, random) {
    const start = below(headerBytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + 1 + below(32, random))]);
  },
  repeatBytes(bytes, headerBytes, random) {
    const start = below(headerBytes, random);
    const end = Math.min(headerBytes, start + 1 + below(4096, random));
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  },
  version(bytes, _headerBytes, random) {
    bytes.writeUInt32LE(below(8, random) << pickShift(random), 4);
    return bytes;
  },
};

function pickShift(random: Random): number {
  return pick([0, 16, 24], random) ?? 0;
}

/**
 * Parses `count` files, each one a good model broken at places drawn from `seed + n`, with the app's own
 * header reader. Fails at the first file that ends in anything but acceptance or one of the three codes, takes
 * too long, or leaves a reader that no longer reads a good file.
 */
export async function run({ count, seed, log, deadline }: GgufSoakOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'leeward-gguf-'));
  const reader = createHeaderReader(entries.ggufWorker);
  try {
    const { path, dataOffset } = await writeScriptedModel(join(folder, 'good.gguf'), { script: plainScript });
    const good = await readFile(path);
    const outcomes: Record<string, number> = {};
    const perMutation: Record<string, number> = {};
    const kinds = Object.entries(mutations);
    let slowestMs = 0;
    let done = 0;
    for (; done < count && Date.now() < deadline; done += 1) {
      const random = new Random(seed + done);
      const [kind, mutate] = kinds[done % kinds.length] ?? [];
      if (kind === undefined || mutate === undefined) throw new Error('no mutations');
      const startedAt = performance.now();
      const outcome = await outcomeOf(reader.read(memorySource(mutate(Buffer.from(good), dataOffset, random))));
      const ms = performance.now() - startedAt;
      const failed = !EXPECTED.has(outcome) || ms > MAX_FILE_MS;
      if (failed) throw new Error(`seed ${seed + done} (${kind}) ended with ${outcome} after ${Math.round(ms)} ms`);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      perMutation[kind] = (perMutation[kind] ?? 0) + 1;
      slowestMs = Math.max(slowestMs, ms);
      if (done % 100 === 99) log(`${done + 1} of ${count} files, slowest ${Math.round(slowestMs)} ms`);
    }
    if ((await outcomeOf(reader.read(memorySource(good)))) !== 'accepted') throw new Error('the good file fails');
    return { seed, files: done, outcomes, perMutation, slowestMs: Math.round(slowestMs) };
  } finally {
    await reader.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function outcomeOf(reading: Promise<unknown>): Promise<string> {
  return reading.then(
    () => 'accepted',
    (error: unknown) => errorCodeOf(error),
  );
}

function memorySource(bytes: Buffer): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => Uint8Array.from(bytes.subarray(offset, offset + length)),
  };
}
