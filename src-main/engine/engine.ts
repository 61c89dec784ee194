import { appError, errorCodeOf, isAppError, type AppError, type EngineState } from '../contract/index.ts';
import type {
  Engine,
  GenerateRequest,
  GenerationEvent,
  GenerationResult,
  HeldChat,
  LoadRequest,
  PromptParts,
  PromptRequest,
  ReadAheadRequest,
  ReadAheadResult,
  SavedState,
} from './api.ts';
import { predictEtaMs } from './eta.ts';
import { BrokenGeneration, failedResult } from './generation-result.ts';
import { KeepLoaded } from './keep-loaded.ts';
import { Lifecycle, type LifecycleOptions } from './lifecycle.ts';
import { MemoryWatch } from './memory-watch.ts';
import { WorkQueue, type Slot } from './queue.ts';
import { readAheadIn } from './read-ahead.ts';
import { copyFileFor, CrashedByState, RestoreWatch, savedStateFor, stateKeyOf } from './saved-states.ts';
import type { GenerateEvent, LoadEvent, PromptInput, Reasoning, SidecarClient } from './sidecar/contract.ts';
import type { SidecarProcess } from './sidecar-process.ts';
import { EngineStateStore, errorState } from './state.ts';

const DEFAULT_REASONING: Reasoning = { mode: 'auto', budgetTokens: null };

type CountInput = PromptInput & Pick<PromptRequest, 'conversationId'>;

export type EngineOptions = Omit<LifecycleOptions, 'state'> & {
  /** Awaited before an idle model is freed; what it throws is not looked at. */
  beforeIdleUnload?: () => Promise<void>;
};

/**
 * Makes the engine of this process. Nothing is started before it is needed.
 * @param options.heartbeat for tests; the default suits real models
 */
export function createEngine(options: EngineOptions): Engine {
  return new SupervisedEngine(options);
}

/** What makes a model in memory the one that is asked for. */
function keyOf({ keepLoadedMinutes: _minutes, measured: _measured, ...settings }: LoadRequest): string {
  return JSON.stringify(settings);
}

interface GenerateOptions {
  signal: AbortSignal;
  onEvent: (event: GenerationEvent) => void;
}

// Longer than a module should be: loading, answering and reading ahead share what is in memory, and each must see at
// once that it has gone. What needs none of that is in files of its own.
class SupervisedEngine implements Engine {
  readonly #store = new EngineStateStore();
  readonly #lifecycle: Lifecycle;
  readonly #log: EngineOptions['log'];
  readonly #beforeIdleUnload: EngineOptions['beforeIdleUnload'];
  readonly #queue = new WorkQueue((count) => this.#store.dispatch({ type: 'queued', count }));
  /** The model to come back to after a crash; null after an unload. */
  #wanted: LoadRequest | null = null;
  /** How each model was loaded last, for a generation that waited while another model was loaded. */
  readonly #requests = new Map<string, LoadRequest>();
  /** A load of `#wanted` took the process down: only an explicit load tries it again. */
  #didLoadCrash = false;
  /** What is in the memory of the running process. */
  #inMemory: { key: string; stateKey: string; sidecar: SidecarProcess } | null = null;
  readonly #keepLoaded = new KeepLoaded(() => void this.#unloadIdle().catch(() => {}));
  /** Fires at unload and dispose: everything running or waiting stops. */
  #stopAll = new AbortController();
  readonly #memory: MemoryWatch;

  constructor(options: EngineOptions) {
    this.#log = options.log;
    this.#beforeIdleUnload = options.beforeIdleUnload;
    this.#lifecycle = new Lifecycle({ ...options, state: this.#store });
    this.#memory = new MemoryWatch(this.#store, this.#lifecycle);
  }

  get state(): EngineState {
    return this.#store.current;
  }

