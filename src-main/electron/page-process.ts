import type { BrowserWindow } from 'electron';
import { shouldRestart, type Crash } from '../engine/restart.ts';
import type { Platform } from '../platform.ts';
import type { Quitting } from './closing.ts';
import { showWindowFailure } from './dialogs.ts';

/**
 * Loads the page again when its process is gone: the answers run on in the core, and the page finds them there.
 * One that ends again and again ends the app, in order.
 */
export function reloadWhenGone(
  window: BrowserWindow,
  { quitting, log }: { quitting: Quitting; log: Platform['log'] },
): void {
  const crashes: Crash[] = [];
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    log('window.gone', { reason, exitCode });
    if (reason === 'clean-exit') return;
    const crash: Crash = { atMs: performance.now() };
    const mayReload = shouldRestart(crashes, crash);
    crashes.push(crash);
    // Chromium is still taking the old process down.
    setImmediate(() => {
      if (window.isDestroyed()) return;
      // A reload would take the quit's close back, and the quit would wait for ever.
      if (quitting.isUnderWay) return window.destroy();
      if (mayReload) return window.webContents.reload();
      void showWindowFailure().finally(quitting.force);
    });
  });
}
