import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { appError, errorCodeOf, type AppEvent } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { createEventBus } from '../../src-main/events.ts';
import { PURPOSES } from '../../src-main/privacy/destinations.ts';
import type { OutboundResponse } from '../../src-main/privacy/outbound.ts';
import { createPrivacy, type Privacy } from '../../src-main/privacy/privacy.ts';
import { createSettings } from '../../src-main/settings/settings.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';

let dataDir: string;
let store: Store;
let server: Server;
let port: number;
let handle: (request: IncomingMessage, response: ServerResponse) => void;
let settingsContent: Record<string, unknown>;
const requests: string[] = [];
const sockets = new Set<Socket>();
const serverBytes = { received: 0, sent: 0 };

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leeward-privacy-'));
  store = await openStore({ workerPath: entries.storeWorker, dataDir, log: () => {} });
  settingsContent = {};
  requests.length = 0;
  serverBytes.received = 0;
  serverBytes.sent = 0;
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    handle(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      serverBytes.received += socket.bytesRead;
      serverBytes.sent += socket.bytesWritten;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

function start(over: { store?: Pick<Store, 'ledger'>; sessionId?: string; hosts?: string[] } = {}) {
  const bus = createEventBus('run');
  const events: AppEvent[] = [];
  bus.on((event) => events.push(event));
  const file = {
    read: () => settingsContent,
    write: (value: Record<string, unknown>) => void (settingsContent = value),
  };
  const privacy = createPrivacy({
    store: over.store ?? store,
    settings: createSettings({ file, bus, log: () => {} }),
    bus,
    sessionId: over.sessionId ?? randomUUID(),
    log: () => {},
    outbound: { hosts: { ...PURPOSES, 'models.download': over.hosts ?? ['127.0.0.1'] }, allowLoopback: true },
  });
  return { privacy, events };
}

const url = (path: string, host = '127.0.0.1') => `http://${host}:${port}${path}`;
const get = (privacy: Privacy, path: string, options: object = {}) =>
  privacy.request({ url: url(path), purpose: 'models.download', ...options });

async function textOf(response: OutboundResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );
}

/** Sends a first piece and then nothing, until the client goes. */
function endless(_request: IncomingMessage, response: ServerResponse): void {
  response.write('first');
}

const entriesOf = async (privacy: Privacy) => (await privacy.ledger({})).entries;
const noSocketsLeft = () => vi.waitFor(() => expect(sockets.size).toBe(0));

test('an answer is streamed, its connection closed, and the ledger has the bytes of the socket', async () => {
  handle = (_request, response) => response.end('x'.repeat(300_000));
  const { privacy } = start();
  const response = await get(privacy, '/file', { headers: { range: 'bytes=0-299999' } });
  expect(response.status).toBe(200);
  expect(privacy.state().open).toEqual([{ host: '127.0.0.1', purpose: 'models.download' }]);
  expect(await textOf(response)).toHaveLength(300_000);
  await noSocketsLeft();

  const {
    entries: [entry],
    totals,
  } = await privacy.ledger({});
  expect(entry).toMatchObject({ host: '127.0.0.1', purpose: 'models.download', outcome: 'done' });
  expect(entry).toMatchObject({ sentBytes: serverBytes.received, receivedBytes: serverBytes.sent });
  expect(entry?.receivedBytes).toBeGreaterThan(300_000);
  expect(totals).toEqual({ requests: 1, sentBytes: entry?.sentBytes, receivedBytes: entry?.receivedBytes });
  expect(privacy.state()).toMatchObject({ connections: 1, refused: 0, open: [] });
});

test('a redirect to an allowed host is followed, each hop in the ledger, secrets kept from the other host', async () => {
  const seen: [string | undefined, string | undefined][] = [];
  handle = (request, response) => {
    seen.push([request.headers.host, request.headers.authorization]);
    if (request.url === '/a') response.writeHead(302, { location: '/b' }).end('moved');
    else if (request.url === '/b') response.writeHead(302, { location: url('/c', 'localhost') }).end('moved');
    else response.end('here');
  };
  const { privacy } = start({ hosts: ['127.0.0.1', 'localhost'] });
  const response = await get(privacy, '/a', { headers: { authorization: 'Bearer secret' } });
  expect(response.url).toBe(url('/c', 'localhost'));
  expect(await textOf(response)).toBe('here');
  expect(seen).toEqual([
    [`127.0.0.1:${port}`, 'Bearer secret'],
    [`127.0.0.1:${port}`, 'Bearer secret'],
    [`localhost:${port}`, undefined],
  ]);
  expect((await entriesOf(privacy)).map(({ host, outcome }) => [host, outcome])).toEqual([
    ['localhost', 'done'],
    ['127.0.0.1', 'done'],
    ['127.0.0.1', 'done'],
  ]);
});

