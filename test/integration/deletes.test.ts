import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { contract, errorCodeOf, type AppClient, type BenchPlan } from '../../src-main/contract/index.ts';
import { adaptersTexts } from '../../src-renderer/texts/adapters.ts';
import { downloadsTexts } from '../../src-renderer/texts/downloads.ts';
import { historyTexts } from '../../src-renderer/texts/history.ts';
import { modelSettingsTexts } from '../../src-renderer/texts/model-settings.ts';
import { otherAppsTexts } from '../../src-renderer/texts/other-apps.ts';
import { performanceTexts } from '../../src-renderer/texts/performance.ts';
import { settingsTexts } from '../../src-renderer/texts/settings.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { writeAdapter } from '../support/gguf/adapter.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Every step that takes something away: it has a way back, or it asks and names what is lost, or nothing is lost.

type Fate =
  /** `undo` is the call that brings it back: shown below, by a step of that name. */
  | { undo: string }
  /** What the question says, each with the words that name what goes and whether it can come back. */
  | { asks: readonly (readonly [text: string, ...says: string[]])[] }
  /** Why it is no loss: shown below, by a step of that name, or in the file that has what it needs. */
  | { losesNothing: string; shownIn?: string };

const deleteForever = historyTexts.deleteForever;
const goneForGood = [
  [deleteForever.text, 'Messages, search index and drafts', 'cannot be undone'],
  [deleteForever.backups(2, '2', '23 Dec'), '2 backups hold them still', 'until 23 Dec'],
] as const;

const fates: Record<string, Fate> = {
  'conversations.remove': { undo: 'conversations.restore' },
  'tree.removeBranch': { undo: 'tree.restoreBranch' },
  'queue.remove': { undo: 'queue.add' },
  'folders.remove': { undo: 'history.undo' },
  'tags.remove': { undo: 'history.undo' },
  'presets.remove': { undo: 'presets.restore' },
  'models.remove': { undo: 'models.add' },
  'adapters.detach': { undo: 'adapters.attach' },
  'history.deleteForever': { asks: goneForGood },
  'history.emptyTrash': { asks: goneForGood },
  'history.erase': {
    asks: [
      [deleteForever.text, 'Messages, search index and drafts', 'cannot be undone'],
      [deleteForever.eraseHint, 'removes them there too'],
    ],
  },
  'history.discard': {
    asks: [[historyTexts.temporary.ask.text, 'nothing of it is left', 'cannot be undone']],
  },
  'models.deleteFiles': {
    asks: [
      [modelSettingsTexts.deleteForGood('4 GB'), '4 GB', 'cannot be brought back', 'Your chats stay'],
      [adaptersTexts.deleteForGood('40 MB'), '40 MB', 'cannot be brought back', 'answer without it'],
    ],
  },
  'models.removeFolder': {
    asks: [
      [
        otherAppsTexts.ask.text('/models'),
        '/models',
        'their settings and notes',
        'files stay',
        'choose the folder again',
      ],
    ],
  },
  'downloads.cancel': {
    asks: [[downloadsTexts.cancelDialog.text('2 GB'), '2 GB', 'Kept, a later download']],
  },
  'privacy.removeHubToken': {
    asks: [[settingsTexts.privacy.hubToken.ask.text, 'cannot be undone', 'until you save one again']],
  },
  'downloads.clear': {
    losesNothing: 'the row of a download that is complete',
    shownIn: 'test/integration/downloads.test.ts',
  },
  'models.cancelLoad': { losesNothing: 'nothing was there yet' },
  'transfer.cancelImport': { losesNothing: 'what was here before stays' },
  'transfer.endExport': { losesNothing: 'nothing was there yet' },
  'lab.remove': { undo: 'lab.restore' },
  'lab.cancel': { losesNothing: 'what was measured is kept, or dropped as the user says' },
  'metrics.forget': {
    asks: [[performanceTexts.forget.text(3, '3'), '3 answers', 'Chats stay as they are', 'cannot be undone']],
  },
  'savedStates.clear': { losesNothing: 'chats are read again when they go on' },
  'backups.endLook': {
    losesNothing: 'a copy; the damaged file and the backups stay',
    shownIn: 'test/integration/salvage.test.ts',
  },
};

const TAKES_AWAY = /^(?:remove|delete|discard|clear|cancel|erase|empty|end|forget|detach|drop)/u;

function procedures(of: object, path: readonly string[] = []): string[] {
  return Object.entries(of).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'object' || value === null) return [];
    return '~orpc' in value ? [[...path, name].join('.')] : procedures(value, [...path, name]);
  });
}

let core: TestCore;
let client: AppClient;
let chatId = '';
/** What the client was asked for, in order. */
const calls: string[] = [];

/** The call of a step that is named by it, and by a case of it. */
const callOf = (step: string) => step.split(/[ ,]/u, 1)[0] ?? '';

