import { existsSync, readFileSync } from 'node:fs';
import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { MIB, modelBytes, PIECE, sha256, until, untilEnded } from '../support/downloads/kit.ts';
import { startHub, type Hub, type Repository } from '../support/hub/hub.ts';

const REPO = 'lee/shore';
const PATH = 'shore-Q4_0.gguf';
const SIZE = 2 * PIECE + 5 * MIB;

let hub: Hub;
let bytes: Uint8Array;
let repository: Repository;
let core: TestCore;

beforeAll(async () => {
  bytes = await modelBytes(SIZE);
});
beforeEach(async () => {
  hub = await startHub();
  repository = await hub.add(REPO, { files: { [PATH]: bytes } });
  core = await startCore(undefined, { startsEngine: false });
  await core.client.settings.update({ hubEndpoint: hub.url });
});
afterEach(async () => {
  await core.close();
  await hub.close();
});

const target = () => join(core.modelsDir, 'lee', PATH);
const { expectDone, start } = {
  start: () => core.client.downloads.start({ repo: REPO, revision: repository.revision, path: PATH }),
  async expectDone(id: string) {
    const done = await untilEnded(core, id);
    expect(done).toMatchObject({ state: 'done', error: null });
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
    return done;
  },
};

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

/** Inverts a byte of a file on the disk. */
async function flipOnDisk(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, offset);
  await file.close();
}

describe('a server that misbehaves', () => {
  test('connections that end in the middle: the next goes on at the same byte', async () => {
    for (const afterBytes of [1, 700_000, 5 * MIB, PIECE + 1]) hub.cut({ afterBytes });
    const { id } = await start();
    const { fetchedBytes } = await expectDone(id);
    expect(fetchedBytes).toBe(SIZE);
  });

  test('bodies without a length that end early are short reads, and gone on with', async () => {
    hub.behaviour.contentLength = false;
    for (const afterBytes of [10_000, 3 * MIB]) hub.cut({ afterBytes });
    const { id } = await start();
    expect((await expectDone(id)).fetchedBytes).toBe(SIZE);
  });

  test('errors that pass are tried again', async () => {
    const { id } = await start();
    hub.fail({ where: 'cdn', status: 503, times: 3 });
    await expectDone(id);
  });

  test('429 with Retry-After is waited for', async () => {
    hub.behaviour.bytesPerSecond = 200 * MIB;
    hub.fail({ where: 'cdn', status: 429, retryAfter: '1', times: 2 });
    const startedAt = performance.now();
    const { id } = await start();
    await expectDone(id);
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    expect(hub.requests.filter(({ status }) => status === 429).length).toBe(2);
  });

  test('links that expired are asked for again', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > 2 * MIB);
    await core.client.downloads.pause({ id });
    hub.expireLinks();
    hub.behaviour.bytesPerSecond = null;
    hub.behaviour.linkLifetimeMs = 300;
    await core.client.downloads.resume({ id });
    await expectDone(id);
  });

  test('a link that expires while others use it does not end the download', async () => {
    hub.behaviour.bytesPerSecond = 6 * MIB;
    // One for the first look of `start`, and one for each connection.
    hub.cut({ afterBytes: MIB, times: 4 });
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > 0);
    hub.expireLinks();
    hub.behaviour.bytesPerSecond = null;
    await expectDone(id);
    expect(hub.requests.some(({ where, status }) => where === 'cdn' && status === 403)).toBe(true);
  });

  test('without ranges one stream fetches it; cut off, it begins again and keeps whole pieces', async () => {
    hub.behaviour.ranges = false;
    const { id } = await start();
    await untilEnded(core, id).then(({ state }) => expect(state).toBe('done'));
    await core.client.models.remove({ id: (await core.client.models.list())[0]?.id ?? '' });
    await core.client.downloads.clear({ id });
    await rm(target());
    const again = await start();
    hub.cut({ afterBytes: PIECE + MIB });
    const done = await untilEnded(core, again.id);
    expect(done).toMatchObject({ state: 'done', fetchedBytes: SIZE + PIECE + MIB });
  });

  test('another file under the same name is told, not mixed in', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > 2 * MIB);
    await core.client.downloads.pause({ id });
    await repository.replace(PATH, await modelBytes(SIZE, 77));
    hub.expireLinks();
    await core.client.downloads.resume({ id });
    expect(await untilEnded(core, id)).toMatchObject({ state: 'failed', error: { code: 'file_changed' } });
    expect(existsSync(target())).toBe(false);
  });

  test('gated, unknown and without a hash: an error before anything is queued', async () => {
    const gated = await hub.add('lee/gated', { files: { [PATH]: bytes }, gated: 'manual' });
    const call = (repo: string, revision: string, path: string) =>
      codeOf(core.client.downloads.start({ repo, revision, path }));
    expect(await call('lee/gated', gated.revision, PATH)).toBe('hub_gated');
    expect(await call('lee/none', repository.revision, PATH)).not.toBe('no error');
    expect(await call(REPO, repository.revision, 'none.gguf')).toBe('not_found');
    expect(await core.client.downloads.list()).toEqual([]);
  });
});