test('a redirect to a host that is not allowed is refused and recorded, and that host hears nothing', async () => {
  handle = (_request, response) => response.writeHead(307, { location: url('/stolen', 'localhost') }).end();
  const { privacy } = start();
  expect(await failureOf(get(privacy, '/a'))).toBe('host_not_allowed');
  expect(requests).toEqual(['/a']);
  const list = await entriesOf(privacy);
  expect(list.map(({ host, outcome }) => [host, outcome])).toEqual([
    ['localhost', 'refused'],
    ['127.0.0.1', 'done'],
  ]);
  expect(privacy.state()).toMatchObject({ connections: 1, refused: 1 });
  expect(privacy.state().lastRefusedAt).toEqual(expect.any(Number));
  expect((await privacy.ledger({ outcome: 'refused' })).entries).toHaveLength(1);
});

test('redirects in a circle end', async () => {
  handle = (_request, response) => response.writeHead(302, { location: '/again' }).end();
  const { privacy } = start();
  expect(await failureOf(get(privacy, '/a'))).toBe('network_failed');
  expect(requests).toHaveLength(6);
});

test('another host, another purpose and an unreadable address open nothing', async () => {
  const { privacy } = start();
  expect(await failureOf(privacy.request({ url: url('/x', 'localhost'), purpose: 'models.download' }))).toBe(
    'host_not_allowed',
  );
  expect(await failureOf(privacy.request({ url: url('/x'), purpose: 'models.search' }))).toBe(
    'host_not_allowed',
  );
  expect(await failureOf(privacy.request({ url: 'no address', purpose: 'models.download' }))).toBe(
    'invalid_input',
  );
  expect(requests).toEqual([]);
  expect((await entriesOf(privacy)).map(({ outcome }) => outcome)).toEqual(['refused', 'refused']);
});

test('offline refuses, is recorded, and lasts over a restart of the app', async () => {
  const first = start();
  await first.privacy.setOffline(true);
  expect(await failureOf(get(first.privacy, '/x'))).toBe('offline');
  const second = start();
  expect(second.privacy.state()).toMatchObject({ offline: true, offlineSince: expect.any(Number) });
  expect(await failureOf(get(second.privacy, '/x'))).toBe('offline');
  expect(requests).toEqual([]);
  expect((await entriesOf(second.privacy)).map(({ outcome }) => outcome)).toEqual(['refused', 'refused']);

  await second.privacy.setOffline(false);
  handle = (_request, response) => response.end('ok');
  expect(await textOf(await get(second.privacy, '/x'))).toBe('ok');
  expect(second.privacy.state()).toMatchObject({ offline: false, offlineSince: null });
});

test('offline switched off while its transfers are being ended stays off in the next run', async () => {
  const first = start();
  await Promise.all([first.privacy.setOffline(true), first.privacy.setOffline(false)]);
  expect(first.privacy.state()).toMatchObject({ offline: false });
  expect(start().privacy.state()).toMatchObject({ offline: false, offlineSince: null });
});

