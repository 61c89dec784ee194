import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** Long enough that a short burst of other work does not decide, in ms. */
const WINDOW_MS = 1_000;

/**
 * How much of the processor other programs leave idle, 0 to 1, over the next second.
 * @throws AbortError when the signal fires
 */
export async function idleShare(signal: AbortSignal): Promise<number> {
  const before = times();
  await delay(WINDOW_MS, undefined, { signal });
  const after = times();
  const all = after.all - before.all;
  return all > 0 ? (after.idle - before.idle) / all : 1;
}

function times(): { idle: number; all: number } {
  const sum = { idle: 0, all: 0 };
  for (const { times: core } of cpus()) {
    sum.idle += core.idle;
    sum.all += core.user + core.nice + core.sys + core.idle + core.irq;
  }
  return sum;
}
