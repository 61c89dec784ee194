// Longer than a module should be: one service, a method each, most of it its interface; what a method does beyond a few
// lines lies in the modules beside it.

import { stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  appError,
  DEFAULT_SAMPLING,
  errorCodeOf,
  type Model,
  type ModelDetails,
  type ModelFile,
  type ModelFolder,
  type AttachedAdapter,
  type ModelSettings,
  type OtherApp,
  type OtherAppModels,
  type Sampling,
} from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import { entries } from '../entries.ts';
import type { EventBus } from '../events.ts';
import type { Platform } from '../platform.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient, StoredModel } from '../store/api.ts';
import { createAdapters, type Adapters } from './adapters.ts';
import { createCheckedHeaders } from './checked-headers.ts';
import { createDrafts, type Drafts } from './drafts.ts';
import { createFolderLibrary } from './folder-library.ts';
import { createGuide, defaultOf, GUIDE_ID } from './guide.ts';
import { createHeaderReader } from './gguf-header.ts';
import { createModelFiles, isInside, type FoundModel } from './model-files.ts';
import type { ModelSources } from './model-sources.ts';
import { watchFolders } from './watch-folders.ts';
import { readerOfFiles, type ModelHeader, type ReadHeader } from './model-header.ts';
import { createModelLoader, type LoadOverrides } from './model-loader.ts';
import { createTakenOff, type FileMark } from './taken-off.ts';
import { createTunings } from './tunings.ts';
import { detailsOf, expectModel, factsOf, loadRequest, newRow, withoutUndefined } from './model-rows.ts';

/** The model library: what the list holds, where the files are, and loading them. */
export interface Models {
  readonly adapters: Adapters;
  readonly drafts: Pick<Drafts, 'candidates'>;
  /** Adapters left out: they are nothing to chat with. */
  list(): Promise<Model[]>;
  /** @throws not_found, model_file_missing and the header's errors */
  details(id: string): Promise<ModelDetails>;
  /**
   * The checked header with what a load would use.
   * @throws not_found, model_file_missing and the header's errors
   */
  headerOf(id: string): Promise<{ header: ModelHeader; sizeBytes: number; settings: ModelSettings }>;
  folders(): Promise<ModelFolder[]>;
  files(): Promise<ModelFile[]>;
  /** @throws invalid_input when the host has no file dialog */
  pickFiles(): Promise<ModelFile[]>;
  /** @throws invalid_input when the host has no folder dialog */
  pickFolder(): Promise<ModelFolder | null>;
  /** @throws not_found for a folder that the user did not let in */
  removeFolder(id: string): Promise<void>;
  otherApps(): Promise<OtherAppModels[]>;
  /** Brings the models of exactly these apps into the library, where they lie. */
  useOtherApps(apps: readonly OtherApp[]): Promise<{ added: number; refused: number }>;
  /** Files that a host lets in by a drop; the renderer gets their ids. */
  allow(paths: readonly string[]): Promise<ModelFile[]>;
  /** Files that the system asks the app to open: let in, and kept until the page takes them. */
  open(paths: readonly string[]): Promise<void>;
  takeOpened(): ModelFile[];
  /**
   * Puts a file into the list, or reads it again when it is there. The first one becomes the default model.
   * @throws not_found, model_file_missing, model_file_forbidden and the header's errors
   */
  add(fileId: string): Promise<Model>;
  /** The same for a verified download, by the absolute path of its only or first part. */
  addDownloaded(path: string): Promise<Model>;
  /** Takes a download off the list whose files are deleted next. */
  takeBack(id: string): Promise<void>;
  /** A download ends soon: its header will be read then. */
  expectDownload(): void;
  /** Absolute paths of a model's parts, in order. @throws not_found, model_file_missing */
  partPathsOf(id: string): Promise<readonly string[]>;
  /** Unloads the model and takes it off the list; the file stays. @throws conflict for the guide */
  remove(id: string): Promise<void>;
  /**
   * Takes the model off the list and its files to the trash, or off the disk where the host has none.
   * @throws conflict for files of another app, model_file_missing
   */
  deleteFiles(id: string): Promise<{ freedBytes: number }>;
  saveNotes(id: string, notes: string): Promise<void>;
  /** What chats without their own sampling use with this model. */
  samplingOf(id: string): Promise<Sampling>;
  /**
   * The user's word: another load that is going on is cancelled for it.
   * @throws model_load_crashed without trying when the last load crashed and `retryAfterCrash` is not set
   */
  load(id: string, options?: { retryAfterCrash?: boolean | undefined }): Promise<void>;
  cancelLoad(): Promise<void>;
  unload(): Promise<void>;
  /** Applied at the next load, which the next answer asks for. */
  updateSettings(
    id: string,
    patch: { [K in keyof ModelSettings]?: ModelSettings[K] | undefined },
  ): Promise<void>;
  /**
   * Makes the model ready for an answer; waits for another load that is going on.
   * `loadMs`: how long this call waited, 0 when the model was ready.
   */
  ensureLoaded(id: string, signal?: AbortSignal): Promise<{ loadMs: number }>;
  /** The same with other settings than the model's; its next answer loads it as it is set. */
  ensureLoadedWith(id: string, overrides: LoadOverrides, signal: AbortSignal): Promise<{ loadMs: number }>;
  /** Loads the default model when the settings say so. A failure is in the engine's state. */
  loadAtStart(): Promise<void>;
  /** The database is another one: what is not the user's own in it is made again. */
  databaseChanged(): Promise<void>;
  /** Cancels a load, refuses later ones and ends the header worker. Before the engine and the store end. */
  close(): Promise<void>;
}

