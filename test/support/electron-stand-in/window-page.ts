import type { CDPSession, Page, Route } from 'playwright-core';
import type { Link } from './link.ts';
import { BINDING, ISOLATED_WORLD, isolatedWorld, MAIN_WORLD } from './page-world.ts';

/** Chromium cannot load `app:`: the page is loaded from here, and translated at every edge. */
const WEB = 'https://leeward.invalid';
export const APP = 'app://leeward';
const toWeb = (url: string) => url.replace(APP, WEB);
const toApp = (url: string) => url.replace(WEB, APP);

export interface Load {
  id: number;
  url: string;
  preload: string;
}

/** What the driver does for a page. */
export interface PageHooks {
  /** Sees what the page sends to the core; gives what main gets in its place, null for nothing. */
  onSend(data: unknown): unknown;
  onPortGone(portId: number): void;
}

/** One window: a Chromium page with the preload in an isolated world. */
export class WindowPage {
  readonly page: Page;
  readonly #id: number;
  readonly #link: Link;
  #session: CDPSession | null = null;
  /** The isolated world of the document that is shown. */
  #world: number | null = null;
  #portIds = new Set<number>();
  #expected: string | null = null;
  readonly #hooks: PageHooks;

  constructor(id: number, link: Link, page: Page, hooks: PageHooks) {
    this.#hooks = hooks;
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
    page.once('close', () => this.#documentGone());
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
    if (type === 'ipc.message') return this.#link.notify(type, { windowId: this.#id, frame, ...value });
    if (type === 'port.closed') {
      this.#hooks.onPortGone(value.id);
      return this.#link.notify(type, value);
    }
    const data = this.#hooks.onSend(value.data);
    if (data !== null) this.#link.notify(type, { id: value.id, data });
  }

  /** "Emitted when the remote end of a MessagePortMain object becomes disconnected": the document is gone. */
  #documentGone(): void {
    this.#world = null;
    for (const id of this.#portIds) {
      this.#hooks.onPortGone(id);
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
  | { type: 'port.message'; value: { id: number; data: unknown } }
  | { type: 'port.closed'; value: { id: number } };

declare global {
  interface Window {
    readonly leeward?: (files?: readonly File[]) => Promise<string[]>;
  }
}