  get stateKey(): string | null {
    const loaded = this.#inMemory;
    return loaded && loaded.sidecar === this.#lifecycle.sidecar ? loaded.stateKey : null;
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
    this.#keepLoaded.busy();
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
    if (!this.#isInMemory(keyOf(request))) {
      const both = signal ? AbortSignal.any([signal, this.#stopAll.signal]) : this.#stopAll.signal;
      await this.#queue.run(() => this.#load(request, both), { signal: both });
    }
    if (!this.#isInMemory(keyOf(request))) return;
    // How long it stays may have changed, which needs no load.
    this.#wanted = request;
    this.#requests.set(request.modelId, request);
    this.#keepLoaded.minutes = request.keepLoadedMinutes;
    if (this.#queue.isIdle) this.#keepLoaded.idle(false);
  }

  async unload(): Promise<void> {
    this.#stopRunning();
    this.#keepLoaded.busy();
    await this.#queue.run(async () => {
      if (this.#wanted) this.#requests.delete(this.#wanted.modelId);
      this.#wanted = null;
      await this.#free();
    });
    await this.#memory.read();
  }

  /** It comes back by itself with the next answer that it is asked for. */
  async #unloadIdle(): Promise<void> {
    if (!this.#queue.isIdle || !this.#inMemory) return;
    const { rounds } = this.#keepLoaded;
    await this.#beforeIdleUnload?.().catch(() => {});
    // Whatever was asked meanwhile has set the time anew.
    if (rounds !== this.#keepLoaded.rounds || !this.#queue.isIdle || !this.#inMemory) return;
    await this.#queue.run(() => {
      this.#log('engine.unloaded_idle');
      return this.#free();
    });
  }

  async #free(): Promise<void> {
    this.#inMemory = null;
    const { sidecar } = this.#lifecycle;
    if (sidecar) await sidecar.whileAlive(() => sidecar.client.unload());
    this.#store.dispatch({ type: 'unloaded' });
  }

  #isInMemory(key: string): boolean {
    const { sidecar, needsNewProcess } = this.#lifecycle;
    const loaded = this.#inMemory;
    return loaded !== null && loaded.key === key && loaded.sidecar === sidecar && !needsNewProcess;
  }

