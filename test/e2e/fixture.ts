import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect, test as base, type RunnerTestCase } from 'vitest';
import type { AppClient, Model, Settings } from '../../src-main/contract/index.ts';
import { appFolders, startApp, type AppProcess } from '../support/app-process.ts';
import { startDesktopApp, type DesktopApp } from '../support/desktop-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { startElectronApp } from '../support/electron-process.ts';
import {
  plainScript,
  writeScriptedModel,
  type ScriptedModel,
  type ScriptedModelOptions,
} from '../support/gguf/scripted-model.ts';
import { connectSocket } from '../support/socket-client.ts';
import { socketWire, type Wire } from '../support/wire.ts';
import { AppPage } from './app-page.ts';
import { HAS_TABS, HOST } from './host.ts';

// Specs against the build in out/ (`npm run build` first): the app as it ships, a real engine, scripted models.

const RESULTS = 'test-results';
/** Two cores carry an engine, a browser and the test: a state may take this long to show, ms. */
const PATIENCE_MS = 15_000;

const VIEWPORT = { width: 1440, height: 900 };

/** Talks on, at some two thousand tokens a second, for longer than any test looks. */
export const talker = { script: plainScript, thenStop: false, contextLength: 65_536 } as const;

/** Like `expect.poll`, with the patience that a busy machine needs. */
export const eventually = <T>(read: () => T | Promise<T>, message?: string) =>
  expect.poll(read, { timeout: PATIENCE_MS, interval: 50, ...(message === undefined ? {} : { message }) });

export interface Ready {
  app: AppProcess;
  /** Connected as another tab would be. */
  client: AppClient;
  model: Model;
  scripted: ScriptedModel;
}

/** An app that tests of one file have in turn; see {@link Stage.share}. */
interface Shared {
  readonly folders: ReturnType<typeof appFolders>;
  readonly app: AppProcess;
  readonly client: AppClient;
  readonly disconnect: () => void;
  /** The one window of a desktop app, which ends with it. */
  page: AppPage | null;
  /** What its pages did in the test that has it now. */
  readonly problems: string[];
  /** As it started. */
  readonly settings: Omit<Settings, 'offline' | 'offlineSince'>;
}

let shared: Shared | null = null;

async function endShared(): Promise<void> {
  const ending = shared;
  shared = null;
  if (!ending) return;
  await ending.page?.page.context().close();
  ending.disconnect();
  await ending.app.dispose();
}

/** Nothing is left of the test before: no chat, model, folder, tag, preset or setting, no answer on its way. */
async function emptyShared({ client, folders, problems, settings }: Shared): Promise<void> {
  const ids = (await client.conversations.list()).map(({ id }) => id);
  if (ids.length > 0) await client.history.update({ ids, change: { trashed: true } });
  await client.history.emptyTrash();
  await eventually(async () => (await client.engine.state()).status).toMatch(/^(idle|ready)$/);
  // A file that is written anew must not be in use.
  await client.models.unload();
  for (const { id } of await client.models.list()) await client.models.remove({ id });
  for (const name of readdirSync(folders.modelsDir)) rmSync(join(folders.modelsDir, name));
  for (const { id, parentId } of await client.folders.list())
    if (parentId === null) await client.folders.remove({ id, chats: 'to_trash' });
  for (const { id } of await client.tags.list()) await client.tags.remove({ id });
  for (const { id, builtIn } of await client.presets.list())
    if (builtIn === null) await client.presets.remove({ id });
  await client.settings.update(settings);
  problems.length = 0;
}

/** What one test has: folders, apps on them, and browser pages that are watched for every forbidden thing. */
export class Stage {
  folders = appFolders();
  readonly #browser: Browser | null;
  readonly #skip: (reason: string) => void;
  readonly #apps: AppProcess[] = [];
  readonly #contexts: BrowserContext[] = [];
  readonly #cleanups: (() => void)[] = [];
  #problems: string[] = [];
  readonly #allowed: RegExp[] = [];
  readonly #records: boolean;
  #shared: Shared | null = null;

  /**
   * @param browser null where the app brings its own
   * @param options.records traces are made, for a failure to leave; they cost a tenth of a test
   */
  constructor(browser: Browser | null, skip: (reason: string) => void, { records }: { records: boolean }) {
    this.#browser = browser;
    this.#skip = skip;
    this.#records = records;
  }

  /** Writes a scripted model into the allowed folder. */
  writeModel(fileName: string, options: ScriptedModelOptions): Promise<ScriptedModel> {
    return writeScriptedModel(join(this.folders.modelsDir, fileName), options);
  }

