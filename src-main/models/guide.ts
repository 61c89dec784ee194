import { stat } from 'node:fs/promises';
import { errorCodeOf } from '../contract/index.ts';
import { entries } from '../entries.ts';
import type { Platform } from '../platform.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient } from '../store/api.ts';
import type { ModelHeader } from './model-header.ts';
import { newRow } from './model-rows.ts';
import type { FoundModel, ModelFiles } from './model-files.ts';
import type { LoadOverrides } from './model-loader.ts';

/** The same in every data folder: chats with the guide find it again after an update has moved its file. */
export const GUIDE_ID = '6c656577-6172-4d64-8775-696465303031';

/** Also where the file calls itself something else. */
const GUIDE_NAME = 'Guide';
/** Measured: with a second thread so small a model spends its time on handing over; a GPU's start costs more than it saves. */
export const GUIDE_LOAD: LoadOverrides = { threads: 1, gpuLayers: 0, sequences: 1, speculation: 'off' };

/**
 * Where the built-in model is: `LEEWARD_GUIDE_FILE`, for whoever has trained another, or the shipped file. An empty
 * value switches the guide off.
 */
export function guideFile(env: NodeJS.ProcessEnv = process.env): string | null {
  const path = env['LEEWARD_GUIDE_FILE'] ?? entries.guide;
  return path === '' ? null : path;
}

interface GuideDeps {
  store: Pick<StoreClient, 'models'>;
  settings: SettingsService;
  files: Pick<ModelFiles, 'parts'>;
  readHeader: (found: FoundModel) => Promise<ModelHeader>;
  log: Platform['log'];
  /** Null: this app has none. */
  path: string | null;
}

export type Guide = ReturnType<typeof createGuide>;

/** The model in the box: in the library like any other, chosen as long as there is no other. */
export function createGuide({ store, settings, files, readHeader, log, path }: GuideDeps) {
  async function register(): Promise<boolean> {
    if (path === null) return false;
    try {
      const known = (await store.models.list(undefined)).find(({ id }) => id === GUIDE_ID);
      const isKnown = known?.path === path && (await stat(path)).size === known.sizeBytes;
      if (isKnown) return true;
      const found = await files.parts(path);
      // The file moves with the app.
      if (known && known.path !== path) await store.models.move({ id: GUIDE_ID, path });
      const header = await readHeader(found);
      await store.models.upsert({ ...newRow(found, header), id: GUIDE_ID, name: GUIDE_NAME });
      return true;
    } catch (error) {
      // Everything else works without it.
      log('models.no_guide', { code: errorCodeOf(error) });
      return false;
    }
  }

  /** Whether it is there; the row is up to date then. */
  const ready = register();

  return {
    ready,

    /** Makes it the default where there is nothing else to chat with, and no more where it is gone. */
    async settle(): Promise<void> {
      const isReady = await ready;
      const { defaultModelId } = settings.get();
      const models = (await store.models.list(undefined)).filter(({ kind }) => kind === 'model');
      const hasDefault = models.some(({ id }) => id === defaultModelId && (id !== GUIDE_ID || isReady));
      if (hasDefault) return;
      const isAlone = isReady && models.every(({ id }) => id === GUIDE_ID);
      const wanted = isAlone ? GUIDE_ID : null;
      if (wanted !== defaultModelId) settings.update({ defaultModelId: wanted });
    },
  };
}
