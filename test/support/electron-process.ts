import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { _electron, type ElectronApplication } from 'playwright-core';
import { appFolders, processesWith } from './app-process.ts';
import type { DesktopApp } from './desktop-process.ts';
import { realElectron } from './electron-binary.ts';
import { PageClient } from './page-client.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Starts the built desktop app in a real Electron. @throws where none can be run */
export async function launchElectron(
  { dataDir, modelsDir }: { dataDir: string; modelsDir: string },
  args: readonly string[] = [],
): Promise<ElectronApplication> {
  if (!('binary' in realElectron)) throw new Error(`Electron cannot be run here: ${realElectron.why}`);
  return _electron.launch({
    executablePath: realElectron.binary,
    args: [ROOT, '--data-dir', dataDir, '--models-dir', modelsDir, ...args],
    // Playwright switches it off otherwise.
    chromiumSandbox: true,
    locale: 'en-GB',
    timezoneId: 'UTC',
    colorScheme: null,
  });
}

/** The real Electron in the form that the specs of all hosts use; its window is there at once. */
export async function startElectronApp(
  folders = appFolders(),
  args: readonly string[] = [],
): Promise<DesktopApp> {
  const electron = await launchElectron(folders, args);
  const child = electron.process();
  const pid = child.pid ?? 0;
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const context = electron.context();
  const page = await electron.firstWindow();
  const beside = await PageClient.attach(context, page);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) await electron.close();
    return exited;
  };
  return {
    url: 'app://leeward/',
    pid,
    dataDir: folders.dataDir,
    modelsDir: folders.modelsDir,
    child,
    window: {
      context,
      client: beside.client,
      open: async () => {
        await page.reload();
        return page;
      },
      takeWire: () => beside.watch(),
      pickFiles: (paths) =>
        electron.evaluate(
          ({ dialog }, filePaths) => {
            dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths });
          },
          [...paths],
        ),
      clipboard: () => electron.evaluate(({ clipboard }) => clipboard.readText()),
    },
    stderr: () => errors,
    stop,
    async kill(signal) {
      child.kill(signal);
      await exited;
    },
    sidecarPids: () =>
      processesWith('sidecar.js').flatMap((entry) => (entry.parent === pid ? [entry.pid] : [])),
    async dispose() {
      await stop();
      rmSync(folders.root, { recursive: true, force: true });
    },
  };
}
