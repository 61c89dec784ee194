import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { systemDisk, type Disk } from '../../src-main/downloads/part-file.ts';
import { MIB, noise, PIECE, sha256 } from '../support/downloads/kit.ts';
import { startLocal, type LocalDownloads, type LocalOptions } from '../support/downloads/local.ts';
import { startHub, type Hub, type Repository } from '../support/hub/hub.ts';

const REPO = 'lee/shore';
const PATH = 'shore-Q4_0.gguf';
const SIZE = 2 * PIECE + 5 * MIB;
/** Retries without the waits of real networks. */
const AT_ONCE = [1];

let hub: Hub;
let bytes: Uint8Array;
let repository: Repository;
let local: LocalDownloads;

beforeAll(() => {
  bytes = noise(SIZE, 3);
});
beforeEach(async () => {
  hub = await startHub();
  repository = await hub.add(REPO, { files: { [PATH]: bytes } });
});
afterEach(async () => {
  await local.close();
  await hub.close();
});

const open = async (options: Partial<LocalOptions> = {}) =>
  void (local = await startLocal({ endpoint: hub.url, ...options }));
const start = () => local.downloads.start({ repo: REPO, revision: repository.revision, path: PATH });
const untilEnded = (id: string) =>
  local.until(id, ({ state }) => state === 'done' || state === 'failed' || state === 'paused');
const target = () => join(local.folder, 'lee', PATH);
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => ({ code: 'no error', details: {} }),
    (error: unknown) => ({
      code: errorCodeOf(error),
      details: isAppError(error) ? (error.data.details ?? {}) : {},
    }),
  );

/** A disk with so much room; what does not fit fails as on a real one. */
function smallDisk(room: { bytes: number }, told = Infinity): Disk {
  const full = () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
  return {
    freeBytes: async () => Math.max(0, Math.min(told, room.bytes)),
    async open(path, options) {
      const handle = await systemDisk.open(path, options);
      const writev = handle.writev.bind(handle);
      handle.writev = async (buffers, position) => {
        const length = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
        if (length > room.bytes) return full();
        room.bytes -= length;
        return writev(buffers, position);
      };
      return handle;
    },
  };
}

describe('the disk', () => {
  test('too little room is told before anything is fetched', async () => {
    await open({ disk: smallDisk({ bytes: SIZE - 1 }) });
    expect(await failureOf(start())).toEqual({
      code: 'disk_full',
      details: { needBytes: SIZE, freeBytes: SIZE - 1 },
    });
    expect(hub.traffic(REPO, PATH).bytes).toBe(0);
    expect(await local.downloads.list()).toEqual([]);
  });

  test('what other downloads still need counts as taken', async () => {
    hub.behaviour.bytesPerSecond = 20 * MIB;
    const other = await hub.add('lee/other', { files: { 'other.gguf': noise(MIB, 8) } });
    await open({ disk: { ...systemDisk, freeBytes: async () => SIZE + 1_000 } });
    const { id } = await start();
    const second = { repo: 'lee/other', revision: other.revision, path: 'other.gguf' };
    expect((await failureOf(local.downloads.start(second))).code).toBe('disk_full');
    await local.downloads.cancel(id, { keep: false });
    expect((await failureOf(local.downloads.start(second))).code).toBe('no error');
  });

  test('that fills meanwhile pauses, and nothing is lost', async () => {
    const room = { bytes: SIZE };
    await open({ disk: smallDisk(room) });
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await local.until(id, ({ receivedBytes }) => receivedBytes > PIECE);
    room.bytes = 0;
    const paused = await untilEnded(id);
    expect(paused).toMatchObject({ state: 'paused', pauseReason: 'disk_full', error: null });
    expect((await failureOf(local.downloads.resume(id))).code).toBe('disk_full');
    room.bytes = SIZE;
    await local.downloads.resume(id);
    const done = await untilEnded(id);
    expect(done.state).toBe('done');
    // At most what was in memory when the disk was full.
    expect(done.fetchedBytes - SIZE).toBeLessThanOrEqual(4 * PIECE);
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
  });
});

describe('offline', () => {
  test('the wrong part is looked for when the user lets this one through, and not before', async () => {
    await open({ retryDelaysMs: AT_ONCE });
    hub.flip({ offset: PIECE + 99 });
    const { id } = await start();
    expect(await untilEnded(id)).toMatchObject({ state: 'failed', error: { data: { canSearch: true } } });
    await local.setOffline(true);
    expect((await failureOf(local.downloads.search(id))).code).toBe('offline');
    await local.downloads.search(id, { allowOnce: true });
    await local.until(id, ({ state }) => state === 'done');
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
  });
});

