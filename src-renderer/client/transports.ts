import { SOCKET_PATH } from '../../src-main/contract/protocol.ts';
import {
  channelOfMessagePort,
  createChannel,
  type MessagePortLike,
  type RawChannel,
} from '../../src-main/contract/transport.ts';

/** A way to the core. Each call of `open` makes a new channel on which no hello was said yet. */
export interface Transport {
  /** @throws when no channel can be had now; trying again later may work */
  open(): Promise<RawChannel>;
  /** Sent inside the hello; null: there is none, and without one the core refuses. */
  token(): string | null | undefined;
}

/** The part of the browser's WebSocket that is used. */
export type SocketLike = Pick<WebSocket, 'send' | 'close' | 'bufferedAmount' | 'addEventListener'>;

/** The socket of the browser host that sent this page. */
export function socketAddress({ protocol, host }: Pick<Location, 'protocol' | 'host'>): string {
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${SOCKET_PATH}`;
}

/**
 * A WebSocket and the token of this launch.
 * @param token read at every attempt, null when the page was opened without one
 */
export function socketTransport(
  url: string,
  token: () => string | null,
  create: (url: string) => SocketLike = (address) => new WebSocket(address),
): Transport {
  return {
    token,
    open: () =>
      new Promise((resolve, reject) => {
        const socket = create(url);
        const ends = createChannel({
          send: (text) => socket.send(text),
          close: () => socket.close(),
          bufferedBytes: () => socket.bufferedAmount,
        });
        socket.addEventListener('open', () => resolve(ends.channel));
        socket.addEventListener('message', (event) => ends.deliver(event.data));
        socket.addEventListener('close', () => {
          ends.closed();
          reject(new Error('The socket was closed.'));
        });
      }),
  };
}

/** A port that the host hands to this page; who holds it is let in, so there is no token. */
export function portTransport(requestPort: () => Promise<MessagePortLike>): Transport {
  return {
    token: () => undefined,
    open: async () => channelOfMessagePort(await requestPort()),
  };
}
