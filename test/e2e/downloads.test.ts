import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { CATALOGUE } from '../../src-main/hub/catalogue.ts';
import type { AppClient } from '../../src-main/contract/index.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { startHub, type Hub } from '../support/hub/hub.ts';
import { eventually, test, type Stage } from './fixture.ts';
import { HubPage } from './hub-page.ts';

// Models from the hub to the first answer, against the local hub. The same specs on both hosts.

const PIECE_BYTES = 16 * 1024 * 1024;
const REPO = 'maker/Harbour-GGUF';
const FILE = 'harbour-Q4_K_M.gguf';
/** Three pieces, the last one short. */
const LARGE_BYTES = 2 * PIECE_BYTES + 1_000_000;
/** Slow enough to be stopped on the way, fast enough for a test. */
const SLOW_BYTES_PER_SECOND = 3_000_000;

let hub: Hub;
let folder: string;

beforeEach(async () => {
  hub = await startHub();
  folder = await mkdtemp(join(tmpdir(), 'leeward-hub-e2e-'));
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

/** A model that runs; padded at its end, which the format allows, it has as many pieces as a test needs. */
async function modelBytes(name: string, padTo = 0): Promise<Buffer> {
  const file = join(folder, `${name}.gguf`);
  await writeScriptedModel(file, { script: plainScript, name, fileType: 15 });
  const model = await readFile(file);
  return Buffer.concat([model, randomBytes(Math.max(0, padTo - model.length))]);
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function addHarbour({ gated = false, padTo = 0 } = {}) {
  const bytes = await modelBytes('Harbour', padTo);
  const repository = await hub.add(REPO, {
    files: { 'README.md': '# Harbour\nA model for **tests**.', [FILE]: bytes },
    tags: ['license:apache-2.0'],
    cardData: { license: 'apache-2.0' },
    gated: gated ? 'auto' : false,
    gguf: { total: 1_000_000_000, architecture: 'llama', context_length: 4_096 },
  });
  return { bytes, repository };
}

/** Starts the app on the local hub and opens its window. */
async function open(stage: Stage, { firstRunDone = true } = {}) {
  const app = await stage.start();
  const client = await stage.connect(app);
  await client.settings.update({ hubEndpoint: hub.url, firstRunDone });
  const page = new HubPage(await stage.open(app));
  return { app, client, page };
}

/** Opens the page of the model and takes its file. */
async function getHarbour(page: HubPage): Promise<void> {
  await page.openPage(REPO);
  await page.get('Q4_K_M').click();
}

const onlyDownload = async (client: AppClient) => {
  const [download] = await client.downloads.list();
  if (!download) throw new Error('there is no download');
  return download;
};

const savedFile = (stage: Stage) => join(stage.folders.modelsDir, 'maker', FILE);

describe('from the hub', () => {
  test('first run to first answer: one press downloads, checks, adds and loads a model, and opens a chat', async ({
    stage,
  }) => {
    const bytes = await modelBytes('Suggested');
    for (const { repo, quant } of CATALOGUE) {
      await hub.add(repo, { files: { [`suggested-${quant}.gguf`]: bytes }, cardData: { license: 'mit' } });
    }
    const { client, page } = await open(stage, { firstRunDone: false });
    await page.app.firstRun.waitFor();
    // Nothing connects before it is asked to.
    expect(hub.requests).toEqual([]);
    await page.recommended.getByRole('button', { name: /^Download, / }).click();
    // When it is there, the chat opens with it.
    await page.app.chipSays('Ready').waitFor();
    await page.app.ask('Hello');
    await page.app.answered(1);
    expect(await page.app.lastAnswer.innerText()).toContain('I give the same answer to everybody.');

    const [model] = await client.models.list();
    expect(await client.models.provenance({ id: model?.id ?? '' })).toMatchObject({
      licence: 'mit',
      files: [{ sha256: sha256(bytes), sizeBytes: bytes.length }],
    });
    const { entries } = await client.privacy.ledger({});
    expect(new Set(entries.map(({ host }) => host))).toEqual(new Set(['127.0.0.1']));
  });

  test('search, filter, open a page, choose another quant than the recommended one', async ({ stage }) => {
    const small = await modelBytes('Harbour small');
    const large = await modelBytes('Harbour large', small.length + 100_000);
    const gguf = { total: 1_000_000_000, architecture: 'llama', context_length: 4_096 };
    await hub.add(REPO, {
      files: {
        'README.md':
          '---\nlicense: mit\n---\n# Harbour\nA model for **tests**. <img src="https://evil.example/x">',
        [FILE]: small,
        'harbour-Q8_0.gguf': large,
      },
      downloads: 10,
      tags: ['license:mit'],
      cardData: { license: 'mit', base_model: 'maker/Harbour', base_model_relation: 'quantized' },
      gguf,
    });
    await hub.add('other/Harbour-70B-GGUF', {
      files: { 'x-Q4_K_M.gguf': small },
      downloads: 20,
      tags: ['license:apache-2.0'],
      gguf: { ...gguf, total: 70_000_000_000 },
    });
    const { client, page } = await open(stage);
    await page.openFind();
    await page.search('harbour');
    await eventually(() => page.names).toHaveLength(2);
    await page.form.getByLabel('Size').selectOption({ label: 'Up to 9B' });
    await eventually(() => page.names).toHaveLength(1);
    await page.form.getByLabel('Size').selectOption({ label: 'Any size' });
    await eventually(() => page.names).toHaveLength(2);
    await page.form.getByLabel('Licence').selectOption({ label: 'MIT' });
    await eventually(() => page.names).toHaveLength(1);
    await page.results.getByRole('rowheader').getByRole('button').click();

    await page.modelPage.getByText('A model for tests.').waitFor();
    await page.modelPage.getByText('maker/Harbour', { exact: true }).waitFor();
    // A picture would tell its server who reads: none is in the page.
    expect(await page.modelPage.locator('img').count()).toBe(0);
    await page.modelPage.getByText('Recommended: Q8_0, the largest that fits this computer.').waitFor();
    await page.get('Q4_K_M').click();
    await page.verified.waitFor();
    await page.modelPage.getByRole('button', { name: 'On disk, show Q4_K_M' }).waitFor();
    const [model] = await client.models.list();
    expect(model).toMatchObject({ fileName: FILE, sizeBytes: small.length });
    expect(await client.models.provenance({ id: model?.id ?? '' })).toMatchObject({
      baseModels: [{ repo: 'maker/Harbour', relation: 'quantized' }],
      files: [{ path: FILE, sha256: sha256(small) }],
    });
  });

  test('a pasted address opens the page with its file marked; one of another host does not', async ({
    stage,
  }) => {
    await addHarbour();
    const { page } = await open(stage);
    await page.openPage(`https://huggingface.co/${REPO}/blob/main/${FILE}?download=true`);
    await page.quant('Q4_K_M').waitFor();
    await page.openFind();
    await page.search('https://huggingface.co.evil.example/maker/Harbour-GGUF');
    await page.app.text('This is no address of a model').waitFor();
    expect(hub.requests.some(({ url }) => url.includes('evil'))).toBe(false);
  });

  test('offline refuses with the reason, and lets one download through when asked', async ({ stage }) => {
    const { bytes } = await addHarbour();
    const { client, page } = await open(stage);
    await page.openPage(REPO);
    await client.privacy.setOffline({ offline: true });
    hub.reset();
    await page.get('Q4_K_M').click();
    await page.offlineDialog.getByText('127.0.0.1').waitFor();
    expect(hub.requests).toEqual([]);
    // A window that becomes narrow turns the page into a sheet: the question stays above it.
    await page.app.page.setViewportSize({ width: 1000, height: 700 });
    await page.offlineDialog.getByRole('button', { name: 'Keep offline' }).click();
    await page.app.page.getByRole('dialog', { name: 'Model page' }).waitFor();
    await page.app.page.setViewportSize({ width: 1440, height: 900 });
    await page.offlineDialog.waitFor({ state: 'hidden' });
    expect(await client.downloads.list()).toEqual([]);

    await page.get('Q4_K_M').click();
    await page.offlineDialog.getByRole('button', { name: 'Allow this download' }).click();
    await page.verified.waitFor();
    expect(sha256(readFileSync(savedFile(stage)))).toBe(sha256(bytes));
    expect(await client.privacy.state()).toMatchObject({ offline: true, open: [] });
    const { entries } = await client.privacy.ledger({ outcome: 'refused' });
    expect(entries.length).toBeGreaterThan(0);
  });

  test('a gated model without a token says what to do; with one it comes, and only the hub hears it', async ({
    stage,
  }) => {
    const { bytes } = await addHarbour({ gated: true });
    const { client, page } = await open(stage);
    await getHarbour(page);
    await page.app.card('This model asks you to accept its terms').waitFor();
    expect(await client.models.list()).toEqual([]);
    expect(hub.requests.some(({ authorization }) => authorization !== null)).toBe(false);

    hub.tokens.add('hf_of_the_test');
    await page.modelPage.getByRole('button', { name: 'Set the token' }).first().click();
    await page.app.page.getByRole('textbox', { name: 'Token', exact: true }).fill('hf_of_the_test');
    await page.app.button('Save token').click();
    await page.app.text('A token is set').waitFor();
    await getHarbour(page);
    await page.verified.waitFor();
    expect(sha256(readFileSync(savedFile(stage)))).toBe(sha256(bytes));
    const told = hub.requests.filter(({ authorization }) => authorization === 'Bearer hf_of_the_test');
    expect(told.length).toBeGreaterThan(0);
    expect(told.every(({ url }) => url.includes(REPO))).toBe(true);
  });
});

describe('on the way', () => {
  test('pause, quit, start, resume: nothing that was kept is fetched again', async ({ stage }) => {
    // The page of the first run outlives its app for a moment.
    stage.allow(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
    const { bytes } = await addHarbour({ padTo: LARGE_BYTES });
    hub.behaviour.bytesPerSecond = SLOW_BYTES_PER_SECOND;
    const first = await open(stage);
    await getHarbour(first.page);
    await eventually(async () => (await onlyDownload(first.client)).receivedBytes).toBeGreaterThan(1_000_000);
    await first.page.action('Pause').click();
    await first.page.download.getByText('Paused', { exact: true }).waitFor();
    await first.app.stop();
    const fetchedBefore = hub.traffic(REPO, FILE).bytes;
    expect(fetchedBefore).toBeLessThan(bytes.length);

    hub.behaviour.bytesPerSecond = null;
    const second = await open(stage);
    await second.page.openFind();
    const kept = (await onlyDownload(second.client)).receivedBytes;
    expect(kept).toBeGreaterThan(1_000_000);
    await second.page.action('Resume').click();
    await second.page.verified.waitFor();
    expect(sha256(readFileSync(savedFile(stage)))).toBe(sha256(bytes));
    const fetchedAfter = hub.traffic(REPO, FILE).bytes - fetchedBefore;
    // The page reads the header again, which a new run of the app does not know: here the rest of the file alone.
    expect(fetchedAfter).toBeLessThanOrEqual(bytes.length - kept + PIECE_BYTES);
    expect(await second.client.models.list()).toMatchObject([{ fileName: FILE }]);
  });

  test('a byte that the server sends wrong once is found and repaired, and what was fetched is reported', async ({
    stage,
  }) => {
    const { bytes } = await addHarbour({ padTo: LARGE_BYTES });
    const { client, page } = await open(stage);
    await page.openPage(REPO);
    // After the page has read the header: the download meets the fault.
    hub.flip({ path: FILE, offset: PIECE_BYTES + 5_000_000 });
    await page.get('Q4_K_M').click();
    await page.download.getByText('The file does not match its checksum').waitFor();
    expect(await client.models.list()).toEqual([]);
    await page.action('Look for the wrong part').click();
    await page.verified.waitFor();
    expect(sha256(readFileSync(savedFile(stage)))).toBe(sha256(bytes));
    const { fetchedBytes } = await onlyDownload(client);
    expect(fetchedBytes).toBeGreaterThan(bytes.length);
    expect(fetchedBytes).toBeLessThanOrEqual(2 * bytes.length);
    expect(await client.models.list()).toHaveLength(1);
  });

  test('a server that lies every time ends in the checksum message with both hashes', async ({ stage }) => {
    const { bytes } = await addHarbour({ padTo: LARGE_BYTES });
    const { client, page } = await open(stage);
    await page.openPage(REPO);
    const offset = PIECE_BYTES + 5_000_000;
    hub.flip({ path: FILE, offset, times: Infinity });
    await page.get('Q4_K_M').click();
    await page.action('Look for the wrong part').click();
    await page.download.getByText('fetching it again did not help').waitFor();
    await page.action('Details').click();
    await page.download.getByText(sha256(bytes)).waitFor();
    const wrong = Buffer.from(bytes);
    wrong[offset] = (wrong[offset] ?? 0) ^ 0xff;
    await page.download.getByText(sha256(wrong)).waitFor();
    expect(await client.models.list()).toEqual([]);
    await page.action('Delete the file').click();
    await page.download.waitFor({ state: 'hidden' });
  });
});

describe('on this disk', () => {
  test('a byte that changes later is found by Verify again and repaired with one piece', async ({
    stage,
  }) => {
    const { bytes } = await addHarbour({ padTo: LARGE_BYTES });
    const { client, page } = await open(stage);
    await getHarbour(page);
    await page.verified.waitFor();
    const path = savedFile(stage);
    const onDisk = readFileSync(path);
    const offset = PIECE_BYTES + 1_234_567;
    onDisk[offset] = (onDisk[offset] ?? 0) ^ 0x01;
    writeFileSync(path, onDisk);
    hub.reset();

    await page.openLibrary();
    await page.app.openModel('Harbour').click();
    await page.app.modelDetails.getByRole('button', { name: 'Verify again' }).click();
    await page.app.text('The file does not match its checksum').waitFor();
    expect(hub.requests).toEqual([]);
    await page.app
      .button(/^Fetch .* again$/u, false)
      .first()
      .click();
    await page.app.text('Every byte matches its published SHA-256').waitFor();
    expect(sha256(readFileSync(path))).toBe(sha256(bytes));
    expect(statSync(path).size).toBe(bytes.length);
    expect(hub.traffic(REPO, FILE).bytes).toBeLessThanOrEqual(PIECE_BYTES);
    expect(await client.models.list()).toMatchObject([{ available: true }]);
  });
});
