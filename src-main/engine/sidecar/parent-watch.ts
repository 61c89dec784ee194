import { Worker } from 'node:worker_threads';

/** An eighth of the 2 s that the design allows between the parent's end and ours: a busy machine adds its own. */
const INTERVAL_MS = 250;
/** The thread holds one timer; without limits V8 gives it twice the memory. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16, stackSizeMb: 1 };

/**
 * Plain JavaScript as text, because a thread that has to load a module, and strip its types, starts late and
 * needs tens of megabytes. A parent that ended shows as another parent (POSIX) or as a process that is gone
 * (Windows).
 */
const SOURCE = `
  const { parentPid, intervalMs } = require('node:worker_threads').workerData;
  const isAlive = () => {
    try {
      return process.kill(parentPid, 0);
    } catch {
      return false;
    }
  };
  setInterval(() => {
    if (process.ppid !== parentPid || !isAlive()) process.kill(process.pid, 'SIGKILL');
  }, intervalMs);
`;

/**
 * Ends this process when its parent is gone. In a thread of its own, because a main thread that is blocked in
 * native code cannot see its channel close.
 */
export function watchParent(): void {
  const worker = new Worker(SOURCE, {
    eval: true,
    workerData: { parentPid: process.ppid, intervalMs: INTERVAL_MS },
    resourceLimits: LIMITS,
  });
  worker.unref();
  // Should the thread fail, another takes its place, though not in a tight loop.
  worker.on('error', () => setTimeout(watchParent, INTERVAL_MS).unref());
}
