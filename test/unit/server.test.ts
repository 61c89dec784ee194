import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appError } from '../../src-main/contract/index.ts';
import { defaultDataDir, parseServeArguments } from '../../src-main/server/arguments.ts';
import { exitCodeOf, sentenceOf } from '../../src-main/server/failures.ts';
import { createLogger, logLine } from '../../src-main/server/logger.ts';
import { FolderError, openModelFolders } from '../../src-main/server/platform.ts';
import { createRateLimit } from '../../src-main/server/rate-limit.ts';
import {
  allowedAuthorities,
  authorityOf,
  isLoopback,
  isUpgradeAllowed,
} from '../../src-main/server/request-rules.ts';
import { openSettingsFile } from '../../src-main/server/settings-file.ts';
import { loadStaticFiles } from '../../src-main/server/static-files.ts';
import { onStopRequest } from '../../src-main/server/stop.ts';
import { createToken, isSameToken } from '../../src-main/server/token.ts';
import { backoffMs } from '../../src-renderer/client/backoff.ts';
import { takeToken } from '../../src-renderer/client/token.ts';
import { socketAddress } from '../../src-renderer/client/transports.ts';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'leeward-unit-'))));
afterEach(() => rmSync(dir, { recursive: true }));

describe('arguments', () => {
  const around = { env: {}, home: resolve('/home/ada'), platform: 'linux' as const };
  const parse = (args: string[], env: Record<string, string> = {}) =>
    parseServeArguments(args, { ...around, env });

  it('has defaults for everything', () => {
    expect(parse([])).toEqual({
      kind: 'options',
      options: {
        host: '127.0.0.1',
        port: 0,
        dataDir: resolve('/home/ada/.local/share/leeward'),
        modelDirs: [resolve('/home/ada/Leeward/models')],
        createModelDirs: true,
        json: false,
      },
    });
  });

  it('takes options before the environment', () => {
    const env = { LEEWARD_DATA_DIR: '/env/data', LEEWARD_MODELS_DIR: `/env/a${delimiter}/env/b` };
    expect(parse([], env)).toMatchObject({
      options: {
        dataDir: resolve('/env/data'),
        modelDirs: ['/env/a', '/env/b'].map((path) => resolve(path)),
        createModelDirs: false,
      },
    });
    const args = [
      '--data-dir',
      '/own',
      '--models-dir',
      '/m1',
      '--models-dir',
      '/m2',
      '--port',
      '8080',
      '--json',
    ];
    expect(parse(args, env)).toMatchObject({
      options: {
        dataDir: resolve('/own'),
        modelDirs: ['/m1', '/m2'].map((path) => resolve(path)),
        port: 8080,
        json: true,
      },
    });
  });

  it('keeps the models folder inside a data folder of its own', () => {
    expect(parse(['--data-dir', '/own'])).toMatchObject({
      options: { modelDirs: [resolve('/own/models')], createModelDirs: true },
    });
  });

  it.each([
    ['--port=x'],
    ['--port=-1'],
    ['--port=65536'],
    ['--port='],
    ['--nope'],
    ['file'],
    ['--host=a b'],
    ['--data-dir='],
    ['--models-dir='],
  ])('refuses %s', (arg) => expect(parse([arg]).kind).toBe('refused'));

  it.each([
    ['linux', {}, '/home/ada/.local/share/leeward'],
    ['linux', { XDG_DATA_HOME: '/xdg' }, '/xdg/leeward'],
    ['darwin', { XDG_DATA_HOME: '/xdg' }, '/home/ada/Library/Application Support/Leeward'],
    ['win32', { APPDATA: '/roaming' }, '/roaming/Leeward'],
    ['win32', {}, '/home/ada/AppData/Roaming/Leeward'],
  ] as const)('keeps data on %s with %j in %s', (platform, env, path) => {
    expect(defaultDataDir({ env, home: '/home/ada', platform })).toBe(join(path));
  });
});

describe('request rules', () => {
  const address = (ip: string) => ({ address: ip }) as NetworkInterfaceInfo;
  it('answers under its own address only, whatever names may point to it', () => {
    expect(allowedAuthorities('127.0.0.1', 8080, { eth0: [address('192.168.1.5')] })).toEqual([
      '127.0.0.1:8080',
    ]);
    const interfaces = { eth0: [address('192.168.1.5'), address('fd00::1'), address('fe80::1')] };
    expect(allowedAuthorities('0.0.0.0', 8080, interfaces)).toEqual(['127.0.0.1:8080', '192.168.1.5:8080']);
    expect(allowedAuthorities('::', 8080, interfaces)).toEqual([
      '127.0.0.1:8080',
      '192.168.1.5:8080',
      '[fd00::1]:8080',
    ]);
    expect(allowedAuthorities('Box.local', 80, {})).toEqual(['box.local']);
  });

  it.each([
    ['127.0.0.1', 1, '127.0.0.1:1'],
    ['::1', 8080, '[::1]:8080'],
    ['127.0.0.1', 80, '127.0.0.1'],
  ])('writes %s and %s as %s', (host, port, authority) => expect(authorityOf(host, port)).toBe(authority));

  it.each([
    [undefined, undefined, false],
    ['127.0.0.1:80', undefined, false],
    ['127.0.0.1:8080', 'http://127.0.0.1:8080', true],
    ['127.0.0.1:8080', 'http://[::1]:8080', false],
    ['[::1]:8080', 'http://[::1]:8080', true],
    ['evil.example:8080', 'http://evil.example:8080', false],
  ])('Host %s with Origin %s: %s', (host, origin, allowed) => {
    expect(isUpgradeAllowed({ host, origin }, ['127.0.0.1:8080', '[::1]:8080'])).toBe(allowed);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['192.168.1.5', false],
    ['127.0.0.1.evil.example', false],
  ])('%s is loopback: %s', (host, loopback) => expect(isLoopback(host)).toBe(loopback));
});

