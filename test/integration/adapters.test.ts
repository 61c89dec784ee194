import { mkdir, mkdtemp, realpath, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errorCodeOf } from '../../src-main/contract/index.ts';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { entries } from '../../src-main/entries.ts';
import { createEventBus } from '../../src-main/events.ts';
import { openFileSource } from '../../src-main/models/byte-source.ts';
import type { TensorShape } from '../../src-main/models/gguf-adapter.ts';
import { createHeaderReader } from '../../src-main/models/gguf-header.ts';
import { openModelSources } from '../../src-main/models/model-sources.ts';
import { createModels, type Models } from '../../src-main/models/models.ts';
import { watchFolders } from '../../src-main/models/watch-folders.ts';
import { createSettings, type SettingsService } from '../../src-main/settings/settings.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { writeAdapter } from '../support/gguf/adapter.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { newProvenance } from '../support/store/fixtures.ts';

let root: string;
let folder: string;
let store: Store;
let models: Models;
let settings: SettingsService;
let requests: LoadRequest[];
let targets: TensorShape[];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'leeward-adapters-')));
  folder = join(root, 'models');
  const dataDir = join(root, 'data');
  await Promise.all([mkdir(folder), mkdir(dataDir)]);
  store = await openStore({ workerPath: entries.storeWorker, dataDir, log: () => {} });
  const paths = {
    dataDir,
    dataDirLabel: 'data',
    modelFolders: [{ id: 'folder', path: folder }],
    otherApps: [],
  };
  const bus = createEventBus('run');
  settings = createSettings({ file: { read: () => ({}), write: () => {} }, bus, log: () => {} });
  requests = [];
  const engine = {
    state: { ...INITIAL_STATE, status: 'idle' as const },
    onState: () => () => {},
    load: async (request: LoadRequest) => void requests.push(request),
    unload: async () => {},
  };
  const sources = await openModelSources(store, { paths });
  models = createModels({ store, engine, platform: {}, sources, bus, settings, log: () => {} });
  await writeScriptedModel(at('base.gguf'), { script: plainScript, name: 'Shore 1B' });
  targets = (await shapesOf('base.gguf')).filter(([name]) => name === 'blk.0.attn_q.weight');
});
afterEach(async () => {
  await models.close();
  await store.close();
  await rm(root, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

async function shapesOf(name: string): Promise<TensorShape[]> {
  const reader = createHeaderReader(entries.ggufWorker);
  const source = await openFileSource(at(name));
  try {
    return (await reader.read(source)).shapes;
  } finally {
    await source.close();
    await reader.close();
  }
}

async function add(name: string) {
  const file = (await models.files()).find(({ fileName }) => fileName === name);
  return models.add(file?.fileId ?? 'none');
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('an adapter is known by its header, listed apart, and never something to chat with', async () => {
  await writeAdapter(at('verse.gguf'), { name: 'Verse', targets, bases: [{ repo: 'lee/Shore-1B' }] });
  const adapter = await add('verse.gguf');
  expect(adapter).toMatchObject({ kind: 'adapter', name: 'Verse' });
  expect(settings.get().defaultModelId).toBeNull();
  expect(await models.list()).toEqual([]);
  expect(await models.adapters.list()).toMatchObject([
    { id: adapter.id, name: 'Verse', rank: 4, bases: [{ name: null, repo: 'lee/Shore-1B' }], modelIds: [] },
  ]);
  expect(await codeOf(models.load(adapter.id))).toBe('model_unsupported_architecture');
  expect((await models.files()).find(({ fileName }) => fileName === 'verse.gguf')?.modelId).toBe(adapter.id);
});

test('what goes with a model is found by name, architecture and dimensions, what was made for it first', async () => {
  await writeAdapter(at('fits.gguf'), { name: 'Fits', targets });
  await writeAdapter(at('named.gguf'), { name: 'Named', targets, bases: [{ name: 'shore-1b' }] });
  await writeAdapter(at('wide.gguf'), { name: 'Wide', targets: [['blk.0.attn_q.weight', 32, 7]] });
  await writeAdapter(at('other.gguf'), { name: 'Other', targets, architecture: 'qwen2' });
  const ids = new Map<string, string>();
  for (const name of ['fits', 'named', 'wide', 'other']) ids.set((await add(`${name}.gguf`)).id, name);
  const base = await add('base.gguf');
  const choices = await models.adapters.forModel(base.id);
  expect(choices.map(({ adapterId, match }) => [ids.get(adapterId), match])).toEqual([
    ['named', 'named'],
    ['fits', 'fits'],
    ['wide', 'other_tensors'],
    ['other', 'other_architecture'],
  ]);
  const refused = choices
    .slice(2)
    .map(({ adapterId }) => codeOf(models.adapters.attach(base.id, adapterId, 1)));
  expect(await Promise.all(refused)).toEqual(['adapter_mismatch', 'adapter_mismatch']);
});

test('attached, it is part of the name and of each load; its strength too, until it is detached', async () => {
  await writeAdapter(at('verse.gguf'), { name: 'Verse', targets });
  const base = await add('base.gguf');
  const adapter = await add('verse.gguf');
  await models.adapters.attach(base.id, adapter.id, 1);
  expect(await models.list()).toMatchObject([
    {
      name: 'Shore 1B + Verse',
      ownName: 'Shore 1B',
      adapters: [{ id: adapter.id, scale: 1, available: true }],
    },
  ]);
  await models.load(base.id);
  await models.adapters.attach(base.id, adapter.id, 0.5);
  await models.load(base.id);
  await models.adapters.detach(base.id, adapter.id);
  await models.load(base.id);
  expect(requests.map(({ adapters }) => adapters)).toEqual([
    [{ path: at('verse.gguf'), scale: 1 }],
    [{ path: at('verse.gguf'), scale: 0.5 }],
    [],
  ]);
  expect((await models.list())[0]?.name).toBe('Shore 1B');
  expect(await codeOf(models.adapters.detach(base.id, adapter.id))).toBe('not_found');
});

test('one whose file has gone is told as missing, and one that leaves the list is detached', async () => {
  await writeAdapter(at('verse.gguf'), { name: 'Verse', targets });
  const base = await add('base.gguf');
  const adapter = await add('verse.gguf');
  await models.adapters.attach(base.id, adapter.id, 1);
  await rm(at('verse.gguf'));
  expect(await codeOf(models.load(base.id))).toBe('model_file_missing');
  expect(await models.list()).toMatchObject([{ available: true, adapters: [{ available: false }] }]);
  await models.remove(adapter.id);
  expect(await codeOf(models.load(base.id))).toBe('no error');
  expect((await models.list())[0]).toMatchObject({ name: 'Shore 1B', adapters: [] });
});

test('a template of its own and the time that it stays go with each load, and back to automatic', async () => {
  const base = await add('base.gguf');
  await models.updateSettings(base.id, { chatTemplate: '{{ messages[0].content }}', keepLoadedMinutes: 5 });
  await models.load(base.id);
  await models.updateSettings(base.id, { chatTemplate: null, keepLoadedMinutes: null });
  await models.load(base.id);
  expect(requests.map(({ chatTemplate, keepLoadedMinutes }) => [chatTemplate, keepLoadedMinutes])).toEqual([
    ['{{ messages[0].content }}', 5],
    [null, null],
  ]);
});

test('a file that is added again as it was has its proof back; a changed one has not', async () => {
  const base = await add('base.gguf');
  await store.provenance.put(newProvenance(base.id));
  await models.remove(base.id);
  expect((await add('base.gguf')).id).toBe(base.id);
  expect(await store.provenance.get({ modelId: base.id })).toEqual(newProvenance(base.id));
  await models.remove(base.id);
  await utimes(at('base.gguf'), new Date(), new Date(Date.now() + 5_000));
  const changed = await add('base.gguf');
  expect(changed.id).not.toBe(base.id);
  expect(await store.provenance.get({ modelId: changed.id })).toBeNull();
});

test.each([
  ['the model first', ['base.gguf', 'verse.gguf']],
  ['the adapter first', ['verse.gguf', 'base.gguf']],
] as const)('two that were taken off come back with what was between them: %s', async (_name, order) => {
  await writeAdapter(at('verse.gguf'), { name: 'Verse', targets });
  const base = await add('base.gguf');
  const adapter = await add('verse.gguf');
  await models.adapters.attach(base.id, adapter.id, 0.5);
  const before = await models.list();
  for (const removed of [base, adapter]) await models.remove(removed.id);
  for (const file of order) await add(file);
  expect(await models.list()).toEqual(before);
  await models.adapters.detach(base.id, adapter.id);
  await models.remove(adapter.id);
  await add('verse.gguf');
  expect(await models.list()).toMatchObject([{ id: base.id, adapters: [] }]);
});

test('another model in the place of one that was taken off has nothing of it', async () => {
  const base = await add('base.gguf');
  await models.saveNotes(base.id, 'Quick');
  await models.remove(base.id);
  await rm(at('base.gguf'));
  await writeAdapter(at('base.gguf'), { name: 'Verse', targets });
  const other = await add('base.gguf');
  expect(other).toMatchObject({ kind: 'adapter', notes: '' });
  expect(other.id).not.toBe(base.id);
});

test('a folder of too many folders is looked at, not watched; a small one is watched with what comes below', async () => {
  const [home, small] = [join(root, 'home'), join(root, 'small')];
  for (let index = 0; index < 12; index += 1) await mkdir(join(home, String(index)), { recursive: true });
  await mkdir(small);
  const changed = vi.fn();
  const watch = watchFolders({
    ...{ changed, isRecursive: false, maxWatched: 8, lookMs: 10 },
    modelFolders: async (path) => (path === home ? [join(home, '3')] : []),
  });
  try {
    watch.set([home, small]);
    await watch.settled();
    expect([watch.isWatched(home), watch.isWatched(small)]).toEqual([false, true]);
    await mkdir(join(home, '3', 'new'));
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1), { timeout: 5_000 });
    await mkdir(join(small, 'deep'));
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2), { timeout: 5_000 });
    await watch.settled();
    await mkdir(join(small, 'deep', 'deeper'));
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(3), { timeout: 5_000 });
  } finally {
    watch.close();
  }
});
