import { appError, isAppError, type AppError, type EngineState } from '../contract/index.ts';
import { shouldRestart, type Crash } from './restart.ts';
import type { Backend, StartEvent } from './sidecar/contract.ts';
import { SidecarProcess, type SidecarOptions } from './sidecar-process.ts';
import { errorState, type EngineStateStore } from './state.ts';

/** Reading the binaries of a GPU from a cold disk, past a virus scanner, takes this long at the worst, in ms. */
const START_TIMEOUT_MS = 120_000;

type LogFields = Record<string, string | number | boolean | null>;

export interface LifecycleOptions extends SidecarOptions {
  log: (event: string, fields?: LogFields) => void;
  state: EngineStateStore;
}

/** Keeps one sidecar running: starts it, falls back from a GPU that fails, restarts it after a crash. */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  #sidecar: SidecarProcess | null = null;
  #starting: Promise<SidecarProcess> | null = null;
  #stopping: Promise<void> | null = null;
  /** The process of a start in flight. */
  #launching: SidecarProcess | null = null;
  #crashes: Crash[] = [];
  #hasGivenUp = false;
  #isDisposed = false;
  #backend: 'auto' | 'cpu' = 'auto';
  /** The setting that the running process was started with. */
  #startedBackend: 'auto' | 'cpu' | null = null;
  /** Each is tried once; a restart must not fail on it again. */
  #failedBackends = new Set<Backend>();

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** The running process; null when there is none. */
  get sidecar(): SidecarProcess | null {
    return this.#sidecar;
  }

  configure(backend: 'auto' | 'cpu'): void {
    this.#backend = backend;
  }

  /** True when the running process was started with another setting. */
  get needsNewProcess(): boolean {
    return this.#sidecar !== null && this.#startedBackend !== this.#backend;
  }

  /**
   * The running process, started if there is none.
   * @throws engine_unavailable after too many crashes; engine_binary_missing, engine_start_failed
   */
  async ensure(): Promise<SidecarProcess> {
    // One process at a time: the end of the old one must not be told as that of the new one.
    while (this.#stopping) await this.#stopping;
    if (this.#isDisposed) throw appError('engine_unavailable');
    if (this.#sidecar) return this.#sidecar;
    if (this.#hasGivenUp) throw appError('engine_unavailable');
    this.#starting ??= this.#start().finally(() => (this.#starting = null));
    return this.#starting;
  }

  /** Forgets crashes and failed backends; the caller starts again. */
  forgive(): void {
    this.#crashes = [];
    this.#hasGivenUp = false;
    this.#failedBackends.clear();
  }

  /** Ends the running process; a second call waits for the first. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop().finally(() => (this.#stopping = null)));
  }

  async #stop(): Promise<void> {
    // A start in flight ends first, or it would leave a process behind.
    const starting = this.#starting;
    if (starting) await starting.catch(() => {});
    const sidecar = this.#sidecar;
    this.#sidecar = null;
    await sidecar?.end();
    this.#options.state.dispatch({ type: 'stopped' });
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    this.#launching?.kill();
    await this.stop();
  }

  async #start(): Promise<SidecarProcess> {
    const { state, log } = this.#options;
    const startedAt = performance.now();
    state.dispatch({ type: 'starting' });
    let failed: Backend | null = null;
    try {
      while (true) {
        const attempt = await this.#attempt();
        failed ??= attempt.failed;
        if (!attempt.sidecar) continue;
        const { ready, sidecar } = attempt;
        const notice: EngineState['notice'] = failed && { failedBackend: failed, usedBackend: ready.backend };
        const { backend, deviceNames, engineVersion } = ready;
        this.#adopt(sidecar);
        state.dispatch({ type: 'started', backend, deviceNames, engineVersion, notice });
        const elapsedMs = Math.round(performance.now() - startedAt);
        log('engine.started', { pid: sidecar.pid, backend, failedBackend: failed, elapsedMs });
        return sidecar;
      }
    } catch (cause) {
      const error = isAppError(cause) ? cause : appError('engine_start_failed', undefined, { cause });
      state.dispatch({ type: 'start_failed', error: errorState(error) });
      log('engine.start_failed', { code: error.code });
      throw error;
    }
  }

  /** One process; without `sidecar` in the result it died on a backend and the next is to be tried. */
  async #attempt(): Promise<
    | { sidecar: SidecarProcess; ready: Extract<StartEvent, { type: 'ready' }>; failed: Backend | null }
    | { sidecar: null; failed: Backend }
  > {
    if (this.#isDisposed) throw appError('engine_unavailable');
    const sidecar = new SidecarProcess(this.#options);
    this.#launching = sidecar;
    this.#startedBackend = this.#backend;
    const seen: { tried: Backend | null; failed: Backend | null } = { tried: null, failed: null };
    const timer = setTimeout(() => sidecar.kill(), START_TIMEOUT_MS);
    try {
      const input = { backend: this.#backend, excluded: [...this.#failedBackends] };
      const ready = await sidecar.whileAlive(async () => {
        for await (const event of await sidecar.client.start(input)) {
          if (event.type === 'ready') return event;
          if (event.type === 'trying') seen.tried = event.backend;
          else {
            this.#failedBackends.add(event.backend);
            if (event.isNotable) seen.failed ??= event.backend;
          }
        }
        throw appError('engine_start_failed');
      }, 'off');
      return { sidecar, ready, failed: seen.failed };
    } catch (error) {
      void sidecar.end();
      const diedOn = seen.tried;
      const isCrash = isAppError(error) && error.code === 'engine_crashed';
      if (!isCrash || diedOn === null || diedOn === 'cpu' || this.#isDisposed)
        throw startError(error, isCrash);
      this.#failedBackends.add(diedOn);
      return { sidecar: null, failed: seen.failed ?? diedOn };
    } finally {
      clearTimeout(timer);
      this.#launching = null;
    }
  }

  #adopt(sidecar: SidecarProcess): void {
    this.#sidecar = sidecar;
    void sidecar.exited.then((exit) => {
      if (this.#sidecar !== sidecar || sidecar.isEnding) return;
      this.#sidecar = null;
      this.#options.log('engine.crashed', { exitCode: exit.code, signal: exit.signal });
      this.#recover();
    });
  }

  #recover(): void {
    const { state } = this.#options;
    const crash = { atMs: performance.now() };
    const mayRestart = shouldRestart(this.#crashes, crash);
    this.#crashes.push(crash);
    state.dispatch({ type: 'crashed' });
    if (mayRestart) {
      // The state tells of a start that fails; the next call tries again.
      this.ensure().catch(() => {});
    } else {
      this.#hasGivenUp = true;
      state.dispatch({ type: 'gave_up' });
    }
  }
}

function startError(error: unknown, isCrash: boolean): AppError {
  if (isAppError(error) && !isCrash) return error;
  return appError('engine_start_failed', undefined, { cause: error });
}