describe('token', () => {
  it('is 256 bits, new every time, and compared as a whole', () => {
    const token = createToken();
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(createToken()).not.toBe(token);
    expect(isSameToken(token, token)).toBe(true);
    for (const wrong of [undefined, '', token.slice(1), `${token}=`])
      expect(isSameToken(wrong, token)).toBe(false);
    expect(isSameToken(undefined, '')).toBe(false);
  });
});

describe('rate limit', () => {
  it('takes a burst, then as much as time brings back', () => {
    let at = 0;
    const limit = createRateLimit({ burst: 3, perSecond: 2 }, () => at);
    expect([1, 2, 3, 4].map(() => limit.take(1))).toEqual([true, true, true, false]);
    at = 500;
    expect([limit.take(1), limit.take(1)]).toEqual([true, false]);
    at = 100_000;
    expect([limit.take(4), limit.take(3)]).toEqual([false, true]);
  });
});

describe('log', () => {
  it('writes numbers, flags and words of known fields, and nothing that could be text', () => {
    const line = logLine(0, 'engine.exit', {
      code: 'SIGKILL',
      name: 'ORPCError/TypeError',
      exitCode: 139,
      expected: false,
      path: '/home/ada/secret.gguf',
      title: 'canary',
      reason: 'two words',
      kind: '/home/ada',
    });
    expect(JSON.parse(line)).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      event: 'engine.exit',
      fields: {
        code: 'SIGKILL',
        name: 'ORPCError/TypeError',
        exitCode: 139,
        expected: false,
        path: '[redacted]',
        title: '[redacted]',
        reason: '[redacted]',
        kind: '[redacted]',
      },
    });
    expect(logLine(0, 'User said canary')).not.toContain('canary');
  });

  it('keeps three files of 2 MB at most, for the owner only, and survives a folder that cannot be made', () => {
    const log = createLogger(join(dir, 'logs'));
    const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`field${n}`, n]));
    for (let n = 0; n < 60; n += 1) log('big.line', fields);
    expect(readdirSync(join(dir, 'logs')).sort()).toEqual(['leeward.log', 'leeward.log.1', 'leeward.log.2']);
    for (const name of readdirSync(join(dir, 'logs'))) {
      const { size, mode } = statSync(join(dir, 'logs', name));
      expect(size).toBeLessThan(2.5 * 1024 * 1024);
      if (process.platform !== 'win32') expect(mode & 0o777).toBe(0o600);
    }
    writeFileSync(join(dir, 'file'), '');
    createLogger(join(dir, 'file', 'logs'))('unwritable');
    expect(statSync(join(dir, 'file')).size).toBe(0);
  });
});

describe('settings file', () => {
  const never = () => {
    throw new Error('not broken');
  };

  it('keeps the object between runs, for the owner only', () => {
    expect(openSettingsFile(dir, never).read()).toEqual({});
    const file = openSettingsFile(dir, never);
    file.write({ theme: 'dark', 'dotted.key': null, nested: { a: 1 } });
    expect(file.read()).toEqual({ theme: 'dark', 'dotted.key': null, nested: { a: 1 } });
    file.write({ theme: 'light' });
    expect(openSettingsFile(dir, never).read()).toEqual({ theme: 'light' });
    expect(readdirSync(dir)).toEqual(['settings.json']);
    if (process.platform !== 'win32') expect(statSync(join(dir, 'settings.json')).mode & 0o777).toBe(0o600);
  });

  it.each(['', '{"theme":', '[]', '"text"', 'null', '\u0000\u0001'])(
    'keeps a broken file aside: %j',
    (content) => {
      writeFileSync(join(dir, 'settings.json'), content);
      const kept: string[] = [];
      const file = openSettingsFile(dir, (name) => kept.push(name));
      expect(file.read()).toEqual({});
      expect(kept).toHaveLength(1);
      expect(readFileSync(join(dir, kept[0] ?? ''), 'utf8')).toBe(content);
      file.write({ theme: 'dark' });
      expect(openSettingsFile(dir, never).read()).toEqual({ theme: 'dark' });
    },
  );
});

