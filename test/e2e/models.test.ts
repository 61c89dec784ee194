import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { addFile, eventually, newestAnswer, test } from './fixture.ts';

describe('the list of models', () => {
  test('adds files in place, filters, sorts, removes one and takes it back', async ({ stage }) => {
    const { app, client } = await stage.share(
      { script: plainScript, name: 'Alpha', fileType: 15 },
      { fileName: 'alpha.gguf' },
    );
    await stage.writeModel('beta.gguf', { script: plainScript, name: 'Beta', licence: 'mit' });
    await stage.writeModel('gamma.gguf', { script: plainScript, name: 'Gamma' });
    const page = await stage.open(app);
    await page.rail('Models').click();
    await stage.addOnScreen(page, app, ['beta.gguf', 'gamma.gguf']);
    await page.openModel('Gamma').waitFor();
    expect((await client.models.list()).map((model) => model.name).sort()).toEqual([
      'Alpha',
      'Beta',
      'Gamma',
    ]);
    expect(existsSync(join(stage.folders.modelsDir, 'beta.gguf'))).toBe(true);

    const names = () => page.modelTable.getByRole('rowheader').getByRole('button').allInnerTexts();
    await page.button(/^Sort by/, false).click();
    await page.page.getByRole('menuitemradio', { name: 'Name' }).click();
    await eventually(names).toEqual(['Alpha', 'Beta', 'Gamma']);
    expect((await page.modelRow('Alpha').innerText()).replace(/\s+/g, ' ')).toMatch(/Alpha Loaded .*Q4_K_M/);
    expect(await page.modelRow('Beta').innerText()).toContain('MIT');
    await page.modelFilter.fill('mit');
    await eventually(names).toEqual(['Beta']);
    await page.text('1 of 3 models').waitFor();
    await page.modelFilter.fill('no such thing');
    await page.text('No model matches “no such thing”').waitFor();
    await page.button('Clear the filter').click();
    await eventually(names).toHaveLength(3);

    await page.modelMenuButton('Beta').click();
    await page.menuItem('Remove from the list').click();
    await page.toast.getByText('Beta is off the list. The file was kept.').waitFor();
    await eventually(names).toEqual(['Alpha', 'Gamma']);
    expect(existsSync(join(stage.folders.modelsDir, 'beta.gguf'))).toBe(true);
    await page.undo.click();
    await eventually(names).toEqual(['Alpha', 'Beta', 'Gamma']);
    await page.openModel('Gamma').focus();
    await page.page.keyboard.press('Delete');
    await eventually(names).toEqual(['Alpha', 'Beta']);
  });

  test('the panel shows what is on the list already', async ({ stage }) => {
    stage.onlyInBrowser('the desktop opens the dialog of the system');
    const { app } = await stage.share({ script: plainScript, name: 'Alpha' }, { fileName: 'alpha.gguf' });
    await stage.writeModel('beta.gguf', { script: plainScript, name: 'Beta' });
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.openGguf.click();
    await page.addDialog.getByText('alpha.gguf', { exact: true }).waitFor();
    expect(await page.addDialog.getByText('On the list').count()).toBe(1);
    await page.addDialog.getByRole('button', { name: 'Add beta.gguf' }).click();
    await page.addDialog.getByText('On the list').nth(1).waitFor();
  });

  test('takes a dropped file by name and size, and says when it is elsewhere', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript, name: 'First' }, { load: false });
    await stage.writeModel('second.gguf', { script: plainScript, name: 'Second' });
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.openModel('First').waitFor();
    await page.drop(page.page.getByRole('main'), { name: 'stray.gguf', sizeBytes: 500 });
    await page.card('The dropped file is not in an allowed folder').waitFor();
    expect(await page.card('The dropped file is not').innerText()).toContain('stray.gguf');
    const { size } = statSync(join(stage.folders.modelsDir, 'second.gguf'));
    await page.drop(page.page.getByRole('main'), { name: 'second.gguf', sizeBytes: size });
    await page.openModel('Second').waitFor();
    expect(await client.models.list()).toHaveLength(2);
  });
});

