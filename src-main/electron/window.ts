import { app, BrowserWindow, nativeTheme, screen, type WebPreferences } from 'electron';
import type { Quitting } from './closing.ts';
import { mayLeave } from './dialogs.ts';
import { APP_PAGE, isSpellCheckLocal } from './rules.ts';
import { serveContextMenu } from './system.ts';
import { desktopTexts } from './texts.ts';
import { placeWindow, readWindowState, SMALLEST_SIZE, writeWindowState } from './window-state.ts';

/** The page's own background, shown until it has painted. */
const BACKGROUND = { light: '#f6f7f8', dark: '#14171a' };

export interface WindowFiles {
  /** The one bundled preload script. */
  readonly preload: string;
  readonly state: string;
}

/** Sandbox and isolation on, every way to Node or past the policy off; named even where it is Electron's default. */
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
 * @param quitting told when the person keeps the window that was about to close, and with it the app
 */
export function createWindow(
  files: WindowFiles,
  wire: (window: BrowserWindow) => void,
  quitting: Quitting,
): BrowserWindow {
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
  serveContextMenu(window);
  let isShown = false;
  const appear = () => {
    if (isShown || window.isDestroyed()) return;
    isShown = true;
    if (maximised) window.maximize();
    window.show();
  };
  window.once('ready-to-show', appear);
  // Unheard, the window would stay open without a word.
  window.webContents.on('will-prevent-unload', (event) => {
    if (quitting.isForced) return event.preventDefault();
    // It may be in the tray, and the question with it.
    showWindow(window);
    if (mayLeave(window)) event.preventDefault();
    else quitting.cancelled();
  });
  window.on('close', () =>
    writeWindowState(files.state, { ...window.getNormalBounds(), maximised: window.isMaximized() }),
  );
  // A page that failed to load never gets ready to show: an empty window can at least be closed.
  window.loadURL(APP_PAGE).then(appear, appear);
  return window;
}

/** Brings a window to the front, wherever it is. */
export function showWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}
