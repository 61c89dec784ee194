import { MessageChannel } from 'node:worker_threads';
import {
  channelOfMessagePort,
  createMemoryChannelPair,
  type RawChannel,
} from '../../src-main/contract/transport.ts';

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
