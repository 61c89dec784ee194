import { rmSync } from 'node:fs';
import { appFolders, processesWith, type AppProcess } from './app-process.ts';
import { DesktopProcess } from './electron-stand-in/driver.ts';

export interface DesktopApp extends AppProcess {
  readonly desktop: DesktopProcess;
}

/** Starts the built desktop app through the stand-in, in the form that the specs of both hosts use. */
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
    desktop,
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
