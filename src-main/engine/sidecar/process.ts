import { RPCHandler } from '@orpc/server/message-port';
import { guardChannel, MAX_RESPONSE_BYTES } from '../../contract/transport.ts';
import { channelOfFork } from '../channel.ts';
import { watchParent } from './parent-watch.ts';
import { createSidecarRouter } from './router.ts';

/** Time for the last answer to leave the channel before the process ends, in ms. */
const EXIT_DELAY_MS = 20;

/** No clean-up: exit handlers of native code can hang, and the system takes everything back anyway. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Serves the parent over the fork channel until that closes. */
export function runSidecar(): void {
  process.on('disconnect', endNow);
  // Ctrl-C in a terminal reaches the whole group; only the parent decides when this process ends.
  process.on('SIGINT', () => {});
  watchParent();
  const router = createSidecarRouter(() => setTimeout(() => process.exit(0), EXIT_DELAY_MS));
  // A prompt is as large as the branch that it is made of.
  const port = guardChannel(channelOfFork(process), { side: 'server', maxBytes: MAX_RESPONSE_BYTES });
  new RPCHandler(router).upgrade(port);
}
