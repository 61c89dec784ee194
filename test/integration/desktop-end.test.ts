import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually, newestAnswer } from '../e2e/fixture.ts';
import { appFolders, startApp } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { desktopKit, type OpenDesktop } from '../support/desktop-kit.ts';
import { DesktopProcess } from '../support/electron-stand-in/driver.ts';
import { plainScript } from '../support/gguf/scripted-model.ts';
import { connectSocket } from '../support/socket-client.ts';

// How the built desktop bundle ends: by the person, by the system, by a page that fails, and before it began.

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

const short = { script: plainScript, name: 'Harbour' };
const endless = { ...short, thenStop: false, contextLength: 65_536 };

/** The chats of a folder, read by the other host once the app has ended. */
async function readChats({ folders }: OpenDesktop) {
  const serve = await startApp(folders);
  cleanups.push(() => serve.stop());
  const { client, close } = await connectSocket(serve.url);
  cleanups.push(close);
  return client;
}

/** Types what can be saved nowhere: the page has lost the core. */
async function typeUnsaved({ app, view }: OpenDesktop): Promise<void> {
  app.losesPorts = true;
  await app.wire.cut();
  await view.page.getByText('The connection to Leeward is lost').first().waitFor();
  await view.composer.fill('Words that are saved nowhere');
}

const isClean = ({ folders }: OpenDesktop) => !existsSync(join(folders.dataDir, 'leeward.lock'));

describe('text that is saved nowhere holds the window back', () => {
  it('and with it the quit, until the person lets it go', async () => {
    const desktop = await openWithModel(short);
    const { app, view, page } = desktop;
    await typeUnsaved(desktop);
    app.link.notify('app.quit');
    expect(await app.seen('boxSync')).toMatchObject({
      message: 'Close the window without what you typed?',
      buttons: ['Keep open', 'Close'],
      // The answer of a stray Enter or Escape keeps the text.
      defaultId: 0,
      cancelId: 0,
    });
    expect(page.isClosed()).toBe(false);
    expect(await view.composer.inputValue()).toBe('Words that are saved nowhere');
    // It is the app that it was.
    app.losesPorts = false;
    await view.page.getByText('The connection to Leeward is lost').first().waitFor({ state: 'hidden' });
    await view.composer.fill('');
    await view.ask('Hello');
    await view.answered(1);
    await typeUnsaved(desktop);
    await app.link.request('dialog.answerSync', 1);
    expect(await app.quit()).toBe(0);
    expect(isClean(desktop)).toBe(true);
  });

  it('not the system: a signal, the end of the Windows session and a shutdown ask nobody', async () => {
    const ends: ((app: DesktopProcess) => unknown)[] = [
      (app) => app.child.kill('SIGTERM'),
      (app) => app.link.notify('window.sessionEnd', { windowId: 1 }),
      (app) => app.link.notify('power.emit', { event: 'shutdown' }),
    ];
    for (const end of ends) {
      const desktop = await openWithModel(short);
      await typeUnsaved(desktop);
      end(desktop.app);
      expect(await desktop.app.exited).toBe(0);
      expect(desktop.app.recorded.some(({ what }) => what === 'boxSync')).toBe(false);
      expect(isClean(desktop)).toBe(true);
    }
  });
});

describe('the end of the system', () => {
  it('a Windows session that ends has begun a quit before the event is over, and the answer is kept', async () => {
    const desktop = await openWithModel(endless);
    const { app, view } = desktop;
    await view.ask('Go on and on');
    await eventually(async () => (await view.lastAnswer.innerText()).length).toBeGreaterThan(200);
    app.link.notify('window.sessionEnd', { windowId: 1 });
    expect(await app.exited).toBe(0);
    expect(isClean(desktop)).toBe(true);
    const { answer } = await newestAnswer(await readChats(desktop));
    expect(answer.status).toBe('interrupted');
    expect(answer.text.length).toBeGreaterThan(200);
  });

  it('a shutdown is held up until everything is written', async () => {
    const desktop = await openWithModel(endless);
    const { app, view } = desktop;
    await view.ask('Go on and on');
    await eventually(async () => (await view.lastAnswer.innerText()).length).toBeGreaterThan(200);
    expect(await app.link.request('power.emit', { event: 'suspend' })).toBe(false);
    expect(await app.link.request('power.emit', { event: 'shutdown' })).toBe(true);
    expect(await app.exited).toBe(0);
    const { answer } = await newestAnswer(await readChats(desktop));
    expect(answer.status).toBe('interrupted');
  });
});

describe('drafts', () => {
  it('the last words before a quit are saved, sooner than the pause in typing', async () => {
    const desktop = await openWithModel(short);
    const { app, view } = desktop;
    await view.ask('Hello');
    await view.answered(1);
    await view.composer.fill('Half a thought, and then the quit');
    expect(await app.quit()).toBe(0);
    const client = await readChats(desktop);
    const [chat] = await client.conversations.list();
    const { draft } = await client.conversations.get({ id: chat?.id ?? '' });
    expect(draft).toBe('Half a thought, and then the quit');
  });
});

