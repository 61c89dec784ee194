import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { PROTOCOL_VERSION, sayHello } from '../../src-main/contract/protocol.ts';
import type { RawChannel } from '../../src-main/contract/transport.ts';
import { HELLO_TIMEOUT_MS } from '../../src-main/server/sockets.ts';
import { loadStaticFiles } from '../../src-main/server/static-files.ts';
import { chunk, createTestCore, testClient } from '../support/test-core.ts';
import { openSocket, startTestHost } from '../support/transports.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self' ws://127.0.0.1:PORT; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Too large to be kept in memory. */
const large = 'export const x = 1;\n'.repeat(1_000);

type Host = Awaited<ReturnType<typeof startTestHost>>;
let dir: string;
let host: Host;
let core: ReturnType<typeof createTestCore>;
let served: RawChannel[];

const open = async (options: Parameters<typeof startTestHost>[1] = {}) => {
  core = createTestCore();
  served = [];
  return startTestHost((channel) => {
    served.push(channel);
    core.serve(channel);
  }, options);
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'leeward-server-'));
  mkdirSync(join(dir, 'renderer', 'assets'), { recursive: true });
  writeFileSync(join(dir, 'secret.txt'), 'secret');
  writeFileSync(join(dir, 'renderer', 'index.html'), '<!doctype html><title>x</title>');
  writeFileSync(join(dir, 'renderer', 'assets', 'app-1a2b.js'), 'export {};');
  writeFileSync(join(dir, 'renderer', 'assets', 'app-1a2b.js.map'), '{}');
  writeFileSync(join(dir, 'renderer', 'assets', 'large-3c4d.js'), large);
  host = await open({ files: loadStaticFiles(join(dir, 'renderer')) });
});
afterEach(async () => {
  await host.close();
  rmSync(dir, { recursive: true });
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}
/** A request whose path, method and headers go out exactly as given. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: host.port, path, method, headers, agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part: string) => (body += part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      },
    );
    asked.on('error', reject).end();
  });
}

describe('files', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', 'no-store'],
    ['/index.html', 'text/html; charset=utf-8', 'no-store'],
    ['/assets/app-1a2b.js', 'text/javascript; charset=utf-8', 'private, max-age=31536000, immutable'],
  ])('serves %s', async (path, type, cacheControl) => {
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': type, 'cache-control': cacheControl });
    expect(answer.body).not.toBe('');
  });

  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/assets/../index.html',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..\\secret.txt',
    '/%5c..%5csecret.txt',
    '//etc/passwd',
    '//index.html',
    '/./index.html',
    '/index.html/',
    '/INDEX.HTML',
    '/index.html%00',
    '/index.html%20',
    '/assets',
    '/assets/',
    '/assets/app-1a2b.js.map',
    '/secret.txt',
    '/__proto__',
    '/constructor',
    '/socket',
    'http://evil.example/index.html',
    '*',
  ])('answers %s with nothing', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 404, body: '' });
  });

  it('serves what was there at the start, and nothing that changed since', async () => {
    writeFileSync(join(dir, 'renderer', 'late.html'), 'late');
    writeFileSync(join(dir, 'renderer', 'index.html'), 'changed');
    expect((await ask('/late.html')).status).toBe(404);
    expect((await ask('/')).body).toContain('<!doctype html>');
    expect((await ask('/assets/large-3c4d.js')).body).toBe(large);
    expect((await ask('/')).body).toBe('<!doctype html><title>x</title>');
    writeFileSync(join(dir, 'renderer', 'assets', 'large-3c4d.js'), `${large} `);
    expect(await ask('/assets/large-3c4d.js')).toMatchObject({ status: 404, body: '' });
    // A page that is loaded anew would be blank: it says what to do.
    for (const path of ['/', '/index.html']) {
      const { status, headers, body } = await ask(path);
      expect({ status, cache: headers['cache-control'] }).toEqual({ status: 200, cache: 'no-store' });
      expect(body).toContain('Leeward was updated');
    }
    rmSync(join(dir, 'renderer', 'assets', 'large-3c4d.js'));
    expect((await ask('/assets/large-3c4d.js')).status).toBe(404);
  });

  it('answers HEAD like GET without the body', async () => {
    const answer = await ask('/', {}, 'HEAD');
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['content-length']).toBe(String('<!doctype html><title>x</title>'.length));
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('refuses %s', async (method) => {
    expect(await ask('/', {}, method)).toMatchObject({
      status: 405,
      body: '',
      headers: { allow: 'GET, HEAD' },
    });
  });

  it.each([
    ['/', 'GET', 200],
    ['/none', 'GET', 404],
    ['/', 'POST', 405],
  ])('sends the security headers with %s %s', async (path, method, status) => {
    const answer = await ask(path, {}, method);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'content-security-policy': POLICY.replace('PORT', String(host.port)),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    for (const name of ['set-cookie', 'access-control-allow-origin', 'x-powered-by', 'server']) {
      expect(answer.headers).not.toHaveProperty(name);
    }
  });

  it.each([
    'evil.example',
    'localhost:PORT',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.1:PORT.evil.example',
    '127.0.0.1.evil.example:PORT',
    'evil.example:PORT',
    '[::1]:PORT',
    '0.0.0.0:PORT',
    '2130706433:PORT',
  ])('answers Host %s with nothing', async (name) => {
    const answer = await ask('/', { Host: name.replace('PORT', String(host.port)) });
    expect(answer).toMatchObject({ status: 403, body: '' });
  });

  it('refuses headers of more than 16 KiB', async () => {
    expect((await ask('/', { 'X-Big': 'x'.repeat(17_000) })).status).toBe(431);
  });

  it('survives a peer that sends no HTTP and one that leaves in the middle', async () => {
    for (const text of [
      '\u0016\u0003\u0001 rubbish\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x',
      `GET /socket HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    ]) {
      await new Promise<void>((resolve) => {
        const peer = connect(host.port, '127.0.0.1', () => peer.write(text, () => peer.resetAndDestroy()));
        peer.on('close', () => resolve()).on('error', () => {});
      });
    }
    expect((await ask('/')).status).toBe(200);
  });
});

/** What an upgrade gives: the status of a refusal, or the open socket. */
function upgrade(headers: Record<string, string>, path = '/socket'): Promise<number | WebSocket> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}${path}`, { headers });
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.on('error', () => {});
  });
}

describe('sockets before the hello', () => {
  it.each([
    undefined,
    'null',
    '',
    'http://evil.example',
    'http://127.0.0.1',
    'http://127.0.0.1:1',
    'http://127.0.0.1:PORT.evil.example',
    'http://127.0.0.1:PORT@evil.example',
    'http://127.0.0.1:PORT/',
    'http://127.0.0.1:PORT0',
    'http://127.0.0.1.evil.example:PORT',
    'http://localhost:PORT',
    'https://127.0.0.1:PORT',
    'ws://127.0.0.1:PORT',
    'HTTP://127.0.0.1:PORT',
    'http://127.0.0.1:PORT http://evil.example',
    'app://leeward',
    'file://',
  ])('refuses Origin %s', async (origin) => {
    const headers = origin === undefined ? {} : { Origin: origin.replace('PORT', String(host.port)) };
    expect(await upgrade(headers)).toBe(403);
    expect(served).toEqual([]);
  });

  it.each(['evil.example', 'evil.example:PORT', 'localhost:PORT', '127.0.0.1'])(
    'refuses Host %s even with the origin to match',
    async (name) => {
      const own = name.replace('PORT', String(host.port));
      expect(await upgrade({ Host: own, Origin: `http://${own}` })).toBe(403);
      expect(await upgrade({ Host: own, Origin: host.origin })).toBe(403);
    },
  );

  it.each(['/', '/socket/', '/socket/x', '/SOCKET', '//socket'])('refuses the path %s', async (path) => {
    expect(await upgrade({ Origin: host.origin }, path)).toBe(403);
  });

  it('takes 32 sockets and not one more', async () => {
    const sockets = await Promise.all(Array.from({ length: 32 }, () => upgrade({ Origin: host.origin })));
    expect(sockets.every((socket) => socket instanceof WebSocket)).toBe(true);
    expect(await upgrade({ Origin: host.origin })).toBe(503);
  });
});

