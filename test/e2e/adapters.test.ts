import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { entries } from '../../src-main/entries.ts';
import { openFileSource } from '../../src-main/models/byte-source.ts';
import type { TensorShape } from '../../src-main/models/gguf-adapter.ts';
import { createHeaderReader } from '../../src-main/models/gguf-header.ts';
import { writeAdapter } from '../support/gguf/adapter.ts';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { startHub } from '../support/hub/hub.ts';
import { audit } from './accessibility.ts';
import { addFile, eventually, newestAnswer, test } from './fixture.ts';
import { HAS_TABS } from './host.ts';
import { HubPage } from './hub-page.ts';

/** A tensor of a model, with the dimensions that an adapter must have. */
async function queryOf(path: string): Promise<TensorShape[]> {
  const reader = createHeaderReader(entries.ggufWorker);
  const source = await openFileSource(path);
  try {
    return (await reader.read(source)).shapes.filter(([name]) => name === 'blk.0.attn_q.weight');
  } finally {
    await source.close();
    await reader.close();
  }
}

describe('an adapter', () => {
  test('is attached, answers with its base under both names, is tuned, told when missing, and detached', async ({
    stage,
  }) => {
    const { app, client, model, scripted } = await stage.ready({ script: plainScript, name: 'Harbour' });
    const targets = await queryOf(scripted.path);
    const path = join(stage.folders.modelsDir, 'verse.gguf');
    await writeAdapter(path, { name: 'Verse', targets, bases: [{ name: 'Harbour' }] });
    await writeAdapter(join(stage.folders.modelsDir, 'wide.gguf'), {
      name: 'Wide',
      targets: [['blk.0.attn_q.weight', 32, 9]],
    });
    const page = await stage.open(app);
    await page.rail('Models').click();
    await stage.addOnScreen(page, app, ['verse.gguf', 'wide.gguf']);
    // A file that the system's dialog brought is shown at once; the panel stays open for more.
    if (HAS_TABS) await page.page.getByRole('tab', { name: 'Adapters' }).click();
    else await page.page.getByRole('tab', { name: 'Adapters', selected: true }).waitFor();
    const list = page.page.getByRole('table', { name: 'Adapters' });
    await list.getByRole('rowheader', { name: /Verse/ }).waitFor();
    expect(await list.getByText('made for Harbour').count()).toBe(1);
    await audit(page, 'adapters', 'narrow');

    await page.page.getByRole('tab', { name: 'On this computer' }).click();
    await page.openModel('Harbour').click();
    const section = page.page.getByRole('region', { name: 'Adapters' });
    await section.getByText('Made for this model.').waitFor();
    await page.button('1 that does not fit').click();
    await section.getByText(/Made for a model of other dimensions/).waitFor();
    expect(await page.page.getByRole('button', { name: 'Attach Wide' }).count()).toBe(0);
    await page.button('Attach Verse').click();
    await page.openModel('Harbour + Verse').waitFor();
    await audit(page, 'an attached adapter', 'wide');
    const strength = section.getByRole('spinbutton', { name: 'Strength of Verse as a number' });
    await strength.fill('0.5');
    await strength.press('Enter');
    await eventually(async () => (await client.models.list())[0]?.adapters[0]?.scale).toBe(0.5);

    await page.rail('Chat').click();
    await page.chip.filter({ hasText: 'Harbour + Verse' }).waitFor();
    await page.ask('Say something.');
    await page.answered(1);
    const { answer } = await newestAnswer(client);
    expect(answer).toMatchObject({ modelName: 'Harbour + Verse', status: 'complete', text: plainScript });

    await client.models.unload();
    const verse = (await client.adapters.list()).find(({ name }) => name === 'Verse');
    await rm(path);
    await page.ask('And again.');
    await page.text(/The file of Verse was moved, renamed or deleted/).waitFor();
    expect((await newestAnswer(client)).answer).toMatchObject({ errorCode: 'model_file_missing' });
    await client.models.remove({ id: verse?.id ?? '' });
    await page.chip.filter({ hasText: /Harbour/ }).waitFor();
    expect(await client.models.list()).toMatchObject([{ id: model.id, name: 'Harbour', adapters: [] }]);
  });

  test('comes from the hub with its base, when the user says so', async ({ stage }) => {
    const hub = await startHub();
    try {
      const scripted = await stage.writeModel('base.gguf', { script: plainScript, name: 'Harbour' });
      const targets = await queryOf(scripted.path);
      const file = join(stage.folders.root, 'verse-lora.gguf');
      await writeAdapter(file, {
        name: 'Verse',
        targets,
        bases: [{ name: 'Harbour', repo: 'maker/Harbour' }],
      });
      await hub.add('maker/Harbour-GGUF', {
        files: { 'harbour-Q4_K_M.gguf': await readFile(scripted.path) },
        tags: ['base_model:quantized:maker/Harbour'],
        cardData: { base_model: 'maker/Harbour' },
        gguf: { total: 1_000_000_000, architecture: 'llama', context_length: 4_096 },
      });
      await hub.add('maker/Verse-LoRA-GGUF', {
        files: { 'verse-lora-F16.gguf': await readFile(file) },
        tags: ['base_model:adapter:maker/Harbour'],
        cardData: { base_model: 'maker/Harbour' },
      });
      const app = await stage.start();
      const client = await stage.connect(app);
      await client.settings.update({ hubEndpoint: hub.url, firstRunDone: true });
      const page = new HubPage(await stage.open(app));
      await page.openPage('maker/Verse-LoRA-GGUF');
      await page.modelPage.getByRole('checkbox', { name: /^Download its base too: Q4_K_M/ }).waitFor();
      await page.modelPage.getByRole('button', { name: /^Download both/ }).click();
      await page.modelPage.getByText('Its base is on this computer: Harbour.').waitFor();
      await eventually(async () => (await client.adapters.list()).map(({ name }) => name)).toEqual(['Verse']);
      const [base] = await client.models.list();
      expect(base).toMatchObject({ name: 'Harbour', adapters: [] });
      expect(await client.adapters.forModel({ id: base?.id ?? '' })).toMatchObject([{ match: 'named' }]);
    } finally {
      await hub.close();
    }
  });
});

