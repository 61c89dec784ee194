import { appError, errorCodeOf, type OtherApp, type OtherAppModels } from '../contract/index.ts';
import type { Platform } from '../platform.ts';
import type { StoredModel } from '../store/api.ts';
import { createModelFiles, fileKey, isInside, type FoundModel } from './model-files.ts';
import type { ModelSources } from './model-sources.ts';
import { shortPath } from './short-path.ts';

/** What is needed of the library. */
export interface Library {
  rows(): Promise<StoredModel[]>;
  /** Paths that the user took off the list. */
  hidden(): Promise<string[]>;
  /** Reads the header and puts the file into the list. */
  add(found: FoundModel): Promise<unknown>;
  /** Takes it off the list; the file stays. */
  remove(id: string): Promise<void>;
}

export interface FolderLibrary {
  /** Every app whose folder is on this computer, its folders together. */
  list(): Promise<OtherAppModels[]>;
  /** Brings the models of exactly these apps into the library. */
  use(apps: readonly OtherApp[]): Promise<{ added: number; refused: number }>;
  /** Lets a folder in, with all models in it. */
  addFolder(path: string): Promise<{ id: string }>;
  /** Takes a folder off, and its models off the list. @throws not_found */
  removeFolder(id: string): Promise<void>;
  /** Takes in what came since; what is no model is left out without a word. */
  refresh(): Promise<void>;
  /** Stops after the file that is being read. */
  close(): Promise<void>;
}

/** Whole folders of models, used where they lie: nothing is copied, moved or written there. */
export function createFolderLibrary(
  sources: ModelSources,
  library: Library,
  log: Platform['log'],
): FolderLibrary {
  const files = createModelFiles(() => [
    ...sources.list(),
    ...sources.otherApps.map((folder) => sources.sourceOf(folder)),
  ]);
  const foundIn = async (id: string) => (await files.list(new Set([id]))).map(({ found }) => found);
  const isInUse = (app: OtherApp) => sources.list().some(({ id }) => sources.appOf(id) === app);

  let isClosed = false;

  const takeIn = async (id: string) => {
    const inList = (await library.rows()).map(({ path }) => path);
    const known = new Set(await Promise.all([...inList, ...(await library.hidden())].map(fileKey)));
    let added = 0;
    let refused = 0;
    for (const found of await foundIn(id)) {
      if (isClosed) break;
      const key = await fileKey(found.path);
      if (known.has(key)) continue;
      known.add(key);
      try {
        await library.add(found);
        added += 1;
      } catch (error) {
        log('models.file_refused', { code: errorCodeOf(error) });
        refused += 1;
      }
    }
    return { added, refused };
  };

  const leave = async (id: string) => {
    const folder = sources.list().find((source) => source.id === id);
    if (!folder || !sources.isRemovable(id)) throw appError('not_found');
    await sources.remove(id);
    // A folder around it or inside it may still be let in.
    const isElsewhere = (path: string) => sources.list().some((source) => isInside(source.path, path));
    for (const row of await library.rows()) {
      if (isInside(folder.path, row.path) && !isElsewhere(row.path)) await library.remove(row.id);
    }
  };

  const use = async (apps: readonly OtherApp[]) => {
    const total = { added: 0, refused: 0 };
    for (const { id } of sources.list()) {
      const app = sources.appOf(id);
      if (app !== null && !apps.includes(app)) await leave(id);
    }
    for (const { app, path } of sources.otherApps) {
      if (!apps.includes(app)) continue;
      const { id } = await sources.add(path, app);
      const { added, refused } = await takeIn(id);
      total.added += added;
      total.refused += refused;
    }
    return total;
  };

  // One at a time: two at once would add the same file twice.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };

  return {
    async list() {
      const result = new Map<OtherApp, OtherAppModels>();
      for (const folder of sources.otherApps) {
        const found = await foundIn(sources.sourceOf(folder).id);
        const entry = result.get(folder.app);
        result.set(folder.app, {
          app: folder.app,
          path: entry?.path ?? shortPath(folder.path),
          modelCount: (entry?.modelCount ?? 0) + found.length,
          sizeBytes: found.reduce((sum, { sizeBytes }) => sum + sizeBytes, entry?.sizeBytes ?? 0),
          inUse: isInUse(folder.app),
        });
      }
      return [...result.values()].filter(({ modelCount, inUse }) => modelCount > 0 || inUse);
    },
    use: (apps) => inTurn(() => use(apps)),
    refresh: () =>
      inTurn(async () => {
        for (const { id } of sources.list()) if (sources.isRemovable(id)) await takeIn(id);
      }),
    addFolder: (path) =>
      inTurn(async () => {
        const { id } = await sources.add(path, null);
        await takeIn(id);
        return { id };
      }),
    removeFolder: (id) => inTurn(() => leave(id)),
    async close() {
      isClosed = true;
      await last;
    },
  };
}
