import { MessagePort, workerData } from 'node:worker_threads';
import { RPCHandler } from '@orpc/server/message-port';
import { channelOfMessagePort, guardChannel, MAX_RESPONSE_BYTES } from '../contract/transport.ts';
import { typedEdge } from '../rpc-edge.ts';
import type { Migration } from './migrate.ts';
import { createStoreRouter } from './router.ts';

/** Serves the store on the port in `workerData`. The worker ends when the other side closes the port. */
export function serveStore(migrations: readonly Migration[]): void {
  const { port }: { port?: unknown } = workerData;
  if (!(port instanceof MessagePort)) throw new TypeError('The store worker needs a port in workerData');
  // An import may be as large as the conversation that it becomes.
  const guarded = guardChannel(channelOfMessagePort(port), { side: 'server', maxBytes: MAX_RESPONSE_BYTES });
  new RPCHandler(createStoreRouter(migrations), typedEdge()).upgrade(guarded);
}
