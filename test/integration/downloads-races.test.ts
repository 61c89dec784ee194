import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Download } from '../../src-main/contract/index.ts';
import { MIB, noise, PIECE } from '../support/downloads/kit.ts';
import { startLocal, type LocalDownloads } from '../support/downloads/local.ts';
import { startHub, type Hub, type Repository } from '../support/hub/hub.ts';

// What else happens while a download waits or runs: a second wish of the user, a file of the user.

const REPO = 'lee/shore';
const PATH = 'shore-Q4_0.gguf';
const SIZE = 2 * PIECE + 5 * MIB;

let hub: Hub;
let bytes: Uint8Array;
let repository: Repository;
let local: LocalDownloads;

beforeAll(() => {
  bytes = noise(SIZE, 5);
});
beforeEach(async () => {
  hub = await startHub();
  repository = await hub.add(REPO, { files: { [PATH]: bytes } });
  hub.behaviour.bytesPerSecond = 30_000_000;
  local = await startLocal({ endpoint: hub.url, retryDelaysMs: [10] });
});
afterEach(async () => {
  await local.close();
  await hub.close();
});

const start = () => local.downloads.start({ repo: REPO, revision: repository.revision, path: PATH });
const begun = ({ receivedBytes }: Download) => receivedBytes > MIB;
const untilEnded = (id: string) => local.until(id, ({ state }) => state === 'done' || state === 'failed');
const target = () => join(local.folder, 'lee', PATH);

async function startAndPause(): Promise<Download> {
  const download = await start();
  await local.until(download.id, begun);
  await local.downloads.pause(download.id);
  return download;
}

describe('a paused download', () => {
  test('that is resumed three times at once runs once', async () => {
    const { id } = await startAndPause();
    await Promise.all([local.downloads.resume(id), local.downloads.resume(id), local.downloads.resume(id)]);
    const { state, fetchedBytes } = await untilEnded(id);
    expect(state).toBe('done');
    // A second run would fetch all of it again.
    expect(fetchedBytes).toBeLessThan(SIZE + 4 * MIB);
  });

  test('that is cancelled while it resumes leaves nothing behind', async () => {
    const { id } = await startAndPause();
    const resumed = local.downloads.resume(id).catch(() => {});
    await local.downloads.cancel(id, { keep: false });
    await resumed;
    expect(await local.downloads.list()).toEqual([]);
    expect(readdirSync(join(local.dataDir, 'downloads'))).toEqual([]);
  });

  test('that is paused while it resumes stays paused', async () => {
    const { id } = await startAndPause();
    const resumed = local.downloads.resume(id);
    await local.downloads.pause(id);
    await resumed;
    expect((await local.downloads.list()).map(({ state }) => state)).toEqual(['paused']);
  });
});

describe('a file of the user', () => {
  test('that comes under the final name meanwhile is kept; the model gets another name', async () => {
    const { id } = await start();
    await local.until(id, begun);
    writeFileSync(target(), 'mine');
    expect((await untilEnded(id)).state).toBe('done');
    expect(readFileSync(target(), 'utf8')).toBe('mine');
    const files = readdirSync(local.folder, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.gguf'))).toHaveLength(2);
  });

  test('that has the name of the partial file is neither written to nor deleted', async () => {
    const foreign = `${target()}.part`;
    mkdirSync(join(local.folder, 'lee'), { recursive: true });
    writeFileSync(foreign, 'mine');
    const { id } = await start();
    await local.until(id, begun);
    await local.downloads.cancel(id, { keep: false });
    expect(existsSync(foreign)).toBe(true);
    expect(readFileSync(foreign, 'utf8')).toBe('mine');
  });
});
