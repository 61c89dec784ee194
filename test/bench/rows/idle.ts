import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { CDPSession } from 'playwright-core';
import { AppPage } from '../../e2e/app-page.ts';
import { launchBrowser } from '../../support/browser.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { ensureBuilt, freshFolders, loadModel, startBuilt, writeChats } from '../built-app.ts';
import { libraryVersion } from '../library.ts';
import { threadsOf, workBetween, type ThreadWork } from '../process-stats.ts';
import { arm, type BenchRow, type Round } from '../row.ts';
import { summarise } from '../stats.ts';

const ROUNDS = 3;
const WATCHED_MS = 60_000;
/** What follows a load: 10 s until the thread that reads headers ends, 30 s until a chat counts as left. */
const REST_MS = 40_000;
const MESSAGES = 100;
const VIEWPORT = { width: 1440, height: 900 };

/** Seconds that the page's main thread has worked since it began. */
async function pageSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN;
}

interface Reading {
  at: number;
  main: ThreadWork[];
  sidecar: ThreadWork[];
  pageSeconds: number;
}

/** What a second of rest costs between two readings; wake-ups a second too. */
function between(before: Reading, after: Reading): Round {
  const seconds = (after.at - before.at) / 1_000;
  const main = workBetween(before.main, after.main);
  const sidecar = workBetween(before.sidecar, after.sidecar);
  return {
    main: main.cpuSeconds / seconds,
    sidecar: sidecar.cpuSeconds / seconds,
    both: (main.cpuSeconds + sidecar.cpuSeconds) / seconds,
    page: (after.pageSeconds - before.pageSeconds) / seconds,
    mainWakeUps: main.wakeUps / seconds,
    sidecarWakeUps: sidecar.wakeUps / seconds,
  };
}

async function measureOnce(benchFolder: string): Promise<Round> {
  const folders = await freshFolders(benchFolder, 'idle');
  const [chat = ''] = writeChats(folders.dataDir, 1, MESSAGES);
  const app = await startBuilt(folders);
  const browser = await launchBrowser();
  try {
    const { client, close } = await connectSocket(app.url);
    await client.settings.update({ firstRunDone: true });
    await loadModel(client);
    const { title } = await client.conversations.get({ id: chat, newest: 1 });
    close();
    const page = await (await browser.newContext({ viewport: VIEWPORT })).newPage();
    await page.goto(app.url);
    const view = new AppPage(page);
    await view.chat(title).click();
    await view.log.getByRole('article').last().waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    const [sidecar] = app.sidecarPids();
    if (sidecar === undefined) throw new Error('no engine process');
    const read = async (): Promise<Reading> => ({
      at: performance.now(),
      main: threadsOf(app.pid),
      sidecar: threadsOf(sidecar),
      pageSeconds: await pageSeconds(session),
    });
    await delay(REST_MS);
    const before = await read();
    await delay(WATCHED_MS);
    const after = await read();
    return between(before, after);
  } finally {
    await browser.close();
    await app.dispose();
    rmSync(folders.root, { recursive: true, force: true });
  }
}

/** What the app does while nobody does anything. */
export const row: BenchRow = {
  title: 'Idle: a model in memory, a chat of 100 messages on the page, nothing touched for a minute',
  async measure({ folder, rounds }) {
    if (process.platform !== 'linux') throw new Error('CPU time is read from /proc: this row runs on Linux');
    await ensureBuilt(await freshFolders(folder, 'idle'));
    const conditions = {
      watchedMs: WATCHED_MS,
      restMs: REST_MS,
      library: libraryVersion(),
      node: process.versions.node,
    };
    const measured = await rounds(ROUNDS, conditions, () => measureOnce(folder));
    const figure = (name: string, key: string, unit = 'share of a core') => ({
      name,
      unit,
      ...summarise(arm(measured, key)),
    });
    return {
      conditions,
      figures: [
        { ...figure('main and engine', 'both'), target: { atMost: 0.005 } },
        { ...figure('the page’s main thread', 'page'), target: { atMost: 0.005 } },
        figure('main, store and every thread of it', 'main'),
        figure('engine', 'sidecar'),
        figure('main, wake-ups', 'mainWakeUps', 'a second'),
        figure('engine, wake-ups', 'sidecarWakeUps', 'a second'),
      ],
    };
  },
};
