import {
  copyFile,
  mkdir,
  mkdtemp,
  open,
  realpath,
  rename,
  rm,
  stat,
  truncate,
  utimes,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  appError,
  DEFAULT_SAMPLING,
  errorCodeOf,
  Model,
  ModelDetails,
  ModelFile,
  type AppEvent,
  type EngineState,
} from '../../src-main/contract/index.ts';
import type { Engine, LoadRequest } from '../../src-main/engine/api.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { entries } from '../../src-main/entries.ts';
import { createEventBus } from '../../src-main/events.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';
import { openModelSources, type ModelSources } from '../../src-main/models/model-sources.ts';
import { createModels, type Models } from '../../src-main/models/models.ts';
import { storedItems } from '../../src-main/privacy/stored.ts';
import { createSettings } from '../../src-main/settings/settings.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { writeNotGguf, writeTruncatedTensors } from '../support/gguf/broken-models.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { writeGguf, type GgufValue } from '../support/gguf/writer.ts';

let root: string;
let modelsDir: string;
let dataDir: string;
let store: Store;
let sources: ModelSources;
let running: Models[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'leeward-models-')));
  modelsDir = join(root, 'models');
  dataDir = join(root, 'data');
  await Promise.all([mkdir(modelsDir), mkdir(dataDir)]);
  store = await openStore({ workerPath: entries.storeWorker, dataDir, log: () => {} });
  const modelFolders = [{ id: 'folder', path: modelsDir }];
  sources = await openModelSources(store, {
    paths: { dataDir, dataDirLabel: 'data', modelFolders, otherApps: [] },
  });
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((models) => models.close()));
  await store.close();
  await rm(root, { recursive: true, force: true });
});

/** Stands in for the sidecar: what a load does is the test's choice; all else the library is real. */
class FakeEngine implements Pick<Engine, 'state' | 'onState' | 'load' | 'unload'> {
  state: EngineState = { ...INITIAL_STATE, status: 'idle' };
  readonly requests: LoadRequest[] = [];
  onLoad: (request: LoadRequest, signal?: AbortSignal) => Promise<void> = async () => {};

  readonly listeners = new Set<(state: EngineState) => void>();

