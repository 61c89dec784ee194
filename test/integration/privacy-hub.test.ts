import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listModels, pathsInfo } from '@huggingface/hub';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { createEventBus } from '../../src-main/events.ts';
import { PURPOSES } from '../../src-main/privacy/destinations.ts';
import { createFetch } from '../../src-main/privacy/fetch.ts';
import type { OutboundOptions, OutboundResponse } from '../../src-main/privacy/outbound.ts';
import { createPrivacy } from '../../src-main/privacy/privacy.ts';
import { createSettings } from '../../src-main/settings/settings.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { TEST_CERTIFICATE, TEST_HOST, TEST_KEY } from '../support/certificate.ts';
import { startHub, type Hub } from '../support/hub/hub.ts';

// What the hub and the downloads need of the one way out: an endpoint of the user's, a proxy, the official
// client's `fetch`, the first hop's headers, and one download that the user let through.

const REPO = 'maker/Small-GGUF';
const BODY = 'weights '.repeat(10_000);

let dataDir: string;
let store: Store;
let hub: Hub;
const servers: Server[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leeward-privacy-'));
  store = await openStore({ workerPath: entries.storeWorker, dataDir, log: () => {} });
  hub = await startHub();
  await hub.add(REPO, { files: { 'small.gguf': BODY, 'README.md': '# Small' } });
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await hub.close();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

function start(stored: Record<string, unknown> = { hubEndpoint: hub.url }, outbound?: OutboundOptions) {
  const bus = createEventBus('run');
  const settings = createSettings({
    file: { read: () => stored, write: (value) => void (stored = value) },
    bus,
    log: () => {},
  });
  const privacy = createPrivacy({
    store,
    settings,
    bus,
    sessionId: crypto.randomUUID(),
    log: () => {},
    ...(outbound ? { outbound } : {}),
  });
  const get = (path: string, over: object = {}) =>
    privacy.request({ url: hub.url + path, purpose: 'models.download', ...over });
  return { privacy, settings, get };
}

async function textOf(response: OutboundResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const FILE = `/${REPO}/resolve/main/small.gguf`;

test('the endpoint of the settings is reached, no other port or purpose of this computer, and follows a change', async () => {
  const { privacy, settings, get } = start();
  expect(await textOf(await get(FILE))).toBe(BODY);
  const other = await startHub();
  expect(await failureOf(privacy.request({ url: other.url, purpose: 'models.search' }))).toBe(
    'host_not_allowed',
  );
  settings.update({ hubEndpoint: other.url });
  expect(await failureOf(get(FILE))).toBe('host_not_allowed');
  expect((await privacy.request({ url: other.url, purpose: 'models.search' })).status).toBe(401);
  expect(other.requests).toHaveLength(1);
  await other.close();
});

test.each([
  'http://hub.example',
  'https://user:pass@hub.example',
  'ftp://127.0.0.1',
  'https://hub.example/path',
  '',
])('the settings refuse the endpoint %s', (hubEndpoint) => {
  const { settings } = start();
  expect(() => settings.update({ hubEndpoint })).toThrow();
  expect(settings.get().hubEndpoint).toBe(hub.url);
});

test('the headers of every hop are kept: the first one says what the file is', async () => {
  const { get } = start();
  const response = await get(FILE, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(response.url).toContain('/cdn/');
  expect(response.hops).toHaveLength(1);
  expect(response.hops[0]).toMatchObject({
    status: 302,
    headers: { 'x-linked-size': String(BODY.length), 'x-repo-commit': expect.any(String) },
  });
  await response.cancel();
});

test('what the user allowed goes out although offline is on, its redirect too; switching it on again ends it', async () => {
  const { privacy, get } = start();
  await privacy.setOffline(true);
  expect(await failureOf(get(FILE))).toBe('offline');
  expect(hub.requests).toHaveLength(0);
  expect(await textOf(await get(FILE, { mayPassOffline: true }))).toBe(BODY);
  expect(await failureOf(get(FILE))).toBe('offline');

  await privacy.setOffline(false);
  hub.behaviour.bytesPerSecond = 20_000;
  const slow = textOf(await get(FILE, { mayPassOffline: true }));
  const failure = failureOf(slow);
  await privacy.setOffline(true);
  expect(await failure).toBe('offline');
});

test('the official client works through the one way out: lists, posts, is refused with our own codes', async () => {
  const { privacy } = start();
  const fetch = createFetch(privacy, { purpose: 'models.search', maxBytes: 100_000 });
  const names: string[] = [];
  for await (const { name } of listModels({ hubUrl: hub.url, fetch })) names.push(name);
  expect(names).toEqual([REPO]);
  const [info] = await pathsInfo({ hubUrl: hub.url, repo: REPO, paths: ['small.gguf'], fetch });
  expect(info).toMatchObject({ lfs: { size: BODY.length } });
  const { entries: ledger } = await privacy.ledger({});
  expect(ledger.map(({ host, purpose }) => [host, purpose])).toEqual([
    ['127.0.0.1', 'models.search'],
    ['127.0.0.1', 'models.search'],
  ]);
  expect(await failureOf(fetch('https://elsewhere.example/'))).toBe('host_not_allowed');
  await expect(fetch(hub.url, { method: 'DELETE' })).rejects.toThrow(TypeError);
  const tooLong = createFetch(privacy, { purpose: 'models.search', maxBytes: 100 });
  expect(await failureOf(tooLong(`${hub.url}${FILE}`).then((response) => response.text()))).toBe(
    'network_failed',
  );
  const head = await fetch(`${hub.url}${FILE}`, { method: 'HEAD' });
  expect([head.status, head.body, head.url.includes('/cdn/')]).toEqual([200, null, true]);
});

test('a proxy carries https that it cannot read; the ledger names the host, not the proxy', async () => {
  const seen: string[] = [];
  const origin = await listen(
    createHttpsServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (request, response) => {
      seen.push(request.url ?? '');
      response.end(BODY);
    }),
  );
  const connects: string[] = [];
  const overheard: Buffer[] = [];
  const proxy = createHttpServer().on('connect', (request, client) => {
    connects.push(request.url ?? '');
    const upstream = connect(origin, '127.0.0.1', () =>
      client.write('HTTP/1.1 200 Connection established\r\n\r\n'),
    );
    client.on('data', (chunk: Buffer) => overheard.push(chunk));
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  const proxyAddress = `http://127.0.0.1:${await listen(proxy)}`;
  const { privacy } = start(
    { proxyAddress },
    { hosts: { ...PURPOSES, 'models.download': [TEST_HOST] }, ca: TEST_CERTIFICATE },
  );
  const response = await privacy.request({ url: `https://${TEST_HOST}/canary`, purpose: 'models.download' });
  expect(await textOf(response)).toBe(BODY);
  expect([connects, seen]).toEqual([[`${TEST_HOST}:443`], ['/canary']]);
  expect(Buffer.concat(overheard).includes('canary')).toBe(false);
  const { entries: ledger } = await privacy.ledger({});
  expect(ledger).toMatchObject([{ host: TEST_HOST, outcome: 'done' }]);
  expect(ledger[0]?.receivedBytes).toBeGreaterThan(BODY.length);
  expect(await failureOf(privacy.request({ url: 'https://other.test/', purpose: 'models.download' }))).toBe(
    'host_not_allowed',
  );
  expect(connects).toHaveLength(1);
  await vi.waitFor(async () => {
    const open = await new Promise<number>((resolve) =>
      proxy.getConnections((_error, count) => resolve(count)),
    );
    expect(open).toBe(0);
  });
});

test('a proxy that refuses or is not there is a failed connection with its reason', async () => {
  const proxy = createHttpServer().on('connect', (_request, client) =>
    client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
  );
  const outbound = { hosts: { ...PURPOSES, 'models.download': [TEST_HOST] } };
  const port = await listen(proxy);
  const reasonOf = async (proxyAddress: string) => {
    const { privacy } = start({ proxyAddress }, outbound);
    const request = { url: `https://${TEST_HOST}/`, purpose: 'models.download' } as const;
    const error: unknown = await privacy.request(request).catch((reason: unknown) => reason);
    return isAppError(error) ? [error.code, error.data.details?.['reason']] : [];
  };
  expect(await reasonOf(`http://127.0.0.1:${port}`)).toEqual(['network_failed', 'PROXY_407']);
  expect(await reasonOf('http://127.0.0.1:1')).toEqual(['network_failed', 'ECONNREFUSED']);
});
