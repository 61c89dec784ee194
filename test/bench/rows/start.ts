import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../../support/browser.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { ensureBuilt, freshFolders, loadModel, startBuilt, type AppFolders } from '../built-app.ts';
import { libraryVersion } from '../library.ts';
import { arm, ratios, type BenchRow, type Figure, type Round } from '../row.ts';
import { summarise } from '../stats.ts';

const ROUNDS = 7;
const VIEWPORT = { width: 1440, height: 900 };
const PATIENCE_MS = 60_000;
const BARE_PAGE =
  '<!doctype html><html lang="en"><title>Bare</title><h1>Bare</h1><textarea aria-label="Message"></textarea>';
/** A server that does nothing else, as little as Node can start. */
const BARE_SERVER =
  "require('node:http').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";

/** Notes in the page when a text can be typed. */
function watchForText(): void {
  const marks = { typeMs: 0 };
  Object.assign(globalThis, { startMarks: marks });
  const look = (): void => {
    const box = document.querySelector<HTMLTextAreaElement>('textarea[aria-label="Message"], [role="textbox"][aria-label="Message"]');
    if (!box || box.disabled || box.readOnly) return;
    observer.disconnect();
    requestAnimationFrame(() => (marks.typeMs = performance.now()));
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true, attributes: true });
} // prettier-ignore

interface Shown {
  /** From the navigation to the first paint with content, and to a box that takes text, in ms. */
  paintMs: number;
  typeMs: number;
}

async function opened(browser: Browser, url: string): Promise<Shown> {
  const context = await browser.newContext({ viewport: VIEWPORT });
  try {
    const page: Page = await context.newPage();
    await page.addInitScript(watchForText);
    await page.goto(url);
    const marks = await page.waitForFunction(
      () => {
        const { typeMs } = (globalThis as unknown as { startMarks: { typeMs: number } }).startMarks;
        const paintMs = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0;
        return typeMs > 0 && paintMs > 0 ? { typeMs, paintMs } : null;
      },
      undefined,
      { timeout: PATIENCE_MS },
    );
    const shown = await marks.jsonValue();
    if (shown === null) throw new Error('the page showed nothing');
    return shown;
  } finally {
    await context.close();
  }
}

/** From the start of a bare Node program to its listening. */
async function bareServerMs(): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['-e', BARE_SERVER], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const ms = performance.now() - startedAt;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await gone;
  return ms;
}

/** A page with a text box and nothing else, by a server in this process. */
async function barePage(browser: Browser): Promise<Shown> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(BARE_PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await opened(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

interface Started {
  /** From the start of the process, in ms. */
  listeningMs: number;
  loadedMs: number;
}

/** The first start of a data folder: from the next one on its model is loaded by itself. */
async function startFirst(folders: AppFolders): Promise<number> {
  const startedAt = performance.now();
  const app = await startBuilt(folders);
  const listeningMs = performance.now() - startedAt;
  try {
    const { client, close } = await connectSocket(app.url);
    const { id: defaultModelId } = await loadModel(client);
    await client.settings.update({ firstRunDone: true, loadModelAtStart: true, defaultModelId });
    close();
  } finally {
    await app.stop();
  }
  return listeningMs;
}

/** A start of the process, of the page that is opened as soon as it listens, and of the model. */
async function startNext(browser: Browser, folders: AppFolders): Promise<Started & Shown> {
  const startedAt = performance.now();
  const app = await startBuilt(folders);
  try {
    const listeningMs = performance.now() - startedAt;
    const showing = opened(browser, app.url);
    const loading = loadedAt(app.url);
    const shown = await showing;
    return { listeningMs, loadedMs: (await loading) - startedAt, ...shown };
  } finally {
    await app.stop();
  }
}

/** When the engine could answer, by `performance.now()`. */
async function loadedAt(url: string): Promise<number> {
  const { client, close } = await connectSocket(url);
  try {
    const events = await client.system.events(undefined);
    if ((await client.engine.state()).status === 'ready') return performance.now();
    for await (const event of events)
      if (event.type === 'engine.changed' && event.state.status === 'ready') break;
    return performance.now();
  } finally {
    close();
  }
}

async function round(benchFolder: string, browser: Browser): Promise<Round> {
  const folders = await freshFolders(benchFolder, 'start');
  try {
    const firstListeningMs = await startFirst(folders);
    const next = await startNext(browser, folders);
    const bareMs = await bareServerMs();
    const bare = await barePage(browser);
    return {
      firstListeningMs,
      listeningMs: next.listeningMs,
      paintMs: next.paintMs,
      typeMs: next.typeMs,
      startToTypeMs: next.listeningMs + next.typeMs,
      loadedMs: next.loadedMs,
      bareMs,
      barePaintMs: bare.paintMs,
      bareTypeMs: bare.typeMs,
    };
  } finally {
    rmSync(folders.root, { recursive: true, force: true });
  }
}

/** What passes from the start of the app until it can be used, beside a program and a page that do nothing. */
export const row: BenchRow = {
  title: 'Start: listening, first paint, ready to type, model loaded; the files are in the system’s memory',
  async measure({ folder, rounds }) {
    await ensureBuilt(await freshFolders(folder, 'start'));
    const browser = await launchBrowser();
    try {
      const conditions = {
        browser: browser.version(),
        library: libraryVersion(),
        node: process.versions.node,
        cold: 'an empty data folder; warm: the next start of the same one, model loaded by itself',
      };
      const measured = await rounds(ROUNDS, conditions, () => round(folder, browser));
      const ms = (name: string, key: string): Figure => ({
        name,
        unit: 'ms',
        ...summarise(arm(measured, key)),
      });
      const ratio = (name: string, above: string, below: string): Figure => ({
        ...{ name, unit: 'ratio', ...summarise(ratios(measured, above, below)) },
      });
      return {
        conditions,
        figures: [
          ms('process start until it listens, cold', 'firstListeningMs'),
          ms('process start until it listens, warm', 'listeningMs'),
          ms('a bare Node server', 'bareMs'),
          ratio('listening, warm / a bare Node server', 'listeningMs', 'bareMs'),
          ms('navigation until the first paint', 'paintMs'),
          ms('a bare page', 'barePaintMs'),
          ratio('first paint / a bare page', 'paintMs', 'barePaintMs'),
          ms('navigation until a message can be typed', 'typeMs'),
          ms('a bare page, until its box takes text', 'bareTypeMs'),
          ratio('ready to type / a bare page', 'typeMs', 'bareTypeMs'),
          ms('process start until a message can be typed', 'startToTypeMs'),
          ms('process start until the model is loaded', 'loadedMs'),
        ],
      };
    } finally {
      await browser.close();
    }
  },
};
