import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAppError } from '../../src-main/contract/index.ts';
import { acquireDataFolder, isStale } from '../../src-main/data-folder.ts';
import { temporaryFolder } from '../support/store/fixtures.ts';

const holderScript = fileURLToPath(new URL('../support/store/hold-data-folder.ts', import.meta.url));

let folder: ReturnType<typeof temporaryFolder>;
let dir: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = temporaryFolder();
  dir = join(folder.path, 'data');
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  folder.dispose();
});

const me = { pid: process.pid, address: null };
const lockFile = () => join(dir, 'leeward.lock');

/** Starts a process that locks the folder; its first line says `held` or the error. */
async function startHolder(
  address: string,
  options: { dir?: string; giveUpRoot?: boolean } = {},
): Promise<{ child: ChildProcess; answer: unknown }> {
  const args = [holderScript, options.dir ?? dir, address, options.giveUpRoot ? 'give-up-root' : ''];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const { value } = await lines[Symbol.asyncIterator]().next();
  return { child, answer: JSON.parse(String(value)) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    if (isAppError(error)) return { code: error.code, details: error.data.details };
    throw error;
  }
  return 'no error';
}

describe('the lock of the data folder', () => {
  test('makes the folder and keeps it private', () => {
    const lock = acquireDataFolder(join(dir, 'deeper'), me);
    expect(statSync(join(dir, 'deeper')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'deeper', 'leeward.lock')).mode & 0o777).toBe(0o600);
    lock.release();
    chmodSync(dir, 0o755);
    acquireDataFolder(dir, me).release();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dir)).toEqual(['deeper']);
  });

  test('a second process hears who holds it and where', async () => {
    const lock = acquireDataFolder(dir, me);
    lock.setAddress('http://127.0.0.1:4000');
    expect((await startHolder('')).answer).toEqual({
      code: 'data_folder_in_use',
      details: { pid: process.pid, address: 'http://127.0.0.1:4000' },
    });
    expect(failureOf(() => acquireDataFolder(dir, me))).toMatchObject({ code: 'data_folder_in_use' });
    lock.release();
    lock.release();
    const { child, answer } = await startHolder('http://127.0.0.1:4001');
    expect(answer).toBe('held');
    expect(failureOf(() => acquireDataFolder(dir, me))).toEqual({
      code: 'data_folder_in_use',
      details: { pid: child.pid, address: 'http://127.0.0.1:4001' },
    });
  });

  test('the lock of a killed process is taken over; its late release harms nobody', async () => {
    const { child } = await startHolder('');
    await end(child, 'SIGKILL');
    expect(existsSync(lockFile())).toBe(true);
    const lock = acquireDataFolder(dir, me);
    expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toMatchObject({ pid: process.pid });
    lock.release();
    const old = acquireDataFolder(dir, me);
    writeFileSync(lockFile(), readFileSync(lockFile(), 'utf8').replace(/"nonce":"[^"]+"/, '"nonce":"other"'));
    old.setAddress('http://127.0.0.1:1');
    old.release();
    expect(readFileSync(lockFile(), 'utf8')).toContain('"nonce":"other"');
  });

  test('of many processes that find the same stale lock exactly one gets it', async () => {
    const { child } = await startHolder('');
    await end(child, 'SIGKILL');
    const answers = (await Promise.all(Array.from({ length: 8 }, () => startHolder('')))).map(
      ({ answer }) => answer,
    );
    expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
    expect(answers.filter((answer) => answer !== 'held')).toEqual(
      Array.from({ length: 7 }, () => expect.objectContaining({ code: 'data_folder_in_use' })),
    );
  });

  test('a pid that came round again is another process', () => {
    acquireDataFolder(dir, me);
    const earlier = readFileSync(lockFile(), 'utf8');
    writeFileSync(
      lockFile(),
      earlier.replace(/"processStart":"[^"]+"/, '"processStart":"an-earlier-boot 1"'),
    );
    const lock = acquireDataFolder(dir, me);
    expect(readFileSync(lockFile(), 'utf8')).not.toContain('an-earlier-boot');
    lock.release();
  });

  test('a lock cut off while it was written, and what a kill left of a takeover, do not lock the user out', () => {
    mkdirSync(dir);
    writeFileSync(lockFile(), '{"pid": 1');
    const leftovers = [`${lockFile()}.takeover`, `${lockFile()}.0f0e0d0c-0000-4000-8000-000000000000`];
    for (const path of leftovers) {
      writeFileSync(path, '');
      utimesSync(path, 1, 1);
    }
    const lock = acquireDataFolder(dir, me);
    expect(readdirSync(dir)).toEqual(['leeward.lock']);
    lock.release();
  });

  test('a file in place of the folder, or of one above it, is a typed error', () => {
    writeFileSync(dir, '');
    const notAFolder = { code: 'store_failed', details: { reason: 'not_a_folder' } };
    expect(failureOf(() => acquireDataFolder(dir, me))).toEqual(notAFolder);
    expect(failureOf(() => acquireDataFolder(join(dir, 'below'), me))).toEqual(notAFolder);
    expect(readFileSync(dir, 'utf8')).toBe('');
  });

  test.skipIf(process.platform === 'win32')('a folder that cannot be written is a typed error', async () => {
    mkdirSync(dir);
    const denied = { code: 'store_failed', details: { reason: 'not_writable' } };
    // Root writes everywhere, so there the child gives root up first.
    const isRoot = process.getuid?.() === 0;
    chmodSync(folder.path, isRoot ? 0o755 : 0o555);
    expect((await startHolder('', { dir: join(dir, 'below'), giveUpRoot: isRoot })).answer).toEqual(
      isRoot ? denied : 'held',
    );
    expect((await startHolder('', { dir: join(folder.path, 'new'), giveUpRoot: isRoot })).answer).toEqual(
      denied,
    );
    chmodSync(folder.path, 0o755);
  });
});

describe('isStale', () => {
  const owner = { processStart: 'boot 5', lockedAtMs: 1_000_000 };
  const facts = { isRunning: true, processStart: 'boot 5', bootedAtMs: 0 };

  test.each([
    ['the same process', owner, facts, false],
    ['no such process', owner, { ...facts, isRunning: false, processStart: null }, true],
    ['the pid started at another tick', owner, { ...facts, processStart: 'boot 6' }, true],
    ['the pid started after another boot', owner, { ...facts, processStart: 'later 5' }, true],
    ['start unknown, locked after boot', { ...owner, processStart: null }, facts, false],
    [
      'start unknown, locked long before boot',
      { ...owner, processStart: null },
      { ...facts, bootedAtMs: 9_000_000 },
      true,
    ],
    [
      'start unknown, within the slack',
      { ...owner, processStart: null },
      { ...facts, bootedAtMs: 1_030_000 },
      false,
    ],
    ['start unreadable now', owner, { ...facts, processStart: null }, false],
  ])('%s', (_, given, now, expected) => {
    expect(isStale(given, now)).toBe(expected);
  });
});
