import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MeasuringEngine, ProbeTimes } from '../../engine/measure.ts';
import { readBytes } from './predict-speed.ts';
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
const ANSWER_TOKENS = 16;
/** Times that each answer is given. */
const ANSWERS = 3;
/** Next to nothing to compute: what is left is the cost of a token, and with more layers that of a layer. */
const EMPTY: ProbeShape = { type: 'Q4_0', layers: 2, embeddingLength: 256, feedForwardLength: 512 };
const EMPTY_LAYERED: ProbeShape = { ...EMPTY, layers: 26 };
/**
 * The same on a processor, in ms. Not measured there: threads that have next to nothing to do wait for each other for
 * anything from 0.3 to 1.6 ms a token, which they do not in models of a size that is used.
 */
const PROCESSOR_OVERHEAD = { tokenMs: 0.8, layerMs: 0.03 };
/** So many tokens deep attention is timed. */
const DEEP_PROMPT = 'abcdefghij'.repeat(44);
/** Where attention was too quick to be timed. */
const LEAST_ATTENTION_MS = 0.05;
/** Attention's rate as a share of that of reading weights, on processors: outside of it something else ran. */
const ATTENTION_SHARE = { least: 0.03, most: 0.08 };
const WIDTH = { embeddingLength: 2048, feedForwardLength: 5632 };
/** The usual quant: 100 MB of it, and 250 MB. What the second costs beyond the first is memory, not caches. */
const USUAL: ProbeShape = { type: 'Q4_K', layers: 4, ...WIDTH };
const USUAL_LARGE: ProbeShape = { type: 'Q4_K', layers: 10, ...WIDTH };
/** Other types that most files are made of; those at the end are left out where the time ends. */
const OTHERS: readonly ProbeShape[] = [
  { type: 'Q6_K', layers: 3, ...WIDTH },
  { type: 'Q8_0', layers: 2, ...WIDTH },
  { type: 'Q4_0', layers: 3, ...WIDTH },
  { type: 'F16', layers: 1, ...WIDTH },
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

const EMPTY_PLACE: PlaceSpeed = { rates: {}, tokenMs: 0, layerMs: 0, attendedPerSecond: 1, cachedBytes: 0 };

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
    const overhead = { tokenMs: 0, layerMs: 0, attendedPerSecond: 1, cachedBytes: 0 };
    try {
      Object.assign(overhead, gpuLayers === 0 ? PROCESSOR_OVERHEAD : await this.#overhead(gpuLayers));
      // The deep one first: what runs first in a process is slower.
      const { decodeMs, read } = await this.#time(USUAL, gpuLayers, DEEP_PROMPT);
      const usual = await this.#time(USUAL, gpuLayers, SHORT_PROMPT);
      rates[USUAL.type] = rateFrom(USUAL, { ...usual, read }, overhead);
      overhead.attendedPerSecond =
        (attended(USUAL, DEEP_PROMPT.length - SHORT_PROMPT.length) * 1000) /
        Math.max(LEAST_ATTENTION_MS, decodeMs - usual.decodeMs);
      if (gpuLayers === 0) limitAttention(overhead, read);
      const large = await this.#time(USUAL_LARGE, gpuLayers, SHORT_PROMPT);
      overhead.cachedBytes = cachedBytes([usual.decodeMs, large.decodeMs], overhead);
      rates[USUAL.type] = rateFrom(USUAL, { ...usual, read }, overhead);
      for (const shape of OTHERS)
        rates[shape.type] = rateFrom(shape, await this.#time(shape, gpuLayers), overhead);
    } catch (error) {
      // The time ended in the middle of a probe.
      if (!this.#options.ending.aborted) throw error;
    }
    return Object.keys(rates).length > 0 ? { rates, ...overhead } : null;
  }

  async #overhead(gpuLayers: number | null): Promise<Pick<PlaceSpeed, 'tokenMs' | 'layerMs'>> {
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

/** Numbers of keys and values that one token looks at. */
function attended({ layers, embeddingLength }: ProbeShape, depth: number): number {
  return 2 * embeddingLength * layers * depth;
}

type Overhead = Pick<PlaceSpeed, 'tokenMs' | 'layerMs' | 'cachedBytes'>;

/** Brings attention that was timed while something else ran to what it can be. */
function limitAttention(place: Omit<PlaceSpeed, 'rates'>, read: ProbeTimes['read']): void {
  if (!read) return;
  const readRate = (probeWeights(USUAL).readElements * read.tokens * 1000) / read.ms;
  const { least, most } = ATTENTION_SHARE;
  place.attendedPerSecond = Math.max(readRate * least, Math.min(readRate * most, place.attendedPerSecond));
}

/** Milliseconds of a token that its weights take: never less than half, as the rest was timed on another model. */
function weightsMs(shape: ProbeShape, decodeMs: number, { tokenMs, layerMs }: Overhead): number {
  return Math.max(decodeMs / 2, decodeMs - tokenMs - shape.layers * layerMs);
}

/**
 * Bytes that cost nothing, from the usual quant in two sizes: time grows with the bytes beyond them. Pure.
 * @param decodeMs of the smaller and of the larger
 */
export function cachedBytes([small, large]: readonly [number, number], overhead: Overhead): number {
  const smallBytes = probeWeights(USUAL).decodeBytes;
  const smallMs = weightsMs(USUAL, small, overhead);
  const msPerByte =
    (weightsMs(USUAL_LARGE, large, overhead) - smallMs) /
    (probeWeights(USUAL_LARGE).decodeBytes - smallBytes);
  if (msPerByte <= 0) return 0;
  return Math.max(0, Math.min(smallBytes / 2, smallBytes - smallMs / msPerByte));
}

/** Pure. */
export function rateFrom(
  shape: ProbeShape,
  { decodeMs, read }: Pick<ProbeTimes, 'decodeMs' | 'read'>,
  overhead: Overhead,
): TypeRate {
  const { decodeBytes, readElements } = probeWeights(shape);
  const fromMemory = readBytes(decodeBytes, overhead.cachedBytes);
  return {
    decodeBytesPerSecond: (fromMemory / weightsMs(shape, decodeMs, overhead)) * 1000,
    readWeightsPerSecond: read && read.ms > 0 ? ((readElements * read.tokens) / read.ms) * 1000 : null,
  };
}
