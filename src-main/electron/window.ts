import { app, BrowserWindow, nativeTheme, screen, type WebPreferences } from 'electron';
import { mayLeave } from './dialogs.ts';
import { APP_PAGE, isSpellCheckLocal } from './rules.ts';
import { desktopTexts } from './texts.ts';
import { placeWindow, readWindowState, SMALLEST_SIZE, writeWindowState } from './window-state.ts';

/** The page's own background, shown until it has painted. */
const BACKGROUND = { light: '#f6f7f8', dark: '#14171a' };

export interface WindowFiles {
  /** The one bundled preload script. */
  readonly preload: string;
  readonly state: string;
}

/** Every switch of the table in design/security.md, named even where it is Electron's default. */
export function pagePreferences(preload: string): WebPreferences {
  return {
    preload,
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
    plugins: false,
    navigateOnDragDrop: false,
    devTools: !app.isPackaged,
    spellcheck: isSpellCheckLocal(process.platform),
  };
}

/**
 * Makes the window and starts to load the page; it is shown when there is something to see.
 * @param wire connects what must be there before the page's first script runs
 */
export function createWindow(files: WindowFiles, wire: (window: BrowserWindow) => void): BrowserWindow {
  const primary = screen.getPrimaryDisplay();
  const others = screen.getAllDisplays().filter(({ id }) => id !== primary.id);
  const workAreas = [primary, ...others].map(({ workArea }) => workArea);
  const { bounds, maximised } = placeWindow(readWindowState(files.state), workAreas);
  const window = new BrowserWindow({
    ...bounds,
    minWidth: SMALLEST_SIZE.width,
    minHeight: SMALLEST_SIZE.height,
    show: false,
    title: desktopTexts.appName,
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    autoHideMenuBar: true,
    webPreferences: pagePreferences(files.preload),
  });
  wire(window);
  window.once('ready-to-show', () => {
    if (maximised) window.maximize();
    window.show();
  });
  // Unheard, the window would stay open without a word.
  window.webContents.on('will-prevent-unload', (event) => {
    if (mayLeave(window)) event.preventDefault();
  });
  window.on('close', () =>
    writeWindowState(files.state, { ...window.getNormalBounds(), maximised: window.isMaximized() }),
  );
  // A load that fails leaves the window with Chromium's own error; the promise says no more.
  window.loadURL(APP_PAGE).catch(() => {});
  return window;
}

/** Brings a window to the front, wherever it is. */
export function showWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}
