import { workerData } from 'node:worker_threads';

/** A quarter of the 2 s that the design allows between the parent's end and ours. */
const INTERVAL_MS = 500;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs in a thread of its own, because a main thread blocked in native code cannot see its channel close.
 * A parent that ended shows as another parent (POSIX) or as a process that is gone (Windows).
 */
export function watchParent(): void {
  const { parentPid } = workerData as { parentPid: number };
  setInterval(() => {
    if (process.ppid !== parentPid || !isAlive(parentPid)) process.kill(process.pid, 'SIGKILL');
  }, INTERVAL_MS);
}
