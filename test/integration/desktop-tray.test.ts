import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually, newestAnswer } from '../e2e/fixture.ts';
import { startApp } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { desktopKit, type OpenDesktop } from '../support/desktop-kit.ts';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { connectSocket } from '../support/socket-client.ts';

// Tray, close-to-tray and notices of the built main bundle, through the stand-in for Electron.

vi.setConfig({ testTimeout: 90_000 });

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const { open, openWithModel } = desktopKit(() => browser, cleanups);

/** An answer that goes on until it is stopped. */
const endless = { script: plainScript, name: 'Harbour', thenStop: false, contextLength: 65_536 };
const short = { script: plainScript, name: 'Harbour' };
const TITLE = 'Canary of the harbour wall';
/** So fast that any answer takes longer than a person waits. */
const FAST = 100_000;
/** So slow that no answer does, on any machine. */
const SLOW = 0.000_01;

interface Item {
  id?: string;
  label?: string;
  enabled?: boolean;
}
const labels = (menu: unknown) => (menu as Item[]).flatMap(({ label }) => label ?? []);
const menuNow = (app: OpenDesktop['app']) =>
  (app.recorded.findLast(({ what }) => what === 'tray.menu')?.value ?? []) as Item[];
/** Waits until the menu that is shown has this: one before it may have had it too. */
async function menuWith(app: OpenDesktop['app'], label: string): Promise<Item[]> {
  await eventually(() => labels(menuNow(app)).includes(label)).toBe(true);
  return menuNow(app);
}
const click = (app: OpenDesktop['app'], id: string) => app.link.request('menu.click', { id });
const closeWindow = (app: OpenDesktop['app']) =>
  app.link.request<boolean>('window.askToClose', { windowId: 1 });
const countOf = (app: OpenDesktop['app'], what: string) =>
  app.recorded.filter((entry) => entry.what === what).length;
const answerLength = ({ view }: OpenDesktop) => view.lastAnswer.innerText().then((text) => text.length);

describe('the tray', () => {
  it('is there when the settings say so, and goes again', async () => {
    const { app, view } = await openWithModel(short);
    expect(countOf(app, 'tray')).toBe(0);
    await view.openSettings('General');
    const closing = view.toggle('Closing the window keeps Leeward in the tray');
    expect(await closing.isDisabled()).toBe(true);
    await view.toggle('Icon in the tray').click();
    expect(await app.seen('tray')).toMatchObject({ scaleFactors: expect.arrayContaining([1, 2]) as unknown });
    await menuWith(app, 'No answer is running');
    expect(await app.seen('tray.toolTip')).toBe('Leeward');
    await eventually(() => closing.isEnabled()).toBe(true);
    await view.toggle('Icon in the tray').click();
    await app.seen('tray', (value) => value === null);
    // There again with the next start.
    await view.toggle('Icon in the tray').click();
    await eventually(() => countOf(app, 'tray')).toBe(3);
    await app.stop();
  });

  it('names the chat that answers, stops it, and tells no log of it', async () => {
    const opened = await openWithModel(endless);
    const { app, folders, view, log } = opened;
    await app.side.client.settings.update({ showInTray: true });
    await view.ask(TITLE);
    const menu = await menuWith(app, TITLE);
    expect(labels(menu)).toEqual([
      'Open Leeward',
      '1 answer is running',
      TITLE,
      'Stop the answer',
      'Quit Leeward',
    ]);
    expect(await app.seen('tray.toolTip')).toBe('Leeward, 1 answer running');
    // A new name shows at once.
    const [chat] = await app.side.client.conversations.list();
    await app.side.client.conversations.rename({ id: chat?.id ?? '', title: 'Tides & winds' });
    await menuWith(app, 'Tides && winds');
    await eventually(() => answerLength(opened)).toBeGreaterThan(100);
    await click(app, 'tray.stop');
    await menuWith(app, 'No answer is running');
    await eventually(async () => (await newestAnswer(app.side.client)).answer.status).toBe('stopped');
    expect(log()).not.toContain('Canary');
    expect(log()).not.toContain('Tides');
    // The menu was drawn a few times, not with every chunk.
    expect(countOf(app, 'tray.menu')).toBeLessThan(12);
    expect(await app.quit()).toBe(0);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
  });

  it('opens a chat from its menu', async () => {
    const { app, view } = await openWithModel(endless);
    await app.side.client.settings.update({ showInTray: true });
    await view.ask(TITLE);
    await menuWith(app, TITLE);
    const [chat] = await app.side.client.conversations.list();
    await view.rail('Settings').click();
    await view.page.getByRole('heading', { name: 'Settings' }).first().waitFor();
    await click(app, `tray.chat.${chat?.id ?? ''}`);
    await view.title.filter({ hasText: TITLE }).waitFor();
    expect(countOf(app, 'focus')).toBe(1);
    expect(await app.stop()).toBe(0);
  });
});

