import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { app, type BrowserWindow, session, type Session } from 'electron';
import type { DesktopOptions } from './arguments.ts';
import { modelFilesIn } from './arguments.ts';
import { registerAppScheme } from './protocol.ts';
import { APP_ID } from './rules.ts';

/** A hang must not keep the data folder, nor a shutdown, for ever. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Command line without the program and, when Electron was given the app's folder, without that. */
export function ownArguments(argv: readonly string[] = process.argv): string[] {
  return argv.slice(app.isPackaged ? 1 : 2);
}

/**
 * Everything that Electron takes before it is ready only. Chromium's own files go into the data folder, so
 * that one folder holds all there is and two data folders are two apps.
 * @throws NodeJS.ErrnoException when the data folder cannot be made or written to
 * @returns false when another process runs this data folder: it has been told, and this one must end
 */
export function prepare({ dataDir }: DesktopOptions): boolean {
  app.enableSandbox();
  registerAppScheme();
  // Chromium itself, prefetching and WebRTC included, finds no host; the core's own connections are Node's.
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');
  if (process.platform === 'win32') app.setAppUserModelId(APP_ID);
  const profile = join(dataDir, 'window');
  // Electron takes no folder that is not there.
  mkdirSync(profile, { recursive: true, mode: 0o700 });
  // Where Chromium cannot write its lock it says that another process has it, and nobody would be told.
  accessSync(profile, constants.W_OK);
  app.setPath('userData', profile);
  return app.requestSingleInstanceLock();
}

export interface OpenRequests {
  /** The app was started again, or its icon was used. */
  onShow(): void;
  onFiles(paths: string[]): void;
}

/** Files and starts that the system hands over: from the very first moment on, they may come before ready. */
export function listenForOpen({ onShow, onFiles }: OpenRequests): void {
  app.on('open-file', (event, path) => {
    event.preventDefault();
    // On macOS the app may run without a window.
    onShow();
    onFiles([path]);
  });
  app.on('second-instance', (_event, argv, workingDirectory) => {
    onShow();
    onFiles(modelFilesIn(argv.slice(1), workingDirectory));
  });
  app.on('activate', onShow);
}

/** Resolves when Electron is ready, with the one session of all windows. */
export async function whenReady(): Promise<Session> {
  await app.whenReady();
  return session.defaultSession;
}

/** Ends the app in order, as its menu does. */
export function quit(): void {
  app.quit();
}

/** Ends the process at once. */
export function exit(code: number): void {
  app.exit(code);
}

/**
 * Quits in order, whoever asks: first the windows, whose pages hand in their last drafts, then the core. The
 * process ends when everything is written.
 * @param close writes everything and ends the children; may be called twice
 */
export function closeBeforeQuit(close: () => Promise<void>): void {
  app.on('will-quit', (event) => {
    event.preventDefault();
    setTimeout(() => app.exit(1), CLOSE_TIMEOUT_MS).unref();
    close().then(
      () => app.exit(0),
      () => app.exit(1),
    );
  });
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
}

/** Signals end the app in order. After it is ready: until then Electron puts its own handlers over ours. */
export function quitOnSignals(force: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, force);
}

/**
 * Windows ends a session without `before-quit`. Electron ends the process when the last listener returns, unless
 * a quit has begun by then; how long that may take is up to Windows.
 */
export function quitWithSession(window: BrowserWindow, force: () => void): void {
  window.on('session-end', force);
}
