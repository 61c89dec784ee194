import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import type { AppClient } from '../../src-main/contract/index.ts';
import { sayHello, SOCKET_PATH } from '../../src-main/contract/protocol.ts';
import { guardChannel } from '../../src-main/contract/transport.ts';
import {
  childrenOf,
  isAlive,
  startLaunched,
  startServe,
  type ServeProcess,
} from '../support/serve-process.ts';
import { openSocket } from '../support/transports.ts';

const onLinux = process.platform === 'linux';

let dir: string;
let dataDir: string;
let modelsDir: string;
let running: ServeProcess[];

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'leeward-serve-')));
  dataDir = join(dir, 'data');
  modelsDir = join(dir, 'models');
  mkdirSync(modelsDir);
  running = [];
});
afterEach(async () => {
  for (const { child, exit } of running) {
    child.kill('SIGKILL');
    await exit;
  }
  rmSync(dir, { recursive: true });
});

function serve(args = ['--data-dir', dataDir, '--models-dir', modelsDir], env: NodeJS.ProcessEnv = {}) {
  const started = startServe(args, env);
  running.push(started);
  return started;
}

async function stop({ child, exit }: ServeProcess, signal: NodeJS.Signals = 'SIGTERM') {
  child.kill(signal);
  return exit;
}

/** The client as a page opened from the printed address would have it. */
async function clientOf(url: string): Promise<AppClient> {
  const { origin, host, hash } = new URL(url);
  const { channel } = await openSocket(`ws://${host}${SOCKET_PATH}`, origin);
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? undefined;
  expect(await sayHello(channel, token)).toEqual({ ok: true });
  return createORPCClient(new RPCLink({ port: guardChannel(channel, { side: 'client' }) }));
}

describe('npm run serve', () => {
  it('builds what is stale, prints one line of JSON, and stops clean', async () => {
    const started = startLaunched(['--data-dir', dataDir, '--models-dir', modelsDir]);
    running.push(started);
    const { url, port, pid } = await started.ready;
    expect(pid).toBe(started.child.pid);
    expect(started.stdout()).toBe(`${JSON.stringify({ url, port, pid })}\n`);
    expect(started.stderr()).toContain('Leeward serves your browser, as asked.');
    expect(await (await clientOf(url)).conversations.list()).toEqual([]);
    expect(await stop(started)).toEqual({ code: 0, signal: null });
  }, 120_000);

  it('has an address that works, keeps its folder private, and leaves nothing behind', async () => {
    const started = serve();
    const { url, port, pid } = await started.ready;
    expect(url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${port}/#token=[A-Za-z0-9_-]{43}$`));
    expect(started.stdout().trim().split('\n')).toHaveLength(1);
    expect(pid).toBe(started.child.pid);
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([
      200,
      expect.stringContaining('<title>Leeward</title>'),
    ]);

    const client = await clientOf(url);
    expect(await client.system.info()).toMatchObject({
      host: 'browser',
      capabilities: { canPickFile: false },
    });
    expect(await client.conversations.list()).toEqual([]);
    await client.settings.update({ theme: 'dark' });
    expect(await client.settings.get()).toMatchObject({ theme: 'dark' });
    if (onLinux) {
      expect(statSync(dataDir).mode & 0o777).toBe(0o700);
      for (const name of ['settings.json', 'leeward.db', 'leeward.lock']) {
        expect([name, statSync(join(dataDir, name)).mode & 0o777]).toEqual([name, 0o600]);
      }
    }

    const children = onLinux ? childrenOf(pid) : [];
    if (onLinux) expect(children.length).toBeGreaterThan(0);
    expect(await stop(started)).toEqual({ code: 0, signal: null });
    expect(existsSync(join(dataDir, 'leeward.lock'))).toBe(false);
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), 2_000);
    expect(JSON.parse(readFileSync(join(dataDir, 'settings.json'), 'utf8'))).toMatchObject({ theme: 'dark' });
  });

  it('stops clean on Ctrl+C, also with an open page', async () => {
    const started = serve();
    const { url } = await started.ready;
    const client = await clientOf(url);
    expect(await client.models.list()).toEqual([]);
    expect(await stop(started, 'SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('says who holds a data folder and where, and leaves it alone', async () => {
    const first = serve();
    const { port, pid } = await first.ready;
    const second = serve();
    expect((await second.exit).code).toBe(3);
    expect(second.stdout()).toBe('');
    expect(second.stderr()).toContain(`process ${pid}`);
    expect(second.stderr()).toContain(`http://127.0.0.1:${port}`);
    expect(second.stderr()).not.toContain('token');
    expect((await stop(first)).code).toBe(0);
    const third = serve();
    await third.ready;
  });

  it('takes the folder over from a process that was killed', async () => {
    const first = serve();
    await first.ready;
    await stop(first, 'SIGKILL');
    expect(existsSync(join(dataDir, 'leeward.lock'))).toBe(true);
    await serve().ready;
  });

  it('reads LEEWARD_DATA_DIR and LEEWARD_MODELS_DIR', async () => {
    const started = serve([], { LEEWARD_DATA_DIR: dataDir, LEEWARD_MODELS_DIR: modelsDir });
    const { url } = await started.ready;
    expect(existsSync(join(dataDir, 'leeward.db'))).toBe(true);
    const folders = await (await clientOf(url)).models.folders();
    expect(folders.map(({ available }) => available)).toEqual([true]);
  });

  it('brings a models folder with a data folder of its own', async () => {
    const started = serve(['--data-dir', dataDir], { LEEWARD_MODELS_DIR: '' });
    await started.ready;
    expect(statSync(join(dataDir, 'models')).isDirectory()).toBe(true);
  });

  it('keeps a broken settings file aside, says so and starts', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'settings.json'), '{"theme": "da');
    const started = serve();
    await started.ready;
    const kept = readdirSync(dataDir).find((name) => name.startsWith('settings.broken-'));
    expect(readFileSync(join(dataDir, kept ?? ''), 'utf8')).toBe('{"theme": "da');
    expect(started.stderr()).toContain(kept);
  });
});