  onState(listener: (state: EngineState) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The sidecar dies while the engine loads the model again by itself. */
  crashWhileReloading() {
    this.state = { ...this.state, status: 'crashed', error: { code: 'model_load_crashed', data: {} } };
    for (const listener of this.listeners) listener(this.state);
  }

  async load(request: LoadRequest, signal?: AbortSignal) {
    this.requests.push(request);
    this.state = { ...this.state, status: 'loading', modelId: request.modelId };
    try {
      await this.onLoad(request, signal);
      this.state = { ...this.state, status: 'ready' };
    } catch (error) {
      this.state = { ...this.state, status: 'idle', modelId: null };
      throw error;
    }
  }

  async unload() {
    this.state = { ...this.state, status: 'idle', modelId: null };
  }
}

/** One run of the app on the same data folder; `settingsContent` is its settings file. */
const settingsContent: { value: Record<string, unknown> } = { value: {} };
beforeEach(() => {
  settingsContent.value = {};
});

function startApp(
  pickModelFiles?: () => Promise<string[]>,
  trashFile?: (path: string) => Promise<void>,
  { guideFile, ...host }: { pickModelFolder?: () => Promise<string>; guideFile?: string } = {},
) {
  const bus = createEventBus('run');
  const events: AppEvent[] = [];
  bus.on((event) => events.push(event));
  const engine = new FakeEngine();
  const file = {
    read: () => settingsContent.value,
    write: (value: Record<string, unknown>) => void (settingsContent.value = value),
  };
  const settings = createSettings({ file, bus, log: () => {} });
  const models = createModels({
    store,
    engine,
    platform: { ...host, ...(pickModelFiles ? { pickModelFiles } : {}), ...(trashFile ? { trashFile } : {}) },
    guideFile,
    sources,
    bus,
    settings,
    log: () => {},
  });
  running.push(models);
  return { models, engine, settings, events };
}

async function scripted(fileName = 'scripted.gguf', name = 'Scripted') {
  await writeScriptedModel(join(modelsDir, fileName), { script: plainScript, name });
}

async function addFirst(models: Models, fileName?: string) {
  const files = await models.files();
  const file = files.find((candidate) => fileName === undefined || candidate.fileName === fileName);
  return models.add(file?.fileId ?? 'none');
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('a folder around the guide neither takes it in nor takes it off', async () => {
  const folder = join(modelsDir, '..', 'app');
  await mkdir(folder);
  const guideFile = join(folder, 'guide.gguf');
  await writeScriptedModel(guideFile, { script: plainScript, name: 'Another name' });
  const { models, settings } = startApp(undefined, undefined, {
    pickModelFolder: async () => folder,
    guideFile,
  });
  const ids = async () => (await models.list()).map(({ id }) => id);
  const picked = await models.pickFolder();
  expect(await ids()).toEqual([GUIDE_ID]);
  await models.removeFolder(picked?.id ?? '');
  expect(await ids()).toEqual([GUIDE_ID]);
  expect(settings.get().defaultModelId).toBeNull();
});

test('a file is found, added, listed with its facts, and its details are of the form of the contract', async () => {
  await scripted('scripted-Q4_0.gguf');
  const { models, settings, events } = startApp();
  const [file] = await models.files();
  expect(v.parse(ModelFile, file)).toMatchObject({
    fileName: 'scripted-Q4_0.gguf',
    location: 'models',
    modelId: null,
  });
  const model = v.parse(Model, await addFirst(models));
  expect(model).toMatchObject({
    name: 'Scripted',
    fileName: 'scripted-Q4_0.gguf',
    architecture: 'llama',
    quant: 'F32',
    trainedContextSize: 4096,
    licence: 'apache-2.0',
    hasChatTemplate: true,
    parts: 1,
    available: true,
    lastLoadCrashed: false,
    lastUsedAt: null,
  });
  expect(JSON.stringify(model)).not.toContain(root);
  expect(await models.list()).toEqual([model]);
  expect((await models.files())[0]?.modelId).toBe(model.id);
  expect(settings.get().defaultModelId).toBe(model.id);
  expect(events.map(({ type }) => type)).toEqual(['models.changed', 'settings.changed']);

  const details = v.parse(ModelDetails, await models.details(model.id));
  expect(details.chatTemplate).toContain('<|im_start|>');
  expect(details).toMatchObject({ layerCount: 1, headCount: 2, kvHeadCount: 1, embeddingLength: 128 });
  expect(details.metadata.length).toBeGreaterThan(10);
});

test('adding a file again refreshes its row and keeps id, settings and date', async () => {
  await scripted();
  const { models } = startApp();
  const first = await addFirst(models);
  await models.updateSettings(first.id, { contextSize: 2048, gpuLayers: undefined });
  await scripted('scripted.gguf', 'Renamed');
  const second = await addFirst(models);
  expect(second).toMatchObject({ id: first.id, addedAt: first.addedAt, name: 'Renamed' });
  expect(second.settings).toMatchObject({ contextSize: 2048, gpuLayers: null });
  expect(await models.list()).toHaveLength(1);
});

test('what is no usable model is refused and not listed', async () => {
  await writeNotGguf(join(modelsDir, 'page.gguf'));
  await writeTruncatedTensors(join(modelsDir, 'half.gguf'));
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['general.type', { type: 'string', value: 'adapter' }],
  ]);
  await writeGguf(join(modelsDir, 'lora.gguf'), {
    metadata,
    tensors: [{ name: 'x', type: 'F32', shape: [32] }],
  });
  await writeGguf(join(modelsDir, 'vocab.gguf'), {
    metadata: new Map([...metadata].slice(0, 1)),
    tensors: [],
  });
  const { models } = startApp();
  const codes = await Promise.all(
    ['page.gguf', 'half.gguf', 'lora.gguf', 'vocab.gguf'].map((name) => codeOf(addFirst(models, name))),
  );
  expect(codes).toEqual([
    'model_not_gguf',
    'model_truncated',
    'model_unsupported_architecture',
    'model_malformed',
  ]);
  expect(await models.list()).toEqual([]);
});

test('a split model is added once, with the weights of all parts, whichever part was picked', async () => {
  const names = [1, 2].map((n) => `split-0000${n}-of-00002.gguf`);
  for (const [index, name] of names.entries()) {
    const metadata = new Map<string, GgufValue>([
      ...(index === 0
        ? [['general.architecture', { type: 'string', value: 'llama' }] as [string, GgufValue]]
        : []),
      ['split.no', { type: 'uint16', value: index }],
      ['split.count', { type: 'uint16', value: 2 }],
    ]);
    const tensors = [{ name: `part${index}`, type: 'F32' as const, shape: [32, index + 1] }];
    await writeGguf(join(modelsDir, name), { metadata, tensors });
  }
  const { models } = startApp(async () => [join(modelsDir, names[1] ?? '')]);
  const [picked] = await models.pickFiles();
  const model = await models.add(picked?.fileId ?? '');
  expect(model).toMatchObject({ name: 'split', fileName: names[0], parts: 2, parameterCount: 96 });
  expect(await models.files()).toHaveLength(1);

  await rename(join(modelsDir, names[1] ?? ''), join(modelsDir, 'away'));
  expect(await models.list()).toMatchObject([{ available: false }]);
  expect(await codeOf(models.load(model.id))).toBe('model_file_missing');
});

