import { describe, expect, vi } from 'vitest';
import { markdownScript, plainScript, reasoningScript } from '../support/gguf/scripted-model.ts';
import { AUDITS_TIMEOUT_MS, audit, expectNoSidewaysScroll, faultsOf } from './accessibility.ts';
import { talker, test } from './fixture.ts';

vi.setConfig({ testTimeout: AUDITS_TIMEOUT_MS });

describe('axe finds nothing on', () => {
  test('a page without faults, and does find those that are put in', async ({ stage }) => {
    const { app } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.composer.waitFor();
    await page.page.evaluate(() => {
      const faint = document.createElement('p');
      faint.textContent = 'Hardly to be read';
      faint.style.color = 'var(--line-1)';
      document.querySelector('main')?.append(document.createElement('button'), faint);
    });
    const faults = (await faultsOf(page, 'wide')).map((fault) => fault.split(':')[0]);
    expect(faults.sort()).toEqual([
      '1440 dark color-contrast',
      '1440 light button-name',
      '1440 light color-contrast',
    ]);
  });

  test('the first run, with and without files, and after a drop that fails', async ({ stage }) => {
    const app = await stage.start();
    const page = await stage.open(app);
    await page.text('No GGUF file found yet').waitFor();
    await audit(page, 'first run, empty');
    await stage.writeModel('one.gguf', { script: plainScript });
    await page.lookAgain.click();
    await page.addAndChat('one').waitFor();
    await page.drop(page.dropZone, { name: 'elsewhere.gguf', sizeBytes: 10 });
    await page.card('elsewhere.gguf').waitFor();
    await audit(page, 'first run with a file and a message');
  });

  test('a chat that is new, without a model, and answered with everything in it', async ({ stage }) => {
    const { app, client } = await stage.share({ script: markdownScript, reasoning: reasoningScript });
    const model = (await client.models.list())[0]?.id ?? null;
    await client.settings.update({ defaultModelId: null });
    const page = await stage.open(app);
    await page.card('No model yet').waitFor();
    await audit(page, 'new chat without a model');
    await client.settings.update({ defaultModelId: model });
    await page.chipSays('Ready').waitFor();
    await audit(page, 'new chat');
    await page.ask('Show everything');
    await page.answered(1);
    await page.answerAgain.click();
    await page.version(2, 2).waitFor();
    await page.lastAnswer.getByRole('button', { name: /^Thought/ }).click();
    await page.page.getByRole('region', { name: 'Thinking of the model' }).waitFor();
    await page.composer.fill('A draft, so that Send is on');
    await audit(page, 'chat with an answer');
    await page.sidebar.waitFor();
    await page.chatFilter.fill('xylophone');
    await page.sidebar.getByText('No chat matches').waitFor();
    await audit(page, 'filter without a match', 'wide');
  });

  test('history: folders, search, selecting, tags, trash, the palette, a temporary chat', async ({
    stage,
  }) => {
    const { app, client } = await stage.ready({ script: markdownScript });
    const page = await stage.open(app);
    const { keyboard } = page.page;
    await page.ask('Order in the house');
    await page.answered(1);
    const [chat] = await client.conversations.list();
    const folder = await client.folders.create({ name: 'House' });
    await client.folders.create({ name: 'Garden', parentId: folder.id });
    const tag = await client.tags.create({ name: 'urgent' });
    await client.history.update({
      ids: [chat?.id ?? ''],
      change: { folderId: folder.id, addTags: [tag.id], pinned: true },
    });
    await page.button('Tags: urgent').waitFor();
    await page.folder('House').focus();
    await keyboard.press('ArrowRight');
    await page.folder('Garden').waitFor();
    await audit(page, 'folders', 'wide');
    await page.chatFilter.fill('house');
    await page.sidebar.locator('mark').first().waitFor();
    await audit(page, 'search results', 'wide');
    await page.button('Filters').click();
    await page.page.getByRole('combobox', { name: 'Date' }).selectOption({ label: 'Own dates' });
    await audit(page, 'filters of the search', 'wide');
    await keyboard.press('Escape');
    await page.button('End search').click();
    for (const step of ['Move to folder', 'Tags']) {
      await page.chatStep('Order in the house', step);
      await page.dialog(/"Order in the house"/).waitFor();
      await audit(page, step, 'narrow');
      await keyboard.press('Escape');
    }
    await page.folder('House').focus();
    await keyboard.press('Delete');
    await page.dialog('Delete the folder House?').waitFor();
    await audit(page, 'delete a folder', 'narrow');
    await keyboard.press('Escape');
    await keyboard.press('Control+k');
    await page.palette.waitFor();
    await audit(page, 'palette');
    await keyboard.press('Escape');
    await page.chatStep('Order in the house', 'Select');
    await page.sidebar.getByText('1 selected').waitFor();
    await audit(page, 'selecting', 'wide');
    await page.button('Move to trash').click();
    await page.button('Archive and trash').click();
    await page.menuItem('Trash').click();
    await page.button('Empty trash').waitFor();
    await audit(page, 'trash', 'wide');
    await page.button('Empty trash').click();
    await page.dialog('Delete 1 chat for ever?').waitFor();
    await audit(page, 'empty the trash', 'narrow');
    await keyboard.press('Escape');
    await keyboard.press('Alt+Shift+n');
    await page.text('Nothing of this chat is saved.').waitFor();
    await audit(page, 'temporary chat');
  });

  test('what opens above a chat: picker, figures, menus, dialogs, toast, list in a sheet', async ({
    stage,
  }) => {
    const { app } = await stage.share({ script: markdownScript });
    const page = await stage.open(app);
    await page.ask('Layers');
    await page.answered(1);
    await page.chip.click();
    await page.picker.waitFor();
    await audit(page, 'model picker', 'wide');
    await page.page.keyboard.press('Escape');
    await page.figures.click();
    await page.answerDetails.waitFor();
    await audit(page, 'figures of an answer', 'wide');
    await page.page.keyboard.press('Escape');
    await page.button('More for this chat').click();
    await page.menuItem('Rename').waitFor();
    await audit(page, 'menu of a chat', 'wide');
    await page.menuItem('Rename').click();
    await page.renameDialog.waitFor();
    await audit(page, 'rename');
    await page.page.keyboard.press('Escape');
    await page.lastAnswer.getByRole('link').click();
    await page.linkDialog.waitFor();
    await audit(page, 'link', 'wide');
    await page.page.keyboard.press('Escape');
    await page.chat('Layers').focus();
    await page.page.keyboard.press('F2');
    await page.renameField.waitFor();
    await audit(page, 'rename in the list', 'wide');
    await page.page.keyboard.press('Escape');
    await page.page.setViewportSize({ width: 900, height: 700 });
    await page.button('Show chats').click();
    await page.chatFilter.waitFor();
    const sheet = page.page.getByRole('dialog', { name: 'Conversations' });
    await sheet.getByRole('listitem').waitFor();
    await audit(page, 'list of chats in a sheet', 'narrow');
    // Back in the wide window the list has its own place again.
    await sheet.waitFor({ state: 'hidden' });
    await page.button('More for this chat').click();
    await page.menuItem('Move to trash').click();
    await page.undo.waitFor();
    await audit(page, 'toast');
  });

  test('an answer while it streams, and after the engine was killed', async ({ stage }) => {
    const { app } = await stage.ready(talker);
    const page = await stage.open(app, { reducedMotion: 'reduce' });
    await page.ask('Talk');
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    await page.page.keyboard.press('Escape');
    await page.lastAnswer.getByText(/^Stopped after/).waitFor();
    await audit(page, 'stopped answer');
    await page.ask('Talk on');
    await page.stop.waitFor();
    // An engine that stops before it has the question is started again for it, and nothing fails.
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    const [pid] = app.sidecarPids();
    if (pid === undefined) throw new Error('no sidecar runs');
    process.kill(pid, 'SIGKILL');
    await page.lastAnswer.getByRole('alert').waitFor();
    await audit(page, 'failed answer');
  });

  test('a lost connection, and a page that is not let in', async ({ stage }) => {
    stage.allow(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
    const { app } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    const stranger = await stage.open(app);
    await stranger.page.evaluate(() => sessionStorage.clear());
    await stranger.page.goto(new URL('/', app.url).href);
    await stranger.text('This page is not allowed in').waitFor();
    // This page is plain: it looks at the system's theme when it is loaded.
    await audit(stranger, 'not let in', 'all', async () => {
      await stranger.page.reload();
      await stranger.text('This page is not allowed in').waitFor();
    });
    await app.kill('SIGKILL');
    await page.card('The connection to Leeward is lost').waitFor();
    await audit(page, 'connection lost');
  });
});

describe('settings of the system', () => {
  test('reduced motion: nothing moves while an answer streams', async ({ stage }) => {
    const { app } = await stage.share(talker);
    const page = await stage.open(app, { reducedMotion: 'reduce' });
    await page.ask('Talk');
    await page.lastAnswer.getByText('scripted model').first().waitFor();
    const moving = await page.page.evaluate(() =>
      document
        .getAnimations()
        .filter((animation) => animation.playState === 'running')
        .map((animation) => animation.effect?.getComputedTiming())
        .filter((timing) => timing?.iterations === Infinity && Number(timing.duration) > 1),
    );
    expect(moving).toEqual([]);
    await page.stop.click();
    await page.answered(1);
  });

  test('forced colours: what is chosen and where the focus is can be seen', async ({ stage }) => {
    const { app } = await stage.share({ script: markdownScript });
    const page = await stage.open(app, { forcedColors: 'active' });
    await page.ask('Contrast');
    await page.answered(1);
    const edge = (target: typeof page.chip) =>
      target.evaluate((element) => {
        const { borderTopWidth, borderTopStyle, outlineWidth, outlineStyle } = getComputedStyle(element);
        const border = borderTopStyle === 'none' ? 0 : Number.parseFloat(borderTopWidth);
        const outline = outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth);
        return border + outline;
      });
    expect(await edge(page.rail('Chat'))).toBeGreaterThan(0);
    await page.tabTo(page.chatFilter, { key: 'Shift+Tab' });
    await page.tabTo(page.chat('Contrast'));
    expect(await edge(page.chat('Contrast'))).toBeGreaterThan(0);
    await page.openSettings('Appearance');
    await page.toggle('High contrast').focus();
    expect(await edge(page.toggle('High contrast'))).toBeGreaterThan(0);
  });

  test('400 % zoom: no screen scrolls sideways, and all of it can be reached', async ({ stage }) => {
    const { app } = await stage.share({ script: markdownScript });
    const page = await stage.open(app, { viewport: { width: 320, height: 256 } });
    await page.composer.waitFor();
    await expectNoSidewaysScroll(page, 'new chat');
    await page.ask('Narrow');
    await page.answered(1);
    await expectNoSidewaysScroll(page, 'chat');
    const box = await page.composer.boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? Infinity)).toBeLessThanOrEqual(320);
    await page.button('Show chats').click();
    await page.page.getByRole('dialog', { name: 'Conversations' }).getByRole('listitem').waitFor();
    await expectNoSidewaysScroll(page, 'list of chats');
    await page.page.keyboard.press('Escape');
    await page.rail('Models').click();
    await page.openModel('Scripted').click();
    await page.modelDetails.getByRole('heading', { name: 'About this model' }).waitFor();
    await expectNoSidewaysScroll(page, 'details of a model');
    await page.page.keyboard.press('Escape');
    await expectNoSidewaysScroll(page, 'models');
    await page.rail('Settings').click();
    const pages = page.page.getByRole('combobox', { name: 'Settings page' });
    for (const label of [
      'General',
      'Appearance',
      'Models and folders',
      'Engine',
      'Privacy',
      'Shortcuts',
      'About',
    ] as const) {
      await pages.selectOption({ label });
      await page.settingsPage(label).waitFor();
      await expectNoSidewaysScroll(page, label);
    }
  });
});
