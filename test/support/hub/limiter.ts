import { setTimeout as delay } from 'node:timers/promises';

/** Timers are a millisecond coarse: debts below this are carried on, so that the average rate is exact. */
const MIN_SLEEP_MS = 4;
/** What an idle moment may save up; a scheduler's late wake-up must not lower the average. */
const MAX_CREDIT_MS = 50;

/** Lets bytes through at a fixed average rate, first come first served. */
export class Limiter {
  readonly #bytesPerSecond: number;
  /** When everything let through so far has left at the fixed rate. */
  #clearAt = performance.now();

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when `bytes` may be sent. */
  async take(bytes: number): Promise<void> {
    const now = performance.now();
    const startAt = Math.max(this.#clearAt, now - MAX_CREDIT_MS);
    this.#clearAt = startAt + (bytes / this.#bytesPerSecond) * 1_000;
    const waitMs = this.#clearAt - now;
    if (waitMs >= MIN_SLEEP_MS) await delay(waitMs);
  }
}
