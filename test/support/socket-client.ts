import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { WebSocket } from 'ws';
import type { AppClient } from '../../src-main/contract/index.ts';
import { sayHello } from '../../src-main/contract/protocol.ts';
import { createChannel, guardChannel } from '../../src-main/contract/transport.ts';

/** Connects to a running serve mode as a browser tab would. `url` is the one that serve prints. */
export async function connectSocket(url: string): Promise<{ client: AppClient; close: () => void }> {
  const { origin, host, hash } = new URL(url);
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
  const socket = new WebSocket(`ws://${host}/socket`, { origin });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const { channel, deliver, closed } = createChannel({
    send: (text) => socket.send(text),
    close: () => socket.close(),
  });
  socket.on('message', (data, isBinary) => deliver(isBinary ? data : data.toString()));
  socket.on('close', closed);
  socket.on('error', closed);
  const hello = await sayHello(channel, token);
  if (!hello.ok) throw new Error(`hello refused: ${hello.reason}`);
  const client: AppClient = createORPCClient(
    new RPCLink({ port: guardChannel(channel, { side: 'client' }) }),
  );
  return { client, close: () => channel.close() };
}
