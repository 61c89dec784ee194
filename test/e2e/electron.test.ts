import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { _electron, type ElectronApplication } from 'playwright-core';
import { afterEach, describe, expect, it } from 'vitest';
import { appFolders } from '../support/app-process.ts';
import { AppPage } from './app-page.ts';

// What only a real Electron can show. Runs wherever its binary and a display are; elsewhere skipped, by name.

const PACKAGE = join(import.meta.dirname, '..', '..', 'node_modules', 'electron');
const pathFile = join(PACKAGE, 'path.txt');
const binary = existsSync(pathFile) ? join(PACKAGE, 'dist', readFileSync(pathFile, 'utf8').trim()) : null;
const hasDisplay =
  process.platform !== 'linux' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);
const canRun = binary !== null && existsSync(binary) && hasDisplay && process.getuid?.() !== 0;

let app: ElectronApplication | null = null;
const folders: ReturnType<typeof appFolders>[] = [];
afterEach(async () => {
  await app?.close();
  app = null;
  for (const { root } of folders.splice(0)) rmSync(root, { recursive: true, force: true });
});

async function launch(): Promise<{ running: ElectronApplication; view: AppPage }> {
  const made = appFolders();
  folders.push(made);
  app = await _electron.launch({
    executablePath: binary ?? '',
    args: [join(PACKAGE, '..', '..'), '--data-dir', made.dataDir, '--models-dir', made.modelsDir],
  });
  return { running: app, view: new AppPage(await app.firstWindow()) };
}

describe.skipIf(!canRun)('a real Electron (skipped: no Electron binary, no display, or root)', () => {
  it('loads app://leeward with the policy in force, and a port reaches the core', async () => {
    const { view } = await launch();
    await view.firstRun.waitFor();
    expect(view.page.url()).toMatch(/^app:\/\/leeward\//);
    expect(
      await view.page.evaluate(() => {
        const script = document.createElement('script');
        script.textContent = 'window.pwned = true';
        document.body.append(script);
        return { origin: location.origin, pwned: 'pwned' in window };
      }),
    ).toEqual({ origin: 'app://leeward', pwned: false });
  });

  it('runs the page in Chromium’s sandbox, without Node', async () => {
    const { running, view } = await launch();
    await view.firstRun.waitFor();
    expect(
      await running.evaluate(({ app: electronApp }) =>
        electronApp
          .getAppMetrics()
          .filter(({ type }) => type === 'Tab')
          .map(({ sandboxed }) => sandboxed),
      ),
    ).not.toContain(false);
    expect(await view.page.evaluate(() => typeof (globalThis as { process?: unknown }).process)).toBe(
      'undefined',
    );
  });

  it('puts the menus up and keeps one instance', async () => {
    const { running, view } = await launch();
    await view.lookAround.click();
    await view.composer.waitFor();
    await running.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById('models')?.click());
    await view.page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    expect(await running.evaluate(({ app: electronApp }) => electronApp.hasSingleInstanceLock())).toBe(true);
  });

  it('refuses file: and foreign pages from the loader itself', async () => {
    const { view } = await launch();
    await view.firstRun.waitFor();
    const outcomes = await view.page.evaluate(() =>
      Promise.all(
        ['file:///etc/hostname', 'https://example.com/', 'app://other/'].map((url) =>
          fetch(url).then(
            () => 'fetched',
            () => 'refused',
          ),
        ),
      ),
    );
    expect(outcomes).toEqual(['refused', 'refused', 'refused']);
  });
});
