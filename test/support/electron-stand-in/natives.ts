import { rm } from 'node:fs/promises';
import { app } from './app.ts';
import { link } from './process-link.ts';
import { checkOptions, strict, StrictEmitter } from './strict.ts';

interface Item {
  id?: string;
  label?: string;
  role?: string;
  type?: string;
  enabled?: boolean;
  accelerator?: string;
  registerAccelerator?: boolean;
  submenu?: Item[];
  click?: (...args: unknown[]) => void;
}
const ITEM_OPTIONS = [
  'id',
  'label',
  'role',
  'type',
  'enabled',
  'accelerator',
  'registerAccelerator',
  'submenu',
  'click',
];
const clicks = new Map<string, () => void>();
const POPUP_OPTIONS = ['window', 'frame', 'x', 'y', 'sourceType'];
/** The menu under the pointer. */
let popup: readonly Item[] = [];

function read(items: readonly Item[]): object[] {
  return items.map((item) => {
    checkOptions('MenuItem', item, ITEM_OPTIONS);
    if (item.role === undefined && item.type !== 'separator' && item.label === undefined)
      throw new Error('A menu item needs a label, a role or a type.');
    const { click, id } = item;
    if (click && id !== undefined) clicks.set(id, () => click());
    const { submenu, click: _click, ...rest } = item;
    return { ...rest, ...(submenu ? { submenu: read(submenu) } : {}) };
  });
}

/** "Sets menu as the application menu", of "the template" that buildFromTemplate took. */
export const Menu = strict('Menu', {
  buildFromTemplate: (template: Item[]) =>
    strict('menu', {
      template: read(template),
      /** "Pops up this menu as a context menu in the BaseWindow." */
      popup(options: object): void {
        checkOptions('PopupOptions', options, POPUP_OPTIONS);
        const { x, y, sourceType } = options as { x?: number; y?: number; sourceType?: string };
        // "Must be declared if y is declared." And the other way round.
        if ((x === undefined) !== (y === undefined)) throw new TypeError('A popup needs both x and y.');
        popup = template;
        link.notify('record', { what: 'popup', value: { items: this.template, x, y, sourceType } });
      },
    }),
  setApplicationMenu: (menu: { template: object[] }) =>
    link.notify('record', { what: 'menu', value: menu.template }),
});
link.handle('menu.click', ({ id }: { id: string }) => {
  const click = clicks.get(id);
  if (!click) throw new Error(`The menus have no item ${id}.`);
  click();
});

/** A click on an item of the menu under the pointer, which may have no id. */
link.handle('popup.click', ({ label }: { label: string }) => {
  const click = popup.find((item) => item.label === label)?.click;
  if (!click) throw new Error(`The menu under the pointer does nothing for ${label}.`);
  click();
});

interface ScreenFacts {
  id: number;
  workArea: { x: number; y: number; width: number; height: number };
}
const display: ScreenFacts = { id: 1, workArea: { x: 0, y: 0, width: 1920, height: 1050 } };
/** "The primary display." and "An array of displays that are currently available." */
export const screen = strict('screen', {
  getPrimaryDisplay: () => display,
  getAllDisplays: () => [display],
});

class NativeTheme {
  #source = 'system';
  /** "can be system, light or dark" */
  get themeSource(): string {
    return this.#source;
  }
  set themeSource(source: string) {
    if (!['system', 'light', 'dark'].includes(source)) throw new TypeError(`themeSource cannot be ${source}`);
    this.#source = source;
    link.notify('record', { what: 'theme', value: source });
  }
  get shouldUseDarkColors(): boolean {
    return this.#source === 'dark';
  }
}
export const nativeTheme = strict('nativeTheme', new NativeTheme());

const blockers = new Set<number>();
let lastBlocker = 0;
/** "Starts preventing the system from entering lower-power mode. Returns an integer identifying the power save blocker." */
export const powerSaveBlocker = strict('powerSaveBlocker', {
  start(type: string): number {
    if (type !== 'prevent-app-suspension' && type !== 'prevent-display-sleep') throw new TypeError(type);
    lastBlocker += 1;
    blockers.add(lastBlocker);
    link.notify('record', { what: 'awake', value: true });
    return lastBlocker;
  },
  stop(id: number): void {
    if (!blockers.delete(id)) throw new Error(`There is no power save blocker ${id}.`);
    link.notify('record', { what: 'awake', value: false });
  },
});

