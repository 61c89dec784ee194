import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AppPage } from '../e2e/app-page.ts';
import { appFolders } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { DesktopProcess } from '../support/electron-stand-in/driver.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// The built main bundle and preload, unmodified, through the stand-in for Electron (`npm run build` first).

vi.setConfig({ testTimeout: 90_000 });

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

let cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  cleanups = [];
});

function startDesktop(folders = appFolders(), args: string[] = []) {
  const app = new DesktopProcess(['--data-dir', folders.dataDir, '--models-dir', folders.modelsDir, ...args]);
  cleanups.push(
    () => rmSync(folders.root, { recursive: true, force: true }),
    () => app.stop(),
  );
  return { app, folders };
}

async function openWindow(app: DesktopProcess): Promise<{ page: Page; view: AppPage; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  cleanups.push(() => context.close());
  const problems: string[] = [];
  await context.exposeBinding('reportPolicyViolation', (_source, text: string) => void problems.push(text));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      (globalThis as unknown as { reportPolicyViolation(text: string): void }).reportPolicyViolation(
        `${event.effectiveDirective} ${event.blockedURI}`,
      );
    });
  });
  context.on('weberror', (error) => problems.push(error.error().message));
  const page = await app.open(context);
  return { page, view: new AppPage(page), problems };
}

describe('the desktop host', () => {
  it('boots, chats with a model, and a quit writes everything', async () => {
    const { app, folders } = startDesktop();
    await writeScriptedModel(join(folders.modelsDir, 'harbour.gguf'), {
      script: plainScript,
      name: 'Harbour',
    });
    const { view, problems } = await openWindow(app);
    await view.addAndChat('harbour').click();
    await view.chipSays('Ready').waitFor();
    await view.ask('Hello');
    await view.answered(1);
    expect(await view.lastAnswer.innerText()).toContain('I give the same answer to everybody.');
    expect(problems).toEqual([]);
    expect(await app.quit()).toBe(0);
    expect(existsSync(join(folders.dataDir, 'leeward.lock'))).toBe(false);
    expect(JSON.parse(readFileSync(join(folders.dataDir, 'settings.json'), 'utf8'))).toMatchObject({
      firstRunDone: true,
    });
    expect(existsSync(join(folders.dataDir, 'window-state.json'))).toBe(true);
  });
});