  /** Starts the app on this test's folders; a second call after a stop finds the first one's data. */
  async start(args: string[] = []): Promise<AppProcess> {
    const app = await this.#start(args);
    this.#apps.push(app);
    return app;
  }

  #start(args: string[]): Promise<AppProcess> {
    if (HOST === 'electron') return startElectronApp(this.folders, args);
    if (HOST === 'desktop') return startDesktopApp(this.folders, args);
    return startApp(this.folders, { args });
  }

  /** A client on the wire, beside the page. */
  async connect(app: AppProcess): Promise<AppClient> {
    if (isDesktop(app)) return app.window.client;
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
    return { app, client, scripted, model: await this.#choose(client, options, { fileName, load }) };
  }

  /**
   * Like {@link ready}, on an app that the tests of the file have in turn, which saves its start: chats, models,
   * folders, tags, presets and settings of the test before are gone. For tests that end no process, leave Offline
   * and a model's own settings alone, but for its context's size, and look at no figure of all time.
   */
  async share(
    options: ScriptedModelOptions,
    { fileName = 'model.gguf', load = true }: { fileName?: string; load?: boolean } = {},
  ): Promise<Ready> {
    if (HOST === 'electron') return this.ready(options, { fileName, load });
    const own = this.folders;
    if (!shared) {
      const app = await this.#start([]);
      let disconnect = () => {};
      const client = isDesktop(app)
        ? app.window.client
        : await connectSocket(app.url).then((connected) => {
            disconnect = connected.close;
            return connected.client;
          });
      const { offline: _offline, offlineSince: _offlineSince, ...settings } = await client.settings.get();
      shared = { folders: own, app, client, disconnect, page: null, problems: [], settings };
    } else {
      rmSync(own.root, { recursive: true, force: true });
      this.folders = shared.folders;
      this.#shared = shared;
      await emptyShared(shared);
    }
    this.#shared = shared;
    const { app, client, problems } = shared;
    this.#apps.push(app);
    this.#problems = problems;
    const scripted = await this.writeModel(fileName, options);
    return { app, client, scripted, model: await this.#choose(client, options, { fileName, load }) };
  }

  async #choose(
    client: AppClient,
    options: ScriptedModelOptions,
    { fileName, load }: { fileName: string; load: boolean },
  ): Promise<Model> {
    const model = await addFile(client, fileName);
    const contextSize = options.contextLength ?? null;
    // What the test before set for this file name would be kept.
    if (contextSize !== null || this.#shared)
      await client.models.updateSettings({ id: model.id, settings: { contextSize } });
    await client.settings.update({ defaultModelId: model.id, firstRunDone: true, titlesByModel: false });
    if (load) await client.models.load({ id: model.id });
    return model;
  }

  /** Opens the app's address in a browser profile of its own, or its window. */
  async open(app: AppProcess, options: BrowserContextOptions = {}): Promise<AppPage> {
    if (this.#shared?.page) return freshWindow(this.#shared.page, options);
    const context = (isDesktop(app) ? app.window.context : null) ?? (await this.#profile(options));
    if (!this.#shared || HAS_TABS) this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    if (this.#records) await context.tracing.start({ snapshots: true, screenshots: false });
    await this.#watch(context);
    if (!isDesktop(app)) return this.openTab(context, app);
    const page = await app.window.open(context);
    if (context === app.window.context) await applyTo(page, options);
    const opened = new AppPage(page);
    if (this.#shared) this.#shared.page = opened;
    return opened;
  }

  #newContext(options?: BrowserContextOptions): Promise<BrowserContext> {
    if (!this.#browser) throw new Error('this host has no browser');
    return this.#browser.newContext(options);
  }

  /** A person's profile of the browser. */
  #profile(options: BrowserContextOptions): Promise<BrowserContext> {
    return this.#newContext({
      viewport: VIEWPORT,
      locale: 'en-GB',
      timezoneId: 'UTC',
      permissions: ['clipboard-read', 'clipboard-write'],
      ...options,
    });
  }

  /** A page of somebody else in the same browser: nothing that it does is forbidden to it. */
  async openStranger(address: string): Promise<Page> {
    const context = await this.#newContext();
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  /** One more tab of a profile; a test that is about two tabs is skipped where there is one window. */
  async openTab(context: BrowserContext, app: AppProcess): Promise<AppPage> {
    this.onlyInBrowser('the desktop has one window: no second tab');
    const page = await context.newPage();
    await page.goto(app.url);
    return new AppPage(page);
  }

  /** What else shows the app: one more tab, or on the desktop, which has one window, the page itself. */
  elsewhere(page: AppPage, app: AppProcess): Promise<AppPage> {
    return HAS_TABS ? this.openTab(page.page.context(), app) : Promise.resolve(page);
  }

  /** Skips the rest of a test that means nothing here. */
  only(isMeaningful: boolean, reason: string): void {
    if (!isMeaningful) this.#skip(reason);
  }

  /** Skips the rest of a test that means nothing on the desktop. */
  onlyInBrowser(reason: string): void {
    this.only(HOST === 'browser', reason);
  }

  /** What the clipboard holds. */
  async clipboard({ page }: AppPage): Promise<string> {
    const app = this.#apps.at(-1);
    const own = app && isDesktop(app) ? await app.window.clipboard() : null;
    return own ?? page.evaluate(() => navigator.clipboard.readText());
  }

  /** Loads the page again with its wire to the core in the hands of the test. */
  async takeWire(page: AppPage, app: AppProcess): Promise<Wire> {
    const wire = isDesktop(app) ? await app.window.takeWire() : await socketWire(page.page);
    await page.page.reload();
    return wire;
  }

  /** Adds files of the allowed folder on the Models screen: in the app's panel, or in the system's dialog. */
  async addOnScreen(page: AppPage, app: AppProcess, fileNames: readonly string[]): Promise<void> {
    const paths = fileNames.map((fileName) => join(this.folders.modelsDir, fileName));
    if (isDesktop(app)) await app.window.pickFiles(paths);
    await page.openGguf.click();
    if (isDesktop(app)) return;
    for (const fileName of fileNames) {
      const file = page.addDialog.getByRole('listitem').filter({ hasText: fileName });
      await page.addDialog.getByRole('button', { name: `Add ${fileName}` }).click();
      await file.getByText('On the list').waitFor();
    }
    await page.addDialog.getByRole('button', { name: 'Done' }).click();
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
    if (this.#shared) {
      if (failed || problems.length > 0) {
        const context = this.#shared.page?.page.context();
        if (context) await saveArtifacts(context, `${name}-window`);
        // A second attempt, and the next test, have a new one.
        await endShared();
      }
      return problems;
    }
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

async function applyTo(page: Page, options: BrowserContextOptions): Promise<void> {
  const { viewport = VIEWPORT, colorScheme, reducedMotion } = options;
  if (viewport) await page.setViewportSize(viewport);
  await page.emulateMedia({
    ...(colorScheme === undefined ? {} : { colorScheme }),
    ...(reducedMotion === undefined ? {} : { reducedMotion }),
  });
}

/** The window as one that was just opened shows itself. */
async function freshWindow(shown: AppPage, options: BrowserContextOptions): Promise<AppPage> {
  await shown.page.evaluate(() => {
    localStorage.clear();
    sessionStorage.clear();
    // Where the test before was in the app.
    history.replaceState(null, '');
  });
  await applyTo(shown.page, { colorScheme: null, reducedMotion: null, ...options });
  await shown.page.reload();
  return shown;
}

const isDesktop = (app: AppProcess): app is DesktopApp => 'window' in app;

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
  // Where nothing was recorded there is nothing to stop.
  await context.tracing.stop({ path: join(RESULTS, `${name}.zip`) }).catch(() => {});
}

/** One browser for the files of a worker, which is not made anew for each; Electron brings its own. */
let browser: Browser | null = null;
/** A browser that went down with one test is no browser for the next one, nor for a second attempt. */
async function livingBrowser(): Promise<Browser | null> {
  if (HOST !== 'electron' && browser?.isConnected() !== true) browser = await launchBrowser();
  return browser;
}

/** A test that fails for good fails at its last attempt: that one is recorded. */
function isLastAttempt({ retry, result }: RunnerTestCase): boolean {
  const retries = typeof retry === 'number' ? retry : (retry?.count ?? 0);
  return (result?.retryCount ?? 0) >= retries;
}

/** `test` with a {@link Stage} for each test. */
export const test = base
  .extend('untilWorkerEnds', { scope: 'worker' }, ({}, { onCleanup }) => {
    onCleanup(async () => browser?.close());
  })
  .extend('untilFileEnds', { scope: 'file' }, ({ untilWorkerEnds: _browser }, { onCleanup }) => {
    onCleanup(endShared);
  })
  .extend<{ stage: Stage }>({
    stage: async ({ task, skip, untilFileEnds: _shared }, use) => {
      const stage = new Stage(await livingBrowser(), skip, { records: isLastAttempt(task) });
      await use(stage);
      const label = `${task.file.name}-${task.name}`.replace(/^.*\//, '').replace(/[^a-z0-9]+/gi, '-');
      const problems = await stage.end(`${HOST}-${label.slice(0, 100)}`, task.result?.state === 'fail');
      expect(problems, 'what no page may do').toEqual([]);
    },
  });
