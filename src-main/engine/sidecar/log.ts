import { setTimeout as delay } from 'node:timers/promises';
import type { LlamaLogLevel } from 'node-llama-cpp';

/** Enough to find the reason of one failed load; llama.cpp says it in the last few lines. */
const KEPT_LINES = 20;
/** Lines come through a queue of their own, a moment after the error that they explain; busy machines are slow. */
const LATE_MS = 50;

/**
 * Takes what llama.cpp logs and keeps the last warnings and errors in memory, because a failed load
 * tells its reason nowhere else. The lines may hold paths and never leave the process.
 */
export class NativeLog {
  #lines: string[] = [];

  readonly logger = (_level: LlamaLogLevel, message: string): void => {
    this.#lines.push(message);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  };

  /** Forgets the lines, before something whose own reasons are wanted. */
  clear(): void {
    this.#lines = [];
  }

  /** The lines, once those that are on their way have come. */
  async settledLines(): Promise<readonly string[]> {
    let before: string | undefined;
    do {
      before = this.#lines.at(-1);
      await delay(LATE_MS);
    } while (this.#lines.at(-1) !== before);
    return this.#lines;
  }
}
