import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { AppPage } from '../../e2e/app-page.ts';
import { launchBrowser } from '../../support/browser.ts';
import { startLaunched } from '../../support/serve-process.ts';
import { connectSocket } from '../../support/socket-client.ts';
import { largeHistory, LONG_TITLE, type History } from '../history/generate.ts';
import { traced } from '../history/page-trace.ts';
import { PacedWire } from '../history/paced-wire.ts';
import { Texts } from '../history/texts.ts';
import { arm, type BenchRow, type Figure } from '../row.ts';
import { summarise } from '../stats.ts';
import { COUNTS, percentile } from './history.ts';

const ROUNDS = 3;
const VIEWPORT = { width: 1440, height: 900 };
/** A busy machine needs longer for a state to show. */
const PATIENCE_MS = 60_000;
const TOKENS = 1_000;
const TOKENS_PER_SECOND = 50;
/** Tokens that the answer holds already. */
const SHORT_ANSWER = 100;
const LONG_ANSWER = 10_000;
/** Words of a paragraph or two, a list or a piece of code. */
const PART = 100;
const WHEEL_PX = 900;
const P99 = 0.99;
const SEED = 11;
const DAY_MS = 86_400_000;

/** Notes in the page when rows of the list are there, and how long a click takes until the messages are. */
function watchPage(): void {
  const marks: Record<string, number> = {};
  Object.assign(globalThis, { benchMarks: marks });
  const look = () => {
    const row = document.querySelector('[aria-label="Conversations"] [role="listitem"], [aria-label="Conversations"] li');
    if (row && marks['list'] === undefined) marks['list'] = performance.now();
    const log = document.querySelector('[role="log"] [role="article"], [role="log"] article');
    if (log && marks['click'] !== undefined && marks['shown'] === undefined) {
      marks['shown'] = -1;
      // Two frames on, what was laid out is on the screen.
      requestAnimationFrame(() => requestAnimationFrame(() => (marks['shown'] = performance.now())));
      observer.disconnect();
    }
  };
  // It looks at nothing while answers stream: that would be counted as the page's.
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true });
  addEventListener(
    'click',
    (event) => {
      marks['click'] = event.timeStamp;
      delete marks['shown'];
    },
    true,
  );
} // prettier-ignore

const mark = (page: Page, name: string) =>
  page
    .waitForFunction(
      (wanted) => {
        const value = (globalThis as unknown as { benchMarks: Record<string, number> }).benchMarks[wanted];
        return value !== undefined && value >= 0 ? value : undefined;
      },
      name,
      { timeout: PATIENCE_MS },
    )
    .then((handle) => handle.jsonValue())
    .then(Number);

class Bench {
  readonly #browser: Browser;
  readonly #url: string;
  readonly #history: History;

  constructor(browser: Browser, url: string, history: History) {
    this.#browser = browser;
    this.#url = url;
    this.#history = history;
  }