function recording(of: AppClient): AppClient {
  return new Proxy(of, {
    get: (areas, area) =>
      new Proxy(Reflect.get(areas, area) as object, {
        get(procedures, name) {
          calls.push(`${String(area)}.${String(name)}`);
          return Reflect.get(procedures, name) as unknown;
        },
      }),
  });
}

/** A load, an answer and a benchmark on a machine that may be busy. */
const HOOK_MS = 120_000;
const modelId = async () => (await client.models.list())[0]?.id ?? '';
const adapterId = async () => (await client.adapters.list())[0]?.id ?? '';
const benchmark = async (name: string, repeats: number): Promise<BenchPlan> => ({
  name,
  modelIds: [await modelId()],
  settings: {
    contextSize: 1024,
    gpuLayers: null,
    threads: 1,
    flashAttention: 'auto',
    cacheType: 'f16',
    batchTokens: null,
  },
  depths: [64],
  decodeTokens: 16,
  repeats,
});

const undo = (done: { undo: string | null }) => client.history.undo({ undo: done.undo ?? '' });

const removed = async (idOf: () => Promise<string>) => {
  const id = await idOf();
  const file = (await client.models.files()).find((candidate) => candidate.modelId === id);
  await client.models.remove({ id });
  return () => client.models.add({ fileId: file?.fileId ?? '' });
};

/** Each takes something away, and answers with what brings it back. Named by the call, and a case of it. */
const waysBack: Record<string, () => Promise<() => Promise<unknown>>> = {
  'conversations.remove': async () => {
    await client.conversations.remove({ id: chatId });
    return () => client.conversations.restore({ id: chatId });
  },
  'history.update to the trash': async () => {
    const done = await client.history.update({ ids: [chatId], change: { trashed: true } });
    return () => undo(done);
  },
  'tree.removeBranch': async () => {
    const { activeLeafId } = await client.conversations.get({ id: chatId });
    const messageId = activeLeafId ?? '';
    await client.tree.removeBranch({ messageId });
    return () => client.tree.restoreBranch({ messageId, shownLeafId: messageId });
  },
  'folders.remove, its chats to the trash': async () => {
    const [folder] = await client.folders.list();
    const done = await client.folders.remove({ id: folder?.id ?? '', chats: 'to_trash' });
    return () => undo(done);
  },
  'folders.remove, its chats kept': async () => {
    const [folder] = await client.folders.list();
    const done = await client.folders.remove({ id: folder?.id ?? '', chats: 'to_parent' });
    return () => undo(done);
  },
  'tags.remove': async () => {
    const [tag] = await client.tags.list();
    const done = await client.tags.remove({ id: tag?.id ?? '' });
    return () => undo(done);
  },
  'presets.remove': async () => {
    const preset = (await client.presets.list()).find(({ name }) => name === 'Mine');
    await client.presets.remove({ id: preset?.id ?? '' });
    return () => client.presets.restore({ id: preset?.id ?? '' });
  },
  'queue.remove': async () => {
    const [entry] = (await client.conversations.get({ id: chatId })).queue;
    if (entry === undefined) throw new Error('nothing waits');
    await client.queue.remove({ id: entry.id });
    const { id, text } = entry;
    return () => client.queue.add({ conversationId: chatId, id, text, place: 0, afterId: null });
  },
  'models.remove': () => removed(modelId),
  'models.remove of an adapter': () => removed(adapterId),
  'adapters.detach': async () => {
    const [adapter] = await client.adapters.list();
    const attached = { modelId: adapter?.modelIds[0] ?? '', adapterId: adapter?.id ?? '' };
    await client.adapters.detach(attached);
    return () => client.adapters.attach({ ...attached, scale: 1 });
  },
  'lab.remove': async () => {
    const [row] = (await client.lab.list()).rows;
    const id = row?.run.id ?? '';
    await client.lab.remove({ id });
    return () => client.lab.restore({ id });
  },
};

/** Each ends or clears something of which nothing here may be less for it. */
const harmless: Record<string, () => Promise<unknown>> = {
  'models.cancelLoad': async () => {
    await client.models.unload();
    const loading = core.waitFor(
      (event) => event.type === 'engine.changed' && event.state.status === 'loading',
    );
    const load = client.models.load({ id: await modelId() }).catch(errorCodeOf);
    await loading;
    await client.models.cancelLoad();
    // A load this small may have been faster.
    expect(['aborted', undefined]).toContain(await load);
  },
  'transfer.cancelImport': async () => {
    const { importId } = await client.transfer.beginImport({ sizeBytes: 100 });
    await client.transfer.appendImport({ importId, text: '[{"title": "From elsewhere", "mapping": {' });
    await client.transfer.cancelImport({ importId });
  },
  'transfer.endExport': async () => {
    const { exportId } = await client.transfer.beginExport({ conversationIds: null, format: 'json' });
    await client.transfer.endExport({ exportId });
    expect(await client.transfer.readExport({ exportId }).catch(errorCodeOf)).toBe('not_found');
  },
  'lab.cancel': async () => {
    const running = core.waitFor((event) => event.type === 'lab.changed' && event.state.progress !== null);
    await client.lab.start(await benchmark('Dropped', 20));
    await running;
    await client.lab.cancel({ keep: false });
  },
  'savedStates.clear': () => client.savedStates.clear(),
};

