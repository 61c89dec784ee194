import { setTimeout as delay } from 'node:timers/promises';
import { appError, type AppError } from '../contract/index.ts';

/** Waits of one connection after failures in a row; the last one repeats. */
const DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000];
/** Failures without a byte from any connection after which the network counts as gone, a connection. */
const MAX_FAILURES = 5;
/** A server that asks for a longer wait is not waited for. */
const MAX_RETRY_AFTER_MS = 15 * 60_000;
const DEFAULT_RETRY_AFTER_MS = 5_000;
/** Fewer bytes than that are no progress: a server that sends one at a time would be asked for ever. */
export const PROGRESS_BYTES = 64 * 1024;
/** Requests to wait that are followed before the download gives up. */
const MAX_RATE_LIMITS = 20;

/** The server asks to wait before the next request. */
export class RateLimited extends Error {
  readonly waitMs: number;
  constructor(waitMs: number) {
    super('rate limited');
    this.waitMs = waitMs;
  }
}

/** Milliseconds that a `Retry-After` header asks to wait: seconds or a date. */
export function retryAfterMs(header: string | undefined, now: number): number {
  const text = header?.trim() ?? '';
  if (/^\d+$/u.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? DEFAULT_RETRY_AFTER_MS : Math.max(0, at - now);
}

/** Decides for all connections of one download whether to try again, and waits. */
export class Retries {
  readonly #connections: number;
  readonly #delaysMs: readonly number[];
  #failures = 0;
  /** Since the failures were counted from zero. */
  #bytes = 0;
  #rateLimits = 0;
  #notBefore = 0;

  constructor(connections: number, delaysMs: readonly number[] = DELAYS_MS) {
    this.#connections = connections;
    this.#delaysMs = delaysMs;
  }

  /** Bytes came in, over any connection. */
  progress(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < PROGRESS_BYTES) return;
    this.#bytes = 0;
    this.#failures = 0;
    this.#rateLimits = 0;
  }

  /** Before a request: waits as long as the server asked any of the connections to. */
  async ready(signal: AbortSignal): Promise<void> {
    while (Date.now() < this.#notBefore) await sleep(this.#notBefore - Date.now(), signal);
  }

  /**
   * After a failure: waits until it may be tried again.
   * @param inARow failures of this connection without a byte between them, this one counted
   * @throws the error, when it is time to give up; aborted
   */
  async after(error: AppError | RateLimited, inARow: number, signal: AbortSignal): Promise<void> {
    if (error instanceof RateLimited) {
      this.#rateLimits += 1;
      if (error.waitMs > MAX_RETRY_AFTER_MS || this.#rateLimits > MAX_RATE_LIMITS) {
        throw appError('hub_rate_limited', { retryAfterMs: error.waitMs });
      }
      this.#notBefore = Math.max(this.#notBefore, Date.now() + error.waitMs);
      return this.ready(signal);
    }
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES * this.#connections) throw error;
    const waitMs = this.#delaysMs[Math.min(inARow, this.#delaysMs.length) - 1] ?? 0;
    await sleep(waitMs, signal);
  }
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {
    throw appError('aborted');
  });
}