test('a host without a file dialog refuses to open one', async () => {
  expect(await codeOf(startApp().models.pickFiles())).toBe('invalid_input');
});

test('a model is loaded with its own settings before the general ones', async () => {
  await scripted();
  const { models, engine, settings } = startApp();
  const { id } = await addFirst(models);
  settings.update({ contextSize: 8192, threads: 2, flashAttention: 'off' });
  await models.load(id);
  expect(engine.requests[0]).toMatchObject({
    modelId: id,
    contextSize: 8192,
    threads: 2,
    flashAttention: 'off',
  });
  expect(await models.ensureLoaded(id)).toEqual({ loadMs: 0 });
  expect(await models.list()).toMatchObject([{ lastUsedAt: expect.any(Number) as number }]);
  await models.updateSettings(id, { contextSize: 1024, gpuLayers: 3 });
  await models.ensureLoaded(id);
  expect(engine.requests[1]).toMatchObject({ contextSize: 1024, gpuLayers: 3 });
});

test('a load that crashed is refused until the user says so, in the next run of the app too', async () => {
  await scripted();
  const first = startApp();
  const { id } = await addFirst(first.models);
  first.engine.onLoad = () => Promise.reject(appError('model_load_crashed'));
  expect(await codeOf(first.models.load(id))).toBe('model_load_crashed');
  expect(await first.models.list()).toMatchObject([{ lastLoadCrashed: true }]);
  expect(first.events.at(-1)).toEqual({ type: 'models.changed' });

  const second = startApp();
  expect(await codeOf(second.models.load(id))).toBe('model_load_crashed');
  expect(await codeOf(second.models.ensureLoaded(id))).toBe('model_load_crashed');
  expect(second.engine.requests).toEqual([]);
  await second.models.load(id, { retryAfterCrash: true });
  expect(await second.models.list()).toMatchObject([{ lastLoadCrashed: false }]);
});

test('a crash while the engine brings the model back by itself is marked too', async () => {
  await scripted();
  const { models, engine } = startApp();
  const { id } = await addFirst(models);
  await models.load(id);
  engine.crashWhileReloading();
  await vi.waitFor(async () => expect(await models.list()).toMatchObject([{ lastLoadCrashed: true }]));
  expect(await codeOf(models.ensureLoaded(id))).toBe('model_load_crashed');
  expect(engine.requests).toHaveLength(1);
});

test('an app that died while it loaded finds the mark; a cancelled or failed load leaves none', async () => {
  await scripted();
  const first = startApp();
  const { id } = await addFirst(first.models);
  first.engine.onLoad = (_request, signal) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(appError('aborted'))));
  const cancelled = codeOf(first.models.load(id));
  while (first.engine.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  // What the next run would find, had this one died here.
  expect(await store.models.get({ id })).toMatchObject({ lastLoadCrashed: true });
  await first.models.cancelLoad();
  expect(await cancelled).toBe('aborted');
  expect(await store.models.get({ id })).toMatchObject({ lastLoadCrashed: false });

  first.engine.onLoad = () => Promise.reject(appError('model_not_enough_memory'));
  expect(await codeOf(first.models.load(id))).toBe('model_not_enough_memory');
  expect(await store.models.get({ id })).toMatchObject({ lastLoadCrashed: false });
});

test('the header is checked again before a load when the file changed since it was added', async () => {
  await scripted();
  const { models, engine } = startApp();
  const { id } = await addFirst(models);
  await truncate(join(modelsDir, 'scripted.gguf'), 100_000);
  expect(await codeOf(models.load(id))).toBe('model_truncated');
  await writeNotGguf(join(modelsDir, 'scripted.gguf'));
  expect(await codeOf(startApp().models.load(id))).toBe('model_not_gguf');
  expect(engine.requests).toEqual([]);

  await scripted('scripted.gguf', 'Replaced');
  await models.load(id);
  expect(await models.list()).toMatchObject([{ id, name: 'Replaced' }]);
});

test('the same size and an older time stamp do not hide a change', async () => {
  await scripted();
  const { id } = await addFirst(startApp().models);
  const path = join(modelsDir, 'scripted.gguf');
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(64), 0, 64, 0);
  await file.close();
  await utimes(path, 0, 0);
  expect((await stat(path)).size).toBe((await store.models.get({ id })).sizeBytes);
  expect(await codeOf(startApp().models.load(id))).toBe('model_not_gguf');
});

