import { MessagePort, workerData } from 'node:worker_threads';
import { RPCHandler } from '@orpc/server/message-port';
import { channelOfMessagePort, guardChannel } from '../contract/transport.ts';
import { typedEdge } from '../rpc-edge.ts';
import { createSearchRouter } from './search-router.ts';

const { port, dataDir }: { port?: unknown; dataDir?: unknown } = workerData;
if (!(port instanceof MessagePort) || typeof dataDir !== 'string') {
  throw new TypeError('The search worker needs a port and a data folder in workerData');
}
const guarded = guardChannel(channelOfMessagePort(port), { side: 'server' });
new RPCHandler(createSearchRouter(dataDir), typedEdge()).upgrade(guarded);