describe('a model of its own settings', () => {
  test('a broken template is refused and named at its field; all goes back to recommended', async ({
    stage,
  }) => {
    const { app, client, model } = await stage.ready(
      { script: plainScript, name: 'Harbour' },
      { load: false },
    );
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.openModel('Harbour').click();
    const template = page.page.getByRole('group', { name: 'Template in use' });
    await template.getByText('Own', { exact: true }).click();
    const field = page.page.getByRole('textbox', { name: 'Own chat template (Jinja)' });
    await field.fill('{% for message in messages %}{{ message.content }');
    await page.button('Use this template').click();
    await eventually(async () => (await client.models.list())[0]?.settings.chatTemplate).toContain(
      'messages',
    );
    await page.page
      .getByRole('region', { name: 'Model details' })
      .getByRole('button', { name: 'Load' })
      .click();
    await page.text('The engine cannot write a chat with this template.').waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');

    const keep = page.page.getByRole('group', { name: 'Keep in memory' });
    await keep.getByText('Minutes', { exact: true }).click();
    await eventually(async () => (await client.models.list())[0]?.settings.keepLoadedMinutes).toBe(30);
    await page.button('Reset to recommended').click();
    await eventually(async () => Object.values((await client.models.list())[0]?.settings ?? {})).toEqual(
      expect.not.arrayContaining([expect.anything()]),
    );
    await client.models.load({ id: model.id });
    expect((await addFile(client, 'model.gguf')).settings.chatTemplate).toBeNull();
  });
});
