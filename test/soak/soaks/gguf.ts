import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING, errorCodeOf } from '../../../src-main/contract/index.ts';
import type { Engine } from '../../../src-main/engine/api.ts';
import { createEngine } from '../../../src-main/engine/engine.ts';
import { entries } from '../../../src-main/entries.ts';
import type { ByteSource } from '../../../src-main/models/byte-source.ts';
import { createHeaderReader } from '../../../src-main/models/gguf-header.ts';
import { Random } from '../../support/gguf/random.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

export const name = 'gguf';
export const defaultCount = 1000;

/** How a broken file may end. Anything else is a fault of ours. */
const READER_OUTCOMES = new Set(['accepted', 'model_not_gguf', 'model_truncated', 'model_malformed']);
const ENGINE_OUTCOMES = new Set([
  'answered',
  'model_malformed',
  'model_truncated',
  'model_unsupported_architecture',
  'model_not_enough_memory',
  'model_load_failed',
  'model_load_crashed',
  'engine_crashed',
  'context_full',
]);
/** A hostile header may cost the worker its time limit, never more. */
const MAX_READ_MS = 25_000;
/** Loading half a megabyte and four tokens, beside a busy machine. */
const MAX_ENGINE_MS = 60_000;

interface Progress {
  done: number;
  failures: string[];
  reader: Record<string, number>;
  engine: Record<string, number>;
  slowestReadMs: number;
}

type Mutation = (bytes: Buffer, headerBytes: number, random: Random) => Buffer;

const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  1n << 40n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];
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

/** Reads one broken file after the other with the app's own header reader. */
export async function withMutatedFiles<T>(
  act: (
    next: (seed: number, index: number) => Promise<{ kind: string; bytes: Buffer; outcome: string }>,
  ) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'leeward-gguf-'));
  const reader = createHeaderReader(entries.ggufWorker);
  const kinds = Object.entries(mutations);
  try {
    const { path, dataOffset } = await writeScriptedModel(join(folder, 'good.gguf'), { script: plainScript });
    const good = await readFile(path);
    const result = await act(async (seed, index) => {
      const [kind, mutate] = kinds[index % kinds.length] ?? ['none', (bytes: Buffer) => bytes];
      const bytes = mutate(Buffer.from(good), dataOffset, new Random(partSeed(seed, index)));
      return { kind, bytes, outcome: await outcomeOf(reader.read(memorySource(bytes))) };
    });
    if ((await outcomeOf(reader.read(memorySource(good)))) !== 'accepted') {
      throw new Error('the good file is refused afterwards');
    }
    return result;
  } finally {
    await reader.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Breaks a good model in `count` ways. Each file must end in the header reader with one of its three codes;
 * one that is accepted all the same goes to the real engine, which must answer or give a typed error.
 */
export async function run({ count, seed, log, deadline, saved, save }: SoakContext): Promise<SoakResult> {
  const progress: Progress = isProgress(saved)
    ? saved
    : { done: 0, failures: [], reader: {}, engine: {}, slowestReadMs: 0 };
  const folder = await mkdtemp(join(tmpdir(), 'leeward-gguf-engine-'));
  const engine = createEngine({ sidecarPath: entries.sidecar, nodeBinary: process.execPath, log: () => {} });
  try {
    await withMutatedFiles(async (next) => {
      for (; progress.done < count && Date.now() < deadline; progress.done += 1) {
        const startedAt = performance.now();
        const { kind, bytes, outcome } = await next(seed, progress.done);
        const ms = Math.round(performance.now() - startedAt);
        const fail = (what: string) => progress.failures.push(`file ${progress.done} (${kind}): ${what}`);
        progress.slowestReadMs = Math.max(progress.slowestReadMs, ms);
        progress.reader[outcome] = (progress.reader[outcome] ?? 0) + 1;
        if (!READER_OUTCOMES.has(outcome) || ms > MAX_READ_MS) fail(`${outcome} after ${ms} ms`);
        if (outcome === 'accepted') {
          const ended = await tryInEngine(engine, join(folder, 'broken.gguf'), bytes);
          progress.engine[ended] = (progress.engine[ended] ?? 0) + 1;
          if (!ENGINE_OUTCOMES.has(ended)) fail(`engine: ${ended}`);
        }
        save({ ...progress, done: progress.done + 1 });
        if (progress.done % 100 === 99) log(`${progress.done + 1} of ${count} files`);
      }
    });
  } finally {
    await engine.dispose();
    await rm(folder, { recursive: true, force: true });
  }
  const { done, failures, ...figures } = progress;
  return { done, failures, figures };
}

async function tryInEngine(engine: Engine, path: string, bytes: Buffer): Promise<string> {
  await writeFile(path, bytes);
  if (engine.state.error?.code === 'engine_unavailable') await engine.restart();
  const signal = AbortSignal.timeout(MAX_ENGINE_MS);
  try {
    const request = { path, sizeBytes: bytes.length, contextSize: 512, gpuLayers: 0, threads: 1 };
    await engine.load(
      {
        ...request,
        modelId: randomUUID(),
        fileState: '',
        flashAttention: 'auto',
        adapters: [],
        chatTemplate: null,
        sequences: 1,
        keepLoadedMinutes: null,
        speculation: 'auto',
        draft: null,
        batchTokens: null,
        liveChats: null,
        cacheType: 'f16',
        windowCache: 'window',
        measured: { threads: null, cacheDivergence: null },
      },
      signal,
    );
    const answer = await engine.generate(
      {
        generationId: randomUUID(),
        systemPrompt: '',
        turns: [{ role: 'user', text: 'Hello' }],
        sampling: { ...DEFAULT_SAMPLING, seed: 1, maxTokens: 4 },
      },
      { signal, onEvent: () => {} },
    );
    return signal.aborted ? 'too slow' : (answer.error?.code ?? 'answered');
  } catch (error) {
    return signal.aborted ? 'too slow' : errorCodeOf(error);
  }
}

function isProgress(value: unknown): value is Progress {
  return (
    typeof value === 'object' && value !== null && 'done' in value && 'reader' in value && 'engine' in value
  );
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
