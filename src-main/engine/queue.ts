import { appError } from '../contract/index.ts';

export type Priority = 'foreground' | 'background';

export interface WorkOptions {
  signal?: AbortSignal | undefined;
  /** Called while the task waits, each time its place changes. */
  onPlace?: (place: number) => void;
  /** Asked when the task could start: whether it may run beside others. Default: alone. */
  isShared?: () => boolean;
  priority?: Priority;
  /** Told to a running background task that one of the foreground waits for. */
  onGiveWay?: () => void;
}

/** What a running task may say. */
export interface Slot {
  /** It was started beside others, or has said so. */
  readonly isShared: boolean;
  /** From now on others may run beside it. */
  share(): void;
}

interface Entry {
  readonly options: WorkOptions;
  /** The place that was told last; 0 before the first. */
  place: number;
  isShared: boolean;
  hasBeenTold: boolean;
  start(): void;
}

/**
 * Runs tasks in order: alone those that change what is in memory, several at once those that use it. A task that
 * waits learns its place (1 is next) and leaves the queue at once when it is aborted.
 */
export class WorkQueue {
  readonly #waiting: Record<Priority, Entry[]> = { foreground: [], background: [] };
  readonly #running = new Set<Entry>();
  readonly #onWaiting: (count: number) => void;
  #capacity = 1;
  #told = 0;

  /** @param onWaiting told how many tasks with a place wait, when that changes */
  constructor(onWaiting: (count: number) => void) {
    this.#onWaiting = onWaiting;
  }

  /** Shared tasks at once. */
  set capacity(count: number) {
    this.#capacity = Math.max(1, count);
    this.#startNext();
  }

  /** Nothing runs and nothing waits. */
  get isIdle(): boolean {
    const { foreground, background } = this.#waiting;
    return this.#running.size + foreground.length + background.length === 0;
  }

  /** @throws aborted when the signal fires before the task has started */
  async run<T>(task: (slot: Slot) => Promise<T>, options: WorkOptions = {}): Promise<T> {
    const entry = await this.#turn(options);
    try {
      return await task({
        get isShared() {
          return entry.isShared;
        },
        share: () => {
          entry.isShared = true;
          this.#startNext();
        },
      });
    } finally {
      this.#running.delete(entry);
      this.#startNext();
    }
  }

  #turn(options: WorkOptions): Promise<Entry> {
    const { signal, priority = 'foreground' } = options;
    if (signal?.aborted) return Promise.reject(appError('aborted'));
    return new Promise((resolve, reject) => {
      const line = this.#waiting[priority];
      const onAbort = () => {
        line.splice(line.indexOf(entry), 1);
        this.#startNext();
        reject(appError('aborted'));
      };
      const entry: Entry = {
        options,
        place: 0,
        isShared: false,
        hasBeenTold: false,
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve(entry);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      line.push(entry);
      this.#startNext();
    });
  }

  #startNext(): void {
    while (this.#startFirst('foreground') || this.#startFirst('background'));
    if (this.#waiting.foreground.length > 0) this.#makeWay();
    this.#tellPlaces();
  }

  #startFirst(priority: Priority): boolean {
    const [entry] = this.#waiting[priority];
    if (!entry || !this.#canStart(entry, priority)) return false;
    this.#waiting[priority].shift();
    this.#running.add(entry);
    entry.start();
    return true;
  }

  #canStart(entry: Entry, priority: Priority): boolean {
    const running = [...this.#running];
    if (running.some((other) => !other.isShared)) return false;
    entry.isShared = entry.options.isShared?.() ?? false;
    if (!entry.isShared && running.length > 0) return false;
    if (running.length >= this.#capacity) return false;
    if (priority === 'foreground') return true;
    // The last place is kept free for the foreground; where there is only one, it has to be given up again.
    return this.#waiting.foreground.length === 0 && running.length < Math.max(1, this.#capacity - 1);
  }

  /** What runs in the background may not make one of the foreground wait. */
  #makeWay(): void {
    for (const entry of this.#running) {
      if (entry.options.priority !== 'background' || entry.hasBeenTold) continue;
      entry.hasBeenTold = true;
      entry.options.onGiveWay?.();
    }
  }

  #tellPlaces(): void {
    let place = 0;
    for (const entry of [...this.#waiting.foreground, ...this.#waiting.background]) {
      const { onPlace } = entry.options;
      if (!onPlace) continue;
      place += 1;
      if (entry.place === place) continue;
      entry.place = place;
      onPlace(place);
    }
    if (place === this.#told) return;
    this.#told = place;
    this.#onWaiting(place);
  }
}
