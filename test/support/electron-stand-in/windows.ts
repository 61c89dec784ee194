import { readFileSync } from 'node:fs';
import { app, openWindows } from './app.ts';
import type { FrameFacts } from './link.ts';
import { type MessagePortMain, transferIds } from './ports.ts';
import { link } from './process-link.ts';
import { checkOptions, preventable, strict, StrictEmitter } from './strict.ts';

type Handler = (...args: never[]) => unknown;
interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

const WINDOW_OPTIONS = [
  'x',
  'y',
  'width',
  'height',
  'minWidth',
  'minHeight',
  'show',
  'title',
  'backgroundColor',
  'autoHideMenuBar',
  'webPreferences',
];
const PAGE_OPTIONS = [
  'preload',
  'sandbox',
  'contextIsolation',
  'nodeIntegration',
  'nodeIntegrationInWorker',
  'nodeIntegrationInSubFrames',
  'webSecurity',
  'allowRunningInsecureContent',
  'experimentalFeatures',
  'webviewTag',
  'plugins',
  'navigateOnDragDrop',
  'devTools',
  'spellcheck',
];

/** "The frame that sent this message. May be null if accessed after the frame has either navigated or been destroyed." */
function frameOf(windowId: number, facts: FrameFacts | null) {
  if (facts === null) return null;
  return strict('WebFrameMain', {
    origin: facts.origin,
    url: facts.url,
    detached: false,
    parent: facts.isMain ? null : strict('WebFrameMain', {}),
    /** "Send a message to the renderer process, optionally transferring ownership of MessagePortMain objects." */
    postMessage(channel: string, message: unknown, transfer: MessagePortMain[] = []) {
      link.notify('frame.post', { windowId, channel, message, ports: transferIds(transfer) });
    },
  });
}

/** "IPC messages sent with ipcRenderer.send, ipcRenderer.sendSync or ipcRenderer.postMessage" of one page. */
class ContentsIpc {
  readonly listeners = new Map<string, Handler>();
  readonly handlers = new Map<string, Handler>();

  on(channel: string, listener: Handler): void {
    this.listeners.set(channel, listener);
  }
  handle(channel: string, handler: Handler): void {
    if (this.handlers.has(channel))
      throw new Error(`Attempted to register a second handler for '${channel}'`);
    this.handlers.set(channel, handler);
  }
}

class WebContents extends StrictEmitter {
  readonly ipc = strict('webContents.ipc', new ContentsIpc());
  readonly mainFrame: object;
  _openHandler: Handler | null = null;

  constructor() {
    super('webContents', [
      'will-navigate',
      'will-frame-navigate',
      'will-redirect',
      'will-attach-webview',
      'will-prevent-unload',
      'context-menu',
      'render-process-gone',
      'destroyed',
    ]);
    this.mainFrame = strict('WebFrameMain', { origin: 'app://leeward' });
  }

  /** "disable_non_proxied_udp - Does not expose public or local IPs." */
  setWebRTCIPHandlingPolicy(policy: string): void {
    link.notify('record', { what: 'webRTC', value: policy });
  }

  /** "Executes editing command replaceMisspelling in page." */
  replaceMisspelling(text: string): void {
    link.notify('record', { what: 'replaceMisspelling', value: text });
  }

  /** "Reloads the current page." */
  reload(): void {
    link.notify('window.reload');
  }

  /** "Called before creating a window a new window is requested by the renderer" */
  setWindowOpenHandler(handler: Handler): void {
    this._openHandler = handler;
  }
}

let lastWindowId = 0;
const windows = new Map<number, BrowserWindow>();
const proxies = new Map<number, BrowserWindow>();

export class BrowserWindow extends StrictEmitter {
  readonly id: number;
  readonly webContents = strict('webContents', new WebContents());
  readonly #preload: string;
  #bounds: Bounds;
  #maximised = false;
  #minimised = false;
  #focused = false;
  readonly #destroyed = Promise.withResolvers<true>();

  constructor(options: Record<string, unknown> & { webPreferences: Record<string, unknown> }) {
    super('BrowserWindow', ['ready-to-show', 'close', 'closed', 'session-end']);
    checkOptions('BrowserWindow', options, WINDOW_OPTIONS);
    checkOptions('webPreferences', options.webPreferences, PAGE_OPTIONS);
    lastWindowId += 1;
    this.id = lastWindowId;
    this.#bounds = { x: 40, y: 40, width: 800, height: 600, ...(options as Partial<Bounds>) };
    this.#preload = readFileSync(String(options.webPreferences['preload']), 'utf8');
    windows.set(this.id, this);
    openWindows.add(this);
    // "Emitted when a new webContents is created."
    app.fire('web-contents-created', {}, this.webContents);
    link.notify('window.create', { id: this.id, options });
    const proxy = strict('BrowserWindow', this);
    proxies.set(this.id, proxy);
    return proxy;
  }