describe('folders and files', () => {
  it('makes the default folder and resolves links, but wants a named one to be there', () => {
    const made = join(dir, 'a', 'models');
    const [folder] = openModelFolders({ modelDirs: [made], createModelDirs: true });
    symlinkSync(made, join(dir, 'link'));
    const linked = openModelFolders({ modelDirs: [join(dir, 'link'), made], createModelDirs: false });
    expect(linked).toEqual([folder]);
    expect(folder?.id).toMatch(/^[0-9a-f]{16}$/);
    expect(() => openModelFolders({ modelDirs: [join(dir, 'none')], createModelDirs: false })).toThrow(
      FolderError,
    );
  });

  it('does not start without an interface', () => {
    expect(() => loadStaticFiles(dir)).toThrow('not built');
  });
});

describe('a start that fails', () => {
  const options = { host: '127.0.0.1', port: 8080, dataDir: '/data' };
  const system = (code: string) => Object.assign(new Error(code), { code });
  it.each([
    [appError('data_folder_in_use', { pid: 7, address: 'http://127.0.0.1:1' }), 3, 'process 7'],
    [appError('data_folder_in_use', { pid: null, address: null }), 3, 'Another process holds'],
    [appError('store_newer'), 4, 'newer version'],
    [appError('store_damaged'), 4, 'do not pass their check'],
    [appError('store_failed', { reason: 'not_writable' }), 1, 'cannot be written'],
    [appError('disk_full'), 1, 'disk is full'],
    [new FolderError('There is no folder /x.'), 2, 'There is no folder /x.'],
    [system('EADDRINUSE'), 2, '127.0.0.1 port 8080'],
    [system('EADDRNOTAVAIL'), 2, 'no address 127.0.0.1'],
    [system('EACCES'), 2, 'does not allow'],
    [new Error('boom'), 1, 'boom'],
    ['boom', 1, 'boom'],
  ])('%s ends with code %s and a sentence', (error, code, words) => {
    expect(exitCodeOf(error)).toBe(code);
    expect(sentenceOf(error, options)).toContain(words);
  });
});

describe('a stop', () => {
  it('closes once on an echo, and ends hard on a second signal, or when closing hangs', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] });
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    const exits: unknown[] = [];
    const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
      exits.push(code);
      return undefined as never;
    });
    const before = new Map(
      (['SIGTERM', 'SIGINT', 'SIGHUP'] as const).map((name) => [name, process.listeners(name)]),
    );
    let closes = 0;
    onStopRequest(
      () => {
        closes += 1;
        return new Promise(() => {});
      },
      () => {},
    );
    process.emit('SIGINT');
    now = 3;
    process.emit('SIGINT');
    expect([closes, exits]).toEqual([1, []]);
    now = 2_000;
    process.emit('SIGINT');
    expect([closes, exits]).toEqual([1, [1]]);
    vi.advanceTimersByTime(10_000);
    expect(exits).toEqual([1, 1]);
    vi.useRealTimers();
    for (const [name, listeners] of before) {
      for (const listener of process.listeners(name))
        if (!listeners.includes(listener)) process.off(name, listener);
    }
    exit.mockRestore();
    clock.mockRestore();
  });
});

describe('client', () => {
  const places = (hash: string, stored: Record<string, string> = {}) => {
    const replaced: unknown[] = [];
    return {
      replaced,
      stored,
      location: { hash, pathname: '/', search: '?x=1' },
      history: {
        replaceState: (_data: unknown, _unused: string, url?: string | URL | null) => void replaced.push(url),
      },
      sessionStorage: {
        getItem: (key: string) => stored[key] ?? null,
        setItem: (key: string, value: string) => void (stored[key] = value),
      },
    };
  };

  it('takes the token out of the address and keeps it for a reload', () => {
    const first = places('#token=abc');
    expect(takeToken(first)).toBe('abc');
    expect(first.replaced).toEqual(['/?x=1']);
    const reload = places('', first.stored);
    expect([takeToken(reload), reload.replaced]).toEqual(['abc', []]);
    expect(takeToken(places('#token=new', first.stored))).toBe('new');
    expect(takeToken(places('#other'))).toBeNull();
  });

  it.each([
    ['http:', '127.0.0.1:8080', 'ws://127.0.0.1:8080/socket'],
    ['https:', 'box.local', 'wss://box.local/socket'],
  ])('finds the socket of %s//%s', (protocol, host, url) =>
    expect(socketAddress({ protocol, host })).toBe(url),
  );

  it('waits longer after each failure, up to 5 s, spread by a fifth', () => {
    expect([1, 2, 3, 4, 5, 6, 50].map((attempt) => backoffMs(attempt, 0.5))).toEqual([
      250, 500, 1_000, 2_000, 4_000, 5_000, 5_000,
    ]);
    expect([backoffMs(1, 0), backoffMs(1, 1)]).toEqual([200, 300]);
  });
});
