import { realpath, stat } from 'node:fs/promises';
import { appError, type OtherApp } from '../contract/index.ts';
import type { Platform } from '../platform.ts';
import type { StoreClient, StoredModelFolder } from '../store/api.ts';
import type { ModelSource } from './model-files.ts';
import { sourceId, type OtherAppFolder } from './other-apps.ts';

/** As the apps call themselves. */
const APP_LABELS: Record<OtherApp, string> = {
  lm_studio: 'LM Studio',
  ollama: 'Ollama',
  hugging_face: 'Hugging Face',
};

/** The folders whose model files may be used: those of the host, and those that the user let in. */
export interface ModelSources {
  /** Own folders first, in the host's order. */
  list(): readonly ModelSource[];
  /** Null for a folder of the host and for one that the user picked. */
  appOf(id: string): OtherApp | null;
  isRemovable(id: string): boolean;
  /** Folders of other apps on this computer, in use or not. */
  readonly otherApps: readonly OtherAppFolder[];
  /** What an app's folder would be as a source. */
  sourceOf(folder: OtherAppFolder): ModelSource;
  /** @throws model_file_missing when there is no such folder; disk_full, store_failed: nothing changed */
  add(path: string, app: OtherApp | null): Promise<ModelSource>;
  /** @throws not_found for a folder that the user did not let in */
  remove(id: string): Promise<void>;
}

/** Reads what the user let in before. */
export async function openModelSources(
  store: Pick<StoreClient, 'modelFolders'>,
  { paths }: Pick<Platform, 'paths'>,
): Promise<ModelSources> {
  let stored = await store.modelFolders.list(undefined);
  const ofHost = (path: string) => paths.modelFolders.some((folder) => folder.path === path);
  const own = () => stored.filter(({ path }) => !ofHost(path));

  return {
    list: () => [...paths.modelFolders, ...own().map(toSource)],
    appOf: (id) => own().find(({ path }) => sourceId(path) === id)?.app ?? null,
    isRemovable: (id) => own().some(({ path }) => sourceId(path) === id),
    otherApps: paths.otherApps,
    sourceOf: toSource,
    async add(path, app) {
      const real = await realpath(path).catch(() => null);
      if (real === null || !(await stat(real)).isDirectory()) throw appError('model_file_missing');
      const folder: StoredModelFolder = { path: real, app, addedAt: Date.now() };
      await store.modelFolders.add(folder);
      stored = await store.modelFolders.list(undefined);
      return paths.modelFolders.find((known) => known.path === real) ?? toSource(folder);
    },
    async remove(id) {
      const folder = own().find(({ path }) => sourceId(path) === id);
      if (!folder) throw appError('not_found');
      await store.modelFolders.remove({ path: folder.path });
      stored = await store.modelFolders.list(undefined);
    },
  };
}

function toSource({ path, app }: { path: string; app: OtherApp | null }): ModelSource {
  return {
    id: sourceId(path),
    path,
    ...(app === null ? {} : { label: APP_LABELS[app] }),
    ...(app === 'ollama' ? { layout: 'ollama' } : {}),
  };
}