  /** "An array of all opened browser windows." */
  static getAllWindows(): BrowserWindow[] {
    return [...proxies.values()];
  }

  /** "the promise will resolve when the page has finished loading" */
  async loadURL(url: string): Promise<void> {
    await link.request('window.load', { id: this.id, url, preload: this.#preload });
    this.emit('ready-to-show');
  }

  /** "Shows and gives focus to the window." */
  show(): void {
    this.#focused = true;
    link.notify('record', { what: 'show', value: this.id });
  }
  /** "Focuses on the window." */
  focus(): void {
    this.#focused = true;
    link.notify('record', { what: 'focus', value: this.id });
  }
  maximize(): void {
    this.#maximised = true;
  }
  /** "Hides the window." */
  hide(): void {
    this.#focused = false;
    link.notify('record', { what: 'hide', value: this.id });
  }
  /** "Minimizes the window." */
  minimize(): void {
    this.#minimised = true;
    this.#focused = false;
    link.notify('record', { what: 'minimise', value: this.id });
  }
  /** "Restores the window from minimized state to its previous state." */
  restore(): void {
    this.#minimised = false;
    link.notify('record', { what: 'restore', value: this.id });
  }
  /** "Whether the window is destroyed." */
  isDestroyed(): boolean {
    return !windows.has(this.id);
  }
  isMaximized(): boolean {
    return this.#maximised;
  }
  isMinimized(): boolean {
    return this.#minimised;
  }
  isFocused(): boolean {
    return this.#focused;
  }
  /** "Contains the window bounds of the normal state" */
  getNormalBounds(): Bounds {
    const { x, y, width, height } = this.#bounds;
    return { x, y, width, height };
  }

  /** Another program's window comes to the front. */
  _blur(): void {
    this.#focused = false;
  }

  _resize(bounds: Bounds): void {
    this.#bounds = bounds;
  }

  /** What the close button does; false when the window stays. */
  async askToClose(): Promise<boolean> {
    // "It's emitted before the beforeunload and unload event of the DOM."
    if (this.fire('close')) return false;
    const asked = link.request<boolean>('window.close', { id: this.id });
    if (!(await Promise.race([asked, this.#destroyed.promise]))) return false;
    this._gone();
    return true;
  }

  /** "Force closing the window [...] but it guarantees the closed event will be emitted." */
  destroy(): void {
    link.notify('record', { what: 'destroy', value: this.id });
    this.#destroyed.resolve(true);
    this._gone();
  }

  _gone(): void {
    if (!windows.delete(this.id)) return;
    proxies.delete(this.id);
    openWindows.delete(this);
    this.webContents.emit('destroyed');
    this.emit('closed');
    app._windowGone();
  }
}

interface Sent {
  windowId: number;
  frame: FrameFacts | null;
  channel: string;
  message: unknown;
}
interface Fired {
  windowId: number;
  event: string;
  details: object;
  args?: unknown[];
}
const contentsOf = (id: number) => {
  const window = windows.get(id);
  if (!window) throw new Error(`There is no window ${id}.`);
  return window.webContents;
};
link.handle('ipc.message', ({ windowId, frame, channel, message }: Sent) => {
  const listener = contentsOf(windowId).ipc.listeners.get(channel);
  listener?.(...([{ senderFrame: frameOf(windowId, frame), ports: [] }, message] as unknown as never[]));
});
link.handle('ipc.invoke', ({ windowId, frame, channel, message }: Sent) => {
  const handler = contentsOf(windowId).ipc.handlers.get(channel);
  if (!handler) throw new Error(`No handler registered for '${channel}'`);
  return handler(...([{ senderFrame: frameOf(windowId, frame) }, message] as unknown as never[]));
});
link.handle('contents.fire', ({ windowId, event, details, args = [{}, {}] }: Fired) =>
  contentsOf(windowId).fire(event, details, ...args),
);
link.handle('window.open', ({ windowId, url }: { windowId: number; url: string }) => {
  const handler = contentsOf(windowId)._openHandler;
  return handler ? handler({ url } as never) : { action: 'allow' };
});
link.handle('window.resize', ({ windowId, bounds }: { windowId: number; bounds: Bounds }) =>
  windows.get(windowId)?._resize(bounds),
);
link.handle('window.sessionEnd', ({ windowId }: { windowId: number }) => {
  windows.get(windowId)?.emit('session-end', preventable({ reasons: ['shutdown'] }));
  // Electron's own handler of WM_ENDSESSION: "leave immediately [...] unless the app already began its own quit".
  if (!app._isQuitting) process.exit(0);
});
link.handle('window.askToClose', ({ windowId }: { windowId: number }) => windows.get(windowId)?.askToClose());
link.handle('window.blur', ({ windowId }: { windowId: number }) => windows.get(windowId)?._blur());
