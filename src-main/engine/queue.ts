import { appError } from '../contract/index.ts';

interface Entry {
  start(): void;
  onPlace: ((place: number) => void) | null;
  /** The place that was told last; 0 before the first. */
  place: number;
}

/**
 * Runs tasks one at a time, in order: the sidecar has one model and one sequence. A task that waits learns its
 * place (1 is next) and leaves the queue at once when it is aborted.
 */
export class WorkQueue {
  readonly #waiting: Entry[] = [];
  #isBusy = false;
  readonly #onWaiting: (count: number) => void;

  /** @param onWaiting told how many tasks with a place wait, after each change */
  constructor(onWaiting: (count: number) => void) {
    this.#onWaiting = onWaiting;
  }

  /**
   * @param options.onPlace called while the task waits, each time its place changes
   * @throws aborted when the signal fires before the task has started
   */
  async run<T>(
    task: () => Promise<T>,
    options: { signal?: AbortSignal | undefined; onPlace?: (place: number) => void } = {},
  ): Promise<T> {
    await this.#turn(options.signal, options.onPlace ?? null);
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  #turn(signal: AbortSignal | undefined, onPlace: Entry['onPlace']): Promise<void> {
    if (signal?.aborted) return Promise.reject(appError('aborted'));
    if (!this.#isBusy) {
      this.#isBusy = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        this.#tellPlaces();
        reject(appError('aborted'));
      };
      const entry: Entry = {
        onPlace,
        place: 0,
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
      this.#tellPlaces();
    });
  }

  #next(): void {
    const entry = this.#waiting.shift();
    if (!entry) {
      this.#isBusy = false;
      return;
    }
    this.#tellPlaces();
    entry.start();
  }

  #tellPlaces(): void {
    let place = 0;
    for (const entry of [...this.#waiting]) {
      if (!entry.onPlace) continue;
      place += 1;
      if (entry.place === place) continue;
      entry.place = place;
      entry.onPlace(place);
    }
    this.#onWaiting(place);
  }
}
