import { describe, expect } from 'vitest';
import { plainScript } from '../support/gguf/scripted-model.ts';
import type { AppPage } from './app-page.ts';
import { eventually, newestAnswer, test } from './fixture.ts';
import { onHost } from './host.ts';

const theme = (page: AppPage) => page.page.evaluate(() => document.documentElement.dataset['theme']);
/** Lightness of what lies behind everything, 0 to 1. */
const background = (page: AppPage) =>
  page.page.evaluate(() => {
    const context = document.createElement('canvas').getContext('2d');
    if (!context) throw new Error('no canvas');
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
    return (red + green + blue) / 765;
  });
const answerTextSize = (page: AppPage) =>
  page.lastAnswer
    .getByRole('paragraph')
    .first()
    .evaluate((text) => getComputedStyle(text).fontSize);

describe('appearance', () => {
  test('theme and text size apply at once, in all tabs, and after a restart', async ({ stage }) => {
    const { app, client } = await stage.ready({ script: plainScript });
    const page = await stage.open(app, { colorScheme: 'light' });
    await page.ask('Hello');
    await page.answered(1);
    expect(await answerTextSize(page)).toBe('15px');
    const other = await stage.elsewhere(page, app);
    await other.chat('Hello').click();

    await page.openSettings('Appearance');
    expect(await page.choice('Theme', 'System').isChecked()).toBe(true);
    expect(await theme(page)).toBe('light');
    await page.page.emulateMedia({ colorScheme: 'dark' });
    await eventually(() => theme(page)).toBe('dark');
    await eventually(() => background(page)).toBeLessThan(0.2);
    await page.choose('Theme', 'Light');
    await eventually(() => theme(page)).toBe('light');
    await eventually(() => background(page)).toBeGreaterThan(0.8);
    await page.choose('Theme', 'Dark');
    await eventually(() => theme(page)).toBe('dark');
    await eventually(() => theme(other)).toBe('dark');
    await page.page.emulateMedia({ colorScheme: 'light' });
    expect(await theme(page)).toBe('dark');

    await page.choose('Chat text size', '20 px');
    if (other === page) await page.rail('Chat').click();
    await eventually(() => answerTextSize(other)).toBe('20px');
    if (other === page) await page.openSettings('Appearance');
    await page.toggle('High contrast').click();
    await eventually(() => page.page.evaluate(() => document.documentElement.dataset['contrast'])).toBe(
      'more',
    );
    await eventually(async () => (await client.settings.get()).highContrast).toBe(true);
    await eventually(async () => (await client.settings.get()).chatTextSize).toBe(20);
    expect(await app.stop()).toBe(0);

    stage.allow(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
    const again = await stage.start();
    const back = await stage.open(again, { colorScheme: 'light' });
    await eventually(() => theme(back)).toBe('dark');
    await back.chat('Hello').click();
    await eventually(() => answerTextSize(back)).toBe('20px');
    await back.openSettings('Appearance');
    expect(await back.choice('Theme', 'Dark').isChecked()).toBe(true);
    expect(await back.choice('Chat text size', '20 px').isChecked()).toBe(true);
    expect(await back.toggle('High contrast').getAttribute('aria-checked')).toBe('true');
  });

  test('the theme is there before the first paint of the next load', async ({ stage }) => {
    const { app } = await stage.share({ script: plainScript });
    const page = await stage.open(app, { colorScheme: 'light' });
    await page.openSettings('Appearance');
    await page.choose('Theme', 'Dark');
    await eventually(() => theme(page)).toBe('dark');
    // Nothing of the app has run when the document element is first seen with a body.
    await page.page.addInitScript(() => {
      new MutationObserver((_records, observer) => {
        if (document.body === null) return;
        observer.disconnect();
        document.documentElement.dataset['firstTheme'] = document.documentElement.dataset['theme'] ?? 'none';
      }).observe(document, { childList: true, subtree: true });
    });
    await page.page.reload();
    await page.settingsPage('Appearance').waitFor();
    expect(await page.page.evaluate(() => document.documentElement.dataset['firstTheme'])).toBe('dark');
  });
});

describe('general', () => {
  test('Enter breaks lines when it does not send; the system prompt goes into new chats', async ({
    stage,
  }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.ask('Without a prompt');
    await page.answered(1);
    const plain = (await newestAnswer(client)).answer.stats?.promptTokens ?? 0;
    await page.openSettings('General');
    await page.toggle('Enter sends the message').click();
    await page.page
      .getByRole('textbox', { name: 'System prompt' })
      .fill('Answer like a harbour master who has seen every storm.');
    await page.page.getByRole('textbox', { name: 'System prompt' }).blur();
    await eventually(async () => (await client.settings.get()).defaultSystemPrompt).toContain(
      'harbour master',
    );
    await page.rail('Chat').click();
    await page.newChat.click();
    await page.composer.fill('Without a prompt');
    await page.composer.press('End');
    await page.composer.press('Enter');
    expect(await page.composer.inputValue()).toBe('Without a prompt\n');
    await page.composer.press('Backspace');
    await page.composer.press('Control+Enter');
    await page.answered(1);
    const prompted = (await newestAnswer(client)).answer.stats?.promptTokens ?? 0;
    expect(prompted).toBeGreaterThan(plain + 10);
  });
});

describe('engine', () => {
  test('shows what runs, takes the CPU choice and restarts', async ({ stage }) => {
    const { app, client } = await stage.ready({ script: plainScript, name: 'Runner', contextLength: 2048 });
    const page = await stage.open(app);
    await page.openSettings('Engine');
    expect(await page.fact('Model')).toBe('Runner');
    expect(await page.fact('Runs on')).toBe('Processor');
    expect(await page.fact('Context in use')).toBe('2,048 tokens');
    const { engineVersion } = await client.engine.state();
    expect(await page.fact('Engine version')).toBe(engineVersion);
    await page.choose('Where models run', 'CPU only');
    await page.choose('Flash attention', 'Off');
    await page.choose('Processor threads', 'Own number');
    await page.page.getByRole('spinbutton', { name: 'Number of threads' }).fill('1');
    await page.page.keyboard.press('Enter');
    await eventually(() => client.settings.get()).toMatchObject({
      backend: 'cpu',
      flashAttention: 'off',
      threads: 1,
    });
    await page.toggle('Read ahead while you type').click();
    await eventually(() => client.settings.get()).toMatchObject({ readAhead: false });
    await page.toggle('Read ahead while you type').click();
    expect(await page.fact('Kept now')).toBe('Nothing');
    expect(await page.fact('Written today')).toBe('0 B');
    await page.page.getByRole('combobox', { name: 'Space on the disk' }).selectOption('2.0 GB');
    await page.text(/^At most .+ now\./).waitFor();
    await page.toggle('Keep what models have read').click();
    await eventually(() => client.settings.get()).toMatchObject({
      saveStates: false,
      savedStatesMaxBytes: 2_000_000_000,
    });
    await page.toggle('Keep what models have read').click();
    await page.page.getByRole('spinbutton', { name: 'Number of threads' }).fill('9000');
    await page.text('Use 1 to 256').waitFor();
    expect((await client.settings.get()).threads).toBe(1);
    await page.page.getByRole('spinbutton', { name: 'Number of threads' }).fill('1');
    await page.button('Restart the engine').click();
    await eventually(() => page.fact('Model')).toBe('None in memory');
    await page.rail('Chat').click();
    await page.ask('With one thread');
    await page.answered(1);
    expect((await newestAnswer(client)).answer.stats?.backend).toBe('cpu');
  });
});

describe('privacy', () => {
  test('Offline shows in the shield, in every tab, and stays after a restart', async ({ stage }) => {
    const { app } = await stage.ready({ script: plainScript });
    const page = await stage.open(app);
    await eventually(() => page.shield.innerText()).toBe('No connections');
    await page.shield.click();
    await page.settingsPage('Privacy').waitFor();
    await page.text('No connections so far').waitFor();
    await page.text('this app has not tried to connect to anything').waitFor();
    expect(await page.text(/^Since install:/).innerText()).toMatch(/0\s+requests/);
    for (const outcome of ['Allowed', 'Blocked']) {
      await page.choose('Show connections', outcome);
      await page.text('No connection of this kind.').waitFor();
    }
    await page.text('Chats and network ledger').waitFor();
    const other = await stage.elsewhere(page, app);
    await page.offlineSwitch.click();
    await eventually(() => page.shield.innerText()).toBe('Offline. 0 connections this session');
    await eventually(() => other.shield.innerText()).toBe('Offline. 0 connections this session');
    await page.text(/^On since/).waitFor();
    expect(await page.offlineSwitch.getAttribute('aria-checked')).toBe('true');
    await page.page.keyboard.press('Control+Shift+O');
    await eventually(() => page.shield.innerText()).toBe('No connections');
    expect(await page.offlineSwitch.getAttribute('aria-checked')).toBe('false');
    await page.offlineSwitch.click();
    await eventually(() => page.shield.innerText()).toContain('Offline.');
    await app.stop();
    stage.allow(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/);
    const back = await stage.open(await stage.start());
    await eventually(() => back.shield.innerText()).toBe('Offline. 0 connections this session');
    // A chat needs no connection.
    await back.ask('Offline answer');
    await back.answered(1);
  });
});

describe('shortcuts, folders and about', () => {
  test('say what is true of this app', async ({ stage }) => {
    const { app, client } = await stage.share({ script: plainScript });
    const page = await stage.open(app);
    await page.composer.waitFor();
    await page.page.keyboard.press('Control+/');
    await page.settingsPage('Shortcuts').waitFor();
    const keysOf = (action: string) =>
      page.page
        .getByRole('row')
        .filter({ has: page.page.getByRole('rowheader', { name: action, exact: true }) })
        .getByRole('cell')
        .innerText();
    const plain = async (action: string) => (await keysOf(action)).replace(/\s+/g, ' ').trim();
    expect(await plain('New chat')).toBe(onHost.newChat.shown);
    expect(await plain('Stop the answer')).toBe('Esc');
    expect(await plain('Send the message')).toBe('Enter');
    expect(await plain('Rename')).toBe('F2');
    await page.page.getByRole('searchbox', { name: 'Filter shortcuts' }).fill('version');
    await eventually(() => page.page.getByRole('rowheader').allInnerTexts()).toEqual([
      'Previous version of an answer',
      'Next version of an answer',
    ]);
    await page.openSettings('Models and folders');
    await page.text(stage.folders.modelsDir).waitFor();
    await page.text(/^1 model, /).waitFor();
    await page.openSettings('About');
    const info = await client.system.info();
    expect(await page.fact('Version')).toBe(info.appVersion);
    expect(await page.fact('Node.js')).toContain(info.nodeVersion);
    expect(await page.fact('Shown in')).toBe(onHost.shownIn);
    await page.button('Copy these facts').click();
    await page.button('Copied').waitFor();
    expect(await stage.clipboard(page)).toContain(`Version: ${info.appVersion}`);
  });
});
