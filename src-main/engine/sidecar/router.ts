import { implement } from '@orpc/server';
import type { Llama } from 'node-llama-cpp';
import { appError, isAppError } from '../../contract/index.ts';
import { openBackend } from './backend.ts';
import { sidecarContract, type GenerateEvent, type LoadEvent, type StartEvent } from './contract.ts';
import { generate } from './generate.ts';
import { NativeLog } from './log.ts';
import { readMemory } from './memory.ts';
import { loadModel, unloadModel, type LoadedModel } from './model.ts';
import { buildHistory, renderPrompt } from './prompt.ts';
import { streamOf } from './stream.ts';

interface Backend {
  llama: Llama;
  name: string;
  engineVersion: string;
}

/** Everything this process owns: one backend, one model, one thing done at a time. */
class SidecarService {
  readonly log = new NativeLog();
  #backend: Backend | null = null;
  #loaded: LoadedModel | null = null;
  readonly #stops = new Map<string, AbortController>();
  #tail: Promise<void> = Promise.resolve();

  get llama(): Llama | null {
    return this.#backend?.llama ?? null;
  }

  get loaded(): LoadedModel | null {
    return this.#loaded;
  }

  /** Runs after what was asked before: the native objects must not change under a running call. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  async start(options: Parameters<typeof openBackend>[0], emit: (event: StartEvent) => void): Promise<void> {
    const events: StartEvent[] = [];
    const llama = await openBackend(options, this.log, (event) => {
      events.push(event);
      if (event.type !== 'ready') emit(event);
    });
    const ready = events.find((event) => event.type === 'ready');
    if (!ready) throw appError('engine_start_failed');
    this.#backend = { llama, name: ready.backend, engineVersion: ready.engineVersion };
    emit(ready);
  }

  async load(
    input: Parameters<typeof loadModel>[1],
    options: { signal: AbortSignal; emit: (event: LoadEvent) => void },
  ): Promise<void> {
    const { signal, emit } = options;
    if (!this.#backend) throw appError('engine_start_failed');
    await this.unload();
    signal.throwIfAborted();
    const loaded = await loadModel(this.#backend.llama, input, {
      log: this.log,
      signal,
      onProgress: (progress) => emit({ type: 'progress', progress }),
    });
    this.#loaded = loaded;
    emit({
      type: 'ready',
      contextSize: loaded.context.contextSize,
      gpuLayers: loaded.model.gpuLayers,
    });
  }

  async unload(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = null;
    if (loaded) await unloadModel(loaded);
  }

  async generate(input: Parameters<typeof generate>[0], emit: (event: GenerateEvent) => void): Promise<void> {
    // Before its turn: a stop may come while something else still runs.
    const stop = new AbortController();
    this.#stops.set(input.generationId, stop);
    try {
      await this.exclusive(async () => {
        const backend = this.#backend;
        const loaded = this.#loaded;
        if (!backend || !loaded) throw appError('no_model');
        const { name, engineVersion } = backend;
        await generate(input, { loaded, backend: name, engineVersion, emit, signal: stop.signal });
      });
    } finally {
      this.#stops.delete(input.generationId);
    }
  }

  stop(generationId: string): void {
    this.#stops.get(generationId)?.abort(appError('aborted'));
  }

  stopAll(): void {
    for (const stop of this.#stops.values()) stop.abort(appError('aborted'));
  }
}

/** @param exit called once everything is freed and the answer to `shutdown` is on its way */
export function createSidecarRouter(exit: () => void) {
  const os = implement(sidecarContract);
  const service = new SidecarService();
  return os.router({
    start: os.start.handler(({ input }) =>
      streamOf<StartEvent>((emit) => service.exclusive(() => service.start(input, emit))),
    ),
    ping: os.ping.handler(() => {}),
    load: os.load.handler(({ input, signal: callSignal }) =>
      streamOf<LoadEvent>(
        (emit, signal) => service.exclusive(() => service.load(input, { signal, emit })),
        callSignal,
      ),
    ),
    unload: os.unload.handler(() => service.exclusive(() => service.unload())),
    generate: os.generate.handler(({ input }) =>
      streamOf<GenerateEvent>((emit, signal) => {
        signal.addEventListener('abort', () => service.stop(input.generationId), { once: true });
        return service.generate(input, emit);
      }),
    ),
    stop: os.stop.handler(({ input }) => service.stop(input.generationId)),
    countTokens: os.countTokens.handler(({ input }) => {
      const { loaded } = service;
      if (!loaded) return null;
      try {
        return renderPrompt(loaded, buildHistory(input, loaded.isSystemMerged)).length;
      } catch (error) {
        // Too long to be counted.
        if (isAppError(error) && error.code === 'context_full') return null;
        throw error;
      }
    }),
    memory: os.memory.handler(() => readMemory(service.llama)),
    shutdown: os.shutdown.handler(async () => {
      service.stopAll();
      await service.exclusive(() => service.unload());
      exit();
    }),
  });
}
