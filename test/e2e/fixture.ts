import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test as base, vi } from 'vitest';
import type { AppClient, Model } from '../../src-main/contract/index.ts';
import { appFolders, startApp, type AppProcess } from '../support/app-process.ts';
import { startDesktopApp, type DesktopApp } from '../support/desktop-process.ts';
import { launchBrowser } from '../support/browser.ts';
import {
  plainScript,
  writeScriptedModel,
  type ScriptedModel,
  type ScriptedModelOptions,
} from '../support/gguf/scripted-model.ts';
import { connectSocket } from '../support/socket-client.ts';
import { AppPage } from './app-page.ts';

// Browser specs against the build in out/ (`npm run build` first): the app as it ships, a real engine, scripted models.

/** Which host the specs run on: the browser host, or the desktop's built main through the Electron stand-in. */
export const HOST = process.env['LEEWARD_E2E_HOST'] === 'desktop' ? 'desktop' : 'browser';

const RESULTS = 'test-results';
/** Two cores carry an engine, a browser and the test: a state may take this long to show, ms. */
const PATIENCE_MS = 15_000;

/** Talks on, at some two thousand tokens a second, for longer than any test looks. */
export const talker = { script: plainScript, thenStop: false, contextLength: 65_536 } as const;

/** Like `expect.poll`, with the patience that a busy machine needs. */
export const eventually = <T>(read: () => T | Promise<T>, message?: string) =>
  expect.poll(read, { timeout: PATIENCE_MS, interval: 50, ...(message === undefined ? {} : { message }) });

// A whole session of a person in one test, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000 });

export interface Ready {
  app: AppProcess;
  /** Connected as another tab would be. */
  client: AppClient;
  model: Model;
  scripted: ScriptedModel;
}

/** What one test has: folders, apps on them, and browser pages that are watched for every forbidden thing. */
export class Stage {
  readonly folders = appFolders();
  readonly #browser: Browser;
  readonly #skip: (reason: string) => void;
  readonly #apps: AppProcess[] = [];
  readonly #contexts: BrowserContext[] = [];
  readonly #cleanups: (() => void)[] = [];
  readonly #problems: string[] = [];
  readonly #allowed: RegExp[] = [];

  constructor(browser: Browser, skip: (reason: string) => void) {
    this.#browser = browser;
    this.#skip = skip;
  }

  /** Writes a scripted model into the allowed folder. */
  writeModel(fileName: string, options: ScriptedModelOptions): Promise<ScriptedModel> {
    return writeScriptedModel(join(this.folders.modelsDir, fileName), options);
  }

  /** Starts the app on this test's folders; a second call after a stop finds the first one's data. */
  async start(args: string[] = []): Promise<AppProcess> {
    const app =
      HOST === 'desktop' ? await startDesktopApp(this.folders, args) : await startApp(this.folders, { args });
    this.#apps.push(app);
    return app;
  }

  /** A client on the wire, beside the page. */
  async connect(app: AppProcess): Promise<AppClient> {
    if (isDesktop(app)) return app.desktop.side.client;
    const { client, close } = await connectSocket(app.url);
    this.#cleanups.push(close);
    return client;
  }

  /**
   * Starts the app with one model in its library that is chosen for new chats and, unless told, loaded.
   * Its context is as long as the model was trained for.
   */
  async ready(
    options: ScriptedModelOptions,
    { fileName = 'model.gguf', load = true }: { fileName?: string; load?: boolean } = {},
  ): Promise<Ready> {
    const scripted = await this.writeModel(fileName, options);
    const app = await this.start();
    const client = await this.connect(app);
    const model = await addFile(client, fileName);
    const contextSize = options.contextLength ?? null;
    if (contextSize !== null) await client.models.updateSettings({ id: model.id, settings: { contextSize } });
    await client.settings.update({ defaultModelId: model.id, firstRunDone: true });
    if (load) await client.models.load({ id: model.id });
    return { app, client, model, scripted };
  }

  /** Opens the app's address in a browser profile of its own. */
  async open(app: AppProcess, options: BrowserContextOptions = {}): Promise<AppPage> {
    const context = await this.#browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
      timezoneId: 'UTC',
      permissions: ['clipboard-read', 'clipboard-write'],
      ...options,
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    await context.tracing.start({ snapshots: true, screenshots: false });
    await this.#watch(context);
    return isDesktop(app) ? new AppPage(await app.desktop.open(context)) : this.openTab(context, app);
  }

