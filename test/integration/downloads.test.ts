import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { MIB, modelBytes, noise, PIECE, sha256, until, untilEnded } from '../support/downloads/kit.ts';
import { startHub, type Hub, type Repository } from '../support/hub/hub.ts';

const REPO = 'lee/shore';
const PATH = 'shore-Q4_0.gguf';
const SIZE = 3 * PIECE + 3 * MIB;

let hub: Hub;
let bytes: Uint8Array;
let repository: Repository;
let core: TestCore;

beforeAll(async () => {
  bytes = await modelBytes(SIZE);
});
beforeEach(async () => {
  hub = await startHub();
  repository = await hub.add(REPO, { files: { [PATH]: bytes }, cardData: { license: 'apache-2.0' } });
  core = await startCore(undefined, { startsEngine: false });
  await core.client.settings.update({ hubEndpoint: hub.url });
});
afterEach(async () => {
  await core.close();
  await hub.close();
});
afterAll(() => {
  bytes = new Uint8Array();
});

const target = () => join(core.modelsDir, 'lee', PATH);
const start = (path = PATH) =>
  core.client.downloads.start({ repo: REPO, revision: repository.revision, path });

async function failureOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  return { code: errorCodeOf(error), details: isAppError(error) ? (error.data.details ?? {}) : {} };
}

describe('a download', () => {
  test('ends verified in the library, over several connections, as the default model', async () => {
    const { id } = await start();
    const done = await untilEnded(core, id);
    expect(done).toMatchObject({
      state: 'done',
      error: null,
      receivedBytes: SIZE,
      pieces: 4,
      checkedPieces: 4,
    });
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
    expect(readdirSync(join(core.modelsDir, 'lee'))).toEqual([PATH]);
    const [model] = await core.client.models.list();
    expect(model).toMatchObject({ id: done.modelId, fileName: PATH, available: true });
    expect((await core.client.settings.get()).defaultModelId).toBe(done.modelId);
    const { ranges } = hub.traffic(REPO, PATH);
    expect(ranges.length).toBeGreaterThan(4);
    // The probe and nothing else came twice.
    expect(done.fetchedBytes).toBe(SIZE);

    const provenance = await core.client.models.provenance({ id: done.modelId ?? '' });
    expect(provenance).toMatchObject({
      repo: REPO,
      revision: repository.revision,
      licence: 'apache-2.0',
      files: [{ path: PATH, sizeBytes: SIZE, sha256: sha256(bytes) }],
    });
  });

  test('is told at most four times a second', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const at: number[] = [];
    core.app.events.on(({ type }) => type === 'downloads.changed' && at.push(performance.now()));
    const { id } = await start();
    await untilEnded(core, id);
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(240);
  });

  test('goes on where it was paused; what was begun of a piece is not fetched again', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > PIECE);
    await core.client.downloads.pause({ id });
    const paused = await until(core, id, ({ state }) => state === 'paused');
    expect(paused).toMatchObject({ pauseReason: 'user', bytesPerSecond: null });
    expect(existsSync(target())).toBe(false);
    expect(await core.client.models.list()).toEqual([]);
    hub.behaviour.bytesPerSecond = null;
    await core.client.downloads.resume({ id });
    const done = await untilEnded(core, id);
    expect(done).toMatchObject({ state: 'done', fetchedBytes: SIZE });
    expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
  });

  test('goes on after the app was quit, by the user’s word', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > PIECE);
    const { dataDir, modelsDir } = core;
    const folders = join(dataDir, '..');
    await core.app.close();
    hub.behaviour.bytesPerSecond = null;
    const second = await startCore({ dataDir, modelsDir }, { startsEngine: false });
    try {
      await second.client.settings.update({ hubEndpoint: hub.url });
      const [waiting] = await second.client.downloads.list();
      expect(waiting).toMatchObject({ id, state: 'paused', pauseReason: 'restart' });
      expect(waiting?.receivedBytes).toBeGreaterThan(PIECE);
      await second.client.downloads.resume({ id });
      expect(await untilEnded(second, id)).toMatchObject({ state: 'done', fetchedBytes: SIZE });
      expect(sha256(readFileSync(target()))).toBe(sha256(bytes));
    } finally {
      await second.close();
      expect(existsSync(folders)).toBe(true);
    }
  });

  test('the same file twice is one, and another repository with the same content too', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const other = await hub.add('other/copy', { files: { 'copy.gguf': bytes } });
    const first = await start();
    const [again, copy] = await Promise.all([
      start(),
      core.client.downloads.start({ repo: 'other/copy', revision: other.revision, path: 'copy.gguf' }),
    ]);
    expect([again.id, copy.id]).toEqual([first.id, first.id]);
    expect(await core.client.downloads.list()).toHaveLength(1);
  });

  test('waits while another runs', async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
    const small = await modelBytes(2 * MIB, 2);
    const next = await hub.add('lee/second', { files: { 'second.gguf': small } });
    const first = await start();
    const second = await core.client.downloads.start({
      repo: 'lee/second',
      revision: next.revision,
      path: 'second.gguf',
    });
    expect(second.state).toBe('waiting');
    await core.client.downloads.pause({ id: first.id });
    expect(await untilEnded(core, second.id)).toMatchObject({ state: 'done' });
    expect(await until(core, first.id, () => true)).toMatchObject({ state: 'paused' });
  });

  test('all parts come as one, and the model appears when all are right', async () => {
    const names = [1, 2].map((part) => `split-0000${part}-of-00002.gguf`);
    const halves = [noise(20 * MIB, 5), noise(18 * MIB, 6)];
    const split = await hub.add('lee/split', {
      files: Object.fromEntries(
        names.map((name, index) => [`Q4/${name}`, halves[index] ?? new Uint8Array()]),
      ),
    });
    const { id, sizeBytes } = await core.client.downloads.start({
      repo: 'lee/split',
      revision: split.revision,
      path: `Q4/${names[0] ?? ''}`,
    });
    expect(sizeBytes).toBe(38 * MIB);
    // Noise is no model: everything came and was proven, and the header is refused.
    expect(await untilEnded(core, id)).toMatchObject({
      state: 'failed',
      error: { code: 'model_not_gguf' },
      fetchedBytes: 38 * MIB,
    });
    for (const [index, name] of names.entries()) {
      expect(sha256(readFileSync(join(core.modelsDir, 'lee', name)))).toBe(sha256(halves[index] ?? bytes));
    }
    await core.client.downloads.cancel({ id, keep: false });
    expect(existsSync(join(core.modelsDir, 'lee'))).toBe(false);
  });
});

