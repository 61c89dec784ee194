import type { LlamaLogLevel } from 'node-llama-cpp';

/** Enough to find the reason of one failed load; llama.cpp says it in the last few lines. */
const KEPT_LINES = 20;

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

  get lines(): readonly string[] {
    return this.#lines;
  }
}