  async #load(request: LoadRequest, signal: AbortSignal): Promise<void> {
    const key = keyOf(request);
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
      this.#inMemory = { key, stateKey: stateKeyOf(request, ready.stateParts, this.state), sidecar };
      this.#requests.set(request.modelId, request);
      this.#keepLoaded.minutes = request.keepLoadedMinutes;
      const { contextSize, gpuLayers, reasoning, sequences, tuning } = ready;
      this.#queue.capacity = ready.answersAtOnce;
      const loaded = { contextSize, gpuLayers, reasoning, tuning, liveChats: sequences };
      this.#store.dispatch({ type: 'loaded', ...loaded });
      this.#log('engine.loaded', {
        contextSize,
        gpuLayers,
        sequences,
        ...tuning,
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
    const { modelId: _modelId, fileState: _fileState, keepLoadedMinutes: _minutes, ...input } = request;
    const startedAt = performance.now();
    const events = await sidecar.client.load(input, { signal });
    for await (const event of events) {
      if (event.type === 'ready') return event;
      if (event.type === 'step') {
        this.#store.dispatch({ type: 'load_step', step: event.step });
        continue;
      }
      const { progress } = event;
      const etaMs = predictEtaMs(performance.now() - startedAt, progress);
      this.#store.dispatch({ type: 'load_progress', progress, etaMs });
    }
    throw appError('model_load_failed');
  }

  // Generating ---------------------------------------------------------------------------------------------

  async generate(request: GenerateRequest, options: GenerateOptions): Promise<GenerationResult> {
    const giveWay = new AbortController();
    const stopped = AbortSignal.any([options.signal, this.#stopAll.signal]);
    const signal = AbortSignal.any([stopped, giveWay.signal]);
    this.#keepLoaded.busy();
    const run = (asked: GenerateRequest) =>
      this.#queue.run((slot) => this.#generate(asked, { ...options, signal }, slot), {
        signal,
        priority: request.priority ?? 'foreground',
        isShared: () => this.#isReadyFor(request.modelId),
        onPlace: (place) => options.onEvent({ type: 'queued', place }),
        onGiveWay: () => giveWay.abort(appError('conflict')),
      });
    try {
      const result = await run(request).catch((error: unknown) => {
        if (!(error instanceof CrashedByState)) throw error;
        const { savedStates: _states, ...plain } = request;
        return run(plain);
      });
      const hasGivenWay = result.stopReason === 'stopped' && giveWay.signal.aborted && !stopped.aborted;
      return hasGivenWay ? { ...result, error: appError('conflict') } : result;
    } catch (error) {
      return failedResult(error, signal);
    } finally {
      if (this.#inMemory && this.#queue.isIdle) this.#keepLoaded.idle(true);
    }
  }

  async #generate(request: GenerateRequest, options: GenerateOptions, slot: Slot): Promise<GenerationResult> {
    const { sidecar, loadMs } = await this.#ready(request.modelId, options.signal, slot);
    slot.share();
    const broken = new BrokenGeneration(request, this.state, loadMs);
    const restore = new RestoreWatch(request);
    this.#store.dispatch({ type: 'generation_started' });
    let result: GenerationResult;
    try {
      const note = (event: GenerateEvent) => {
        broken.note(event);
        restore.note(event);
      };
      const done = await sidecar.whileAlive(() => this.#followGeneration(sidecar, request, options, note));
      const error = done.failure && appError(done.failure.code, done.failure.details);
      result = { stopReason: done.stopReason, stats: done.stats && { ...done.stats, loadMs }, error };
    } catch (cause) {
      // A process that we end ourselves stops the answer; it does not fail.
      if (sidecar.isEnding) result = { stopReason: 'stopped', stats: broken.stats('stopped'), error: null };
      else {
        const error = isAppError(cause) ? cause : appError('internal', undefined, { cause });
        if (error.code === 'engine_crashed') restore.crashed();
        result = { stopReason: 'failed', stats: broken.stats('failed'), error };
      }
    }
    // One that ended with its process is no longer counted.
    if (this.#lifecycle.sidecar === sidecar)
      this.#store.dispatch({ type: 'generation_ended', error: result.error && errorState(result.error) });
    return result;
  }

  /** How the model that is to answer was loaded last. */
  #requestOf(modelId: string | undefined): LoadRequest | null {
    const wanted = this.#wanted;
    if (modelId === undefined || modelId === wanted?.modelId) return wanted;
    return this.#requests.get(modelId) ?? null;
  }

  #isReadyFor(modelId: string | undefined): boolean {
    const { sidecar } = this.#lifecycle;
    const request = this.#requestOf(modelId);
    const isThere = sidecar !== null && this.#inMemory?.sidecar === sidecar;
    return isThere && request !== null && request === this.#wanted;
  }

  /** The process with the model in memory, brought back after a crash or after another model. */
  async #ready(
    modelId: string | undefined,
    signal: AbortSignal,
    slot: Slot,
  ): Promise<{ sidecar: SidecarProcess; loadMs: number }> {
    const startedAt = performance.now();
    const sidecar = await this.#lifecycle.ensure();
    const request = this.#requestOf(modelId);
    if (!request) throw appError('no_model');
    if (this.#isReadyFor(modelId)) return { sidecar, loadMs: 0 };
    // It was there a moment ago. Beside others nothing is loaded: they have lost it too, and the next brings it back.
    if (slot.isShared) throw appError('engine_crashed');
    if (request === this.#wanted && this.#didLoadCrash) throw appError('model_load_crashed');
    await this.#load(request, signal);
    return { sidecar: await this.#lifecycle.ensure(), loadMs: performance.now() - startedAt };
  }

  async #followGeneration(
    sidecar: SidecarProcess,
    request: GenerateRequest,
    { signal, onEvent }: GenerateOptions,
    note: (event: GenerateEvent) => void,
  ): Promise<Extract<GenerateEvent, { type: 'done' }>> {
    const { generationId, systemPrompt, turns, sampling, conversationId, date } = request;
    const { savedStates, branchCopy } = request;
    const prompt = {
      systemPrompt,
      turns,
      reasoning: request.reasoning ?? DEFAULT_REASONING,
      ...(date === undefined ? {} : { date }),
      ...(conversationId === undefined ? {} : { conversationId }),
    };
    const files = { ...(savedStates ? { savedStates } : {}), ...(branchCopy ? { branchCopy } : {}) };
    const savedState = await savedStateFor(sidecar.client, { ...prompt, ...files }, this.stateKey);
    const events = await sidecar.client.generate({
      ...prompt,
      generationId,
      sampling,
      ...(request.priority === 'background' ? { isBackground: true } : {}),
      ...(savedState ? { savedState } : {}),
      ...copyFileFor(branchCopy),
    });
    const stop = () => void sidecar.client.stop({ generationId }).catch(() => {});
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const event of events) {
        note(event);
        if (event.type === 'done') return event;
        if (event.type === 'chunk' || event.type === 'reading') onEvent(event);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
    throw appError('engine_crashed');
  }

  async readAhead(request: ReadAheadRequest, signal: AbortSignal): Promise<ReadAheadResult | null> {
    const giveWay = new AbortController();
    const both = AbortSignal.any([signal, this.#stopAll.signal, giveWay.signal]);
    const isReady = () => this.#isReadyFor(request.modelId);
    if (!isReady() || both.aborted) return null;
    this.#keepLoaded.busy();
    const task = async (): Promise<ReadAheadResult | null> => {
      const { sidecar } = this.#lifecycle;
      if (!sidecar || !isReady()) return null;
      const input = { ...request, reasoning: request.reasoning ?? DEFAULT_REASONING };
      const result = await readAheadIn(sidecar, input, { key: this.stateKey, signal: both });
      if (result && result.readTokens > 0)
        this.#log('engine.read_ahead', { ...result, elapsedMs: Math.round(result.elapsedMs) });
      return result;
    };
    try {
      return await this.#queue.run(task, {
        signal: both,
        priority: 'background',
        isShared: isReady,
        onGiveWay: () => giveWay.abort(appError('conflict')),
      });
    } catch (error) {
      // It is a help, not a promise: what fails here is told when the answer is asked for.
      if (!both.aborted) this.#log('engine.read_ahead_failed', { code: errorCodeOf(error) });
      return null;
    } finally {
      if (this.#inMemory && this.#queue.isIdle) this.#keepLoaded.idle(false);
    }
  }

  async answerNow(generationId: string): Promise<boolean> {
    const { sidecar } = this.#lifecycle;
    if (!sidecar) return false;
    return sidecar.whileAlive(() => sidecar.client.endThinking({ generationId }));
  }

  async countTokens(request: PromptRequest): Promise<number | null> {
    return this.#count((client, input) => client.countTokens(input), request);
  }

  async countParts(request: PromptRequest): Promise<PromptParts | null> {
    return this.#count((client, input) => client.countParts(input), request);
  }

  async #count<T>(
    count: (client: SidecarClient, input: CountInput) => Promise<T>,
    { systemPrompt, turns, reasoning = DEFAULT_REASONING, date, conversationId }: PromptRequest,
  ): Promise<T | null> {
    const sidecar = this.#inMemory?.sidecar;
    if (!sidecar || sidecar !== this.#lifecycle.sidecar) return null;
    const input = {
      systemPrompt,
      turns,
      reasoning,
      ...(date === undefined ? {} : { date }),
      ...(conversationId === undefined ? {} : { conversationId }),
    };
    return sidecar.whileAlive(() => count(sidecar.client, input));
  }

  // Saved states ------------------------------------------------------------------------------------------

  async saveState(
    request: { conversationId: string; path: string },
    signal?: AbortSignal,
  ): Promise<SavedState | null> {
    const task = async (): Promise<SavedState | null> => {
      const { stateKey: key } = this;
      const { sidecar } = this.#lifecycle;
      if (!sidecar || key === null) return null;
      const saved = await sidecar.whileAlive(() => sidecar.client.saveState(request));
      return saved && { key, ...saved };
    };
    return this.#queue.run(task, {
      ...(signal ? { signal } : {}),
      priority: 'background',
      isShared: () => this.stateKey !== null,
    });
  }

  async heldChats(): Promise<HeldChat[]> {
    const { sidecar } = this.#lifecycle;
    if (!sidecar || this.stateKey === null) return [];
    return sidecar.whileAlive(() => sidecar.client.heldChats());
  }
}