  async #open(url = this.#url): Promise<AppPage> {
    const context = await this.#browser.newContext({ viewport: VIEWPORT });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.addInitScript(watchPage);
    await page.goto(url);
    return new AppPage(page);
  }

  /** Opens the app, then the long chat. */
  async opening(): Promise<{ listMs: number; openMs: number }> {
    const view = await this.#open();
    const listMs = await mark(view.page, 'list');
    await view.chat(LONG_TITLE).click();
    const shownAt = await mark(view.page, 'shown');
    const openMs = shownAt - (await mark(view.page, 'click'));
    await view.page.context().close();
    return { listMs, openMs };
  }

  /** Scrolls the list of chats from its beginning to its end. @returns ms of each task */
  async scrolling(): Promise<number[]> {
    const view = await this.#open();
    await mark(view.page, 'list');
    const box = await view.sidebar.boundingBox();
    if (!box) throw new Error('no list of chats');
    await view.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const atEnd = () =>
      view.sidebar.evaluate((aside) => {
        const area = [aside, ...aside.querySelectorAll('*')].find(
          ({ scrollHeight, clientHeight }) => scrollHeight > 2 * clientHeight && clientHeight > 100,
        );
        return !area || area.scrollTop + area.clientHeight >= area.scrollHeight - 1;
      });
    const { tasksMs } = await traced(this.#browser, view.page, async () => {
      do {
        for (let i = 0; i < 20; i++) await view.page.mouse.wheel(0, WHEEL_PX);
      } while (!(await atEnd()));
    });
    await view.page.context().close();
    return tasksMs;
  }

  /** Streams into the long chat, whose last answer holds so many words already. */
  async streaming(wordsBefore: number): Promise<{ share: number; allShare: number; longestMs: number }> {
    const texts = new Texts(SEED);
    const wire = new PacedWire(this.#url, this.#history.facts.longId);
    const parts = Array.from({ length: wordsBefore / PART }, () => texts.answer('english', PART));
    wire.textBefore = `${parts.join('\n\n')}\n\n`;
    const view = await this.#open(await wire.listen());
    await view.chat(LONG_TITLE).click();
    await mark(view.page, 'shown');
    const beside = await connectSocket(this.#url);
    // Any change is an event; the page's subscription is known from then on.
    await beside.client.conversations.rename({
      id: this.#history.facts.shortId,
      title: `Renamed ${wordsBefore}`,
    });
    beside.close();
    await wire.ready();
    const words = Array.from(
      { length: TOKENS },
      (_, i) => `${i % PART === 0 ? '\n\n' : ' '}${texts.word('english')}`,
    );
    const { tasksMs, busyMs, workMs, wallMs } = await traced(this.#browser, view.page, () =>
      wire.stream(words, TOKENS_PER_SECOND),
    );
    await view.page.context().close();
    await wire.close();
    return { share: workMs / wallMs, allShare: busyMs / wallMs, longestMs: Math.max(...tasksMs) };
  }
}

/** The page with a million messages behind it: opening, scrolling, streaming. */
export const row: BenchRow = {
  title: 'The page with 10,000 chats: open, scroll the list, open and stream into a chat of 2,000 messages',
  async measure({ folder, report, rounds }) {
    const history = await largeHistory(folder, COUNTS, report);
    const models = join(folder, 'no-models');
    mkdirSync(models, { recursive: true });
    // Builds the page anew where its sources are newer: a figure of an old page says nothing.
    const serve = startLaunched(['--port', '0', '--data-dir', history.dataDir, '--models-dir', models]);
    const browser = await launchBrowser();
    try {
      const { url } = await serve.ready;
      const { client, close } = await connectSocket(url);
      await client.settings.update({ firstRunDone: true });
      // On top of the list, where the page finds it.
      await client.history.update({ ids: [history.facts.longId], change: { pinned: true } });
      // The day's backup, which the app would make in the middle of the first round.
      const [newest] = await client.backups.list();
      if (newest === undefined || newest.createdAt < Date.now() - DAY_MS / 2) await client.backups.make();
      close();
      const bench = new Bench(browser, url, history);
      const conditions = { messages: history.facts.messages, browser: browser.version(), tokens: TOKENS };
      const measured = await rounds(ROUNDS, conditions, async () => {
        const { listMs, openMs } = await bench.opening();
        const scrollMs = await bench.scrolling();
        const short = await bench.streaming(SHORT_ANSWER);
        const long = await bench.streaming(LONG_ANSWER);
        return {
          listMs,
          openMs,
          scrollP99: percentile(scrollMs, P99),
          scrollWorst: Math.max(...scrollMs),
          share: short.share,
          allShare: short.allShare,
          longest: Math.max(short.longestMs, long.longestMs),
          growth: long.share / short.share,
          allGrowth: long.allShare / short.allShare,
          load: loadavg()[0] ?? 0,
        };
      });
      const figure = (name: string, unit: string, key: string, atMost?: number): Figure => ({
        name, unit, ...summarise(arm(measured, key)), ...(atMost === undefined ? {} : { target: { atMost } }),
      }); // prettier-ignore
      return {
        conditions,
        figures: [
          figure('page open until the list is there', 'ms', 'listMs', 1_000),
          figure('chat of 2,000 messages, click until shown', 'ms', 'openMs', 150),
          figure('scrolling the list, tasks, 99th percentile', 'ms', 'scrollP99', 16),
          figure('scrolling the list, longest task', 'ms', 'scrollWorst'),
          // The targets name script, style and layout. All tasks are those, painting, which a browser without a
          // graphics card does itself, and what the trace costs.
          figure('streaming at 50 tokens/s: script, style, layout', 'ratio', 'share', 0.1),
          figure('streaming at 50 tokens/s: all tasks', 'ratio', 'allShare'),
          figure('streaming, longest task', 'ms', 'longest', 50),
          figure('script, style, layout with 10,000 tokens before / 100', 'ratio', 'growth', 1.3),
          figure('all tasks with 10,000 tokens before / 100', 'ratio', 'allGrowth'),
          figure('load of the machine', 'processes', 'load'),
        ],
      };
    } finally {
      await browser.close();
      serve.child.kill('SIGTERM');
      await serve.exit;
    }
  },
};