/** Everything that these steps could touch. */
async function state() {
  const [chats, folders, tags, presets, models, adapters, runs] = await Promise.all([
    client.conversations.list(),
    client.folders.list(),
    client.tags.list(),
    client.presets.list(),
    client.models.list(),
    client.adapters.list(),
    client.lab.list(),
  ]);
  const chat = await client.conversations.get({ id: chatId });
  // A message that waits again waits since now.
  const queue = chat.queue.map(({ createdAt: _createdAt, ...entry }) => entry);
  return {
    ...{ chats, folders, tags, presets, models, adapters },
    chat: { ...chat, queue },
    runs: runs.rows.map(({ run }) => run.name),
  };
}

describe('every delete', () => {
  const all = procedures(contract);

  it('is in the table: a new one is decided on before it is there', () => {
    const found = all.filter((name) => TAKES_AWAY.test(name.split('.').at(-1) ?? ''));
    expect(found.toSorted()).toEqual(Object.keys(fates).toSorted());
  });

  it.each(Object.entries(fates))('%s', (name, fate) => {
    if ('undo' in fate) {
      expect(all).toContain(fate.undo);
      expect(Object.keys(waysBack).map(callOf)).toContain(name);
    } else if ('asks' in fate) {
      expect(fate.asks.length).toBeGreaterThan(0);
      for (const [text, ...says] of fate.asks) for (const words of says) expect(text).toContain(words);
    } else if (fate.shownIn === undefined) expect(Object.keys(harmless).map(callOf)).toContain(name);
    else expect(readFileSync(fate.shownIn, 'utf8')).toContain(`.${name}(`);
  });
});

describe('what a delete leaves', () => {
  beforeAll(async () => {
    core = await startCore();
    client = recording(core.client);
    await writeScriptedModel(join(core.modelsDir, 'plain.gguf'), { script: plainScript });
    await core.addModel();
    chatId = (await core.chat('What is a lee shore?')).conversationId;
    const folder = await client.folders.create({ name: 'Sea' });
    const tag = await client.tags.create({ name: 'tides' });
    await client.history.update({ ids: [chatId], change: { folderId: folder.id, addTags: [tag.id] } });
    const [first] = await client.presets.list();
    await client.presets.duplicate({ id: first?.id ?? '', name: 'Mine' });
    const chat = await client.conversations.get({ id: chatId });
    await client.queue.add({
      conversationId: chatId,
      id: crypto.randomUUID(),
      text: 'And a windward one?',
      place: null,
      afterId: chat.messages[0]?.id ?? null,
    });
    const targets = [['blk.0.attn_q.weight', 128, 128]] as const;
    await writeAdapter(join(core.modelsDir, 'verse.gguf'), { name: 'Verse', targets });
    const adapter = await core.addModel('verse.gguf');
    const attached = { modelId: await modelId(), adapterId: adapter.id };
    await client.adapters.attach({ ...attached, scale: 1 });
    await client.models.saveNotes({ id: attached.modelId, notes: 'Quick' });
    await client.models.updateSettings({
      id: attached.modelId,
      settings: { cacheType: 'q8_0', liveChats: 2 },
    });
    await client.lab.start(await benchmark('Kept', 1));
    await vi.waitFor(async () => expect((await client.lab.list()).rows).toHaveLength(1), HOOK_MS);
    await vi.waitFor(async () => expect((await client.lab.state()).progress).toBeNull(), HOOK_MS);
  }, HOOK_MS);
  afterAll(() => core.close());

  it.each(Object.entries(waysBack))('%s is taken back', async (name, step) => {
    const before = await state();
    expect(before.chat.queue).toHaveLength(1);
    expect(before.runs).toEqual(['Kept']);
    calls.length = 0;
    const back = await step();
    expect(calls).toContain(callOf(name));
    expect(await state().catch(() => null)).not.toEqual(before);
    calls.length = 0;
    await back();
    const fate = fates[callOf(name)];
    if (fate) expect(calls).toContain('undo' in fate ? fate.undo : 'a call that brings it back');
    expect(await state()).toEqual(before);
  });

  it.each(Object.entries(harmless))('%s takes nothing', async (name, step) => {
    const before = await state();
    calls.length = 0;
    await step();
    expect(calls).toContain(name);
    expect(await state()).toEqual(before);
  });

  it('of the figures, the chats stay, as the question says', async () => {
    const before = await state();
    const everything = { filter: { from: null }, timeZone: 'UTC' };
    expect((await client.metrics.summary(everything)).answers).toBeGreaterThan(0);
    await client.metrics.forget();
    expect((await client.metrics.summary(everything)).answers).toBe(0);
    expect(await state()).toEqual(before);
  });
});