interface ModelsOptions {
  store: Pick<StoreClient, 'models' | 'adapters' | 'modelFolders' | 'provenance'>;
  engine: Pick<Engine, 'state' | 'onState' | 'load' | 'unload'>;
  platform: Pick<Platform, 'pickModelFiles' | 'pickModelFolder' | 'trashFile'>;
  sources: ModelSources;
  bus: EventBus;
  settings: SettingsService;
  log: Platform['log'];
  /** The built-in model; null: none. */
  guideFile?: string | null | undefined;
  /** A check of its hashes failed, and it was not repaired since. */
  isDamaged?: (id: string) => Promise<boolean>;
  /** Another reader than the worker's, for tests. */
  readHeader?: ReadHeader;
}

export function createModels(options: ModelsOptions): Models {
  const { store, engine, platform, sources, bus, settings, log } = options;
  const files = createModelFiles(() => sources.list());
  const worker = createHeaderReader(entries.ggufWorker);
  const headers = createCheckedHeaders(options.readHeader ?? readerOfFiles(worker));
  const changed = () => bus.emit({ type: 'models.changed' });

  /** Another app's files are that app's to delete, whichever way they came here: it may use them under other names. */
  const mayDelete = (path: string) =>
    !sources.otherApps.some((folder) => isInside(folder.path, path)) &&
    !sources.list().some((source) => sources.appOf(source.id) !== null && isInside(source.path, path));

  const isDamaged = async (id: string) => (await options.isDamaged?.(id)) ?? false;
  const drafts = createDrafts({ store, files, headers, log, isDamaged });
  const adapters = createAdapters({ store, files, headers, mayDelete, changed, isDamaged });

  const toModel = async (
    row: StoredModel,
    attached?: ReadonlyMap<string, AttachedAdapter[]>,
  ): Promise<Model> => {
    const { path, ...facts } = row;
    const on = (attached ?? (await adapters.attached())).get(row.id) ?? [];
    const available = await files.parts(path).then(
      () => true,
      () => false,
    );
    const lastLoadCrashed = row.lastLoadCrashed && loader.loadingId() !== row.id;
    return {
      ...facts,
      name: [row.name, ...on.map(({ name }) => name)].join(' + '),
      ownName: row.name,
      adapters: on,
      lastLoadCrashed,
      fileName: await files.nameOf(path),
      location: files.location(path),
      available,
      canDelete: row.id !== GUIDE_ID && mayDelete(path),
      builtIn: row.id === GUIDE_ID,
    };
  };

  const guideFile = options.guideFile ?? null;
  const guide = createGuide({
    store,
    files,
    readHeader: (found) => headers.of(found),
    log,
    path: guideFile,
  });
  /** @throws conflict for the guide */
  const expectOwn = (id: string) => {
    if (id === GUIDE_ID) throw appError('conflict', { reason: 'built_in' });
  };

  const toFiles = async (wanted?: ReadonlySet<string>): Promise<ModelFile[]> => {
    const [listed, rows] = await Promise.all([files.list(), store.models.list(undefined)]);
    return listed
      .filter(({ fileId }) => wanted?.has(fileId) ?? true)
      .map(({ fileId, found }) => ({
        fileId,
        fileName: found.fileName,
        location: files.location(found.path),
        sizeBytes: found.sizeBytes,
        modelId: rows.find((row) => row.path === found.path)?.id ?? null,
      }));
  };

  const allow = async (paths: readonly string[]) => toFiles(new Set(await files.allow(paths)));

  const opened: ModelFile[] = [];
  const takenOff = createTakenOff(store.models);

  const addFound = async (found: FoundModel): Promise<Model> => {
    const header = await headers.of(found);
    const mark = await fileMark(found);
    const conversationIds = await takenOff.putBack(found.path, mark);
    const row = await store.models.upsert(newRow(found, header));
    const { adapter } = header;
    if (adapter) await store.adapters.put({ modelId: row.id, ...adapter });
    await store.provenance.takeBack({ modelId: row.id, ...mark });
    changed();
    for (const conversationId of conversationIds) bus.emit({ type: 'conversation.changed', conversationId });
    if (row.kind === 'model' && !(await hasDefault())) settings.update({ defaultModelId: row.id });
    return toModel(row);
  };

  /** Not where the default is gone with the database that a backup took the place of. */
  const hasDefault = async () => {
    const { defaultModelId } = settings.get();
    return defaultModelId !== null && (await modelRows()).some(({ id }) => id === defaultModelId);
  };

  /** Every row that is a model, the guide only where it is there. */
  const modelRows = async () => {
    const isReady = await guide.isReady();
    const rows = await store.models.list(undefined);
    return rows.filter(({ kind, id }) => kind === 'model' && (id !== GUIDE_ID || isReady));
  };

  /** The same file, added again, has its proof back. */
  const keepProof = async (id: string) => {
    const { path } = await store.models.get({ id });
    const mark = await files.parts(path).then(fileMark, () => null);
    if (mark) await store.provenance.keep({ modelId: id, ...mark });
    return mark;
  };

  const letGo = async (id: string) => {
    await store.models.get({ id });
    // Its load may still wait for an answer of another model.
    if (await drafts.isUsedBy(id, loader.loadingId())) await loader.cancel();
    if (id === engine.state.modelId || id === engine.state.tuning?.draftModelId) await engine.unload();
  };

  const remove = async (id: string) => {
    await letGo(id);
    const mark = await keepProof(id);
    const removed = await store.models.remove({ id });
    changed();
    if (settings.get().defaultModelId === id) settings.update({ defaultModelId: null });
    return { removed, mark };
  };

  const folders = async (): Promise<ModelFolder[]> =>
    (await files.folders()).map((folder) => ({
      ...folder,
      app: sources.appOf(folder.id),
      removable: sources.isRemovable(folder.id),
      isWatched: watch.isWatched(sources.list().find(({ id }) => id === folder.id)?.path ?? ''),
    }));

  const whole = createFolderLibrary(
    sources,
    {
      // The guide stays, in whichever folder the app lies, and comes by no folder.
      rows: async () => (await store.models.list(undefined)).filter(({ id }) => id !== GUIDE_ID),
      hidden: async () => {
        const hidden = await store.modelFolders.hidden(undefined);
        return guideFile === null ? hidden : [...hidden, guideFile];
      },
      add: addFound,
      remove: async (id) => void (await remove(id)),
    },
    log,
  );
  const refresh = () =>
    void whole.refresh().catch((error: unknown) => log('models.not_refreshed', { code: errorCodeOf(error) }));
  const watch = watchFolders({
    changed() {
      changed();
      refresh();
    },
    async modelFolders(path) {
      const rows = await store.models.list(undefined);
      return rows.filter((row) => isInside(path, row.path)).map((row) => dirname(row.path));
    },
  });
  const watched = () => watch.set(sources.list().map(({ path }) => path));
  watched();
  // What came while the app was closed.
  refresh();

  const tunings = createTunings(store.models, engine, log);
  const loader = createModelLoader(engine, {
    async prepare(id, { retryAfterCrash, overrides }) {
      // Asked together: every answer waits for this, with a model in memory too.
      const attached = adapters.forLoad(id);
      attached.catch(() => {});
      const [row, damaged] = await Promise.all([store.models.get({ id }), isDamaged(id)]);
      expectModel(row);
      if (row.lastLoadCrashed && !retryAfterCrash) throw appError('model_load_crashed');
      if (damaged) throw appError('model_damaged');
      const found = await files.parts(row.path);
      // The sidecar opens only files that the parser accepted as they are now.
      const { header, state } = await headers.ofChanged(found, row);
      if (header) {
        const { name, ...facts } = factsOf({ ...found, fileName: await files.nameOf(found.path) }, header);
        await store.models.upsert({ ...row, ...facts, name: id === GUIDE_ID ? row.name : name });
      }
      const on = await attached;
      const fileState = [state, on.fileState].filter((part) => part !== '').join(' + ');
      const draft = overrides.speculation === 'off' ? null : await drafts.forLoad(row);
      const request = loadRequest(row, { found, fileState, adapters: on.adapters, draft }, settings);
      return tunings.complete({ ...request, ...overrides });
    },
    markLoading: (id) => setOutcome(id, true, null),
    async markSettled(id, outcome) {
      if (outcome === 'loaded') await tunings.keep(id);
      await setOutcome(id, outcome === 'crashed', outcome === 'loaded' ? Date.now() : null);
    },
  });

  const setOutcome = async (id: string, crashed: boolean, usedAt: number | null) => {
    try {
      await store.models.setLoadOutcome({ id, crashed, usedAt });
    } catch (error) {
      // A full disk must not keep a model from loading, nor hide why it did not.
      log('models.outcome_not_saved', { code: errorCodeOf(error) });
    }
    changed();
  };

  // The engine brings a model back by itself after a crash; when that crashes it, no loader is waiting.
  const stopListening = engine.onState(({ status, error, modelId }) => {
    const crashed = status === 'crashed' && error?.code === 'model_load_crashed';
    if (crashed && modelId !== null) void setOutcome(modelId, true, null);
  });

  return {
    adapters,
    drafts,
    async list() {
      const [rows, attached] = await Promise.all([modelRows(), adapters.attached()]);
      return Promise.all(rows.map((row) => toModel(row, attached)));
    },
    async details(id) {
      const row = await store.models.get({ id });
      const header = await headers.of(await files.parts(row.path));
      return { model: await toModel(row), ...detailsOf(header) };
    },
    async headerOf(id) {
      const row = await store.models.get({ id });
      const found = await files.parts(row.path);
      return { header: await headers.of(found), sizeBytes: found.sizeBytes, settings: row.settings };
    },
    folders,
    files: () => toFiles(),
    allow,
    async open(paths) {
      opened.push(...(await allow(paths)));
      if (opened.length > 0) bus.emit({ type: 'models.opened' });
    },
    takeOpened: () => opened.splice(0),
    async pickFolder() {
      if (!platform.pickModelFolder) throw appError('invalid_input');
      const path = await platform.pickModelFolder();
      if (path === null) return null;
      const { id } = await whole.addFolder(path);
      watched();
      // Whether it can be watched is told with it.
      await watch.settled();
      changed();
      return (await folders()).find((folder) => folder.id === id) ?? null;
    },
    async removeFolder(id) {
      await whole.removeFolder(id);
      watched();
      changed();
    },
    otherApps: () => whole.list(),
    async useOtherApps(apps) {
      const result = await whole.use(apps);
      watched();
      changed();
      return result;
    },
    async pickFiles() {
      if (!platform.pickModelFiles) throw appError('invalid_input');
      return allow(await platform.pickModelFiles());
    },
    async add(fileId) {
      const found = await files.resolve(fileId);
      if (await guide.isOwnFile(found.path)) return toModel(await store.models.get({ id: GUIDE_ID }));
      await store.modelFolders.unhide({ path: found.path });
      return addFound(found);
    },
    async addDownloaded(path) {
      await store.modelFolders.unhide({ path });
      return addFound(await files.parts(path));
    },
    takeBack: async (id) => void (await remove(id)),
    expectDownload: () => worker.getReady(),
    partPathsOf: async (id) => (await files.parts((await store.models.get({ id })).path)).partPaths,
    async remove(id) {
      expectOwn(id);
      const { path } = await store.models.get({ id });
      const { removed, mark } = await remove(id);
      takenOff.keep(removed, mark);
      await store.modelFolders.hide({ path });
    },
    async deleteFiles(id) {
      expectOwn(id);
      const row = await store.models.get({ id });
      if (!mayDelete(row.path)) throw appError('conflict', { reason: 'other_app' });
      const { partPaths, sizeBytes } = await files.parts(row.path);
      await letGo(id);
      for (const part of partPaths) await (platform.trashFile ?? unlink)(part);
      await remove(id);
      return { freedBytes: sizeBytes };
    },
    async saveNotes(id, notes) {
      await store.models.saveNotes({ id, notes });
      changed();
    },
    samplingOf: async (id) => (await store.models.get({ id })).settings.sampling ?? DEFAULT_SAMPLING,
    async load(id, { retryAfterCrash } = {}) {
      await loader.load(id, { retryAfterCrash, supersede: true });
    },
    cancelLoad: () => loader.cancel(),
    async unload() {
      await loader.cancel();
      await engine.unload();
    },
    async updateSettings(id, patch) {
      expectOwn(id);
      const { draftModelId } = patch;
      if (draftModelId) await drafts.expectFits(await store.models.get({ id }), draftModelId);
      await store.models.updateSettings({ id, settings: withoutUndefined(patch) });
      changed();
      bus.emit({ type: 'fit.changed' });
    },
    ensureLoaded: (id, signal) => loader.load(id, { signal }),
    ensureLoadedWith: (id, overrides, signal) => loader.load(id, { signal, overrides }),
    async loadAtStart() {
      const { loadModelAtStart, defaultModelId } = settings.get();
      try {
        const id = defaultOf(await modelRows(), defaultModelId);
        // The guide is loaded sooner than anyone can ask.
        const isWanted = loadModelAtStart || id === GUIDE_ID;
        if (id !== null && isWanted) await loader.load(id);
      } catch (error) {
        log('models.not_loaded_at_start', { code: errorCodeOf(error) });
      }
    },
    databaseChanged() {
      takenOff.forget();
      return guide.registerAgain();
    },
    async close() {
      stopListening();
      watch.close();
      await guide.isReady();
      await whole.close();
      await loader.close();
      await worker.close();
    },
  };
}

/** What tells whether a file is as it was: size and time of its last change. */
async function fileMark({ partPaths, sizeBytes }: FoundModel): Promise<FileMark> {
  const parts = await Promise.all(partPaths.map((path) => stat(path)));
  return { sizeBytes, changedMs: Math.max(...parts.map(({ mtimeMs }) => mtimeMs)) };
}