/** Sends one first frame and collects all that comes until the socket closes. */
async function firstFrame(frame: string | Uint8Array | null): Promise<unknown[]> {
  const { socket, channel } = await openSocket(host.socketUrl, host.origin);
  const frames: unknown[] = [];
  const closed = new Promise<void>((resolve) => channel.onClose(resolve));
  channel.onMessage((data) => frames.push(data));
  if (frame !== null) socket.send(frame);
  await closed;
  return frames;
}
const errorFrame = (code: string) => [JSON.stringify({ leeward: 'error', code })];
const hello = (fields: object) => JSON.stringify({ leeward: 'hello', protocol: PROTOCOL_VERSION, ...fields });

describe('the hello', () => {
  it('lets the right token in', async () => {
    const { channel } = await openSocket(host.socketUrl, host.origin);
    expect(await sayHello(channel, host.token)).toEqual({ ok: true });
    expect(await testClient(channel).test.echo({ text: 'in' })).toBe('in');
  });

  it('refuses every other token', async () => {
    const { token } = host;
    const wrong = [undefined, '', 'x', token.slice(0, -1), `${token}x`, ` ${token}`, token.toUpperCase()];
    for (const given of wrong) {
      expect(await firstFrame(hello({ token: given }))).toEqual(errorFrame('unauthorized'));
    }
    expect(served).toEqual([]);
    expect(host.events.filter((event) => event === 'socket.refused')).toHaveLength(wrong.length);
  });

  it('tells the right token with another protocol to reload, and a stranger nothing', async () => {
    for (const protocol of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, 999]) {
      expect(await firstFrame(hello({ token: host.token, protocol }))).toEqual(
        errorFrame('protocol_mismatch'),
      );
      expect(await firstFrame(hello({ token: 'x', protocol }))).toEqual(errorFrame('unauthorized'));
    }
  });

  it('refuses anything else as first frame', async () => {
    const frames = [
      '',
      '{',
      'null',
      '[]',
      '"hello"',
      JSON.stringify({ i: '1', p: { u: '/test/echo' } }),
      hello({ token: 1 }),
      hello({ token: host.token, protocol: '1' }),
      hello({ token: host.token, protocol: 1.5 }),
      hello({ token: 'x'.repeat(2_000) }),
      Buffer.from(hello({ token: host.token })),
    ];
    for (const frame of frames)
      expect([frame, await firstFrame(frame)]).toEqual([frame, errorFrame('malformed_frame')]);
    expect(served).toEqual([]);
  });

  it('closes a socket that says nothing, after 3 s', async () => {
    expect(HELLO_TIMEOUT_MS).toBe(3_000);
    await host.close();
    host = await open({ helloTimeoutMs: 50 });
    expect(await firstFrame(null)).toEqual([]);
    expect(host.events).toContain('socket.late');
    expect(served).toEqual([]);
  });
});