test('a file that another of the same size replaced is loaded again', async () => {
  await scripted();
  const { models, engine } = startApp();
  const { id } = await addFirst(models);
  await models.load(id);
  expect(await models.ensureLoaded(id)).toEqual({ loadMs: 0 });
  const path = join(modelsDir, 'scripted.gguf');
  await copyFile(path, join(root, 'other'));
  await rename(join(root, 'other'), path);
  expect((await models.ensureLoaded(id)).loadMs).toBeGreaterThan(0);
  expect(engine.requests).toHaveLength(2);
});

test('removing a model whose load waits behind an answer of another cancels the load', async () => {
  await scripted();
  const { models, engine } = startApp();
  const { id } = await addFirst(models);
  const queued = Promise.withResolvers<undefined>();
  // The engine's queue: the state is still that of the model that answers.
  engine.load = (_request, signal) =>
    new Promise((_resolve, reject) => {
      queued.resolve(undefined);
      signal?.addEventListener('abort', () => reject(appError('aborted')));
    });
  const load = codeOf(models.load(id));
  await queued.promise;
  await models.remove(id);
  expect(await load).toBe('aborted');
});

test('its own settings, notes and sampling are kept; a file is deleted for good only where it is ours', async () => {
  await scripted();
  const trashed: string[] = [];
  const { models, engine } = startApp(undefined, async (path) => void trashed.push(path));
  const { id, canDelete, sizeBytes } = await addFirst(models);
  expect(canDelete).toBe(true);
  const sampling = { ...DEFAULT_SAMPLING, temperature: 0.1 };
  await models.updateSettings(id, { threads: 1, flashAttention: 'off', sampling });
  await models.saveNotes(id, 'Good at letters');
  const [model] = await models.list();
  expect(model).toMatchObject({
    notes: 'Good at letters',
    settings: { contextSize: null, threads: 1, flashAttention: 'off', sampling },
  });
  expect(await models.samplingOf(id)).toEqual(sampling);
  await models.load(id);
  expect(engine.requests.at(-1)).toMatchObject({ threads: 1, flashAttention: 'off' });
  expect(await models.deleteFiles(id)).toEqual({ freedBytes: sizeBytes });
  expect(engine.state.status).toBe('idle');
  expect(trashed).toEqual([join(modelsDir, 'scripted.gguf')]);
  expect(await models.list()).toEqual([]);
});

test('removing the loaded model unloads it, keeps the file, and clears the default', async () => {
  await scripted();
  const { models, engine, settings } = startApp();
  const { id } = await addFirst(models);
  await models.load(id);
  await models.remove(id);
  expect(engine.state).toMatchObject({ status: 'idle', modelId: null });
  expect(await models.list()).toEqual([]);
  expect(settings.get().defaultModelId).toBeNull();
  expect(await models.files()).toMatchObject([{ modelId: null }]);
  expect(await codeOf(models.remove(id))).toBe('not_found');
  expect(await codeOf(models.load(id))).toBe('not_found');
});

test('the default model is loaded at start only when asked, and never after a crash', async () => {
  await scripted();
  const first = startApp();
  const { id } = await addFirst(first.models);
  await first.models.loadAtStart();
  expect(first.engine.requests).toEqual([]);
  first.settings.update({ loadModelAtStart: true });
  await first.models.loadAtStart();
  expect(first.engine.requests).toHaveLength(1);

  await store.models.setLoadOutcome({ id, crashed: true, usedAt: null });
  const second = startApp();
  await second.models.loadAtStart();
  expect(second.engine.requests).toEqual([]);
});

test('what is stored: every entry of the data folder, and the models of each folder', async () => {
  await scripted();
  await mkdir(join(dataDir, 'backups'));
  await mkdir(join(dataDir, 'logs'));
  await copyFile(join(modelsDir, 'scripted.gguf'), join(dataDir, 'backups', 'one'));
  const items = await storedItems({ dataDir, modelFolders: [{ id: 'folder', path: modelsDir }] });
  const kinds = Object.fromEntries(items.map(({ kind, path }) => [path, kind]));
  expect(kinds).toMatchObject({ backups: 'backups', logs: 'logs', [modelsDir]: 'models' });
  expect(items.some(({ kind, sizeBytes }) => kind === 'database' && sizeBytes > 0)).toBe(true);
  const sizes = items
    .filter(({ path }) => path === 'backups' || path === modelsDir)
    .map(({ sizeBytes }) => sizeBytes);
  expect(sizes[0]).toBe(sizes[1]);
  expect(sizes[0]).toBeGreaterThan(100_000);

  // A models folder inside the data folder is no second time among the app's own files.
  const inside = join(dataDir, 'models');
  await rename(modelsDir, inside);
  const paths = (await storedItems({ dataDir, modelFolders: [{ id: 'folder', path: inside }] })).map(
    ({ path }) => path,
  );
  expect(paths.filter((path) => path.endsWith('models'))).toEqual([inside]);
});