describe('closing the window', () => {
  it('keeps the app where the settings say so: the answer goes on, and the window comes back as it was', async () => {
    const opened = await openWithModel(endless);
    const { app, folders, view } = opened;
    await app.side.client.settings.update({ showInTray: true, closeToTray: true });
    await view.ask(TITLE);
    await menuWith(app, TITLE);
    expect(await closeWindow(app)).toBe(false);
    // Linux cannot tell whether there is a tray: until its icon was used the window stays in the task list.
    if (process.platform === 'linux') {
      await app.seen('minimise');
      expect(countOf(app, 'hide')).toBe(0);
      app.link.notify('tray.click');
      await app.seen('restore');
      await app.seen('focus');
      expect(await closeWindow(app)).toBe(false);
    }
    await app.seen('hide');
    const before = await answerLength(opened);
    await eventually(() => answerLength(opened)).toBeGreaterThan(before + 100);
    const shows = countOf(app, 'show');
    await click(app, 'tray.open');
    await eventually(() => countOf(app, 'show')).toBe(shows + 1);
    await view.title.filter({ hasText: TITLE }).waitFor();
    expect(view.page.isClosed()).toBe(false);

    expect(await closeWindow(app)).toBe(false);
    app.link.notify('menu.click', { id: 'tray.quit' });
    expect(await app.exited).toBe(0);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    expect(existsSync(join(folders.dataDir, 'window-state.json'))).toBe(true);
  });

  it('still keeps the app after a quit that the person took back', async () => {
    const { app, page, view } = await open();
    await view.lookAround.click();
    await app.side.client.settings.update({ showInTray: true, closeToTray: true });
    await page.evaluate(() => addEventListener('beforeunload', (event) => event.preventDefault()));
    app.link.notify('app.quit');
    // The stand-in's person keeps the window open.
    await app.seen('boxSync');
    const outcome = process.platform === 'linux' ? 'minimise' : 'hide';
    expect(countOf(app, outcome)).toBe(0);
    expect(await closeWindow(app)).toBe(false);
    await app.seen(outcome);
    expect(page.isClosed()).toBe(false);
    // A quit is not heard while the one before is still being taken back.
    const stop = () => {
      void app.stop();
      return app.child.exitCode;
    };
    await eventually(stop).toBe(0);
  });

  it.each([
    ['without the setting', { closeToTray: true, showInTray: false }, {}],
    ['where no icon can be put up', { closeToTray: true, showInTray: true }, { STAND_IN_TRAY: 'fails' }],
  ])('%s ends the app and keeps what there is of the answer', async (_case, settings, env) => {
    const opened = await openWithModel(endless, env);
    const { app, folders, view, log } = opened;
    await app.side.client.settings.update(settings);
    await view.ask(TITLE);
    await eventually(() => answerLength(opened)).toBeGreaterThan(100);
    void closeWindow(app).catch(() => {});
    expect(await app.exited).toBe(0);
    expect(log().includes('tray.failed')).toBe('STAND_IN_TRAY' in env);
    const serve = await startApp(folders);
    cleanups.push(() => serve.stop());
    const { client, close } = await connectSocket(serve.url);
    cleanups.push(close);
    expect((await newestAnswer(client)).answer.status).toBe('interrupted');
  });
});

describe('the notice of a long answer', () => {
  it('comes when the window was away, says nothing of the chat, and a click shows that chat', async () => {
    const { app, view } = await openWithModel(short);
    await app.link.request('clock.speed', { times: FAST });
    await view.ask('In front');
    await view.answered(1);
    await view.button('New chat').click();
    app.link.notify('window.blur', { windowId: 1 });
    await view.ask(TITLE);
    await app.seen('notification');
    expect(app.recorded.filter(({ what }) => what === 'notification')).toEqual([
      {
        what: 'notification',
        value: { title: 'The answer is ready', body: 'Leeward has finished answering.', silent: true },
      },
    ]);
    await view.rail('Models').click();
    await view.page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    app.link.notify('notification.click');
    await view.title.filter({ hasText: TITLE }).waitFor();
    await app.seen('focus');
  });

  it('does not come without the setting, nor for a short answer, nor for one that was stopped', async () => {
    const opened = await openWithModel(endless);
    const { app, view } = opened;
    const { client } = app.side;
    const stopped = async (text: string) => {
      await view.ask(text);
      await app.seen('awake', (on) => on === true);
      const { answer } = await newestAnswer(client);
      app.link.notify('window.blur', { windowId: 1 });
      await client.conversations.stop({ messageId: answer.id });
      await view.answerAgain.waitFor();
    };
    /** Main asks the store how an answer ended: what it would show is here once the store has answered us too. */
    const noticesSoFar = async () => {
      await newestAnswer(client);
      return countOf(app, 'notification');
    };
    await app.link.request('clock.speed', { times: FAST });
    await stopped('Stopped by hand');
    expect(await noticesSoFar()).toBe(0);
    await app.link.request('clock.speed', { times: 1 });

    await client.settings.update({ noticeWhenAnswered: false });
    const [chat] = await client.conversations.list();
    const id = chat?.id ?? '';
    const sampling = { temperature: 0, topK: 40, topP: 1, minP: 0, repeatPenalty: 1, seed: 1, maxTokens: 20 };
    await client.conversations.updateSettings({ id, settings: { sampling } });
    await app.link.request('clock.speed', { times: FAST });
    await view.ask('Not wanted');
    await view.answered(2);
    expect(await noticesSoFar()).toBe(0);
    await client.settings.update({ noticeWhenAnswered: true });
    await app.link.request('clock.speed', { times: SLOW });
    await view.ask('Short');
    await view.answered(3);
    expect(await noticesSoFar()).toBe(0);
    await app.link.request('clock.speed', { times: FAST });
    await view.ask('Long');
    await app.seen('notification');
  });

  it('does not come when a quit ends the answer', async () => {
    const opened = await openWithModel(endless);
    const { app, view } = opened;
    await app.link.request('clock.speed', { times: FAST });
    await view.ask(TITLE);
    await eventually(() => answerLength(opened)).toBeGreaterThan(100);
    app.link.notify('window.blur', { windowId: 1 });
    expect(await app.quit()).toBe(0);
    expect(countOf(app, 'notification')).toBe(0);
  });
});

describe('the page', () => {
  it('offers what the host can do', async () => {
    const { view } = await open();
    await view.lookAround.click();
    await view.openSettings('General');
    await view.toggle('Tell me when a long answer is ready').waitFor();
    await view.toggle('Icon in the tray').waitFor();
  });
});
