import type { EngineState } from '../contract/index.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { EngineStateStore } from './state.ts';

/** The gauge in the interface moves this often while a model is in memory, in ms. */
const MEMORY_INTERVAL_MS = 5_000;

/** Reads what the sidecar takes at each change of status, and from time to time while a model is in memory. */
export class MemoryWatch {
  readonly #store: EngineStateStore;
  readonly #lifecycle: Lifecycle;
  #timer: NodeJS.Timeout | null = null;
  #status: EngineState['status'] = 'stopped';

  constructor(store: EngineStateStore, lifecycle: Lifecycle) {
    this.#store = store;
    this.#lifecycle = lifecycle;
    store.subscribe((state) => this.#follow(state));
  }

  async read(): Promise<void> {
    const { sidecar } = this.#lifecycle;
    if (!sidecar || sidecar.isEnding) return;
    try {
      const memory = await sidecar.client.memory();
      if (this.#lifecycle.sidecar === sidecar) this.#store.dispatch({ type: 'memory', memory });
    } catch {
      // The process ended in between; its end is told elsewhere.
    }
  }

  #follow({ status }: EngineState): void {
    if (status === this.#status) return;
    this.#status = status;
    if (status === 'ready' || status === 'generating') {
      this.#timer ??= setInterval(() => void this.read(), MEMORY_INTERVAL_MS);
      this.#timer.unref();
    } else if (this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    void this.read();
  }
}
