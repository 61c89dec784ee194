import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MeasuringEngine, ProbeTimes } from '../../engine/measure.ts';
import { probeWeights, writeProbeModel, type ProbeShape } from './probe-model.ts';
import type { MachineSpeed, PlaceSpeed, TypeRate } from './speed-types.ts';

/** All probes together, in ms. */
const LIMIT_MS = 5_000;
/** Before them the process starts: half a second, far more with a graphics card's libraries on a cold disk. */
const START_LIMIT_MS = 30_000;
/** Read in a chunk of 32 tokens and one of the rest, which is the one that is timed. */
const PROMPT = 'abcdefghij'.repeat(9);
/** Reading is not timed with it. */
const SHORT_PROMPT = 'abcdefgh';
const ANSWER_TOKENS = 9;
/**
 * Times that each answer is given, the fastest counts: on two cores what else runs makes one up to four times slower,
 * and nothing makes it faster.
 */
const ANSWERS = 5;
/** Next to nothing to compute: what is left is the cost of a token, and with more layers that of a layer. */
const EMPTY: ProbeShape = { type: 'Q4_0', layers: 2, embeddingLength: 256, feedForwardLength: 512 };
const EMPTY_LAYERED: ProbeShape = { ...EMPTY, layers: 26 };
/**
 * On a processor these costs cannot be timed in so short a time: two threads wait for each other, and the same answer
 * takes 0.3 to 17 ms a token. Known from long runs, in ms; wrong by half they change a prediction of 1B by 5 %.
 */
const ON_PROCESSOR = {
  /** Of the fastest answer of a probe. */
  probe: { tokenMs: 0.3, layerMs: 0.04 },
  /** Of any answer in the app: sampling, the way of its text to the screen, threads that wait. */
  answer: { tokenMs: 1, layerMs: 0.08 },
} as const;
/**
 * Numbers of keys and values that a token is compared with, as a share of the weights read in the same time: measured
 * from 32 to 480 tokens deep on four shapes, 0.10 to 0.14.
 */
const ATTENTION_SHARE = 0.12;
const WIDTH = { embeddingLength: 2048, feedForwardLength: 5632 };
/** What most files are made of, the usual quant first; those at the end are left out where the time ends. */
const PROBES: readonly ProbeShape[] = [
  // 250 MB, beyond the caches of nearly every processor.
  { type: 'Q4_K', layers: 10, ...WIDTH },
  { type: 'Q6_K', layers: 4, ...WIDTH },
  { type: 'Q8_0', layers: 3, ...WIDTH },
  { type: 'Q4_0', layers: 5, ...WIDTH },
  { type: 'F16', layers: 2, ...WIDTH },
];

export interface MeasureOptions {
  /** `signal` ends the engine. */
  startEngine(signal: AbortSignal): Promise<MeasuringEngine>;
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
  const limit = new AbortController();
  let timer = setTimeout(() => limit.abort(), Math.min(limitMs * 6, START_LIMIT_MS));
  const ending = AbortSignal.any([signal, limit.signal]);
  let engine: MeasuringEngine | null = null;
  try {
    engine = await options.startEngine(ending);
    clearTimeout(timer);
    timer = setTimeout(() => limit.abort(), limitMs);
    const bench = new Bench(engine, { folder, threads: options.threads, ending });
    const card = engine.backend === 'cpu' ? null : await bench.place(null);
    const cpu = await bench.place(0);
    signal.throwIfAborted();
    // Without figures of its own the processor is left out: what fits on the card is told from the card's.
    return (cpu ?? card) ? { cpu: cpu ?? EMPTY_PLACE, card } : null;
  } catch (error) {
    signal.throwIfAborted();
    // The time ended while the engine started.
    if (limit.signal.aborted) return null;
    throw error;
  } finally {
    clearTimeout(timer);
    await engine?.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

const EMPTY_PLACE: PlaceSpeed = { rates: {}, tokenMs: 0, layerMs: 0, attendedPerSecond: null };

interface BenchOptions {
  folder: string;
  threads: number | null;
  ending: AbortSignal;
}

class Bench {
  readonly #engine: MeasuringEngine;
  readonly #options: BenchOptions;
  #count = 0;

  constructor(engine: MeasuringEngine, options: BenchOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** The figures of one place; what was timed until the time ended. Null when that was no type at all. */
  async place(gpuLayers: number | null): Promise<PlaceSpeed | null> {
    const rates: Record<string, TypeRate> = {};
    const isProcessor = gpuLayers === 0;
    let overhead: Overhead = ON_PROCESSOR.probe;
    try {
      if (!isProcessor) overhead = await this.#overhead(gpuLayers);
      for (const shape of PROBES)
        rates[shape.type] = rateFrom(shape, await this.#time(shape, gpuLayers), overhead);
    } catch (error) {
      // The time ended in the middle of a probe.
      if (!this.#options.ending.aborted) throw error;
    }
    if (Object.keys(rates).length === 0) return null;
    return {
      rates,
      ...(isProcessor ? ON_PROCESSOR.answer : overhead),
      attendedPerSecond: attendedFrom(rates),
    };
  }

  async #overhead(gpuLayers: number | null): Promise<Overhead> {
    const few = await this.#time(EMPTY, gpuLayers, SHORT_PROMPT);
    const many = await this.#time(EMPTY_LAYERED, gpuLayers, SHORT_PROMPT);
    const layerMs = Math.max(0, (many.decodeMs - few.decodeMs) / (EMPTY_LAYERED.layers - EMPTY.layers));
    return { layerMs, tokenMs: Math.max(0, few.decodeMs - EMPTY.layers * layerMs) };
  }

  async #time(shape: ProbeShape, gpuLayers: number | null, prompt = PROMPT): Promise<ProbeTimes> {
    this.#count += 1;
    const path = join(this.#options.folder, `${this.#count}.gguf`);
    const sizeBytes = await writeProbeModel(path, shape);
    const times = await this.#engine.time({
      path,
      // Small probes must run on as many threads as large models do.
      sizeBytes: Math.max(sizeBytes, 2 ** 27),
      gpuLayers,
      threads: this.#options.threads,
      prompt,
      answerTokens: ANSWER_TOKENS,
      answers: ANSWERS,
    });
    await rm(path, { force: true });
    return times;
  }
}

type Overhead = Pick<PlaceSpeed, 'tokenMs' | 'layerMs'>;

/** Of the fastest type: comparing is not slower because the weights are packed another way. */
function attendedFrom(rates: Readonly<Record<string, TypeRate>>): number | null {
  const read = Object.values(rates).flatMap(({ readWeightsPerSecond }) => readWeightsPerSecond ?? []);
  return read.length > 0 ? Math.max(...read) * ATTENTION_SHARE : null;
}

/**
 * The rates of a type from what its probe took beside the cost of its tokens and layers. Those are never taken for
 * more than half of it, as they were timed on another model. Pure.
 */
export function rateFrom(
  shape: ProbeShape,
  { decodeMs, read }: Pick<ProbeTimes, 'decodeMs' | 'read'>,
  { tokenMs, layerMs }: Overhead,
): TypeRate {
  const { decodeBytes, readElements } = probeWeights(shape);
  const weightsMs = Math.max(decodeMs / 2, decodeMs - tokenMs - shape.layers * layerMs);
  return {
    decodeBytesPerSecond: (decodeBytes / weightsMs) * 1000,
    readWeightsPerSecond: read && read.ms > 0 ? ((readElements * read.tokens) / read.ms) * 1000 : null,
  };
}
