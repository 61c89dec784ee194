import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { eventually, test } from './fixture.ts';

describe('first run', () => {
  test('lists the files of the allowed folder; one press adds one, loads it and opens a chat', async ({
    stage,
  }) => {
    await stage.writeModel('harbour-1b.Q4_K_M.gguf', {
      script: plainScript,
      name: 'Harbour 1B',
      fileType: 15,
    });
    await stage.writeModel('lighthouse.gguf', { script: plainScript, name: 'Lighthouse' });
    const app = await stage.start();
    const page = await stage.open(app);
    await page.firstRun.waitFor();
    await page.addAndChat('harbour-1b.Q4_K_M').waitFor();
    await page.addAndChat('lighthouse').waitFor();
    expect(await page.foundFiles.getByRole('listitem').count()).toBe(2);
    await page.addAndChat('harbour-1b.Q4_K_M').click();

    await page.chipSays('Ready').waitFor();
    expect(await page.chip.innerText()).toMatch(/Harbour 1B[\s\S]*Q4_K_M/);
    await eventually(() => page.hasFocus(page.composer)).toBe(true);
    await page.page.keyboard.type('Hello');
    await page.page.keyboard.press('Enter');
    await page.answered(1);
    expect(await page.lastAnswer.innerText()).toContain('I give the same answer to everybody.');

    const client = await stage.connect(app);
    const models = await client.models.list();
    expect(models.map((model) => model.fileName)).toEqual(['harbour-1b.Q4_K_M.gguf']);
    expect((await client.settings.get()).defaultModelId).toBe(models[0]?.id);
    // The first run is over, also for the next page.
    await page.page.reload();
    await page.composer.waitFor();
    expect(await page.firstRun.count()).toBe(0);
  });

  test('lets a person look around first and start without a model', async ({ stage }) => {
    const page = await stage.open(await stage.start());
    await page.lookAround.click();
    await page.composer.waitFor();
    await page.card('No model yet').waitFor();
    expect(await page.firstRun.count()).toBe(0);
  });

  test('says where to put a file when the folder is empty, and finds it on the next look', async ({
    stage,
  }) => {
    const page = await stage.open(await stage.start());
    await page.foundFiles.getByText('No GGUF file found yet').waitFor();
    await page.foundFiles.getByText('Put a model file that ends in .gguf into one of the folders').waitFor();
    await page.text(stage.folders.modelsDir).waitFor();
    await stage.writeModel('late.gguf', { script: plainScript });
    await page.lookAgain.click();
    await page.addAndChat('late').waitFor();
  });

  test('matches a dropped file by name and size', async ({ stage }) => {
    await stage.writeModel('dropped.gguf', { script: plainScript, name: 'Dropped' });
    const { size } = statSync(join(stage.folders.modelsDir, 'dropped.gguf'));
    const page = await stage.open(await stage.start());
    await page.addAndChat('dropped').waitFor();

    await page.drop(page.dropZone, { name: 'elsewhere.gguf', sizeBytes: 1000 });
    await page.card('elsewhere.gguf is outside the allowed folders').waitFor();
    expect(await page.card('elsewhere.gguf').innerText()).toContain(stage.folders.modelsDir);
    await page.drop(page.dropZone, { name: 'dropped.gguf', sizeBytes: size - 1 });
    await page.card('dropped.gguf is outside the allowed folders').waitFor();
    await page.drop(page.dropZone, { name: 'notes.txt', sizeBytes: 10 });
    await page.card('notes.txt is not a GGUF file').waitFor();

    await page.drop(page.dropZone, { name: 'dropped.gguf', sizeBytes: size });
    await page.chipSays('Ready').waitFor();
    expect(await page.chip.innerText()).toContain('Dropped');
  });
});
