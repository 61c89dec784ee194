import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, vi } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { AUDITS_TIMEOUT_MS, audit, expectNoSidewaysScroll } from './accessibility.ts';
import { addFile, test } from './fixture.ts';

vi.setConfig({ testTimeout: AUDITS_TIMEOUT_MS });

describe('axe finds nothing on', () => {
  test('the models: empty, listed, in detail, being added, dropped, missing', async ({ stage }) => {
    const { app, client, model } = await stage.ready({
      script: plainScript,
      name: 'Main',
      licence: 'cc-by-nc-4.0',
    });
    await client.models.remove({ id: model.id });
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.text('No model on the list yet').waitFor();
    await audit(page, 'models, empty');
    const main = await addFile(client, 'model.gguf');
    await stage.writeModel('lost.gguf', { script: plainScript, name: 'Lost', licence: 'mit' });
    const lost = await addFile(client, 'lost.gguf');
    await client.models.load({ id: main.id });
    rmSync(join(stage.folders.modelsDir, 'lost.gguf'));
    writeFileSync(join(stage.folders.modelsDir, 'noise.gguf'), 'not a model');
    await page.page.reload();
    await page.modelRow('Lost').getByText('File missing').waitFor();
    await page.modelRow('Main').getByText('Loaded', { exact: true }).waitFor();
    await audit(page, 'models, listed');
    await page.openModel('Main').click();
    await page.modelDetails.getByRole('heading', { name: 'About this model' }).waitFor();
    await page.choose('Context size', 'Own number');
    await page.page.getByRole('spinbutton', { name: 'Context size in tokens' }).fill('1');
    await page.button('Show').click();
    await audit(page, 'details of a model');
    await page.openModel(lost.name).click();
    await audit(page, 'details of a missing model');
    await page.button('Close details').click();
    await page.openGguf.click();
    await page.addDialog.getByRole('button', { name: 'Add noise.gguf' }).click();
    await page.card('This file is not a GGUF model').waitFor();
    await audit(page, 'adding a model');
    await page.addDialog.getByRole('button', { name: 'Done' }).click();
    await page.drop(page.page.getByRole('main'), { name: 'stray.gguf', sizeBytes: 5 });
    await page.card('The dropped file is not in an allowed folder').waitFor();
    await audit(page, 'a dropped file that is elsewhere', 'wide');
    await page.modelFilter.fill('nothing like it');
    await page.button('Clear the filter').waitFor();
    await audit(page, 'filter without a match', 'wide');
    await page.button('Clear the filter').click();
    await page.modelMenuButton('Main').click();
    await page.menuItem('Remove from the list').waitFor();
    await audit(page, 'menu of a model', 'wide');
  });

  test('every page of the settings', async ({ stage }) => {
    const { app } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    for (const name of [
      'General',
      'Appearance',
      'Models and folders',
      'Engine',
      'Privacy',
      'Shortcuts',
      'About',
    ] as const) {
      await page.openSettings(name);
      await audit(page, name);
    }
    await page.openSettings('Privacy');
    await page.offlineSwitch.click();
    await page.text(/^On since/).waitFor();
    await audit(page, 'Privacy, offline', 'wide');
    await page.openSettings('Appearance');
    await page.toggle('High contrast').click();
    await audit(page, 'high contrast', 'wide');
    await page.toggle('High contrast').click();
    await page.rail('Performance').click();
    await page.text('Speeds appear after your first chat.').waitFor();
    await audit(page, 'performance, empty', 'wide');
    await page.button('Start a chat').click();
    await page.ask(`Once ${'upon a time there was '.repeat(24)} a harbour.`);
    await page.answered(1);
    await page.rail('Performance').click();
    await page.page.getByRole('img', { name: /^Median decode speed per day/ }).waitFor();
    await audit(page, 'performance');
    await page.page.setViewportSize({ width: 360, height: 640 });
    await expectNoSidewaysScroll(page, 'performance at 400 %');
    await page.page.setViewportSize({ width: 1440, height: 900 });
    await page.button('Show Decode speed as table').click();
    await page.button('Filters').click();
    await audit(page, 'performance, a table and the filters', 'wide');
  });
});
