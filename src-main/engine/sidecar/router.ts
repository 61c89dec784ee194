import { implement } from '@orpc/server';
import type { Llama } from 'node-llama-cpp';
import { appError, isAppError } from '../../contract/index.ts';
import { openBackend } from './backend.ts';
import {
  sidecarContract,
  type GenerateEvent,
  type LoadEvent,
  type ReadAheadEvent,
  type ReadAheadInput,
  type StartEvent,
} from './contract.ts';
import { generate } from './generate.ts';
import { NativeLog } from './log.ts';
import { readMemory } from './memory.ts';
import { loadModel, unloadModel, type LoadedModel } from './model.ts';
import { countParts } from './parts.ts';
import { renderPrompt } from './prompt.ts';
import { readAhead } from './read-ahead.ts';
import { chooseState, heldChats, saveState, stateParts } from './saved-state.ts';
import { streamOf } from './stream.ts';
import { Thinking } from './thinking.ts';

interface Backend {
  llama: Llama;
  name: string;
  engineVersion: string;
}

/** Everything this process owns: one backend, one model. */
class SidecarService {
  readonly log = new NativeLog();
  #backend: Backend | null = null;
  #loaded: LoadedModel | null = null;
  readonly #running = new Map<string, { stop: AbortController; thinking: Thinking }>();
  /** The end of the last task that was to run alone, and those of all that run beside each other. */
  #alone: Promise<void> = Promise.resolve();
  readonly #beside = new Set<Promise<void>>();

  get llama(): Llama | null {
    return this.#backend?.llama ?? null;
  }

  /** Runs alone, after what was asked before: the native objects must not change under a running call. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const before = Promise.all([this.#alone, ...this.#beside]);
    const result = before.then(task);
    this.#alone = settled(result);
    return result;
  }

  /** Runs beside others of its kind, after what was asked before to run alone. */
  #shared<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#alone.then(task);
    const end = settled(result).then(() => void this.#beside.delete(end));
    this.#beside.add(end);
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
      onStep: (step) => emit({ type: 'step', step }),
    });
    this.#loaded = loaded;
    const sequences = loaded.context.totalSequences;
    emit({
      type: 'ready',
      contextSize: loaded.context.contextSize,
      gpuLayers: loaded.model.gpuLayers,
      reasoning: loaded.template.reasoning,
      sequences,
      tuning: loaded.tuning,
      // On a processor two answers at once are each at half the speed.
      answersAtOnce: input.sequences === null && loaded.model.llama.gpu === false ? 1 : sequences,
      stateParts: stateParts(loaded),
    });
  }

  async unload(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = null;
    if (loaded) await unloadModel(loaded);
  }

  async generate(input: Parameters<typeof generate>[0], emit: (event: GenerateEvent) => void): Promise<void> {
    // Before its turn: a stop may come while something else still runs.
    const running = { stop: new AbortController(), thinking: new Thinking(input.reasoning) };
    this.#running.set(input.generationId, running);
    try {
      await this.#shared(async () => {
        const backend = this.#backend;
        const loaded = this.#loaded;
        if (!backend || !loaded) throw appError('no_model');
        const { name, engineVersion } = backend;
        const { stop, thinking } = running;
        await generate(input, { loaded, backend: name, engineVersion, emit, signal: stop.signal, thinking });
      });
    } finally {
      this.#running.delete(input.generationId);
    }
  }

  async readAhead(input: ReadAheadInput, emit: (event: ReadAheadEvent) => void): Promise<void> {
    const running = { stop: new AbortController(), thinking: new Thinking(input.reasoning) };
    this.#running.set(input.generationId, running);
    try {
      await this.#shared(async () => {
        if (!this.#loaded) throw appError('no_model');
        await readAhead(this.#loaded, input, { signal: running.stop.signal, emit });
      });
    } finally {
      this.#running.delete(input.generationId);
    }
  }

  stop(generationId: string): void {
    this.#running.get(generationId)?.stop.abort(appError('aborted'));
  }

  stopAll(): void {
    for (const { stop } of this.#running.values()) stop.abort(appError('aborted'));
  }

  endThinking(generationId: string): boolean {
    return this.#running.get(generationId)?.thinking.end() ?? false;
  }

  /** Null when no model is in memory, or no free sequence holds the chat. */
  saveState(input: Parameters<typeof saveState>[1]): ReturnType<typeof saveState> {
    return this.#shared(async () => (this.#loaded ? saveState(this.#loaded, input) : null));
  }

  heldChats() {
    return this.#loaded ? heldChats(this.#loaded) : [];
  }

  /** Null when no model is in memory, or the chat is too long to be counted. */
  count<T>(count: (loaded: LoadedModel) => T): T | null {
    if (!this.#loaded) return null;
    try {
      return count(this.#loaded);
    } catch (error) {
      if (isAppError(error) && error.code === 'context_full') return null;
      throw error;
    }
  }
}

function settled(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => {},
    () => {},
  );
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
    readAhead: os.readAhead.handler(({ input }) =>
      streamOf<ReadAheadEvent>((emit, signal) => {
        signal.addEventListener('abort', () => service.stop(input.generationId), { once: true });
        return service.readAhead(input, emit);
      }),
    ),
    stop: os.stop.handler(({ input }) => service.stop(input.generationId)),
    endThinking: os.endThinking.handler(({ input }) => service.endThinking(input.generationId)),
    chooseState: os.chooseState.handler(({ input }) =>
      service.count((loaded) => chooseState(loaded, renderPrompt(loaded, input).tokens, input)),
    ),
    saveState: os.saveState.handler(({ input }) => service.saveState(input)),
    heldChats: os.heldChats.handler(() => service.heldChats()),
    countTokens: os.countTokens.handler(({ input }) =>
      service.count((loaded) => renderPrompt(loaded, input).tokens.length),
    ),
    countParts: os.countParts.handler(({ input }) =>
      service.count((loaded) => {
        const { tokens, ...parts } = countParts(loaded, input);
        return { ...parts, reusable: loaded.sequences.reusable(tokens, input.conversationId) };
      }),
    ),
    memory: os.memory.handler(() => readMemory(service.llama)),
    shutdown: os.shutdown.handler(async () => {
      service.stopAll();
      await service.exclusive(() => service.unload());
      exit();
    }),
  });
}
