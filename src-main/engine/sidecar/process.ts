import { RPCHandler } from '@orpc/server/message-port';
import { Worker } from 'node:worker_threads';
import { guardChannel } from '../../contract/transport.ts';
import { channelOfFork } from '../channel.ts';
import { createSidecarRouter } from './router.ts';

/** Time for the last answer to leave the channel before the process ends, in ms. */
const EXIT_DELAY_MS = 20;

/** The watching thread holds one timer; without limits V8 gives it twice the memory. */
const WATCHER_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8, stackSizeMb: 1 };

/** No clean-up: exit handlers of native code can hang, and the system takes everything back anyway. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Serves the parent over the fork channel until that closes.
 * @param entryFile the file of this process; the watching thread runs it too
 */
export function runSidecar(entryFile: string): void {
  process.on('disconnect', endNow);
  // Ctrl-C in a terminal reaches the whole group; only the parent decides when this process ends.
  process.on('SIGINT', () => {});
  const watcher = new Worker(entryFile, {
    workerData: { parentPid: process.ppid },
    resourceLimits: WATCHER_LIMITS,
  });
  watcher.unref();
  watcher.on('error', () => {});
  const router = createSidecarRouter(() => setTimeout(() => process.exit(0), EXIT_DELAY_MS));
  const port = guardChannel(channelOfFork(process), { side: 'server' });
  new RPCHandler(router).upgrade(port);
}
