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
   * Loads a probe in place of the one before and times one answer of it, on the way that answers take.
   * @throws engine_crashed, the load's errors, an Error when nothing was answered
   */
  time(probe: Probe): Promise<ProbeTimes>;
  /** Ends the process at once. */
  kill(): Promise<void>;
}

const CONTEXT_SIZE = 512;

/** @throws engine_crashed, engine_binary_missing, engine_start_failed */
export async function startMeasuringEngine(
  options: SidecarOptions & { backend: 'auto' | 'cpu' },
): Promise<MeasuringEngine> {
  const sidecar = new SidecarProcess(options);
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
  const { path, sizeBytes, gpuLayers, threads, prompt, answerTokens } = probe;
  const load = {
    path,
    sizeBytes,
    gpuLayers,
    threads,
    contextSize: CONTEXT_SIZE,
    flashAttention: 'auto' as const,
  };
  let usedGpuLayers = 0;
  for await (const event of await sidecar.client.load(load))
    if (event.type === 'ready') usedGpuLayers = event.gpuLayers;
  const events = await sidecar.client.generate({
    generationId: 'speed',
    systemPrompt: '',
    turns: [{ role: 'user', text: prompt }],
    sampling: {
      temperature: 0,
      topK: 1,
      topP: 1,
      minP: 0,
      repeatPenalty: 1,
      seed: 1,
      maxTokens: answerTokens,
    },
  });
  const chunks: { done: number; atMs: number }[] = [];
  for await (const event of events) {
    if (event.type === 'reading') chunks.push({ done: event.done, atMs: performance.now() });
    else if (event.type === 'done') return timesOf(event, chunks, usedGpuLayers);
  }
  throw new Error('no answer');
}

function timesOf(
  { stats, failure }: Extract<GenerateEvent, { type: 'done' }>,
  chunks: readonly { done: number; atMs: number }[],
  gpuLayers: number,
): ProbeTimes {
  if (!stats?.tokensPerSecond) throw new Error(`no answer: ${failure?.code ?? 'too short'}`);
  const [, second] = chunks;
  const last = chunks.at(-1);
  const isTimed = second && last && last.done > second.done;
  return {
    read: isTimed ? { tokens: last.done - second.done, ms: last.atMs - second.atMs } : null,
    decodeMs: 1000 / stats.tokensPerSecond,
    gpuLayers,
  };
}
