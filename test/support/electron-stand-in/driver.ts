import { fork, type ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { PORT_CHANNEL } from '../../../src-main/contract/host-channels.ts';
import type { Wire } from '../wire.ts';
import { type FrameFacts, Link, type Message } from './link.ts';
import { SideClient } from './side-client.ts';
import { APP, type Load, WindowPage } from './window-page.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const REGISTER = new URL('./register.ts', import.meta.url).href;

export interface Recorded {
  what: string;
  value?: unknown;
}

interface NewWindow {
  id: number;
  options: { width: number; height: number; webPreferences: Record<string, unknown> };
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
  /** '' cancels. */
  saveTo: (options: object) => string = () => '';
  answerBox: (options: object) => number | Promise<number> = () => 1;
  readonly exited: Promise<number | null>;
  stderr = '';
  /** Messages that main has sent to frames. */
  posted = 0;
  /** While this is set no port reaches a page, which stays without the core. */
  losesPorts = false;
  /** While this is set a page that is asked to close gives no answer. */
  hangs = false;
  readonly #loads: { load: Load; done: () => void }[] = [];
  readonly #waiters: (() => void)[] = [];
  readonly #pages = new Map<number, WindowPage>();
  /** Ports that pages were given, in order. */
  readonly #pagePorts: number[] = [];
  /** The wire of the page. */
  readonly wire: Wire = this.#wire();
  #askedBySide: ((portId: number) => void) | null = null;
  /** A client beside the page. */
  readonly side = new SideClient(
    (id, data) => this.link.notify('port.message', { id, data }),
    () => this.#askForPort(),
    () => [...this.#pages.values()].some(({ page }) => !page.isClosed()),
  );

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    // A packaged app lies in a folder of its own.
    const root = env['STAND_IN_APP_PATH'] ?? ROOT;
    this.child = fork(root, [...args], {
      execPath: process.execPath,
      execArgv: ['--import', REGISTER],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, STAND_IN_APP_PATH: root, ...env },
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
        // Windows end with their app.
        for (const { page } of this.#pages.values()) void page.close().catch(() => {});
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
    link.handle('window.reload', () => {
      for (const { page } of this.#pages.values()) if (!page.isClosed()) void page.reload().catch(() => {});
    });
    link.handle('window.close', ({ id }: { id: number }) => {
      if (!this.hangs) return this.#pages.get(id)?.close() ?? true;
      this.recorded.push({ what: 'hangs' });
      return new Promise(() => {});
    });
    link.handle('frame.post', ({ windowId, ...value }: { windowId: number; ports: number[] }) => {
      this.posted += 1;
      const [port] = value.ports;
      if (this.#askedBySide && port !== undefined) this.#askedBySide(port);
      else if (!this.losesPorts) {
        this.#pagePorts.push(...value.ports);
        this.#pages.get(windowId)?.tell('post', value);
      }
    });
    link.handle('port.message', (value: { id: number; data: unknown }) => {
      if (!this.side.take(value.id, value.data)) this.#tellAll('portMessage', value);
    });
    link.handle('port.close', (value: { id: number }) => {
      this.side.closed(value.id);
      this.#tellAll('portClose', value);
    });
    link.handle('dialog.open', (options: object) => this.pickFiles(options));
    link.handle('dialog.save', (options: object) => this.saveTo(options));
    link.handle('dialog.box', (options: object) => this.answerBox(options));
  }

  #wire(): Wire {
    const ports = this.#pagePorts;
    return {
      onSend: (frame) => frame,
      send: (data) => this.link.notify('port.message', { id: ports.at(-1), data }),
      get connections() {
        return ports.length;
      },
      // Both ends find their port closed.
      cut: async () => {
        const id = ports.at(-1) ?? 0;
        this.side.closed(id);
        this.link.notify('port.closed', { id });
        this.#tellAll('portClose', { id });
      },
    };
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
    const window = new WindowPage(load.id, this.link, await context.newPage(), {
      onSend: (data) => (typeof data === 'string' ? this.wire.onSend(data) : data),
      onPortGone: (id) => this.side.closed(id),
    });
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
