import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { AppPage } from '../e2e/app-page.ts';
import { appFolders } from './app-process.ts';
import { DesktopProcess } from './electron-stand-in/driver.ts';
import { writeScriptedModel } from './gguf/scripted-model.ts';

/** What a busy machine needs for a step. */
const PATIENCE_MS = 30_000;

export interface OpenDesktop {
  app: DesktopProcess;
  folders: ReturnType<typeof appFolders>;
  page: Page;
  view: AppPage;
  /** The lines of the log so far. */
  log(): string;
}

/**
 * Starts built desktop apps and opens their windows; `cleanups` gets what ends them again, in order.
 * @param browser asked for when the first window opens
 */
export function desktopKit(browser: () => Browser, cleanups: (() => unknown)[]) {
  const start = (folders = appFolders(), env: Record<string, string> = {}) => {
    const app = new DesktopProcess(['--data-dir', folders.dataDir, '--models-dir', folders.modelsDir], env);
    cleanups.push(
      () => rmSync(folders.root, { recursive: true, force: true }),
      () => app.stop(),
    );
    return { app, folders };
  };

  async function open(folders = appFolders(), env: Record<string, string> = {}): Promise<OpenDesktop> {
    const { app } = start(folders, env);
    const context = await browser().newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
    });
    context.setDefaultTimeout(PATIENCE_MS);
    cleanups.push(() => context.close());
    const page = await app.open(context);
    const log = () => readFileSync(join(folders.dataDir, 'logs', 'leeward.log'), 'utf8');
    return { app, folders, page, view: new AppPage(page), log };
  }

  /** With one scripted model in use. */
  async function openWithModel(
    model: Parameters<typeof writeScriptedModel>[1],
    env: Record<string, string> = {},
  ): Promise<OpenDesktop> {
    const folders = appFolders();
    await writeScriptedModel(join(folders.modelsDir, 'harbour.gguf'), model);
    const opened = await open(folders, env);
    await opened.view.addAndChat('harbour').click();
    await opened.view.chipSays('Ready').waitFor();
    return opened;
  }
  return { start, open, openWithModel };
}

/** Files below a folder that hold a text. */
export function filesWith(dir: string, text: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}