describe('a page that fails', () => {
  const gone = (app: DesktopProcess, reason: string) =>
    app.link.request('contents.fire', {
      windowId: 1,
      event: 'render-process-gone',
      details: {},
      args: [{ reason, exitCode: 5 }],
    });

  it('is loaded again, and finds the answer that ran on', async () => {
    const desktop = await openWithModel(endless);
    const { app, view, log } = desktop;
    await view.ask('Go on and on');
    await eventually(async () => (await view.lastAnswer.innerText()).length).toBeGreaterThan(100);
    const before = app.wire.connections;
    await gone(app, 'crashed');
    await eventually(() => app.wire.connections).toBe(before + 1);
    await view.lastAnswer.waitFor();
    await view.stop.waitFor();
    expect(log()).toContain('"event":"window.gone","fields":{"reason":"crashed","exitCode":5}');
    await gone(app, 'clean-exit');
    expect(await app.quit()).toBe(0);
    expect(app.wire.connections).toBe(before + 1);
  });

  it('that fails again and again ends the app in order, with a word', async () => {
    const desktop = await open();
    const { app, view } = desktop;
    await view.firstRun.waitFor();
    for (let crash = 1; crash <= 3; crash += 1) {
      const before = app.wire.connections;
      await gone(app, 'crashed');
      await eventually(() => app.wire.connections).toBe(before + 1);
      await view.firstRun.waitFor();
    }
    const read = Promise.withResolvers<number>();
    const boxes: object[] = [];
    app.answerBox = (options) => {
      boxes.push(options);
      return read.promise;
    };
    await gone(app, 'oom');
    await eventually(() => boxes.length).toBe(1);
    expect(boxes).toMatchObject([{ type: 'error', message: 'The window keeps failing' }]);
    // The core works on until it was read.
    await app.side.client.settings.update({ theme: 'dark' });
    expect(app.child.exitCode).toBeNull();
    read.resolve(0);
    expect(await app.exited).toBe(0);
    expect(isClean(desktop)).toBe(true);
  });

  it('during a quit is let go, so that the quit comes to its end', async () => {
    const desktop = await open();
    const { app, view } = desktop;
    await view.firstRun.waitFor();
    app.hangs = true;
    app.link.notify('app.quit');
    await app.seen('hangs');
    await gone(app, 'crashed');
    expect(await app.exited).toBe(0);
    expect(app.recorded.filter(({ what }) => what === 'destroy')).toHaveLength(1);
    expect(isClean(desktop)).toBe(true);
  });
});

describe('folders that cannot be used', () => {
  /** Runs to its end; gives what the person was told. */
  async function failedStart(args: string[], env: Record<string, string> = {}): Promise<unknown> {
    const app = new DesktopProcess(args, env);
    expect(await app.exited).toBe(1);
    expect(app.windows).toEqual([]);
    return app.recorded.find(({ what }) => what === 'errorBox')?.value;
  }

  it('one that the person named and that is missing is named, and nothing is left behind', async () => {
    const folders = appFolders();
    cleanups.push(() => rmSync(folders.root, { recursive: true, force: true }));
    const missing = join(folders.root, 'not there');
    const told = { title: 'Leeward could not start', content: `There is no folder ${missing}.` };
    expect(await failedStart(['--data-dir', folders.dataDir, '--models-dir', missing])).toEqual(told);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    const env = { LEEWARD_MODELS_DIR: missing };
    expect(await failedStart(['--data-dir', folders.dataDir], env)).toEqual(told);
    // A file is no folder.
    writeFileSync(missing, '');
    expect(await failedStart(['--data-dir', folders.dataDir, '--models-dir', missing])).toEqual(told);
  });

  it('the default one is made, or the person is told which cannot be', async () => {
    const folders = appFolders();
    cleanups.push(() => rmSync(folders.root, { recursive: true, force: true }));
    const own = join(folders.dataDir, 'models');
    mkdirSync(folders.dataDir);
    writeFileSync(own, '');
    expect(await failedStart(['--data-dir', folders.dataDir])).toMatchObject({
      content: `The folder ${own} cannot be made.`,
    });
    rmSync(own);
    const app = new DesktopProcess(['--data-dir', folders.dataDir]);
    cleanups.push(() => app.stop());
    await app.ready();
    expect(existsSync(own)).toBe(true);
  });

  // Chromium would say that another process holds it, and the start would end without a word.
  it.skipIf(process.getuid?.() === 0)('a profile that cannot be written to (skipped: root)', async () => {
    const folders = appFolders();
    const profile = join(folders.dataDir, 'window');
    mkdirSync(profile, { recursive: true });
    chmodSync(profile, 0o500);
    cleanups.push(() => {
      chmodSync(profile, 0o700);
      rmSync(folders.root, { recursive: true, force: true });
    });
    expect(await failedStart(['--data-dir', folders.dataDir])).toMatchObject({
      content: expect.stringContaining('cannot be used') as string,
    });
  });
});
