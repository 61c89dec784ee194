import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { isAppError, type AppEvent } from '../../src-main/contract/index.ts';
import { acceptHello, PROTOCOL_VERSION } from '../../src-main/contract/protocol.ts';
import {
  channelOfMessagePort,
  createMemoryChannelPair,
  errorFrame,
  type RawChannel,
} from '../../src-main/contract/transport.ts';
import {
  createConnection,
  type Connected,
  type ConnectionState,
} from '../../src-renderer/client/connection.ts';
import {
  portTransport,
  socketTransport,
  type SocketLike,
  type Transport,
} from '../../src-renderer/client/transports.ts';
import { chunk, createTestCore } from '../support/test-core.ts';
import { startTestHost } from '../support/transports.ts';

const ID = '11111111-1111-4111-8111-111111111111';

let connected: Connected | undefined;
let dispose: (() => Promise<void>) | undefined;
afterEach(async () => {
  connected?.connection.close();
  await dispose?.();
  connected = undefined;
  dispose = undefined;
});

const codeOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  return isAppError(error) ? { code: error.code, retryable: error.data.retryable } : error;
};
const untilOpen = ({ connection }: Connected) =>
  vi.waitFor(() => expect(connection.state.status).toBe('open'), 5_000);
const seqOf = (event: AppEvent) => (event.type === 'message.chunk' ? event.seq : event.type);

