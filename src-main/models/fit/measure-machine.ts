import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MeasuringEngine, ProbeTimes } from '../../engine/measure.ts';
import { probeWeights, writeProbeModel, type ProbeShape } from './probe-model.ts';
import type { MachineSpeed, PlaceSpeed, TypeRate } from './speed-types.ts';

/** The whole measurement, start of the process included, in ms. */
const LIMIT_MS = 5_000;
/** Read in chunks of 32 and 64 tokens and a rest: the second chunk is the one that is timed. */
const PROMPT = 'abcdefghij'.repeat(13);
const ANSWER_TOKENS = 16;
/** Next to nothing to compute: what is left is the cost of a token, and with more layers that of a layer. */
const EMPTY: readonly ProbeShape[] = [
  { type: 'Q4_0', layers: 2, embeddingLength: 256, feedForwardLength: 512 },
  { type: 'Q4_0', layers: 26, embeddingLength: 256, feedForwardLength: 512 },
];
const WIDTH = { embeddingLength: 2048, feedForwardLength: 5632 };
/**
 * The types that most files are made of, most usual first: those at the end are left out where the time ends.
 * Some 90 MB each: several times the caches of most processors.
 */
const TYPES: readonly ProbeShape[] = [
  { type: 'Q4_K', layers: 4, ...WIDTH },
  { type: 'Q6_K', layers: 3, ...WIDTH },
  { type: 'Q8_0', layers: 2, ...WIDTH },
  { type: 'Q4_0', layers: 4, ...WIDTH },
  { type: 'F16', layers: 1, ...WIDTH },
];

export interface MeasureOptions {
  startEngine(): Promise<MeasuringEngine>;
  /** A folder for the probes, on a disk; they are removed again. */
  tempDir: string;
  threads: number | null;
  signal: AbortSignal;
  limitMs?: number;
}

/**
 * Times generated models on an engine of their own: how many bytes of weights a second make tokens, how many
 * weights are read, and what a token and a layer cost beside that. At most 5 s.
 * @returns null when the time ended before the first type was known
 * @throws aborted, engine_binary_missing, engine_start_failed
 */
export async function measureMachine(
  options: MeasureOptions,
): Promise<Pick<MachineSpeed, 'cpu' | 'card'> | null> {
  const { signal, limitMs = LIMIT_MS } = options;
  const folder = await mkdtemp(join(options.tempDir, 'leeward-speed-'));
  let engine: MeasuringEngine | null = null;
  let hasEnded = false;
  const end = () => {
    hasEnded = true;
    void engine?.kill();
  };
  const timer = setTimeout(end, limitMs);
  signal.addEventListener('abort', end, { once: true });
  try {
    engine = await options.startEngine();
    if (hasEnded) return null;
    const bench = new Bench(engine, folder, options.threads);
    const hasCard = engine.backend !== 'cpu';
    const card = hasCard ? await bench.place(null, () => hasEnded) : null;
    const cpu = await bench.place(0, () => hasEnded);
    signal.throwIfAborted();
    // Without a figure of its own the processor is left to the card's: all of a small model lies there.
    return (cpu ?? card) ? { cpu: cpu ?? EMPTY_PLACE, card } : null;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    await engine?.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

const EMPTY_PLACE: PlaceSpeed = { rates: {}, tokenMs: 0, layerMs: 0 };

class Bench {
  readonly #engine: MeasuringEngine;
  readonly #folder: string;
  readonly #threads: number | null;
  #count = 0;

  constructor(engine: MeasuringEngine, folder: string, threads: number | null) {
    this.#engine = engine;
    this.#folder = folder;
    this.#threads = threads;
  }

  /** The figures of one place; what was timed until the time ended. Null when that was no type at all. */
  async place(gpuLayers: number | null, hasEnded: () => boolean): Promise<PlaceSpeed | null> {
    const rates: Record<string, TypeRate> = {};
    const overhead = { tokenMs: 0, layerMs: 0 };
    try {
      const [few, many] = [await this.#time(EMPTY[0], gpuLayers), await this.#time(EMPTY[1], gpuLayers)];
      const layers = (EMPTY[1]?.layers ?? 0) - (EMPTY[0]?.layers ?? 0);
      overhead.layerMs = Math.max(0, (many.decodeMs - few.decodeMs) / layers);
      overhead.tokenMs = Math.max(0, few.decodeMs - (EMPTY[0]?.layers ?? 0) * overhead.layerMs);
      for (const shape of TYPES)
        rates[shape.type] = rateFrom(shape, await this.#time(shape, gpuLayers), overhead);
    } catch (error) {
      // The time ended in the middle of a probe.
      if (!hasEnded()) throw error;
    }
    return Object.keys(rates).length > 0 ? { rates, ...overhead } : null;
  }

  async #time(shape: ProbeShape | undefined, gpuLayers: number | null): Promise<ProbeTimes> {
    if (!shape) throw new RangeError('no probe');
    this.#count += 1;
    const path = join(this.#folder, `${this.#count}.gguf`);
    const sizeBytes = await writeProbeModel(path, shape);
    const times = await this.#engine.time({
      path,
      // Small probes must run on as many threads as large models do.
      sizeBytes: Math.max(sizeBytes, 2 ** 27),
      gpuLayers,
      threads: this.#threads,
      prompt: PROMPT,
      answerTokens: ANSWER_TOKENS,
    });
    await rm(path, { force: true });
    return times;
  }
}

/** Pure. */
export function rateFrom(
  shape: ProbeShape,
  { decodeMs, read }: Pick<ProbeTimes, 'decodeMs' | 'read'>,
  { tokenMs, layerMs }: Pick<PlaceSpeed, 'tokenMs' | 'layerMs'>,
): TypeRate {
  const { decodeBytes, readElements } = probeWeights(shape);
  // What is left when the rest is taken away is never less than half: the rest was timed on another model.
  const weightsMs = Math.max(decodeMs / 2, decodeMs - tokenMs - shape.layers * layerMs);
  return {
    decodeBytesPerSecond: (decodeBytes / weightsMs) * 1000,
    readWeightsPerSecond: read && read.ms > 0 ? ((readElements * read.tokens) / read.ms) * 1000 : null,
  };
}
