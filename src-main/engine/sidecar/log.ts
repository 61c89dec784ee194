import { LlamaLogLevel } from 'node-llama-cpp';

/** Enough to find the reason of one failed load; llama.cpp says it in the last few lines. */
const KEPT_LINES = 20;

/**
 * Takes what llama.cpp logs: counts it, and keeps the last warnings and errors in memory, because a failed load
 * tells its reason nowhere else. The lines may hold paths and never leave the process.
 */
export class NativeLog {
  readonly counts = { warnings: 0, errors: 0 };
  #lines: string[] = [];

  readonly logger = (level: LlamaLogLevel, message: string): void => {
    if (level === LlamaLogLevel.warn) this.counts.warnings += 1;
    else this.counts.errors += 1;
    this.#lines.push(message);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  };

  /** Forgets the lines, before something whose own reasons are wanted. */
  clear(): void {
    this.#lines = [];
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}