describe('ending a download', () => {
  beforeEach(async () => {
    hub.behaviour.bytesPerSecond = 60 * MIB;
  });

  test('kept: a later start goes on with what is here', async () => {
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > PIECE);
    await core.client.downloads.cancel({ id, keep: true });
    expect(await core.client.downloads.list()).toEqual([]);
    expect(existsSync(`${target()}.part`)).toBe(true);
    hub.behaviour.bytesPerSecond = null;
    const again = await start();
    expect(again.id).toBe(id);
    expect(await untilEnded(core, id)).toMatchObject({ state: 'done', fetchedBytes: SIZE });
  });

  test('deleted: nothing stays', async () => {
    const { id } = await start();
    await until(core, id, ({ receivedBytes }) => receivedBytes > 0);
    await core.client.downloads.cancel({ id, keep: false });
    expect(await core.client.downloads.list()).toEqual([]);
    expect(existsSync(join(core.modelsDir, 'lee'))).toBe(false);
    expect(readdirSync(join(core.dataDir, 'downloads'))).toEqual([]);
    expect((await failureOf(core.client.downloads.resume({ id }))).code).toBe('not_found');
  });

  test('a finished one is taken off the list; its model and its proof stay until the model goes', async () => {
    hub.behaviour.bytesPerSecond = null;
    const { id } = await start();
    const { modelId } = await untilEnded(core, id);
    await core.client.downloads.clear({ id });
    expect(await core.client.downloads.list()).toEqual([]);
    const model = { id: modelId ?? '' };
    expect(await core.client.models.provenance(model)).not.toBeNull();
    await core.client.models.remove(model);
    expect(await core.client.models.provenance(model)).toBeNull();
  });

  test('one that has not ended is not cleared', async () => {
    const { id } = await start();
    expect((await failureOf(core.client.downloads.clear({ id }))).code).toBe('conflict');
  });
});

describe('a file that is there already', () => {
  beforeEach(() => mkdirSync(join(core.modelsDir, 'lee')));

  test('the right one is added without a download', async () => {
    writeFileSync(target(), bytes);
    const { id } = await start();
    expect(await untilEnded(core, id)).toMatchObject({ state: 'done', fetchedBytes: 0 });
    expect(await core.client.models.list()).toHaveLength(1);
    expect(
      await core.client.models.provenance({ id: (await core.client.models.list())[0]?.id ?? '' }),
    ).toMatchObject({
      repo: REPO,
    });
  });

  test.each([
    ['of another size', 1_000],
    ['of the same size', SIZE],
  ])('another one %s keeps its name', async (_which, length) => {
    const other = noise(length, 9);
    writeFileSync(target(), other);
    const { id } = await start();
    expect(await untilEnded(core, id)).toMatchObject({ state: 'done' });
    expect(sha256(readFileSync(target()))).toBe(sha256(other));
    const own = join(core.modelsDir, 'lee', `shore ${repository.revision.slice(0, 8)}`, PATH);
    expect(sha256(readFileSync(own))).toBe(sha256(bytes));
  });
});
