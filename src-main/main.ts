import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { App } from './app.ts';
import { acquireDataFolder } from './data-folder.ts';
import { modelFilesIn, parseDesktopArguments } from './electron/arguments.ts';
import { watchAnswers } from './electron/answers.ts';
import { loadAssets } from './electron/assets.ts';
import { followQuit, keepInTray } from './electron/closing.ts';
import { showStartFailure } from './electron/dialogs.ts';
import { guardAllContents, guardSession } from './electron/guards.ts';
import {
  closeBeforeQuit,
  exit,
  listenForOpen,
  ownArguments,
  prepare,
  quit,
  quitOnSignals,
  quitWithSession,
  whenReady,
} from './electron/lifecycle.ts';
import { reloadWhenGone } from './electron/page-process.ts';
import { createDesktopPlatform } from './electron/platform.ts';
import { servePorts, type Ports } from './electron/ports.ts';
import { serveAssets } from './electron/protocol.ts';
import { followTheme, installMenu, watchPower } from './electron/system.ts';
import type { DesktopTray } from './electron/tray.ts';
import { createWindow, showWindow } from './electron/window.ts';
import { createOpened } from './opened.ts';
import type { Platform } from './platform.ts';
import { findOtherApps } from './models/other-apps.ts';
import { takeGivenSecrets } from './privacy/given-secrets.ts';
import { openModelFolders } from './server/platform.ts';
import { startApp, type StartedApp } from './start-app.ts';

// This file runs from the build only: the page, its list and the preload lie beside it.
const RENDERER_DIR = join(import.meta.dirname, '../renderer');
const RENDERER_LIST = join(import.meta.dirname, '../renderer.json');
const PRELOAD = join(import.meta.dirname, '../preload/preload.cjs');

let isGivenRefused = false;
/** Taken before main starts a child or a worker that would get a copy. */
const given = takeGivenSecrets(process.env, () => (isGivenRefused = true));
const options = parseDesktopArguments(ownArguments(), {
  env: process.env,
  home: homedir(),
  platform: process.platform,
});
const stateFile = join(options.dataDir, 'window-state.json');
/** A page's last words take no longer; one that hangs must not hold up the rest. */
const LAST_WORDS_MS = 1_000;

let app: App | null = null;
let window: ReturnType<typeof createWindow> | null = null;
let ports: Ports | null = null;
let tray: DesktopTray | null = null;
let show = () => {};
/** Files that came before there was an app to take them. */
const early = modelFilesIn(ownArguments(), process.cwd());
const opened = createOpened();
const quitting = followQuit();

function openFiles(paths: string[]): void {
  if (app === null) early.push(...paths);
  else if (paths.length > 0) app.models.open(paths).catch(() => {});
}

function openWindow(serve: StartedApp['serve'], log: Platform['log']): void {
  if (window !== null) return showWindow(window);
  const wire = (created: NonNullable<typeof window>) => {
    if (tray !== null) keepInTray(created, { quitting, tray });
    ports = servePorts(created.webContents, {
      serve,
      allowFiles: async (paths) => ((await app?.models.allow(paths)) ?? []).map(({ fileId }) => fileId),
      log,
    });
    quitWithSession(created, quitting.force);
    reloadWhenGone(created, { quitting, log });
    created.on('closed', () => (window = null));
  };
  window = createWindow({ preload: PRELOAD, state: stateFile }, wire, quitting);
}

/** The app of a whole database; with one that cannot be opened the window offers what to open instead. Closing it quits. */
async function recovered({ app: core, notOpened }: StartedApp): Promise<App> {
  if (notOpened === null) return core;
  installMenu(() => show());
  show();
  return core;
}

async function start(): Promise<void> {
  const session = await whenReady();
  quitOnSignals(quitting.force);
  const assets = loadAssets(RENDERER_LIST, RENDERER_DIR);
  const folder = acquireDataFolder(options.dataDir, { address: null });
  opened.add(() => folder.release());
  const modelFolders = openModelFolders(options);
  const otherApps = await findOtherApps({ env: process.env, home: homedir() });
  const platform = createDesktopPlatform(options.dataDir, { modelFolders, otherApps }, given);
  const log = platform.log.bind(platform);
  if (isGivenRefused) log('secrets.given_refused');
  const started = await startApp(platform);
  opened.add(started.close);
  opened.add(() => Promise.race([ports?.closed(), setTimeout(LAST_WORDS_MS, undefined, { ref: false })]));
  guardAllContents(log);
  guardSession(session, log);
  serveAssets(session, assets);
  show = () => openWindow(started.serve, log);
  const core = await recovered(started);
  app = core;
  followTheme(core.settings);
  installMenu((command) => {
    // On macOS the menus outlive the window.
    show();
    core.command(command);
  });
  watchPower(log, quitting.force);
  const isQuitting = () => quitting.isUnderWay;
  const desk = { window: () => window, show: () => show(), quit, isQuitting, log };
  tray = watchAnswers(core, desk);
  if (window !== null) keepInTray(window, { quitting, tray });
  openFiles(early.splice(0));
  show();
  log('desktop.ready');
}

async function fail(error: unknown): Promise<void> {
  showStartFailure(error, options.dataDir);
  await opened.closeAll().catch(() => {});
  exit(1);
}

listenForOpen({ onShow: () => show(), onFiles: openFiles });
try {
  // All of this before Electron is ready: in the first task, without waiting for anything.
  if (prepare(options)) {
    closeBeforeQuit(opened.closeAll);
    start().catch(fail);
  } else {
    exit(0);
  }
} catch (error) {
  void fail(error);
}
