import { createApp, type App } from './app.ts';
import { createRecovery } from './backups/recovery.ts';
import type { RawChannel } from './contract/transport.ts';
import { errorCodeOf, isAppError } from './contract/index.ts';
import { entries } from './entries.ts';
import type { Platform } from './platform.ts';

export interface StartedApp {
  /** Serves a client: by the app, or while the database is damaged by what helps out of that. */
  serve(channel: RawChannel): void;
  /** Is there at once, or when the person has chosen what to open instead of a damaged database. */
  readonly app: Promise<App>;
  readonly isDamaged: boolean;
  close(): Promise<void>;
}

/**
 * Makes the app of a data folder; a damaged database leads to the screen that offers the backups.
 * @throws store_newer, store_failed as `createApp`
 */
export async function startApp(platform: Platform): Promise<StartedApp> {
  try {
    const app = await createApp(platform);
    return { serve: app.serve, app: Promise.resolve(app), isDamaged: false, close: app.close };
  } catch (error) {
    if (!isAppError(error) || errorCodeOf(error) !== 'store_damaged') throw error;
    platform.log('store.damaged', { reason: String(error.data.details?.['reason'] ?? '') });
    return recovering(platform);
  }
}

function recovering(platform: Platform): StartedApp {
  const log = platform.log.bind(platform);
  let running: App | null = null;
  let resolve = (_app: App) => {};
  const app = new Promise<App>((resolved) => (resolve = resolved));
  const recovery = createRecovery({
    workerPath: entries.storeWorker,
    dataDir: platform.paths.dataDir,
    log,
    async onRecovered() {
      running = await createApp(platform);
      resolve(running);
    },
  });
  return {
    serve: (channel) => (running ?? recovery).serve(channel),
    app,
    isDamaged: true,
    async close() {
      await recovery.close();
      await running?.close();
    },
  };
}