describe('proof', () => {
  test('a byte that changed on this disk: only its piece is fetched again', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > PIECE + 6 * MIB);
    await core.client.downloads.pause({ id });
    hub.behaviour.bytesPerSecond = null;
    const part = `${target()}.part`;
    await flipOnDisk(part, 1_000);
    await core.client.downloads.resume({ id });
    const { fetchedBytes } = await expectDone(id);
    expect(fetchedBytes - SIZE).toBeGreaterThan(0);
    expect(fetchedBytes - SIZE).toBeLessThanOrEqual(PIECE);
  });

  test('a byte that arrived wrong is found and repaired when the user says so', async () => {
    hub.flip({ offset: PIECE + 77, times: 1 });
    const { id } = await start();
    const failed = await untilEnded(core, id);
    expect(failed).toMatchObject({
      state: 'failed',
      error: {
        code: 'checksum_mismatch',
        data: { expected: sha256(bytes), canSearch: true, searchBytes: SIZE },
      },
      fetchedBytes: SIZE,
    });
    expect(failed.error?.data['actual']).toMatch(/^[0-9a-f]{64}$/);
    expect(failed.error?.data['actual']).not.toBe(sha256(bytes));
    expect(existsSync(target())).toBe(false);
    expect(await core.client.models.list()).toEqual([]);

    await core.client.downloads.search({ id });
    const { fetchedBytes } = await expectDone(id);
    expect(fetchedBytes).toBeGreaterThan(SIZE);
    expect(fetchedBytes).toBeLessThanOrEqual(2 * SIZE);
  });

  test('a piece that had trouble on its way is looked at first', async () => {
    // One for the first look of `start`, and one for the connection that gets the first piece.
    hub.cut({ afterBytes: 2 * MIB, times: 2 });
    hub.flip({ offset: 3 * MIB, times: 1 });
    const { id } = await start();
    expect(await untilEnded(core, id)).toMatchObject({
      state: 'failed',
      error: { code: 'checksum_mismatch' },
    });
    await core.client.downloads.search({ id });
    expect((await expectDone(id)).fetchedBytes).toBe(SIZE + PIECE);
  });

  test('a server that lies every time: the message has both hashes, and nothing is left to look for', async () => {
    hub.flip({ offset: PIECE + 5, times: Infinity });
    const { id } = await start();
    const first = await untilEnded(core, id);
    expect(first).toMatchObject({ state: 'failed', error: { data: { canSearch: true } } });
    await core.client.downloads.search({ id });
    const last = await until(
      core,
      id,
      ({ state, error }) => state === 'failed' && error?.data['canSearch'] === false,
    );
    expect(last.error).toMatchObject({
      code: 'checksum_mismatch',
      data: { expected: sha256(bytes), canSearch: false, actual: first.error?.data['actual'] },
    });
    expect(last.fetchedBytes).toBe(2 * SIZE);
    expect(await codeOf(core.client.downloads.search({ id }))).toBe('conflict');
    expect(existsSync(target())).toBe(false);
  });

  test('a model is looked at again; what changed is fetched again, a piece at most', async () => {
    const { id } = await start();
    const { modelId } = await expectDone(id);
    const model = { id: modelId ?? '' };
    const clean = await core.client.models.verify(model);
    expect(clean).toMatchObject({ kind: 'verify', modelId });
    expect(await untilEnded(core, clean.id)).toMatchObject({
      state: 'done',
      checkedPieces: 3,
      damagedPieces: 0,
    });
    const provenance = await core.client.models.provenance(model);
    expect(provenance?.verifyMs).toBeGreaterThan(0);

    await flipOnDisk(target(), PIECE + 9);
    const second = await core.client.models.verify(model);
    const damaged = await untilEnded(core, second.id);
    expect(damaged).toMatchObject({
      state: 'failed',
      damagedPieces: 1,
      error: { code: 'checksum_mismatch', data: { expected: sha256(bytes), damagedBytes: PIECE } },
    });
    await core.client.downloads.resume({ id: second.id });
    const repaired = await untilEnded(core, second.id);
    expect(repaired).toMatchObject({ state: 'done', damagedPieces: 0, fetchedBytes: PIECE });
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
    await core.client.downloads.clear({ id: second.id });
    expect((await core.client.downloads.list()).map(({ kind }) => kind)).toEqual(['download']);
  });

  test('a model that was cut short is made whole again', async () => {
    const { id } = await start();
    const { modelId } = await expectDone(id);
    await truncate(target(), PIECE);
    const { id: look } = await core.client.models.verify({ id: modelId ?? '' });
    expect(await untilEnded(core, look)).toMatchObject({ state: 'failed', damagedPieces: 2 });
    await core.client.downloads.resume({ id: look });
    expect(await untilEnded(core, look)).toMatchObject({ state: 'done', fetchedBytes: SIZE - PIECE });
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
  });
});

describe('offline', () => {
  test('refuses with the reason, in the ledger; one download may be allowed', async () => {
    await core.client.privacy.setOffline({ offline: true });
    const wanted = { repo: REPO, revision: repository.revision, path: PATH };
    expect(await codeOf(core.client.downloads.start(wanted))).toBe('offline');
    expect(hub.requests).toEqual([]);
    const { entries } = await core.client.privacy.ledger({ outcome: 'refused' });
    expect(entries).toMatchObject([{ host: '127.0.0.1', purpose: 'models.download' }]);
    const { id } = await core.client.downloads.start({ ...wanted, allowOnce: true });
    await expectDone(id);
    expect(await core.client.privacy.state()).toMatchObject({ offline: true, open: [] });
  });

  test('switched on while it runs: paused with the reason, resumed later', async () => {
    hub.behaviour.bytesPerSecond = 40 * MIB;
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > MIB);
    await core.client.privacy.setOffline({ offline: true });
    expect(await untilEnded(core, id)).toMatchObject({ state: 'paused', pauseReason: 'offline' });
    expect(await codeOf(core.client.downloads.resume({ id }))).toBe('offline');
    await core.client.privacy.setOffline({ offline: false });
    hub.behaviour.bytesPerSecond = null;
    await core.client.downloads.resume({ id });
    expect((await expectDone(id)).fetchedBytes).toBe(SIZE);
  });
});
