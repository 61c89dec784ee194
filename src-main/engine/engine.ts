import { appError, isAppError, type AppError, type EngineState } from '../contract/index.ts';
import type { Engine, GenerateRequest, GenerationEvent, GenerationResult, LoadRequest } from './api.ts';
import { predictEtaMs } from './eta.ts';
import { BrokenGeneration, failedResult } from './generation-result.ts';
import { Lifecycle, type LifecycleOptions } from './lifecycle.ts';
import { WorkQueue } from './queue.ts';
import type { GenerateEvent, LoadEvent } from './sidecar/contract.ts';
import type { SidecarProcess } from './sidecar-process.ts';
import { EngineStateStore, errorState } from './state.ts';

/** The gauge in the interface moves this often while a model is in memory, in ms. */
const MEMORY_INTERVAL_MS = 5_000;

export type EngineOptions = Omit<LifecycleOptions, 'state'>;

/**
 * Makes the engine of this process. Nothing is started before it is needed.
 * @param options.heartbeat for tests; the default suits real models
 */
export function createEngine(options: EngineOptions): Engine {
  return new SupervisedEngine(options);
}

interface GenerateOptions {
  signal: AbortSignal;
  onEvent: (event: GenerationEvent) => void;
}

class SupervisedEngine implements Engine {
  readonly #store = new EngineStateStore();
  readonly #lifecycle: Lifecycle;
  readonly #log: EngineOptions['log'];
  readonly #queue = new WorkQueue((count) => this.#store.dispatch({ type: 'queued', count }));
  /** The model to come back to after a crash; null after an unload. */
  #wanted: LoadRequest | null = null;
  /** How each model was loaded last, for a generation that waited while another model was loaded. */
  readonly #requests = new Map<string, LoadRequest>();
  /** A load of `#wanted` took the process down: only an explicit load tries it again. */
  #didLoadCrash = false;
  /** What is in the memory of the running process. */
  #inMemory: { key: string; sidecar: SidecarProcess } | null = null;
  /** Fires at unload and dispose: everything running or waiting stops. */
  #stopAll = new AbortController();
  #memoryTimer: NodeJS.Timeout | null = null;
  #memoryStatus: EngineState['status'] = 'stopped';

  constructor(options: EngineOptions) {
    this.#log = options.log;
    this.#lifecycle = new Lifecycle({ ...options, state: this.#store });
    this.#store.subscribe((state) => this.#watchMemory(state));
  }

  get state(): EngineState {
    return this.#store.current;
  }

  onState(listener: (state: EngineState) => void): () => void {
    return this.#store.subscribe(listener);
  }

  configure(options: { backend: 'auto' | 'cpu' }): void {
    this.#lifecycle.configure(options.backend);
  }

  async start(): Promise<void> {
    await this.#lifecycle.ensure();
  }

  async restart(): Promise<void> {
    this.#stopRunning();
    await this.#lifecycle.stop();
    this.#inMemory = null;
    this.#didLoadCrash = false;
    this.#lifecycle.forgive();
    await this.#lifecycle.ensure();
  }

  async dispose(): Promise<void> {
    this.#stopRunning();
    await this.#lifecycle.dispose();
    this.#inMemory = null;
  }