test('offline ends a running transfer and the wait for an answer at once', async () => {
  const { privacy } = start();
  handle = endless;
  const running = textOf(await get(privacy, '/running'));
  const reached = new Promise<void>((resolve) => (handle = () => resolve()));
  const waiting = get(privacy, '/waiting');
  const failures = [failureOf(running), failureOf(waiting)];
  await reached;
  await privacy.setOffline(true);
  expect(await Promise.all(failures)).toEqual(['offline', 'offline']);
  await noSocketsLeft();
  expect(privacy.state().open).toEqual([]);
  expect((await entriesOf(privacy)).map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
});

test('the caller can stop a request before, while and after it is answered', async () => {
  handle = endless;
  const { privacy } = start();
  expect(await failureOf(get(privacy, '/x', { signal: AbortSignal.abort() }))).toBe('aborted');
  expect(requests).toEqual([]);

  const abort = new AbortController();
  const response = await get(privacy, '/x', { signal: abort.signal });
  const text = failureOf(textOf(response));
  abort.abort();
  expect(await text).toBe('aborted');

  const cancelled = await get(privacy, '/y');
  await cancelled.cancel();
  await noSocketsLeft();
  expect(privacy.state().open).toEqual([]);
});

test('leaving the loop over a body ends its connection', async () => {
  handle = endless;
  const { privacy } = start();
  const response = await get(privacy, '/x');
  for await (const chunk of response.body) {
    expect(Buffer.from(chunk).toString()).toBe('first');
    break;
  }
  await noSocketsLeft();
  expect((await entriesOf(privacy))[0]).toMatchObject({ outcome: 'done' });
});

test('a body beyond the limit, a cut connection and a refused port are network_failed', async () => {
  const { privacy } = start();
  handle = (_request, response) => response.end('x'.repeat(2_000));
  expect(await failureOf(textOf(await get(privacy, '/x', { maxBytes: 1_000 })))).toBe('network_failed');
  handle = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('short');
    response.socket?.destroySoon();
  };
  expect(await failureOf(get(privacy, '/x').then(textOf))).toBe('network_failed');
  expect(await failureOf(privacy.request({ url: 'http://127.0.0.1:1/x', purpose: 'models.download' }))).toBe(
    'network_failed',
  );
  expect((await entriesOf(privacy)).map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed']);
});

test('the ledger survives a restart; an entry that was open then counts as failed', async () => {
  handle = endless;
  const first = start();
  await get(first.privacy, '/x');
  await store.close();
  store = await openStore({ workerPath: entries.storeWorker, dataDir, log: () => {} });
  const sessionId = randomUUID();
  await store.ledger.closeStale({ sessionId });
  const second = start({ sessionId });
  expect((await entriesOf(second.privacy)).map(({ host, outcome }) => [host, outcome])).toEqual([
    ['127.0.0.1', 'failed'],
  ]);
  await first.privacy.close();
});

test('a ledger that cannot be written refuses the connection', async () => {
  handle = (_request, response) => response.end('never');
  const ledger = { ...store.ledger, open: () => Promise.reject(appError('disk_full')) };
  const { privacy } = start({ store: { ledger } });
  expect(await failureOf(get(privacy, '/x'))).toBe('disk_full');
  expect(await failureOf(privacy.request({ url: url('/x', 'localhost'), purpose: 'models.download' }))).toBe(
    'host_not_allowed',
  );
  expect(requests).toEqual([]);
  expect(privacy.state()).toMatchObject({ connections: 0, refused: 1, open: [] });
});

test('offline while the ledger is written still opens nothing', async () => {
  let write = () => {};
  const held = new Promise<void>((resolve) => (write = resolve));
  const ledger = {
    ...store.ledger,
    open: async (input: Parameters<Store['ledger']['open']>[0]) => {
      await held;
      return store.ledger.open(input);
    },
  };
  const { privacy } = start({ store: { ledger } });
  const failure = failureOf(get(privacy, '/x'));
  const offline = privacy.setOffline(true);
  write();
  await offline;
  expect(await failure).toBe('offline');
  expect(requests).toEqual([]);
});

test('nothing is opened after close', async () => {
  const { privacy } = start();
  await privacy.close();
  expect(await failureOf(get(privacy, '/x'))).toBe('aborted');
  expect(requests).toEqual([]);
});

test('state is announced at once, then at most four times a second, the last one true', async () => {
  handle = (_request, response) => response.end('ok');
  const { privacy, events } = start();
  const startedAt = performance.now();
  for (let n = 0; n < 10; n += 1) await textOf(await get(privacy, '/x'));
  const states = () => events.filter((event) => event.type === 'privacy.changed');
  expect(states()[0]).toMatchObject({ state: { open: [{ host: '127.0.0.1' }] } });
  await vi.waitFor(() => expect(states().at(-1)).toMatchObject({ state: { connections: 10, open: [] } }));
  await delay(0);
  expect(states().length).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 250);
});
