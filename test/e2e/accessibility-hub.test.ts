import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { startHub, type Hub } from '../support/hub/hub.ts';
import { audit, expectNoSidewaysScroll } from './accessibility.ts';
import { eventually, test, type Stage } from './fixture.ts';
import { HubPage } from './hub-page.ts';

let hub: Hub;
let folder: string;

beforeEach(async () => {
  hub = await startHub();
  folder = await mkdtemp(join(tmpdir(), 'leeward-hub-a11y-'));
  const file = join(folder, 'model.gguf');
  await writeScriptedModel(file, { script: plainScript, name: 'Harbour', fileType: 15 });
  for (const [name, gated] of [
    ['maker/Harbour-GGUF', false],
    ['maker/Lighthouse-GGUF', 'auto'],
  ] as const) {
    await hub.add(name, {
      files: {
        'README.md':
          '# Harbour\n\n| Quant | Use |\n|---|---|\n| Q4_K_M | usual |\n\nSee [more](https://example.com).',
        'harbour-Q4_K_M.gguf': { file },
        'harbour-Q8_0.gguf': { file },
      },
      gated,
      cardData: { license: gated === false ? 'mit' : 'llama3.2', base_model: 'maker/Harbour' },
      gguf: { total: 1_000_000_000, architecture: 'llama', context_length: 4_096 },
    });
  }
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(stage: Stage, firstRunDone: boolean) {
  const app = await stage.start();
  const client = await stage.connect(app);
  await client.settings.update({ hubEndpoint: hub.url, firstRunDone });
  return { client, page: new HubPage(await stage.open(app)) };
}

describe('axe finds nothing on', () => {
  test('the first run with its suggestions', async ({ stage }) => {
    const { page } = await open(stage, false);
    await page.recommended.waitFor();
    await audit(page.app, 'first run');
    await page.app.page.setViewportSize({ width: 720, height: 450 });
    await expectNoSidewaysScroll(page.app, 'first run');
  });

  test('finding: suggestions, results, a page, a gated page, a paused download, the questions', async ({
    stage,
  }) => {
    const { client, page } = await open(stage, true);
    await page.openFind();
    await page.app.page.getByRole('table', { name: 'Suggestions' }).waitFor();
    await audit(page.app, 'suggestions', 'narrow');
    await page.search('maker');
    await page.results.getByRole('button', { name: 'Harbour', exact: true }).click();
    await page.get('Q8_0').waitFor();
    await audit(page.app, 'a page', 'wide');
    hub.behaviour.bytesPerSecond = 20_000;
    await page.get('Q8_0').click();
    await eventually(async () => (await client.downloads.list())[0]?.receivedBytes ?? 0).toBeGreaterThan(0);
    await page.action('Pause').click();
    await page.action('Resume').waitFor();
    await audit(page.app, 'a paused download', 'wide');
    await page.action('Cancel the download').click();
    await page.app.page.getByRole('alertdialog').waitFor();
    await audit(page.app, 'what to do with what has arrived', 'wide');
    await page.app.button('Cancel and keep').click();
    await page.openPage('hf:maker/Lighthouse-GGUF');
    await page.modelPage.getByText('This model asks you to accept its terms').waitFor();
    await audit(page.app, 'a gated page', 'narrow');
    await client.privacy.setOffline({ offline: true });
    await page.get('Q8_0').click();
    await page.offlineDialog.waitFor();
    await audit(page.app, 'offline', 'wide');
  });
});

describe('by keyboard alone', () => {
  test('a model is found, judged and downloaded', async ({ stage }) => {
    const { client, page } = await open(stage, true);
    const { keyboard } = page.app.page;
    await page.openFind();
    const field = page.form.getByRole('searchbox', { name: 'Search models' });
    await page.app.tabTo(field);
    await keyboard.type('maker');
    await keyboard.press('Enter');
    await eventually(() => page.names).toHaveLength(2);
    const first = page.results.getByRole('rowheader').getByRole('button').first();
    await page.app.tabTo(first);
    await keyboard.press('ArrowDown');
    await keyboard.press('Home');
    await keyboard.press('Enter');
    await page.get('Q8_0').waitFor();
    await page.app.tabTo(page.get('Q8_0'));
    await keyboard.press('Enter');
    await page.verified.waitFor();
    expect(await client.models.list()).toHaveLength(1);
    // Its page says so too, and leads to it.
    await page.modelPage.getByRole('button', { name: 'On disk, show Q8_0' }).press('Enter');
    await page.app.modelDetails.getByRole('region', { name: 'Provenance' }).waitFor();
  });
});
