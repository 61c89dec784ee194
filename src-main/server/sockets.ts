import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { acceptHello } from '../contract/protocol.ts';
import { createChannel, MAX_REQUEST_BYTES, type RawChannel } from '../contract/transport.ts';
import { createRateLimit } from './rate-limit.ts';
import { isSameToken } from './token.ts';

/** A page says hello at once; whoever has not by then is not one of ours. */
export const HELLO_TIMEOUT_MS = 3_000;
/** Tabs of one person, with room for those that a browser is still closing. */
const MAX_SOCKETS = 32;
/** A page calls a few times a second and types at most 30 times; a start-up makes a few dozen calls. */
const FRAME_LIMIT = { burst: 2_000, perSecond: 200 };
const BYTE_LIMIT = { burst: 4 * MAX_REQUEST_BYTES, perSecond: MAX_REQUEST_BYTES };
/** A peer that does not answer a ping within one round is gone without having said so. */
const PING_EVERY_MS = 30_000;
/** For a peer that reads its last frames; a stuck one must not keep its queue in memory. */
const CLOSE_TIMEOUT_MS = 2_000;

/** WebSocket close codes (RFC 6455). */
const GOING_AWAY = 1001;
const POLICY = 1008;

export interface SocketOptions {
  readonly token: string;
  readonly serve: (channel: RawChannel) => void;
  readonly log: (event: string, fields?: Record<string, string | number | boolean | null>) => void;
  readonly helloTimeoutMs?: number | undefined;
}

/** Takes upgrades whose Host and Origin were checked, and serves those that say the right hello in time. */
export function createSockets(options: SocketOptions) {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: MAX_REQUEST_BYTES,
    perMessageDeflate: false,
  });
  const answered = new WeakSet<WebSocket>();
  server.on('connection', (socket) => {
    answered.add(socket);
    socket.on('pong', () => answered.add(socket));
    void greet(socket, options);
  });
  const pings = setInterval(() => {
    for (const socket of server.clients) {
      if (!answered.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, PING_EVERY_MS);
  pings.unref();

  return {
    get isFull() {
      return server.clients.size >= MAX_SOCKETS;
    },
    take(request: IncomingMessage, socket: Duplex, head: Buffer): void {
      server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request));
    },
    /** Tells every client to go; those that do not in time are cut off. */
    async close(): Promise<void> {
      clearInterval(pings);
      const gone = [...server.clients].map(
        (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
      );
      for (const client of server.clients) leave(client, GOING_AWAY);
      await Promise.all(gone);
      server.close();
    },
  };
}

async function greet(
  socket: WebSocket,
  { token, serve, log, helloTimeoutMs = HELLO_TIMEOUT_MS }: SocketOptions,
) {
  const channel = channelOfSocket(socket, () => log('socket.too-fast'));
  const timer = setTimeout(() => {
    log('socket.late');
    channel.close();
  }, helloTimeoutMs);
  const hello = await acceptHello(channel, (given) => isSameToken(given, token));
  clearTimeout(timer);
  if (hello.ok) serve(channel);
  else log('socket.refused', { reason: hello.reason });
}

/** Closes with a handshake, and without one when the peer does not take part in time. */
function leave(socket: WebSocket, code?: number): void {
  socket.close(code);
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** Wraps a socket; frames over the rate close it, and binary is handed on for the guard to refuse. */
function channelOfSocket(socket: WebSocket, onTooFast: () => void): RawChannel {
  const ends = createChannel({
    send: (text) => socket.send(text),
    close: () => leave(socket),
    bufferedBytes: () => socket.bufferedAmount,
  });
  const frames = createRateLimit(FRAME_LIMIT, () => performance.now());
  const bytes = createRateLimit(BYTE_LIMIT, () => performance.now());
  let isTooFast = false;
  socket.on('message', (data: Buffer, isBinary) => {
    if (isTooFast) return;
    if (frames.take(1) && bytes.take(data.length)) return ends.deliver(isBinary ? data : data.toString());
    isTooFast = true;
    onTooFast();
    leave(socket, POLICY);
    ends.closed();
  });
  socket.on('close', ends.closed);
  // `ws` closes by itself on an error, a frame over the limit for instance; unheard it would be thrown.
  socket.on('error', ends.closed);
  return ends.channel;
}
