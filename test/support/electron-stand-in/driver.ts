import { fork, type ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, CDPSession, Page, Route } from 'playwright-core';
import { PORT_CHANNEL } from '../../../src-main/contract/host-channels.ts';
import { type FrameFacts, Link, type Message } from './link.ts';
import { SideClient } from './side-client.ts';
import { BINDING, ISOLATED_WORLD, isolatedWorld, MAIN_WORLD } from './page-world.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const REGISTER = new URL('./register.ts', import.meta.url).href;

/** Chromium cannot load `app:`: the page is loaded from here, and translated at every edge. */
const WEB = 'https://leeward.invalid';
const APP = 'app://leeward';
const toWeb = (url: string) => url.replace(APP, WEB);
const toApp = (url: string) => url.replace(WEB, APP);

export interface Recorded {
  what: string;
  value?: unknown;
}

interface NewWindow {
  id: number;
  options: { width: number; height: number; webPreferences: Record<string, unknown> };
}

interface Load {
  id: number;
  url: string;
  preload: string;
}

/** The built main bundle under Node with the stand-in for Electron; its windows become pages when they are opened. */
export class DesktopProcess {
  readonly child: ChildProcess;
  readonly link: Link;
  /** What main did to the system, in order. */
  readonly recorded: Recorded[] = [];
  readonly windows: NewWindow[] = [];
  /** Answers of the person at the dialogs. */
  pickFiles: (options: object) => string[] = () => [];
  answerBox: (options: object) => number = () => 1;
  readonly exited: Promise<number | null>;
  stderr = '';
  /** Messages that main has sent to frames. */
  posted = 0;
  readonly #loads: { load: Load; done: () => void }[] = [];
  readonly #waiters: (() => void)[] = [];
  readonly #pages = new Map<number, WindowPage>();
  #askedBySide: ((portId: number) => void) | null = null;
  /** A client beside the page. */
  readonly side = new SideClient(
    (id, data) => this.link.notify('port.message', { id, data }),
    () => this.#askForPort(),
  );

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = fork(ROOT, [...args], {
      execPath: process.execPath,
      execArgv: ['--import', REGISTER],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, STAND_IN_APP_PATH: ROOT, ...env },
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.link = new Link((message) => {
      if (this.child.connected) this.child.send(message, () => {});
    });
    this.child.on('message', (message) => void this.link.receive(message as Message));
    this.exited = new Promise((resolve) =>
      this.child.once('exit', (code) => {
        this.link.end();
        for (const wake of this.#waiters) wake();
        resolve(code);
      }),
    );
    this.#listen();
  }

  #listen(): void {
    const { link } = this;
    link.handle('record', (recorded: Recorded) => void this.recorded.push(recorded));
    link.handle('window.create', (created: NewWindow) => void this.windows.push(created));
    link.handle(
      'window.load',
      (load: Load) =>
        new Promise<void>((done) => {
          this.#loads.push({ load, done });
          for (const wake of this.#waiters.splice(0)) wake();
        }),
    );
    link.handle('window.close', ({ id }: { id: number }) => this.#pages.get(id)?.close() ?? true);
    link.handle('frame.post', ({ windowId, ...value }: { windowId: number; ports: number[] }) => {
      this.posted += 1;
      const [port] = value.ports;
      if (this.#askedBySide && port !== undefined) this.#askedBySide(port);
      else this.#pages.get(windowId)?.tell('post', value);
    });
    link.handle('port.message', (value: { id: number; data: unknown }) => {
      if (!this.side.take(value.id, value.data)) this.#tellAll('portMessage', value);
    });
    link.handle('port.close', (value: { id: number }) => {
      this.side.closed(value.id);
      this.#tellAll('portClose', value);
    });
    link.handle('dialog.open', (options: object) => this.pickFiles(options));
    link.handle('dialog.box', (options: object) => this.answerBox(options));
  }

  #tellAll(name: string, value: object): void {
    for (const page of this.#pages.values()) page.tell(name, value);
  }

  /** As the page's own preload does, before there is a page. */
  async #askForPort(): Promise<number> {
    await this.ready();
    const id = await new Promise<number>((resolve) => {
      this.#askedBySide = resolve;
      this.sendFrom(1, { origin: APP, url: `${APP}/`, isMain: true }, PORT_CHANNEL);
    });
    this.#askedBySide = null;
    return id;
  }

  /** Main has made its window and loads the page. */
  async ready(): Promise<void> {
    while (this.#loads.length === 0 && this.#pages.size === 0) {
      if (this.child.exitCode !== null)
        throw new Error(`main ended with ${this.child.exitCode}: ${this.stderr}`);
      await new Promise<void>((wake) => this.#waiters.push(wake));
    }
  }

  /** Waits until main loads a page, and opens it in a profile of the browser. */
  async open(context: BrowserContext): Promise<Page> {
    while (this.#loads.length === 0) {
      if (this.child.exitCode !== null)
        throw new Error(`main ended with ${this.child.exitCode}: ${this.stderr}`);
      await new Promise<void>((wake) => this.#waiters.push(wake));
    }
    const next = this.#loads.shift();
    if (!next) throw new Error('another caller opened the window');
    const { load, done } = next;
    const window = new WindowPage(load.id, this.link, await context.newPage(), (id) => this.side.closed(id));
    this.#pages.set(load.id, window);
    await window.start(load);
    done();
    return window.page;
  }

  /** Waits for something that main does. */
  async seen(what: string, matches: (value: unknown) => boolean = () => true): Promise<unknown> {
    const find = () => this.recorded.findLast((entry) => entry.what === what && matches(entry.value));
    while (!find()) {
      if (this.child.exitCode !== null)
        throw new Error(`main ended with ${this.child.exitCode}: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return find()?.value;
  }

  /** The message that a frame of a window sends to main. */
  sendFrom(windowId: number, frame: FrameFacts | null, channel: string, message: unknown = null): void {
    this.link.notify('ipc.message', { windowId, frame, channel, message });
  }

  /** From now on a file of this name and size in the page is the one at `path`, as after a drop from outside. */
  async backFile(path: string): Promise<void> {
    const entry = JSON.stringify([`${basename(path)}:${statSync(path).size}`, path]);
    for (const page of this.#pages.values()) await page.evaluate(`__standIn.paths.set(...${entry})`);
  }

  /** Quits as the menu does. */
  quit(): Promise<number | null> {
    this.link.notify('app.quit');
    return this.exited;
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM');
    }
    return this.exited;
  }
}

/** One window: a Chromium page with the preload in an isolated world. */
class WindowPage {
  readonly page: Page;
  readonly #id: number;
  readonly #link: Link;
  #session: CDPSession | null = null;
  /** The isolated world of the document that is shown. */
  #world: number | null = null;
  #portIds = new Set<number>();
  #expected: string | null = null;
  readonly #onPortGone: (id: number) => void;

  constructor(id: number, link: Link, page: Page, onPortGone: (id: number) => void) {
    this.#onPortGone = onPortGone;
    this.#id = id;
    this.#link = link;
    this.page = page;
  }

  async start({ url, preload }: Load): Promise<void> {
    const { page } = this;
    const session = await page.context().newCDPSession(page);
    this.#session = session;
    await session.send('Page.enable');
    session.on('Runtime.executionContextCreated', ({ context }) => {
      const { isDefault, frameId } = (context.auxData ?? {}) as { isDefault?: boolean; frameId?: string };
      if (context.name === ISOLATED_WORLD && !isDefault && frameId === mainFrameId) this.#world = context.id;
    });
    session.on('Runtime.executionContextDestroyed', ({ executionContextId }) => {
      if (executionContextId === this.#world) this.#documentGone();
    });
    session.on('Runtime.executionContextsCleared', () => this.#documentGone());
    session.on('Runtime.bindingCalled', ({ name, payload }) => {
      if (name === BINDING) void this.#fromPreload(JSON.parse(payload) as PreloadMessage);
    });
    const mainFrameId = (await session.send('Page.getFrameTree')).frameTree.frame.id;
    await session.send('Runtime.enable');
    await session.send('Runtime.addBinding', { name: BINDING, executionContextName: ISOLATED_WORLD });
    await session.send('Page.addScriptToEvaluateOnNewDocument', { source: MAIN_WORLD });
    await session.send('Page.addScriptToEvaluateOnNewDocument', {
      source: isolatedWorld(preload),
      worldName: ISOLATED_WORLD,
    });
    await page.route('**/*', (route) => this.#request(route));
    page.on('popup', (popup) => void this.#popup(popup));
    this.#expected = toWeb(url);
    await page.goto(toWeb(url));
  }

  /** Calls into the isolated world. */
  tell(name: string, value: object): void {
    if (name === 'post') for (const id of (value as { ports: number[] }).ports) this.#portIds.add(id);
    void this.evaluate(`__standIn.${name}(${JSON.stringify(value)})`).catch(() => {});
  }

  async evaluate(expression: string): Promise<void> {
    if (this.#world === null) return;
    await this.#session?.send('Runtime.evaluate', { expression, contextId: this.#world });
  }

  /** As the close button: `beforeunload` may hold the page back. */
  async close(): Promise<boolean> {
    if (this.page.isClosed()) return true;
    const ended = new Promise<boolean>((resolve) => {
      this.page.once('close', () => resolve(true));
      this.page.once('dialog', async (dialog) => {
        const ignored = await this.#link.request<boolean>('contents.fire', {
          windowId: this.#id,
          event: 'will-prevent-unload',
          details: {},
        });
        if (ignored) return dialog.accept();
        await dialog.dismiss();
        resolve(false);
      });
    });
    await this.page.close({ runBeforeUnload: true });
    const closed = await ended;
    if (closed) this.#documentGone();
    return closed;
  }

  async #fromPreload({ type, value }: PreloadMessage): Promise<void> {
    const url = toApp(this.page.url());
    const frame = {
      url,
      origin: url.startsWith(`${APP}/`) ? APP : new URL(this.page.url()).origin,
      isMain: true,
    };
    if (type === 'ipc.invoke') {
      const { id, channel, message } = value;
      const answer = await this.#link
        .request('ipc.invoke', { windowId: this.#id, frame, channel, message })
        .then((result) => ({ id, value: result }))
        .catch((error: Error) => ({ id, error: error.message }));
      return this.tell('answer', answer);
    }
    if (type === 'ipc.message') this.#link.notify(type, { windowId: this.#id, frame, ...value });
    else {
      if (type === 'port.closed') this.#onPortGone(value.id);
      this.#link.notify(type, value);
    }
  }

  /** "Emitted when the remote end of a MessagePortMain object becomes disconnected": the document is gone. */
  #documentGone(): void {
    this.#world = null;
    for (const id of this.#portIds) {
      this.#onPortGone(id);
      this.#link.notify('port.closed', { id });
    }
    this.#portIds.clear();
  }

  async #request(route: Route): Promise<void> {
    const request = route.request();
    const url = toApp(request.url());
    try {
      if (
        request.isNavigationRequest() &&
        !(await this.#mayNavigate(request.url(), request.frame().parentFrame() === null))
      )
        return await route.abort('aborted');
      const { cancel } = await this.#link.request<{ cancel?: boolean }>('request.check', {
        url,
        resourceType: request.resourceType(),
      });
      if (cancel === true || !url.startsWith(`${APP}/`)) return await route.abort('blockedbyclient');
      const { status, headers, body } = await this.#link.request<{
        status: number;
        headers: Record<string, string>;
        body: Uint8Array;
      }>('protocol.request', { url, method: request.method() });
      await route.fulfill({ status, headers, body: Buffer.from(body) });
    } catch {
      // The app or the page ended meanwhile.
      await route.abort().catch(() => {});
    }
  }

  /** "Not emitted when the navigation is started programmatically with APIs like webContents.loadURL". */
  async #mayNavigate(url: string, isMainFrame: boolean): Promise<boolean> {
    if (url === this.#expected) {
      this.#expected = null;
      return true;
    }
    const details = { url: toApp(url), isMainFrame, isSameDocument: false };
    const ask = (event: string) =>
      this.#link.request<boolean>('contents.fire', { windowId: this.#id, event, details });
    return !(await ask('will-frame-navigate')) && !(isMainFrame && (await ask('will-navigate')));
  }

  async #popup(popup: Page): Promise<void> {
    const { action } = await this.#link.request<{ action: string }>('window.open', {
      windowId: this.#id,
      url: toApp(popup.url()),
    });
    if (action === 'deny') await popup.close();
  }
}

type PreloadMessage =
  | { type: 'ipc.invoke'; value: { id: number; channel: string; message: unknown } }
  | { type: 'ipc.message'; value: { channel: string; message: unknown } }
  | { type: 'port.message' | 'port.closed'; value: { id: number } };

declare global {
  interface Window {
    readonly leeward?: (files?: readonly File[]) => Promise<string[]>;
  }
}