describe('a file of the library that has gone', () => {
  test('is told as missing when it is repaired; nothing is made in its place, nothing fetched', async () => {
    await open();
    const { id } = await start();
    const { modelId } = await untilEnded(id);
    const changed = Buffer.from(bytes);
    changed[PIECE + 7] = (changed[PIECE + 7] ?? 0) ^ 0xff;
    writeFileSync(target(), changed);
    const look = await local.downloads.verify(modelId ?? '');
    expect(await untilEnded(look.id)).toMatchObject({ state: 'failed', damagedPieces: 1 });
    // The disk was taken out: its folder is gone too.
    rmSync(dirname(target()), { recursive: true });
    const before = hub.traffic(REPO, PATH).bytes;
    await local.downloads.resume(look.id);
    const ended = await local.until(look.id, ({ error }) => error?.code === 'model_file_missing');
    expect(ended.state).toBe('failed');
    expect(existsSync(target())).toBe(false);
    expect(existsSync(dirname(target()))).toBe(false);
    expect(hub.traffic(REPO, PATH).bytes).toBe(before);
  });
});

describe('a download that ends while it is cancelled', () => {
  test('is deleted as asked: no file, no model', async () => {
    const reached = Promise.withResolvers<undefined>();
    const held = Promise.withResolvers<undefined>();
    await open({
      async beforeAdd() {
        reached.resolve(undefined);
        await held.promise;
      },
    });
    const { id } = await start();
    await reached.promise;
    const cancelled = local.downloads.cancel(id, { keep: false });
    held.resolve(undefined);
    await cancelled;
    expect(await local.library()).toEqual([]);
    expect(existsSync(target())).toBe(false);
    expect(await local.downloads.list()).toEqual([]);
  });
});

describe('the network', () => {
  test('that gives a byte at a time is not asked for ever', async () => {
    await open({ retryDelaysMs: AT_ONCE });
    hub.cut({ afterBytes: 1, times: Infinity });
    const { id } = await start();
    expect(await untilEnded(id)).toMatchObject({ state: 'paused', pauseReason: 'network' });
    expect(hub.requests.length).toBeLessThan(100);
  });

  test('that is gone: tried again a number of times, then paused; what has come is kept', async () => {
    await open({ retryDelaysMs: AT_ONCE });
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await local.until(id, ({ receivedBytes }) => receivedBytes > PIECE);
    hub.cut({ afterBytes: 0, times: Infinity });
    hub.fail({ where: 'cdn', status: 502, times: Infinity });
    hub.fail({ where: 'resolve', status: 502, times: Infinity });
    await local.downloads.pause(id);
    await local.downloads.resume(id);
    expect(await untilEnded(id)).toMatchObject({ state: 'paused', pauseReason: 'network' });
    const refused = hub.requests.filter(({ status }) => status === 502).length;
    expect(refused).toBeGreaterThan(3);
    expect(refused).toBeLessThan(40);
    hub.reset();
    await local.downloads.resume(id);
    expect(await untilEnded(id)).toMatchObject({ state: 'done', fetchedBytes: SIZE });
  });

  test('a wait longer than anyone waits for pauses at once', async () => {
    await open({ retryDelaysMs: AT_ONCE });
    const { id } = await start();
    await untilEnded(id);
    const other = await hub.add('lee/other', { files: { 'other.gguf': noise(MIB, 8) } });
    hub.fail({ where: 'cdn', status: 429, retryAfter: '86400', times: Infinity });
    const second = await local.downloads.start({
      repo: 'lee/other',
      revision: other.revision,
      path: 'other.gguf',
    });
    expect(await untilEnded(second.id)).toMatchObject({ state: 'paused', pauseReason: 'network' });
  });
});

describe('a gated model', () => {
  test('comes with a token, which its storage never sees', async () => {
    hub.tokens.add('hf_secret');
    const gated = await hub.add('lee/gated', { files: { [PATH]: bytes }, gated: 'manual' });
    await open({ hubToken: 'hf_secret' });
    const { id } = await local.downloads.start({ repo: 'lee/gated', revision: gated.revision, path: PATH });
    expect(await untilEnded(id)).toMatchObject({ state: 'done' });
    const resolves = hub.requests.filter(({ where }) => where === 'resolve');
    expect(resolves.every(({ authorization }) => authorization === 'Bearer hf_secret')).toBe(true);
  });
});
