import { DEFAULT_SAMPLING } from '../contract/index.ts';
import type { GenerateEvent } from './sidecar/contract.ts';
import { SidecarProcess, type SidecarOptions } from './sidecar-process.ts';

/** A generated model to time; see `models/fit/probe-model.ts`. */
export interface Probe {
  path: string;
  sizeBytes: number;
  /** 0: on the processor; null: as many layers on the graphics card as fit. */
  gpuLayers: number | null;
  threads: number | null;
  /** Text that is read, a letter a token. */
  prompt: string;
  /** Tokens to answer with. */
  answerTokens: number;
  /** The fastest of so many counts: other programs only ever make one slower. Later ones have nothing to read. */
  answers: number;
}

export interface ProbeTimes {
  /** Reading, of the chunks after the first: that one also touches the memory for the first time. */
  read: { tokens: number; ms: number } | null;
  /** Milliseconds a token. */
  decodeMs: number;
  gpuLayers: number;
}

/** An engine process of its own for measuring, so that the state of the app's engine stays as it is. */
export interface MeasuringEngine {
  /** `cpu`, `cuda`, `vulkan` or `metal`. */
  readonly backend: string;
  readonly engineVersion: string;
  /**
   * Loads a probe in place of the one before and times answers of it, on the way that answers take.
   * @throws engine_crashed, the load's errors, an Error when nothing was answered
   */
  time(probe: Probe): Promise<ProbeTimes>;
  /** Ends the process at once. */
  kill(): Promise<void>;
}

const CONTEXT_SIZE = 512;

/**
 * @param options.signal ends the process, while it starts too
 * @throws engine_crashed, engine_binary_missing, engine_start_failed
 */
export async function startMeasuringEngine(
  options: SidecarOptions & { backend: 'auto' | 'cpu'; signal: AbortSignal },
): Promise<MeasuringEngine> {
  options.signal.throwIfAborted();
  const sidecar = new SidecarProcess(options);
  options.signal.addEventListener('abort', () => sidecar.kill(), { once: true });
  try {
    const ready = await sidecar.whileAlive(async () => {
      for await (const event of await sidecar.client.start({ backend: options.backend, excluded: [] }))
        if (event.type === 'ready') return event;
      throw new Error('the engine did not start');
    }, 'off');
    return {
      backend: ready.backend,
      engineVersion: ready.engineVersion,
      time: (probe) => sidecar.whileAlive(() => timeProbe(sidecar, probe)),
      async kill() {
        sidecar.kill();
        await sidecar.exited;
      },
    };
  } catch (error) {
    sidecar.kill();
    throw error;
  }
}

async function timeProbe(sidecar: SidecarProcess, probe: Probe): Promise<ProbeTimes> {
  const { path, sizeBytes, gpuLayers, threads } = probe;
  const load = {
    path,
    sizeBytes,
    gpuLayers,
    threads,
    contextSize: CONTEXT_SIZE,
    flashAttention: 'auto' as const,
    adapters: [],
    chatTemplate: null,
    // A probe's text repeats itself: guesses would be right, and tell another speed.
    speculation: 'off' as const,
    draft: null,
    batchTokens: null,
    cacheType: 'f16' as const,
    windowCache: 'window' as const,
    measured: null,
    sequences: 1,
    liveChats: null,
  };
  let usedGpuLayers = 0;
  for await (const event of await sidecar.client.load(load))
    if (event.type === 'ready') usedGpuLayers = event.gpuLayers;
  const first = await timeAnswer(sidecar, probe);
  let { decodeMs } = first;
  for (let answer = 1; answer < probe.answers; answer += 1)
    decodeMs = Math.min(decodeMs, (await timeAnswer(sidecar, probe)).decodeMs);
  return { ...first, decodeMs, gpuLayers: usedGpuLayers };
}

async function timeAnswer(
  sidecar: SidecarProcess,
  { prompt, answerTokens }: Probe,
): Promise<Omit<ProbeTimes, 'gpuLayers'>> {
  const events = await sidecar.client.generate({
    generationId: 'speed',
    systemPrompt: '',
    turns: [{ role: 'user', text: prompt }],
    reasoning: { mode: 'auto', budgetTokens: null },
    sampling: { ...DEFAULT_SAMPLING, temperature: 0, seed: 1, maxTokens: answerTokens },
  });
  const marks: Marks = { second: null, read: null };
  for await (const event of events) {
    const atMs = performance.now();
    if (event.type === 'reading' && event.done > 0) marks.second ??= { tokens: event.done, atMs };
    else if (event.type === 'read') marks.read = { tokens: event.promptTokens, atMs };
    else if (event.type === 'done') return timesOf(event, marks);
  }
  throw new Error('no answer');
}

/** Tokens that were read by then: before the second chunk, and at the first token of the answer. */
interface Marks {
  second: { tokens: number; atMs: number } | null;
  read: { tokens: number; atMs: number } | null;
}

function timesOf(
  { stats, failure }: Extract<GenerateEvent, { type: 'done' }>,
  { second, read }: Marks,
): Omit<ProbeTimes, 'gpuLayers'> {
  if (!stats?.tokensPerSecond) throw new Error(`no answer: ${failure?.code ?? 'too short'}`);
  const decodeMs = 1000 / stats.tokensPerSecond;
  // The last token of the prompt is the decoder's.
  const tokens = second && read ? read.tokens - 1 - second.tokens : 0;
  const ms = second && read ? read.atMs - second.atMs - decodeMs : 0;
  return { read: tokens > 0 && ms > 0 ? { tokens, ms } : null, decodeMs };
}
