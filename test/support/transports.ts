import { MessageChannel } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { sayHello, SOCKET_PATH } from '../../src-main/contract/protocol.ts';
import {
  channelOfMessagePort,
  createChannel,
  createMemoryChannelPair,
  MAX_REQUEST_BYTES,
  type RawChannel,
} from '../../src-main/contract/transport.ts';
import { startBrowserHost } from '../../src-main/server/http-server.ts';
import { createToken } from '../../src-main/server/token.ts';

/** A transport with both ends in the test's hands. */
export interface OpenTransport {
  client: RawChannel;
  server: RawChannel;
  /** Sends what a text channel would not: binary where the transport can carry it. */
  sendRaw(data: string | Uint8Array): void;
  dispose(): Promise<void>;
}
export interface Transport {
  name: string;
  /** Set where the transport itself closes on a larger frame, before anything reads it. */
  maxFrameBytes?: number;
  open(): Promise<OpenTransport>;
}

export const memoryTransport: Transport = {
  name: 'memory',
  open() {
    const [client, server] = createMemoryChannelPair();
    return Promise.resolve({
      client,
      server,
      // The memory pair carries strings by type; binary goes in as its text form.
      sendRaw: (data) => client.send(typeof data === 'string' ? data : String.fromCharCode(...data)),
      dispose: () => Promise.resolve(client.close()),
    });
  },
};

export const portTransport: Transport = {
  name: 'message port',
  open() {
    const { port1, port2 } = new MessageChannel();
    const client = channelOfMessagePort(port1);
    const server = channelOfMessagePort(port2);
    return Promise.resolve({
      client,
      server,
      sendRaw: (data) => port1.postMessage(data),
      dispose: () => Promise.resolve(client.close()),
    });
  },
};

/** The browser host around a core, without files: the socket with its checks, hello and limits. */
export async function startTestHost(
  serve: (channel: RawChannel) => void,
  options: Partial<Parameters<typeof startBrowserHost>[0]> = {},
) {
  const token = createToken();
  const events: string[] = [];
  const host = await startBrowserHost({
    host: '127.0.0.1',
    port: 0,
    files: new Map(),
    token,
    serve,
    log: (event) => events.push(event),
    ...options,
  });
  const origin = host.origins[0] ?? '';
  return { ...host, token, origin, events, socketUrl: `ws://127.0.0.1:${host.port}${SOCKET_PATH}` };
}

/** A real socket as the page would open it, before any hello. */
export async function openSocket(
  url: string,
  origin: string,
): Promise<{ socket: WebSocket; channel: RawChannel }> {
  const socket = new WebSocket(url, { origin });
  const ends = createChannel({ send: (text) => socket.send(text), close: () => socket.close() });
  socket.on('message', (data) => ends.deliver(String(data)));
  socket.on('close', ends.closed);
  socket.on('error', ends.closed);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return { socket, channel: ends.channel };
}

export const socketTransport: Transport = {
  name: 'WebSocket',
  maxFrameBytes: MAX_REQUEST_BYTES,
  async open() {
    let accepted: (channel: RawChannel) => void = () => {};
    const server = new Promise<RawChannel>((resolve) => (accepted = resolve));
    const host = await startTestHost((channel) => accepted(channel));
    const { socket, channel } = await openSocket(host.socketUrl, host.origin);
    const hello = await sayHello(channel, host.token);
    if (!hello.ok) throw new Error(hello.reason);
    return {
      client: channel,
      server: await server,
      sendRaw: (data) => socket.send(data),
      dispose: host.close,
    };
  },
};

export const allTransports = [memoryTransport, portTransport, socketTransport];