  /** A page of somebody else in the same browser: nothing that it does is forbidden to it. */
  async openStranger(address: string): Promise<Page> {
    const context = await this.#browser.newContext();
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  /** One more tab of a profile. */
  async openTab(context: BrowserContext, app: AppProcess): Promise<AppPage> {
    if (HOST === 'desktop') this.#skip('the desktop has one window: no second tab');
    const page = await context.newPage();
    await page.goto(app.url);
    return new AppPage(page);
  }

  /** Lets the problems that this test provokes pass: each is named by what the browser says about it. */
  allow(...problems: RegExp[]): void {
    this.#allowed.push(...problems);
  }

  /** What the pages did so far that no page may do. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Runs at the end of the test. */
  onEnd(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** Ends everything; a failure leaves pictures and traces. @returns what the pages did that no page may do */
  async end(name: string, failed: boolean): Promise<string[]> {
    const problems = this.#problems.filter(
      (problem) => !this.#allowed.some((allowed) => allowed.test(problem)),
    );
    for (const [index, context] of this.#contexts.entries()) {
      if (failed || problems.length > 0) await saveArtifacts(context, `${name}-${index + 1}`);
      await context.close();
    }
    for (const cleanup of this.#cleanups) cleanup();
    for (const app of this.#apps) await app.stop();
    rmSync(this.folders.root, { recursive: true, force: true });
    return problems;
  }

  async #watch(context: BrowserContext): Promise<void> {
    const report = (problem: string) => void this.#problems.push(problem);
    const isOwn = (address: string) => {
      const { protocol, host } = new URL(address);
      if (protocol === 'data:' || protocol === 'blob:') return true;
      return this.#apps.some((app) => new URL(app.url).host === host);
    };
    await context.exposeBinding('reportPolicyViolation', (_source, text: string) => report(text));
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        const { reportPolicyViolation } = globalThis as unknown as {
          reportPolicyViolation(text: string): void;
        };
        reportPolicyViolation(`policy: ${event.effectiveDirective} ${event.blockedURI}`);
      });
    });
    context.on('console', (message) => {
      if (message.type() === 'error') report(`console: ${message.text()}`);
    });
    context.on('weberror', (error) => report(`page error: ${error.error().message}`));
    context.on('request', (request) => {
      if (!isOwn(request.url())) report(`foreign request: ${request.url()}`);
    });
    context.on('page', (page) => {
      page.on('websocket', (socket) => {
        if (!isOwn(socket.url())) report(`foreign socket: ${socket.url()}`);
      });
    });
  }
}

const isDesktop = (app: AppProcess): app is DesktopApp => 'desktop' in app;

/** Adds a file of the allowed folder to the library, over the contract. */
export async function addFile(client: AppClient, fileName: string): Promise<Model> {
  const files = await client.models.files();
  const file = files.find((candidate) => candidate.fileName === fileName);
  if (!file) throw new Error(`${fileName} is not among the files`);
  return client.models.add({ fileId: file.fileId });
}

/** The newest message of the newest conversation, as the core has it. */
export async function newestAnswer(client: AppClient) {
  const [newest] = await client.conversations.list();
  if (!newest) throw new Error('there is no conversation');
  const conversation = await client.conversations.get({ id: newest.id });
  const answer = conversation.messages.find((message) => message.id === conversation.activeLeafId);
  if (!answer) throw new Error('the conversation has no leaf');
  return { conversation, answer };
}

async function saveArtifacts(context: BrowserContext, name: string): Promise<void> {
  mkdirSync(RESULTS, { recursive: true });
  const pages: Page[] = context.pages();
  for (const [index, page] of pages.entries()) {
    // A page that hangs must not hide why the test failed.
    await page
      .screenshot({ path: join(RESULTS, `${name}-${index + 1}.png`), timeout: 5_000 })
      .catch(() => {});
  }
  await context.tracing.stop({ path: join(RESULTS, `${name}.zip`) }).catch(() => {});
}

/** One browser for the file that imports this. */
let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** `test` with a {@link Stage} for each test. */
export const test = base.extend<{ stage: Stage }>({
  stage: async ({ task, skip }, use) => {
    const stage = new Stage(browser, skip);
    await use(stage);
    const name = `${task.file.name}-${task.name}`.replace(/^.*\//, '').replace(/[^a-z0-9]+/gi, '-');
    const problems = await stage.end(name.slice(0, 100), task.result?.state === 'fail');
    expect(problems, 'what no page may do').toEqual([]);
  },
});
