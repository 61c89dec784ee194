import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startCore, type TestCore } from '../support/core.ts';
import { MIB, modelBytes, PIECE, sha256, until, untilEnded } from '../support/downloads/kit.ts';
import { startHub, type Hub, type Repository } from '../support/hub/hub.ts';

// Where the Hub keeps a file in Xet storage it tells the hashes of its blocks; a wrong byte is then looked for in the
// blocks that are wrong.

const REPO = 'lee/shore';
const PATH = 'shore-Q4_0.gguf';
const SIZE = 3 * PIECE + 5 * MIB;
/** In the middle of the second piece: its block reaches into no other. */
const WRONG_BYTE = PIECE + 8 * MIB;

let hub: Hub;
let bytes: Uint8Array;
let repository: Repository;
let core: TestCore;

beforeAll(async () => {
  bytes = await modelBytes(SIZE);
});
beforeEach(async () => {
  hub = await startHub();
  repository = await hub.add(REPO, { files: { [PATH]: bytes }, xetBlockBytes: 4 * MIB });
  core = await startCore(undefined, { startsEngine: false });
  await core.client.settings.update({ hubEndpoint: hub.url });
});
afterEach(async () => {
  await core.close();
  await hub.close();
});

async function downloadWrong(): Promise<string> {
  const wanted = { repo: REPO, revision: repository.revision, path: PATH };
  const { id } = await core.client.downloads.start(wanted);
  expect(await untilEnded(core, id)).toMatchObject({
    state: 'failed',
    error: { code: 'checksum_mismatch', data: { canSearch: true } },
    fetchedBytes: SIZE,
  });
  return id;
}

const ofStorage = () => hub.requests.filter(({ where }) => where === 'cas');

test('the piece of a byte that arrived wrong is found by the hashes of its blocks, and it alone comes again', async () => {
  hub.flip({ offset: WRONG_BYTE, times: 1 });
  const id = await downloadWrong();
  // Asked for only when something is wrong.
  expect(ofStorage()).toEqual([]);
  await core.client.downloads.search({ id });
  expect(await untilEnded(core, id)).toMatchObject({ state: 'done', fetchedBytes: SIZE + PIECE });
  expect(sha256(readFileSync(join(core.modelsDir, 'lee', PATH)))).toBe(sha256(bytes));
  expect(ofStorage()).toMatchObject([{ authorization: 'Bearer token-of-the-storage', status: 200 }]);
});

test('blocks that are not told: every piece is looked at', async () => {
  hub.flip({ offset: WRONG_BYTE, times: 1 });
  const id = await downloadWrong();
  hub.fail({ where: 'cas', status: 403 });
  await core.client.downloads.search({ id });
  const done = await untilEnded(core, id);
  expect(done.state).toBe('done');
  expect(done.fetchedBytes).toBeGreaterThan(SIZE + PIECE);
});

test('a server that lies every time: only what is wrong is asked for again, and both hashes are told', async () => {
  hub.flip({ offset: WRONG_BYTE, times: Infinity });
  const id = await downloadWrong();
  await core.client.downloads.search({ id });
  const failed = await until(
    core,
    id,
    ({ state, error }) => state === 'failed' && error?.data['canSearch'] === false,
  );
  expect(failed.error?.data['expected']).toBe(sha256(bytes));
  expect(failed.fetchedBytes).toBe(SIZE + PIECE);
});