  /** What runs or waits now is stopped; what comes later is not. */
  #stopRunning(): void {
    this.#stopAll.abort(appError('aborted'));
    this.#stopAll = new AbortController();
  }

  // Loading ------------------------------------------------------------------------------------------------

  async load(request: LoadRequest, signal?: AbortSignal): Promise<void> {
    if (this.#isInMemory(JSON.stringify(request))) return;
    const both = signal ? AbortSignal.any([signal, this.#stopAll.signal]) : this.#stopAll.signal;
    await this.#queue.run(() => this.#load(request, both), { signal: both });
  }

  async unload(): Promise<void> {
    this.#stopRunning();
    await this.#queue.run(async () => {
      if (this.#wanted) this.#requests.delete(this.#wanted.modelId);
      this.#wanted = null;
      this.#inMemory = null;
      const { sidecar } = this.#lifecycle;
      if (sidecar) await sidecar.whileAlive(() => sidecar.client.unload());
      this.#store.dispatch({ type: 'unloaded' });
    });
    await this.#readMemory();
  }

  #isInMemory(key: string): boolean {
    const { sidecar, needsNewProcess } = this.#lifecycle;
    const loaded = this.#inMemory;
    return loaded !== null && loaded.key === key && loaded.sidecar === sidecar && !needsNewProcess;
  }

  async #load(request: LoadRequest, signal: AbortSignal): Promise<void> {
    const key = JSON.stringify(request);
    if (this.#isInMemory(key)) return;
    if (this.#lifecycle.needsNewProcess) await this.#lifecycle.stop();
    const sidecar = await this.#lifecycle.ensure();
    signal.throwIfAborted();
    this.#wanted = request;
    this.#didLoadCrash = false;
    this.#inMemory = null;
    const startedAt = performance.now();
    this.#store.dispatch({ type: 'loading', modelId: request.modelId });
    try {
      const ready = await sidecar.whileAlive(() => this.#followLoad(sidecar, request, signal));
      this.#inMemory = { key, sidecar };
      this.#requests.set(request.modelId, request);
      const { contextSize, gpuLayers } = ready;
      this.#store.dispatch({ type: 'loaded', contextSize, gpuLayers });
      this.#log('engine.loaded', {
        contextSize,
        gpuLayers,
        elapsedMs: Math.round(performance.now() - startedAt),
      });
    } catch (cause) {
      const error = this.#loadError(cause, signal);
      this.#store.dispatch({
        type: 'load_failed',
        error: error.code === 'aborted' ? null : errorState(error),
      });
      this.#log('engine.load_failed', { code: error.code });
      throw error;
    }
  }

  #loadError(cause: unknown, signal: AbortSignal): AppError {
    if (isAppError(cause) && cause.code === 'engine_crashed') {
      this.#didLoadCrash = true;
      return appError('model_load_crashed', undefined, { cause });
    }
    this.#wanted = null;
    if (signal.aborted) return appError('aborted', undefined, { cause });
    return isAppError(cause) ? cause : appError('model_load_failed', undefined, { cause });
  }

  async #followLoad(
    sidecar: SidecarProcess,
    request: LoadRequest,
    signal: AbortSignal,
  ): Promise<Extract<LoadEvent, { type: 'ready' }>> {
    const { path, sizeBytes, contextSize, gpuLayers, threads, flashAttention } = request;
    const startedAt = performance.now();
    const events = await sidecar.client.load(
      { path, sizeBytes, contextSize, gpuLayers, threads, flashAttention },
      { signal },
    );
    for await (const event of events) {
      if (event.type === 'ready') return event;
      const { progress } = event;
      const etaMs = predictEtaMs(performance.now() - startedAt, progress);
      this.#store.dispatch({ type: 'load_progress', progress, etaMs });
    }
    throw appError('model_load_failed');
  }

  // Generating ---------------------------------------------------------------------------------------------

  async generate(request: GenerateRequest, options: GenerateOptions): Promise<GenerationResult> {
    const signal = AbortSignal.any([options.signal, this.#stopAll.signal]);
    try {
      return await this.#queue.run(() => this.#generate(request, { ...options, signal }), {
        signal,
        onPlace: (place) => options.onEvent({ type: 'queued', place }),
      });
    } catch (error) {
      return failedResult(error, signal);
    }
  }

  async #generate(request: GenerateRequest, options: GenerateOptions): Promise<GenerationResult> {
    const { sidecar, loadMs } = await this.#ready(request.modelId, options.signal);
    const broken = new BrokenGeneration(request, this.state, loadMs);
    this.#store.dispatch({ type: 'generation_started' });
    let result: GenerationResult;
    try {
      const done = await sidecar.whileAlive(() => this.#followGeneration(sidecar, request, options, broken));
      const error = done.failure && appError(done.failure.code, done.failure.details);
      result = { stopReason: done.stopReason, stats: done.stats && { ...done.stats, loadMs }, error };
    } catch (cause) {
      // A process that we end ourselves stops the answer; it does not fail.
      if (sidecar.isEnding) result = { stopReason: 'stopped', stats: broken.stats('stopped'), error: null };
      else {
        const error = isAppError(cause) ? cause : appError('internal', undefined, { cause });
        result = { stopReason: 'failed', stats: broken.stats('failed'), error };
      }
    }
    this.#store.dispatch({ type: 'generation_ended', error: result.error && errorState(result.error) });
    return result;
  }

  /** The process with the model in memory, brought back after a crash or after another model. */
  async #ready(
    modelId: string | undefined,
    signal: AbortSignal,
  ): Promise<{ sidecar: SidecarProcess; loadMs: number }> {
    const startedAt = performance.now();
    const sidecar = await this.#lifecycle.ensure();
    const wanted = this.#wanted;
    const request =
      modelId === undefined || modelId === wanted?.modelId ? wanted : this.#requests.get(modelId);
    if (!request) throw appError('no_model');
    if (request === wanted && this.#inMemory?.sidecar === sidecar) return { sidecar, loadMs: 0 };
    if (request === wanted && this.#didLoadCrash) throw appError('model_load_crashed');
    await this.#load(request, signal);
    return { sidecar: await this.#lifecycle.ensure(), loadMs: performance.now() - startedAt };
  }

  async #followGeneration(
    sidecar: SidecarProcess,
    request: GenerateRequest,
    { signal, onEvent }: GenerateOptions,
    broken: BrokenGeneration,
  ): Promise<Extract<GenerateEvent, { type: 'done' }>> {
    const { generationId, systemPrompt, turns, sampling } = request;
    const events = await sidecar.client.generate({ generationId, systemPrompt, turns, sampling });
    const stop = () => void sidecar.client.stop({ generationId }).catch(() => {});
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const event of events) {
        broken.note(event);
        if (event.type === 'done') return event;
        if (event.type === 'chunk' || event.type === 'reading') onEvent(event);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
    throw appError('engine_crashed');
  }

  async countTokens(request: {
    systemPrompt: string;
    turns: GenerateRequest['turns'];
  }): Promise<number | null> {
    const sidecar = this.#inMemory?.sidecar;
    if (!sidecar || sidecar !== this.#lifecycle.sidecar) return null;
    return sidecar.whileAlive(() => sidecar.client.countTokens(request));
  }

  // Memory -------------------------------------------------------------------------------------------------

  /** Reads at each change of status, and from time to time while a model is in memory. */
  #watchMemory(state: EngineState): void {
    if (state.status === this.#memoryStatus) return;
    this.#memoryStatus = state.status;
    const isLoaded = state.status === 'ready' || state.status === 'generating';
    if (isLoaded) {
      this.#memoryTimer ??= setInterval(() => void this.#readMemory(), MEMORY_INTERVAL_MS);
      this.#memoryTimer.unref();
    } else if (this.#memoryTimer) {
      clearInterval(this.#memoryTimer);
      this.#memoryTimer = null;
    }
    void this.#readMemory();
  }

  async #readMemory(): Promise<void> {
    const { sidecar } = this.#lifecycle;
    if (!sidecar || sidecar.isEnding) return;
    try {
      const memory = await sidecar.client.memory();
      if (this.#lifecycle.sidecar === sidecar) this.#store.dispatch({ type: 'memory', memory });
    } catch {
      // The process ended in between; its end is told elsewhere.
    }
  }
}
