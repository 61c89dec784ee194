import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppPage } from '../e2e/app-page.ts';
import { appFolders } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { startDesktopApp, type DesktopApp } from '../support/desktop-process.ts';
import { PageClient } from '../support/page-client.ts';

// The client that the specs use beside the window of a real Electron, in a window that there is everywhere.

vi.setConfig({ testTimeout: 60_000 });

let browser: Browser;
let app: DesktopApp;
let page: Page;
let beside: PageClient;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  app = await startDesktopApp(appFolders());
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  page = await app.window.open(context);
  beside = await PageClient.attach(context, page);
});
afterEach(async () => {
  await page.context().close();
  await app.dispose();
});

describe('a client beside the page of a window', () => {
  it('calls and hears events over the page’s port, also after the page was loaded again', async () => {
    const view = new AppPage(page);
    await view.firstRun.waitFor();
    const stop = new AbortController();
    const events = await beside.client.system.events(undefined, { signal: stop.signal });
    await beside.client.settings.update({ firstRunDone: true, theme: 'dark' });
    for await (const event of events) {
      if (event.type === 'settings.changed') {
        expect(event.settings.theme).toBe('dark');
        break;
      }
    }
    stop.abort();
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await page.reload();
    expect((await beside.client.settings.get()).firstRunDone).toBe(true);
    await view.composer.waitFor();
  });

  it('holds the wire: changes, keeps back and sends frames in their order, and cuts', async () => {
    const wire = await beside.watch();
    const kept: string[] = [];
    wire.onSend = (frame) => {
      if (!frame.includes('history/list')) return frame;
      kept.push(frame);
      return null;
    };
    await beside.client.settings.update({ firstRunDone: true });
    await page.reload();
    const view = new AppPage(page);
    await view.composer.waitFor();
    await expect.poll(() => kept.length, { timeout: 15_000 }).toBe(1);
    expect(await view.sidebar.getByText('No chats yet').count()).toBe(0);
    for (const frame of kept) wire.send(frame);
    await view.sidebar.getByText('No chats yet').first().waitFor();

    const before = wire.connections;
    wire.onSend = (frame) => frame;
    await wire.cut();
    await expect.poll(() => wire.connections).toBe(before + 1);
    expect((await beside.client.settings.get()).firstRunDone).toBe(true);
    wire.onSend = (frame) =>
      frame.includes('"hello"') ? frame.replace(/"protocol":\d+/, '"protocol":0') : frame;
    await page.reload();
    await view.text('This page does not match the running app').waitFor();
  });
});
