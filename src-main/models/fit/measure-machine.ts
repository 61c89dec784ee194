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
const ANSWER_TOKENS = 9;
/** Times that each answer is given; what costs next to nothing more often, as it is taken from all others. */
const ANSWERS = 2;
const EMPTY_ANSWERS = 8;
/** Next to nothing to compute: what is left is the cost of a token, and with more layers that of a layer. */
const EMPTY: ProbeShape = { type: 'Q4_0', layers: 2, embeddingLength: 256, feedForwardLength: 512 };
const EMPTY_LAYERED: ProbeShape = { ...EMPTY, layers: 26 };
/** So many tokens deep attention is timed. */
const DEEP_PROMPT = 'abcdefghij'.repeat(44);
/** Where attention was too quick to be timed. */
const LEAST_ATTENTION_MS = 0.05;
/** Attention's rate as a share of that of reading weights, on processors: outside of it something else ran. */
const ATTENTION_SHARE = { least: 0.03, most: 0.08 };
/** More of a token than this is never its own cost on a processor: then another program took its time. */
const MOST_OVERHEAD = 0.35;
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
      const few = await this.#time(EMPTY, gpuLayers, SHORT_PROMPT);
      const many = await this.#time(EMPTY_LAYERED, gpuLayers, SHORT_PROMPT);
      const deep = await this.#time(EMPTY_LAYERED, gpuLayers, DEEP_PROMPT);
      overhead.layerMs = Math.max(0, (many.decodeMs - few.decodeMs) / (EMPTY_LAYERED.layers - EMPTY.layers));
      overhead.tokenMs = Math.max(0, few.decodeMs - EMPTY.layers * overhead.layerMs);
      overhead.attendedPerSecond =
        (attended(EMPTY_LAYERED, DEEP_PROMPT.length - SHORT_PROMPT.length) * 1000) /
        Math.max(LEAST_ATTENTION_MS, deep.decodeMs - many.decodeMs);
      const usual = await this.#time(USUAL, gpuLayers);
      if (gpuLayers === 0) limitOverhead(overhead, usual);
      rates[USUAL.type] = rateFrom(USUAL, usual, overhead);
      const large = await this.#time(USUAL_LARGE, gpuLayers, SHORT_PROMPT);
      overhead.cachedBytes = cachedBytes([usual.decodeMs, large.decodeMs], overhead);
      rates[USUAL.type] = rateFrom(USUAL, usual, overhead);
      for (const shape of OTHERS)
        rates[shape.type] = rateFrom(shape, await this.#time(shape, gpuLayers), overhead);
    } catch (error) {
      // The time ended in the middle of a probe.
      if (!this.#options.ending.aborted) throw error;
    }
    return Object.keys(rates).length > 0 ? { rates, ...overhead } : null;
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
      answers: shape.embeddingLength === EMPTY.embeddingLength ? EMPTY_ANSWERS : ANSWERS,
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

/** Brings costs that were timed while something else ran to what they can be. */
function limitOverhead(overhead: Omit<PlaceSpeed, 'rates'>, { decodeMs, read }: ProbeTimes): void {
  const part = (decodeMs * MOST_OVERHEAD) / (overhead.tokenMs + USUAL.layers * overhead.layerMs);
  overhead.tokenMs *= Math.min(1, part);
  overhead.layerMs *= Math.min(1, part);
  if (!read) return;
  const readRate = (probeWeights(USUAL).readElements * read.tokens * 1000) / read.ms;
  const { least, most } = ATTENTION_SHARE;
  const bounded = Math.max(readRate * least, Math.min(readRate * most, overhead.attendedPerSecond));
  overhead.attendedPerSecond = bounded;
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
