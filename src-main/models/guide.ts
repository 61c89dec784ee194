import { stat } from 'node:fs/promises';
import { DEFAULT_SAMPLING, errorCodeOf, type Model, type ModelSettings } from '../contract/index.ts';
import { entries } from '../entries.ts';
import type { Platform } from '../platform.ts';
import type { StoreClient } from '../store/api.ts';
import type { ModelHeader } from './model-header.ts';
import { newRow } from './model-rows.ts';
import { fileKey, type FoundModel, type ModelFiles } from './model-files.ts';

/** The same in every data folder: chats with the guide find it again after an update has moved its file. */
export const GUIDE_ID = '6c656577-6172-4d64-8775-696465303031';

/** Also where the file calls itself something else. */
const GUIDE_NAME = 'Guide';
/** Measured: with a second thread so small a model spends its time on handing over; a GPU's start costs more than it saves. */
const GUIDE_SETTINGS = {
  // Its likeliest answer is the right one; another one is drawn only where two are close.
  sampling: { ...DEFAULT_SAMPLING, temperature: 0.2 },
  threads: 1,
  gpuLayers: 0,
  liveChats: 1,
  speculation: 'off',
} as const satisfies Partial<ModelSettings>;

/**
 * Where the built-in model is: `LEEWARD_GUIDE_FILE`, for whoever has trained another, or the shipped file. An empty
 * value switches the guide off.
 */
export function guideFile(env: NodeJS.ProcessEnv = process.env): string | null {
  const path = env['LEEWARD_GUIDE_FILE'] ?? entries.guide;
  return path === '' ? null : path;
}

/**
 * What answers where nothing was chosen: the default of the settings, or the guide while there is no other model. It
 * is never in the settings itself.
 * @param models the whole library
 */
export function defaultOf(models: readonly Pick<Model, 'id'>[], chosen: string | null): string | null {
  const isAlone = models.length === 1 && models[0]?.id === GUIDE_ID;
  return isAlone ? GUIDE_ID : chosen;
}

interface GuideDeps {
  store: Pick<StoreClient, 'models'>;
  files: Pick<ModelFiles, 'parts'>;
  readHeader: (found: FoundModel) => Promise<ModelHeader>;
  log: Platform['log'];
  /** Null: this app has none. */
  path: string | null;
}

export type Guide = ReturnType<typeof createGuide>;

/** The model in the box: in the library like any other. */
export function createGuide({ store, files, readHeader, log, path }: GuideDeps) {
  async function register(): Promise<boolean> {
    if (path === null) return false;
    try {
      const rows = await store.models.list(undefined);
      // The user has added this very file: that model stays as it is.
      if (rows.some((row) => row.path === path && row.id !== GUIDE_ID)) return false;
      const known = rows.find(({ id }) => id === GUIDE_ID);
      const isKnown = known?.path === path && (await stat(path)).size === known.sizeBytes;
      if (isKnown) return true;
      const found = await files.parts(path);
      // The file moves with the app.
      if (known && known.path !== path) await store.models.move({ id: GUIDE_ID, path });
      const header = await readHeader(found);
      const row = newRow(found, header);
      const settings = { ...row.settings, ...GUIDE_SETTINGS };
      await store.models.upsert({ ...row, id: GUIDE_ID, name: GUIDE_NAME, settings });
      return true;
    } catch (error) {
      // Everything else works without it.
      log('models.no_guide', { code: errorCodeOf(error) });
      return false;
    }
  }

  let ready = register();

  return {
    /** Whether it is there; the row is up to date then. */
    isReady: () => ready,

    /** Whether this file is the guide's own, under whichever name. */
    async isOwnFile(other: string): Promise<boolean> {
      return path !== null && (await ready) && (await fileKey(other)) === (await fileKey(path));
    },

    /** The same for a database that has come back from a backup. */
    async registerAgain(): Promise<void> {
      ready = register();
      await ready;
    },
  };
}
