import { app, Menu, nativeTheme, powerMonitor, type BrowserWindow } from 'electron';
import type { App } from '../app.ts';
import type { HostCommand } from '../contract/index.ts';
import type { Platform } from '../platform.ts';
import { contextMenuTemplate, menuTemplate } from './menu-template.ts';

/** Puts the native menus up. */
export function installMenu(run: (command: HostCommand) => void): void {
  const facts = { platform: process.platform, isPackaged: app.isPackaged };
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(facts, run)));
}

/** Native dialogs, menus and scroll bars follow the theme of the settings. */
export function followTheme(settings: App['settings']): void {
  nativeTheme.themeSource = settings.get().theme;
  settings.onChange(({ theme }) => (nativeTheme.themeSource = theme));
}

/** Sleep is logged: what was measured across it is not a speed. A shutdown of the system quits in order. */
export function watchPower(log: Platform['log'], force: () => void): void {
  powerMonitor.on('suspend', () => log('power.suspend'));
  powerMonitor.on('resume', () => log('power.resume'));
  // Its type leaves the event out. Prevented, Linux waits for the quit; else it goes on at once.
  powerMonitor.on('shutdown', (event?: Electron.Event) => {
    event?.preventDefault();
    force();
  });
}

/** Gives the page the menu that people expect under the right button; where the page has its own, it gets none. */
export function serveContextMenu(window: BrowserWindow): void {
  const { webContents } = window;
  webContents.on('context-menu', (_event, params) => {
    const items = contextMenuTemplate(params, (word) => webContents.replaceMisspelling(word));
    if (items.length === 0) return;
    const { x, y, frame, menuSourceType: sourceType } = params;
    Menu.buildFromTemplate(items).popup({ window, x, y, sourceType, ...(frame ? { frame } : {}) });
  });
}
