import { createApp, type App } from './app.ts';
import { createRecovery } from './backups/recovery.ts';
import type { RawChannel } from './contract/transport.ts';
import { isAppError, type AppError } from './contract/index.ts';
import { entries } from './entries.ts';
import type { Platform } from './platform.ts';
import { salvageFolder } from './store/salvage-folder.ts';

export interface StartedApp {
  /** Serves a client: by the app, or while the database cannot be opened by what helps out of that. */
  serve(channel: RawChannel): void;
  /** Is there at once, or when the person has chosen what to open instead of the database. */
  readonly app: Promise<App>;
  /** Why the database was not opened; null when it was. */
  readonly notOpened: 'store_damaged' | 'store_newer' | null;
  close(): Promise<void>;
}

type NotOpened = AppError & { code: 'store_damaged' | 'store_newer' };

const isNotOpened = (error: unknown): error is NotOpened =>
  isAppError(error) && (error.code === 'store_damaged' || error.code === 'store_newer');

/**
 * Makes the app of a data folder; a database that is damaged or of a newer version leads to the screen that offers
 * the backups.
 * @throws store_failed, disk_full as `createApp`
 */
export async function startApp(platform: Platform): Promise<StartedApp> {
  try {
    const app = await createApp(platform);
    return { serve: app.serve, app: Promise.resolve(app), notOpened: null, close: app.close };
  } catch (error) {
    if (!isNotOpened(error)) throw error;
    platform.log('store.not_opened', {
      code: error.code,
      reason: String(error.data.details?.['reason'] ?? ''),
    });
    return recovering(platform, error);
  }
}

/** The host of an app that reads what was salvaged: it has a data folder of its own. */
function besidePlatform(platform: Platform): Platform {
  const { paths } = platform;
  return { ...platform, paths: { ...paths, dataDir: salvageFolder(paths.dataDir) } };
}

function recovering(platform: Platform, why: NotOpened): StartedApp {
  const log = platform.log.bind(platform);
  let running: App | null = null;
  let resolve = (_app: App) => {};
  const app = new Promise<App>((resolved) => (resolve = resolved));
  const recovery = createRecovery({
    workerPath: entries.storeWorker,
    dataDir: platform.paths.dataDir,
    log,
    why,
    async onRecovered() {
      running = await createApp(platform);
      resolve(running);
    },
    openLook: (salvaged, endLook) => createApp(besidePlatform(platform), { look: { salvaged, endLook } }),
  });
  return {
    serve: (channel) => (running ?? recovery).serve(channel),
    app,
    notOpened: why.code,
    async close() {
      await recovery.close();
      await running?.close();
    },
  };
}