describe('a start that fails', () => {
  it.each([
    [['--port', 'http'], '--port takes a number'],
    [['--port', '70000'], '--port takes a number'],
    [['--prot', '1'], "Unknown option '--prot'"],
    [['extra'], "Unexpected argument 'extra'"],
    [['--host', 'a b'], '--host takes an address'],
    [['--models-dir', '/nonexistent/models'], 'There is no folder /nonexistent/models'],
  ])('%j ends with code 2 and a sentence', async (args, sentence) => {
    const started = serve(['--data-dir', dataDir, ...args]);
    expect(await started.exit).toEqual({ code: 2, signal: null });
    expect(started.stderr()).toContain(sentence);
    expect(started.stdout()).toBe('');
    expect(existsSync(dataDir)).toBe(false);
  });

  it('a port that is taken ends with code 2 and gives the folder back', async () => {
    const taken: Server = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const started = serve(['--data-dir', dataDir, '--models-dir', modelsDir, '--port', port]);
    expect((await started.exit).code).toBe(2);
    expect(started.stderr()).toContain(`127.0.0.1 port ${port}`);
    expect(existsSync(join(dataDir, 'leeward.lock'))).toBe(false);
    taken.close();
  });

  it('a data folder that is a file ends with a sentence', async () => {
    writeFileSync(dataDir, '');
    const started = serve();
    expect((await started.exit).code).toBe(1);
    expect(started.stderr()).toContain('is not a folder');
  });

  /** Starts once so that there is a real database, then changes it. */
  async function withDatabase(change: (path: string) => void): Promise<string> {
    const first = serve();
    await first.ready;
    expect((await stop(first)).code).toBe(0);
    const path = join(dataDir, 'leeward.db');
    change(path);
    return path;
  }
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

  it('chats of a newer version are not touched, and every first call says so', async () => {
    const path = await withDatabase((file) => {
      const database = new Database(file);
      database.pragma('user_version = 999');
      database.close();
    });
    const before = hash(path);
    const started = serve();
    const client = await clientOf((await started.ready).url);
    expect(started.stderr()).toContain('newer version');
    await expect(client.system.info()).rejects.toMatchObject({
      code: 'store_newer',
      data: { details: { databaseVersion: 999 } },
    });
    expect(await client.backups.good()).toEqual([]);
    expect((await stop(started)).code).toBe(0);
    expect(hash(path)).toBe(before);
    expect(existsSync(join(dataDir, 'leeward.lock'))).toBe(false);
  });

  it('damaged chats are not touched, and every first call says so', async () => {
    const path = await withDatabase((file) => truncateSync(file, 10_000));
    const before = hash(path);
    const started = serve();
    const client = await clientOf((await started.ready).url);
    expect(started.stderr()).toContain('do not pass their check');
    for (const call of [client.system.info(), client.engine.state(), client.settings.get()]) {
      await expect(call).rejects.toMatchObject({ code: 'store_damaged' });
    }
    expect(await client.backups.good()).toEqual([]);
    const unknown = 'leeward-v1-20200101T000000000Z';
    await expect(client.backups.recover({ id: unknown })).rejects.toMatchObject({ code: 'not_found' });
    expect((await stop(started)).code).toBe(0);
    expect(hash(path)).toBe(before);
    expect(existsSync(join(dataDir, 'leeward.lock'))).toBe(false);
  });
});

describe('npm', () => {
  // The numbers of parents change on POSIX systems only.
  it.runIf(process.platform !== 'win32')(
    'may end without handing its signal on: serve stops clean',
    async () => {
      const npm = spawn(
        'npm',
        ['run', '--silent', 'serve', '--', '--data-dir', dataDir, '--models-dir', modelsDir],
        {
          cwd: join(import.meta.dirname, '..', '..'),
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const line = await new Promise<string>((resolve) =>
        npm.stdout.once('data', (data) => resolve(String(data))),
      );
      const { pid } = JSON.parse(line) as { pid: number };
      npm.kill('SIGTERM');
      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 10_000);
      expect(existsSync(join(dataDir, 'leeward.lock'))).toBe(false);
    },
    120_000,
  );
});