async function tab() {
  const { socket, channel } = await openSocket(host.socketUrl, host.origin);
  expect(await sayHello(channel, host.token)).toEqual({ ok: true });
  return { socket, channel, client: testClient(channel) };
}

describe('tabs', () => {
  it('serves two at once, and one goes on when the other leaves', async () => {
    const [left, right] = [await tab(), await tab()];
    const [leftEvents, rightEvents] = [await left.client.system.events(), await right.client.system.events()];
    const both = [leftEvents.next(), rightEvents.next()];
    await Promise.all([left.client.test.echo({ text: '' }), right.client.test.echo({ text: '' })]);
    core.bus.emit(chunk(1));
    for (const event of await Promise.all(both)) expect(event.value).toMatchObject({ seq: 1 });
    left.socket.terminate();
    core.bus.emit(chunk(2));
    expect((await rightEvents.next()).value).toMatchObject({ seq: 2 });
    expect(await right.client.test.echo({ text: 'here' })).toBe('here');
  });

  it('closes one that sends too fast, and the other goes on', async () => {
    const [fast, calm] = [await tab(), await tab()];
    const closed = new Promise<number>((resolve) => fast.socket.once('close', resolve));
    for (let n = 0; n < 3_000; n += 1) fast.socket.send('{"i":"zz","t":4}');
    expect(await closed).toBe(1008);
    expect(host.events).toContain('socket.too-fast');
    expect(await calm.client.test.echo({ text: 'calm' })).toBe('calm');
  });

  it('closes one that does not read, with bounded memory', async () => {
    const slow = await tab();
    const events = await slow.client.system.events();
    const first = events.next();
    await slow.client.test.echo({ text: '' });
    core.bus.emit(chunk(0));
    await first;
    slow.socket.pause();
    const gone = new Promise<void>((resolve) => served[0]?.onClose(resolve));
    let isGone = false;
    void gone.then(() => (isGone = true));
    let mostBuffered = 0;
    const text = 'x'.repeat(1_000_000);
    for (let seq = 1; !isGone && seq < 500; seq += 1) {
      core.bus.emit({ ...chunk(seq), text } as ReturnType<typeof chunk>);
      await new Promise((resolve) => setImmediate(resolve));
      mostBuffered = Math.max(mostBuffered, served[0]?.bufferedBytes?.() ?? 0);
    }
    await gone;
    expect(mostBuffered).toBeGreaterThan(30_000_000);
    expect(mostBuffered).toBeLessThan(40_000_000);
    const other = await tab();
    expect(await other.client.test.echo({ text: 'calm' })).toBe('calm');
  });

  it('tells open tabs when the host closes', async () => {
    const { socket } = await tab();
    const code = new Promise<number>((resolve) => socket.once('close', resolve));
    await host.close();
    expect(await code).toBe(1001);
    await vi.waitFor(() => expect(ask('/')).rejects.toThrow('ECONNREFUSED'));
  });
});
