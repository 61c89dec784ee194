import { rmSync } from 'node:fs';
import type { BrowserContext, Page } from 'playwright-core';
import type { AppClient } from '../../src-main/contract/index.ts';
import { appFolders, processesWith, type AppProcess } from './app-process.ts';
import { DesktopProcess } from './electron-stand-in/driver.ts';
import type { Wire } from './wire.ts';

/** What a test does with an app that has a window of its own. */
export interface DesktopWindow {
  /** Where the window lives; null where it goes into a browser's profile. */
  readonly context: BrowserContext | null;
  /** A client beside the page. */
  readonly client: AppClient;
  /** Shows the page, in this profile where the window needs one. */
  open(context: BrowserContext): Promise<Page>;
  /** The page's wire; it is watched from the next load on. */
  takeWire(): Promise<Wire>;
  /** What the person picks in the system's dialog from now on. */
  pickFiles(paths: readonly string[]): Promise<void>;
  /** What the system's clipboard holds; null where that is the browser's. */
  clipboard(): Promise<string | null>;
}

export interface DesktopApp extends AppProcess {
  readonly window: DesktopWindow;
}

/** Starts the built desktop app through the stand-in, in the form that the specs of all hosts use. */
export async function startDesktopApp(
  folders = appFolders(),
  args: readonly string[] = [],
): Promise<DesktopApp> {
  const { root, dataDir, modelsDir } = folders;
  const desktop = new DesktopProcess(['--data-dir', dataDir, '--models-dir', modelsDir, ...args]);
  await desktop.ready();
  const { child } = desktop;
  const pid = child.pid ?? 0;
  return {
    window: {
      context: null,
      client: desktop.side.client,
      open: (context) => desktop.open(context),
      takeWire: () => Promise.resolve(desktop.wire),
      pickFiles: (paths) => {
        desktop.pickFiles = () => [...paths];
        return Promise.resolve();
      },
      clipboard: () => Promise.resolve(null),
    },
    url: 'https://leeward.invalid/',
    pid,
    dataDir,
    modelsDir,
    child,
    stderr: () => desktop.stderr,
    stop: () => desktop.stop(),
    async kill(signal) {
      child.kill(signal);
      await desktop.exited;
    },
    sidecarPids: () =>
      processesWith('sidecar.js').flatMap((entry) => (entry.parent === pid ? [entry.pid] : [])),
    async dispose() {
      await desktop.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
