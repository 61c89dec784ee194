import { appError, errorCodeOf } from '../contract/index.ts';
import type { Engine, LoadRequest } from '../engine/api.ts';
import { unusable } from './drafts.ts';

/** What a load has in place of the model's settings: a benchmark's. */
export type LoadOverrides = Partial<
  Pick<
    LoadRequest,
    | 'contextSize'
    | 'gpuLayers'
    | 'threads'
    | 'flashAttention'
    | 'cacheType'
    | 'batchTokens'
    | 'speculation'
    | 'sequences'
    | 'keepLoadedMinutes'
  >
>;

/** What the loader needs from the library; in tests a few lines. */
export interface LoaderLibrary {
  /**
   * Checks the model and says how to load it.
   * @throws not_found, model_file_missing, the header's errors; model_load_crashed when the last load took the
   * engine down and `retryAfterCrash` is not set
   */
  prepare(id: string, options: { retryAfterCrash: boolean; overrides: LoadOverrides }): Promise<LoadRequest>;
  /**
   * Written before the load begins and taken back when it ends any other way than with a crash: an app that
   * died with its engine finds the mark at its next start.
   */
  markLoading(id: string): Promise<void>;
  markSettled(id: string, outcome: 'loaded' | 'refused' | 'crashed'): Promise<void>;
}

export interface LoadOptions {
  signal?: AbortSignal | undefined;
  retryAfterCrash?: boolean | undefined;
  /** Another load that is going on is cancelled; without this it is waited for. */
  supersede?: boolean | undefined;
  overrides?: LoadOverrides | undefined;
}

export interface ModelLoader {
  /** The model that is being loaded: its crash mark is set in advance and says nothing yet. */
  loadingId(): string | null;
  /** Ends when the model is ready. Returns the time this call waited for it, 0 when it was ready. */
  load(id: string, options?: LoadOptions): Promise<{ loadMs: number }>;
  /** Cancels the load that is going on, and waits until it has ended. */
  cancel(): Promise<void>;
  /** Cancels, and refuses every later load: its crash mark could not be taken back any more. */
  close(): Promise<void>;
}

interface RunningLoad {
  readonly id: string;
  /** Tells loads of one model with other settings apart. */
  readonly key: string;
  readonly abort: AbortController;
  /** True when the engine had to load something. */
  readonly done: Promise<boolean>;
  /** Callers that still want it: the last one who leaves cancels it. */
  waiting: number;
}

/** Runs one load at a time for any number of callers. */
export function createModelLoader(
  engine: Pick<Engine, 'state' | 'load'>,
  library: LoaderLibrary,
): ModelLoader {
  let running: RunningLoad | undefined;
  let loadedKey: string | null = null;
  let loadedMinutes: number | null = null;
  let isClosed = false;

  const isReady = (request: LoadRequest) => {
    const { status, modelId } = engine.state;
    const inUse = status === 'ready' || status === 'generating';
    return inUse && modelId === request.modelId && loadedKey === keyOf(request);
  };

  const run = async (
    id: string,
    { retryAfterCrash = false, overrides = {} }: LoadOptions,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const request = await library.prepare(id, { retryAfterCrash, overrides });
    if (isReady(request)) {
      // How long it stays may have changed, which loads nothing.
      if (loadedMinutes !== request.keepLoadedMinutes) await engine.load(request, signal);
      loadedMinutes = request.keepLoadedMinutes;
      return false;
    }
    if (signal.aborted) throw appError('aborted');
    loadedKey = null;
    await library.markLoading(id);
    let loaded: LoadRequest;
    try {
      loaded = await loadOrLeaveDraft(request, signal);
    } catch (error) {
      await library.markSettled(id, hasCrashed(error) ? 'crashed' : 'refused');
      throw error;
    }
    loadedKey = keyOf(loaded);
    loadedMinutes = request.keepLoadedMinutes;
    await library.markSettled(id, 'loaded');
    return true;
  };

  /** A crash that comes with a draft alone is the draft's. Returns how the model was loaded. */
  const loadOrLeaveDraft = async (request: LoadRequest, signal: AbortSignal): Promise<LoadRequest> => {
    const { draft } = request;
    try {
      await engine.load(request, signal);
      return request;
    } catch (error) {
      if (!draft || draft.path === null || !hasCrashed(error)) throw error;
      const without = { ...request, draft: unusable(draft.modelId) };
      await engine.load(without, signal);
      await library.markSettled(draft.modelId, 'crashed');
      return without;
    }
  };

  const start = (id: string, key: string, options: LoadOptions): RunningLoad => {
    const abort = new AbortController();
    const done = run(id, options, abort.signal).finally(() => {
      if (running === started) running = undefined;
    });
    // Its errors reach the callers; a load that all of them left must not end the process.
    done.catch(() => {});
    const started: RunningLoad = { id, key, abort, done, waiting: 0 };
    running = started;
    return started;
  };

  const join = async (load: RunningLoad, signal: AbortSignal | undefined): Promise<boolean> => {
    load.waiting += 1;
    try {
      return await untilAborted(load.done, signal);
    } finally {
      load.waiting -= 1;
      if (load.waiting === 0) load.abort.abort(appError('aborted'));
    }
  };

  const cancel = async () => {
    running?.abort.abort(appError('aborted'));
    if (running) await settled(running.done);
  };

  return {
    loadingId: () => running?.id ?? null,
    async load(id, options = {}) {
      const { signal, supersede = false } = options;
      const key = JSON.stringify([id, options.overrides ?? {}]);
      const startedAt = performance.now();
      // One that was cancelled is of no use to anyone, and goes on until the engine has let go of it.
      while (running && (running.key !== key || running.abort.signal.aborted)) {
        if (supersede) running.abort.abort(appError('aborted'));
        await untilAborted(settled(running.done), signal);
      }
      if (isClosed || signal?.aborted) throw appError('aborted');
      const loaded = await join(running ?? start(id, key, options), signal);
      return { loadMs: loaded ? performance.now() - startedAt : 0 };
    },
    cancel,
    close() {
      isClosed = true;
      return cancel();
    },
  };
}

const hasCrashed = (error: unknown): boolean => errorCodeOf(error) === 'model_load_crashed';

/** Tells loads apart that leave another model in memory: what a load has measured, and its end, do not. */
function keyOf({ measured: _measured, keepLoadedMinutes: _minutes, ...request }: LoadRequest): string {
  return JSON.stringify(request);
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => {});
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(appError('aborted'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