/** The browser host with a test core, and the real client on a real socket. */
describe('client over WebSocket', () => {
  let core: ReturnType<typeof createTestCore>;
  let channels: RawChannel[];
  let host: Awaited<ReturnType<typeof startTestHost>>;
  let attempts: number;

  const transport = (token: string | null = host.token): Transport =>
    socketTransport(
      host.socketUrl,
      () => token,
      (url) => {
        attempts += 1;
        // Node's sockets send an Origin only when told to; a browser always does.
        const socket = new WebSocket(url, { origin: host.origin });
        socket.on('error', () => {});
        return socket as unknown as SocketLike;
      },
    );

  beforeEach(async () => {
    core = createTestCore();
    channels = [];
    attempts = 0;
    host = await startTestHost((channel) => {
      channels.push(channel);
      core.serve(channel);
    });
    dispose = host.close;
  });
  const cut = () => {
    for (const channel of channels.splice(0)) channel.close();
  };

  it('opens, calls, gets typed errors and events', async () => {
    const states: string[] = [];
    const { client, connection, onEvent } = (connected = createConnection(transport()));
    expect(connection.state).toEqual({ status: 'connecting' });
    const stop = connection.subscribe((state) => states.push(state.status));
    await untilOpen(connected);
    stop();
    const events: AppEvent[] = [];
    const forget = onEvent((event) => events.push(event));
    await client.conversations.saveDraft({ id: ID, draft: 'x' });
    core.bus.emit(chunk(1));
    await vi.waitFor(() => expect(events).toHaveLength(1));
    forget();
    expect(await codeOf(client.conversations.get({ id: ID }))).toEqual({
      code: 'not_found',
      retryable: false,
    });
    core.bus.emit(chunk(2));
    await client.conversations.saveDraft({ id: ID, draft: 'y' });
    expect([events.length, states]).toEqual([1, ['open']]);
  });

  it('resumes after cuts with no event lost and none twice', async () => {
    const { connection, onEvent } = (connected = createConnection(transport()));
    const seen: unknown[] = [];
    onEvent((event) => seen.push(seqOf(event)));
    await untilOpen(connected);
    core.bus.emit(chunk(1));
    await vi.waitFor(() => expect(seen).toEqual([1]));
    for (let seq = 2; seq <= 400; seq += 1) {
      core.bus.emit(chunk(seq));
      // Cut in the middle of a burst: some frames are on their way, some not yet sent.
      if (seq % 50 === 0) {
        await vi.waitFor(() => expect(channels.length).toBeGreaterThan(0), 5_000);
        cut();
        connection.retry();
      } else if (seq % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => {
      connection.retry();
      expect(seen).toHaveLength(400);
    }, 10_000);
    expect(seen).toEqual(Array.from({ length: 400 }, (_, n) => n + 1));
    expect(attempts).toBeGreaterThan(4);
  });

  it('says `gap` when the core no longer keeps what was missed, then goes on', async () => {
    const { connection, onEvent } = (connected = createConnection(transport()));
    const seen: unknown[] = [];
    onEvent((event) => seen.push(seqOf(event)));
    await untilOpen(connected);
    core.bus.emit(chunk(1));
    await vi.waitFor(() => expect(seen).toEqual([1]));
    cut();
    await vi.waitFor(() => expect(connection.state.status).toBe('lost'));
    for (let seq = 2; seq <= 2_100; seq += 1) core.bus.emit(chunk(seq));
    connection.retry();
    await untilOpen(connected);
    await vi.waitFor(() => expect(seen).toEqual([1, 'gap']));
    core.bus.emit(chunk(2_101));
    await vi.waitFor(() => expect(seen).toEqual([1, 'gap', 2_101]));
  });

  it('says `gap` after a restart of the core, and after a cut before any event', async () => {
    const { connection, onEvent } = (connected = createConnection(transport()));
    const seen: unknown[] = [];
    onEvent((event) => seen.push(seqOf(event)));
    await untilOpen(connected);
    cut();
    await vi.waitFor(() => expect(connection.state.status).toBe('lost'));
    connection.retry();
    await untilOpen(connected);
    await vi.waitFor(() => expect(seen).toEqual(['gap']));
    core.bus.emit(chunk(1));
    await vi.waitFor(() => expect(seen).toEqual(['gap', 1]));
    core = createTestCore('run-2');
    cut();
    await vi.waitFor(() => expect(connection.state.status).toBe('lost'));
    connection.retry();
    await untilOpen(connected);
    await vi.waitFor(() => expect(seen).toEqual(['gap', 1, 'gap']));
  });

  it('fails calls with a retryable error while the connection is lost, those under way too', async () => {
    const { client, connection } = (connected = createConnection(transport()));
    expect(await codeOf(client.system.info())).toEqual({ code: 'connection_lost', retryable: true });
    await untilOpen(connected);
    const underWay = codeOf(client.models.load({ id: ID }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    cut();
    expect(await underWay).toEqual({ code: 'connection_lost', retryable: true });
    await vi.waitFor(() => expect(connection.state.status).toBe('lost'));
    expect(await codeOf(client.models.load({ id: ID }))).toEqual({
      code: 'connection_lost',
      retryable: true,
    });
    // By itself, after the pause that the state names.
    await untilOpen(connected);
  });

  it('ends a call that the caller cancels with `aborted`', async () => {
    const { client } = (connected = createConnection(transport()));
    await untilOpen(connected);
    const controller = new AbortController();
    const call = codeOf(client.models.load({ id: ID }, { signal: controller.signal }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    controller.abort();
    expect(await call).toEqual({ code: 'aborted', retryable: true });
    await vi.waitFor(() => expect(core.seen.aborted).toBe(1));
  });

  it('waits longer after each failure while the core is away, and comes back when it does', async () => {
    const { port } = host;
    const states: ConnectionState[] = [];
    const { connection } = (connected = createConnection(transport()));
    await untilOpen(connected);
    connection.subscribe((state) => states.push(state));
    await host.close();
    await vi.waitFor(() => expect(states.filter(({ status }) => status === 'lost')).toHaveLength(3), 5_000);
    expect(states.map((state) => (state.status === 'lost' ? state.attempt : state.status))).toEqual([
      1, 2, 3,
    ]);
    const { token } = host;
    const again = await startTestHost((channel) => core.serve(channel), { port, token });
    dispose = again.close;
    connection.retry();
    await untilOpen(connected);
  });

  it('stops at a wrong token and says so', async () => {
    const { connection } = (connected = createConnection(transport('wrong')));
    const refused = { status: 'refused', reason: 'unauthorized' };
    await vi.waitFor(() => expect(connection.state).toEqual(refused));
    connection.retry();
    expect([connection.state, attempts]).toEqual([refused, 1]);
  });

  it('does not even try without a token', () => {
    const { connection } = (connected = createConnection(transport(null)));
    expect([connection.state, attempts]).toEqual([{ status: 'refused', reason: 'unauthorized' }, 0]);
  });

  it('does not come back after `close`', async () => {
    const { client, connection } = (connected = createConnection(transport()));
    await untilOpen(connected);
    connection.close();
    expect(await codeOf(client.models.load({ id: ID }))).toEqual({
      code: 'connection_lost',
      retryable: true,
    });
    connection.retry();
    expect(attempts).toBe(1);
  });
});

describe('client over other channels', () => {
  it('works over a port that the host hands over', async () => {
    const core = createTestCore();
    connected = createConnection(
      portTransport(() => {
        const { port1, port2 } = new MessageChannel();
        const channel = channelOfMessagePort(port1);
        void acceptHello(channel, () => true).then(() => core.serve(channel));
        return Promise.resolve(port2);
      }),
    );
    const seen: unknown[] = [];
    connected.onEvent((event) => seen.push(seqOf(event)));
    await untilOpen(connected);
    core.bus.emit(chunk(1));
    await vi.waitFor(() => expect(seen).toEqual([1]));
  });

  it.each([
    ['a core of another protocol', errorFrame('protocol_mismatch')],
    [
      'a core that answers with another version',
      JSON.stringify({ leeward: 'ready', protocol: PROTOCOL_VERSION + 1 }),
    ],
    ['a core that does not understand the hello', errorFrame('malformed_frame')],
    ['something that is no core', '<html>'],
  ])('tells the page to reload: %s', async (_name, answer) => {
    connected = createConnection({
      token: () => undefined,
      open() {
        const [near, far] = createMemoryChannelPair();
        far.onMessage(() => far.send(answer));
        return Promise.resolve(near);
      },
    });
    const { connection } = connected;
    await vi.waitFor(() =>
      expect(connection.state).toEqual({ status: 'refused', reason: 'protocol_mismatch' }),
    );
  });

  it('takes an answer that it cannot read as a lost connection, so that no call waits for ever', async () => {
    const core = createTestCore();
    let far: RawChannel | undefined;
    connected = createConnection({
      token: () => undefined,
      open() {
        const [near, other] = createMemoryChannelPair();
        far = other;
        void acceptHello(other, () => true).then(() => core.serve(other));
        return Promise.resolve(near);
      },
    });
    await untilOpen(connected);
    const call = codeOf(connected.client.models.load({ id: ID }));
    await vi.waitFor(() => expect(core.seen.started).toBe(1));
    far?.send('{"i":"1","p":{"s":"not a status"}}');
    expect(await call).toEqual({ code: 'connection_lost', retryable: true });
  });
});