export const powerMonitor = strict(
  'powerMonitor',
  Object.assign(new StrictEmitter('powerMonitor', ['suspend', 'resume', 'shutdown']), {
    onBatteryPower: false,
  }),
);
/** "If the event handler invokes e.preventDefault(), Electron will attempt to delay system shutdown" */
link.handle('power.emit', ({ event }: { event: string }) => powerMonitor.fire(event));

export class Notification extends StrictEmitter {
  readonly #options: object;

  constructor(options: object) {
    super('Notification', ['click']);
    checkOptions('Notification', options, ['title', 'body', 'silent']);
    this.#options = options;
  }
  /** "Whether or not desktop notifications are supported on the current system" */
  static isSupported(): boolean {
    return true;
  }
  /** "Immediately shows the notification to the user." */
  show(): void {
    shownNotices.push(this);
    link.notify('record', { what: 'notification', value: this.#options });
  }
}
const shownNotices: Notification[] = [];
/** "Emitted when the notification is clicked by the user." Here: the newest. */
link.handle('notification.click', () => shownNotices.at(-1)?.fire('click'));

const OPEN_OPTIONS = ['title', 'buttonLabel', 'filters', 'properties'];
const SAVE_OPTIONS = ['defaultPath', 'filters', 'properties'];
const BOX_OPTIONS = ['type', 'message', 'detail', 'buttons', 'defaultId', 'cancelId', 'noLink'];
/** The window comes first, or is left out: "showOpenDialog([window, ]options)". */
const optionsOf = (args: object[], known: readonly string[], what: string): object => {
  const options = args.at(-1) ?? {};
  checkOptions(what, options, known);
  return options;
};
let syncAnswer = 0;
link.handle('dialog.answerSync', (answer: number) => void (syncAnswer = answer));
export const dialog = strict('dialog', {
  /** "filePaths: An array of file paths chosen by the user. If the dialog is cancelled this will be an empty array." */
  async showOpenDialog(...args: object[]) {
    const options = optionsOf(args, OPEN_OPTIONS, 'OpenDialogOptions');
    const filePaths = await link.request<string[]>('dialog.open', options);
    return { canceled: filePaths.length === 0, filePaths };
  },
  /** "canceled - whether or not the dialog was canceled. filePath - If the dialog is canceled, this will be an empty string." */
  async showSaveDialog(...args: object[]) {
    const options = optionsOf(args, SAVE_OPTIONS, 'SaveDialogOptions');
    const filePath = await link.request<string>('dialog.save', options);
    return { canceled: filePath === '', filePath };
  },
  /** "response number - The index of the clicked button." */
  async showMessageBox(...args: object[]) {
    const options = optionsOf(args, BOX_OPTIONS, 'MessageBoxOptions');
    return { response: await link.request<number>('dialog.box', options), checkboxChecked: false };
  },
  /** "blocks the process until the message box is closed. The index of the clicked button." Here: as told before. */
  showMessageBoxSync(...args: object[]): number {
    link.notify('record', { what: 'boxSync', value: optionsOf(args, BOX_OPTIONS, 'MessageBoxSyncOptions') });
    return syncAnswer;
  },
  /** "This API can be called safely before the ready event the app module emits" */
  showErrorBox(title: string, content: string): void {
    link.notify('record', { what: 'errorBox', value: { title, content } });
  },
});

export const shell = strict('shell', {
  /** "Open the given external protocol URL in the desktop's default manner." */
  async openExternal(url: string): Promise<void> {
    link.notify('record', { what: 'openExternal', value: url });
  },
  /** "Moves a path to the OS-specific trash location (Trash on macOS, Recycle Bin on Windows, and a desktop-environment-specific location on Linux)." */
  async trashItem(path: string): Promise<void> {
    link.notify('record', { what: 'trash', value: path });
    await rm(path);
  },
});

/** electron-store listens here; nothing of ours does. */
const removed = new Set<string>();
const added = new Set<string>();
export const ipcMain = strict('ipcMain', {
  on(channel: string): void {
    added.add(channel);
    removed.delete(channel);
  },
  removeAllListeners(channel: string): void {
    removed.add(channel);
  },
});
link.handle('ipcMain.channels', () => [...added].filter((channel) => !removed.has(channel)));
link.handle('app.version', () => app.getVersion());