describe('the details of a model', () => {
  test('show the header as it is in the file: facts, template, every entry', async ({ stage }) => {
    const { app, client, model } = await stage.share(
      { script: plainScript, name: 'Details', fileType: 15, licence: 'apache-2.0', contextLength: 2048 },
      { load: false },
    );
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.openModel('Details').click();
    await page.modelDetails.getByRole('heading', { name: 'Details', exact: true }).waitFor();
    const details = await client.models.details({ id: model.id });
    await page.modelDetails.getByRole('heading', { name: 'About this model' }).waitFor();
    expect(await page.fact('Architecture')).toBe('llama');
    expect(await page.fact('Quant')).toContain('Q4_K_M');
    expect(await page.fact('Context, trained')).toBe('2,048 tokens');
    expect(await page.fact('Licence')).toContain('Apache');
    expect(await page.fact('File')).toBe('model.gguf');
    expect(await page.modelDetails.getByRole('group', { name: 'Chat template' }).textContent()).toBe(
      details.chatTemplate,
    );
    await page.button('Copy the template').click();
    await eventually(() => stage.clipboard(page)).toBe(details.chatTemplate);
    await page.text(`${details.metadata.length} entries`).waitFor();
    await page.button('Show').click();
    const entries = page.page.getByRole('table', { name: 'Header, all entries' }).getByRole('rowheader');
    await eventually(() => entries.count()).toBe(details.metadata.length);
    await page.page.getByRole('searchbox', { name: 'Filter header entries' }).fill('tokenizer.ggml.model');
    await eventually(() => entries.allInnerTexts()).toEqual(['tokenizer.ggml.model']);
    await page.button('Close details').click();
    await page.modelDetails.waitFor({ state: 'hidden' });
  });

  test('load and unload, and use the context size that was set', async ({ stage }) => {
    const { app, client, model } = await stage.share({ script: plainScript, name: 'Sized' }, { load: false });
    const page = await stage.open(app);
    await page.rail('Models').click();
    await page.openModel('Sized').click();
    await page.modelDetails.getByRole('button', { name: 'Load', exact: true }).click();
    await page.modelRow('Sized').getByText('Loaded', { exact: true }).waitFor();
    await page.modelDetails.getByText(/context 4,096/).waitFor();
    await page.choose('Context size', 'Own number');
    await page.page.getByRole('spinbutton', { name: 'Context size in tokens' }).fill('1024');
    await page.page.keyboard.press('Enter');
    await eventually(async () => (await client.models.list())[0]?.settings.contextSize).toBe(1024);
    expect(await client.engine.state()).toMatchObject({ contextSize: 4096, liveChats: 4 });
    await page.modelDetails.getByText(/Each takes .+ with this context\. Now 4\./).waitFor();
    await page.choose('Chats kept ready', '2');
    await eventually(async () => (await client.models.list())[0]?.settings.liveChats).toBe(2);
    await page.button('Load again with these').click();
    await page.modelDetails.getByText(/context 1,024/).waitFor();
    await page.modelDetails.getByText(/with this context\. Now 2\./).waitFor();
    expect(await client.engine.state()).toMatchObject({ contextSize: 1024, liveChats: 2 });
    await page.modelDetails.getByRole('button', { name: 'Chat', exact: true }).click();
    await eventually(() => page.gauge.getAttribute('aria-valuetext')).toMatch(/of 1,024 tokens$/);
    await page.ask('Fits');
    await page.answered(1);
    expect((await newestAnswer(client)).answer.stats?.contextSize).toBe(1024);

    // Another model guesses for it; not one with another vocabulary.
    await stage.writeModel('draft.gguf', { script: plainScript, name: 'Tiny' });
    const draft = await addFile(client, 'draft.gguf');
    await stage.writeModel('other.gguf', { script: 'Quite other words.', name: 'Else' });
    const other = await addFile(client, 'other.gguf');
    await page.rail('Models').click();
    await page.openModel('Sized').click();
    const choice = page.page.getByRole('combobox', { name: 'Draft model' });
    await choice.getByRole('option', { name: 'Else: another vocabulary', disabled: true }).waitFor({
      state: 'attached',
    });
    await choice.selectOption(draft.id);
    await page.button('Load again with these').click();
    await page.modelDetails.getByText(/In use\./).waitFor();
    await page.rail('Chat').click();
    await page.newChat.click();
    await page.ask('With a draft');
    await page.answered(1);
    expect((await newestAnswer(client)).answer.stats?.draftedRight).toBeGreaterThanOrEqual(3);
    await page.figures.click();
    expect(await page.fact('by the draft model')).toMatch(/^\d+ of \d+ right$/);
    await page.page.keyboard.press('Escape');
    await page.rail('Models').click();
    await page.openModel('Sized').click();
    await client.models.remove({ id: draft.id });
    await eventually(() => choice.inputValue()).toBe('');
    await client.models.remove({ id: other.id });
    await page.text('There is no other model in the library.').waitFor();
    await page.modelDetails.getByRole('button', { name: 'Load', exact: true }).click();
    await page.modelDetails.getByRole('button', { name: 'Unload' }).click();
    await eventually(async () => (await client.engine.state()).status).toBe('idle');
    await page.modelDetails.getByRole('button', { name: 'Load', exact: true }).waitFor();
    // Removed while it is loaded: it is unloaded first.
    await page.modelDetails.getByRole('button', { name: 'Load', exact: true }).click();
    await page.modelRow('Sized').getByText('Loaded', { exact: true }).waitFor();
    await page.modelDetails.getByRole('button', { name: 'Remove from the list' }).click();
    await page.text('No model on the list yet').waitFor();
    await eventually(async () => (await client.engine.state()).status).toBe('idle');
    expect(await client.models.list()).toEqual([]);
    expect(existsSync(join(stage.folders.modelsDir, model.fileName))).toBe(true);
  });

  test('a switch of models in the picker loads the other one for this chat', async ({ stage }) => {
    const { app, client } = await stage.share(
      { script: plainScript, name: 'Left' },
      { fileName: 'left.gguf' },
    );
    await stage.writeModel('right.gguf', { script: 'Right speaks now, and briefly.', name: 'Right' });
    await addFile(client, 'right.gguf');
    const page = await stage.open(app);
    await page.ask('Who?');
    await page.answered(1);
    await page.chip.click();
    await page.picker.getByRole('option', { name: /^Right/ }).click();
    await page.chipSays('Ready').filter({ hasText: 'Right' }).waitFor();
    await page.answerAgain.click();
    await page.lastAnswer.getByText('Right speaks now, and briefly.').waitFor();
    await page.version(2, 2).waitFor();
    expect((await newestAnswer(client)).answer.modelName).toBe('Right');
    // Loading is told while it goes on, here as the other tab sees it.
    const states: string[] = [];
    const stop = new AbortController();
    const events = await client.system.events(undefined, { signal: stop.signal });
    const reading = (async () => {
      for await (const event of events) if (event.type === 'engine.changed') states.push(event.state.status);
    })().catch(() => {});
    await page.chip.click();
    await page.picker.getByRole('option', { name: /^Left/ }).click();
    await page.chipSays('Ready').filter({ hasText: 'Left' }).waitFor();
    stop.abort();
    await reading;
    expect(states).toContain('loading');
  });
});
