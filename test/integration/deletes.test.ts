import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contract, type AppClient } from '../../src-main/contract/index.ts';
import { adaptersTexts } from '../../src-renderer/texts/adapters.ts';
import { downloadsTexts } from '../../src-renderer/texts/downloads.ts';
import { historyTexts } from '../../src-renderer/texts/history.ts';
import { modelSettingsTexts } from '../../src-renderer/texts/model-settings.ts';
import { otherAppsTexts } from '../../src-renderer/texts/other-apps.ts';
import { performanceTexts } from '../../src-renderer/texts/performance.ts';
import { settingsTexts } from '../../src-renderer/texts/settings.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Every step that takes something away: it has a way back, or it asks and names what is lost, or nothing is lost.

type Fate =
  /** `undo` is the call that brings it back. */
  | { undo: string }
  /** What the question says. */
  | { asks: readonly string[] }
  /** Why it is no loss. */
  | { losesNothing: string };

const deleteForever = historyTexts.deleteForever;
const backupsTold = deleteForever.backups(2, '2', '23 Dec');

const fates: Record<string, Fate> = {
  'conversations.remove': { undo: 'conversations.restore' },
  'tree.removeBranch': { undo: 'tree.restoreBranch' },
  'queue.remove': { undo: 'queue.add' },
  'folders.remove': { undo: 'history.undo' },
  'tags.remove': { undo: 'history.undo' },
  'presets.remove': { undo: 'presets.restore' },
  'models.remove': { undo: 'models.add' },
  'adapters.detach': { undo: 'adapters.attach' },
  'history.deleteForever': { asks: [deleteForever.text, backupsTold] },
  'history.emptyTrash': { asks: [deleteForever.text, backupsTold] },
  'history.erase': { asks: [deleteForever.text, deleteForever.eraseHint] },
  'history.discard': { asks: [historyTexts.temporary.ask.text] },
  'models.deleteFiles': {
    asks: [modelSettingsTexts.deleteForGood('4 GB'), adaptersTexts.deleteForGood('40 MB')],
  },
  'models.removeFolder': { asks: [otherAppsTexts.ask.text('/models')] },
  'downloads.cancel': { asks: [downloadsTexts.cancelDialog.text('2 GB')] },
  'privacy.removeHubToken': { asks: [settingsTexts.privacy.hubToken.ask.text] },
  'downloads.clear': { losesNothing: 'the row of a download that is complete' },
  'models.cancelLoad': { losesNothing: 'nothing was there yet' },
  'transfer.cancelImport': { losesNothing: 'what was here before stays' },
  'transfer.endExport': { losesNothing: 'nothing was there yet' },
  'lab.remove': { undo: 'lab.restore' },
  'lab.cancel': { losesNothing: 'what was measured is kept, or dropped as the user says' },
  'metrics.forget': { asks: [performanceTexts.forget.text(3, '3')] },
  'savedStates.clear': { losesNothing: 'chats are read again when they go on' },
  'backups.endLook': { losesNothing: 'a copy; the damaged file and the backups stay' },
};

const TAKES_AWAY = /^(?:remove|delete|discard|clear|cancel|erase|empty|end|forget|detach|drop)/u;

function procedures(of: object, path: readonly string[] = []): string[] {
  return Object.entries(of).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'object' || value === null) return [];
    return '~orpc' in value ? [[...path, name].join('.')] : procedures(value, [...path, name]);
  });
}

describe('every delete', () => {
  const all = procedures(contract);

  it('is in the table: a new one is decided on before it is there', () => {
    const found = all.filter((name) => TAKES_AWAY.test(name.split('.').at(-1) ?? ''));
    expect(found.toSorted()).toEqual(Object.keys(fates).toSorted());
  });

  it.each(Object.entries(fates))('%s', (_name, fate) => {
    if ('undo' in fate) expect(all).toContain(fate.undo);
    else if ('asks' in fate) for (const text of fate.asks) expect(text.length).toBeGreaterThan(20);
    else expect(fate.losesNothing).not.toBe('');
  });
});

describe('the way back', () => {
  let core: TestCore;
  let client: AppClient;
  let chatId = '';
  beforeAll(async () => {
    core = await startCore();
    ({ client } = core);
    await writeScriptedModel(join(core.modelsDir, 'plain.gguf'), { script: plainScript });
    await core.addModel();
    chatId = (await core.chat('What is a lee shore?')).conversationId;
  });
  afterAll(() => core.close());

  /** Everything that these steps could touch. */
  async function state() {
    const [chats, folders, tags, presets, models] = await Promise.all([
      client.conversations.list(),
      client.folders.list(),
      client.tags.list(),
      client.presets.list(),
      client.models.list(),
    ]);
    const chat = await client.conversations.get({ id: chatId });
    // A message that waits again waits since now, and a model that is added again has an id of its own.
    const queue = chat.queue.map(({ createdAt: _createdAt, ...entry }) => entry);
    const named = (id: string | null) => models.find((model) => model.id === id)?.name ?? null;
    return {
      chats: chats.map((row) => ({ ...row, modelId: named(row.modelId) })),
      ...{ folders, tags, presets },
      chat: {
        ...chat,
        queue,
        messages: chat.messages.map(({ modelId: _modelId, ...message }) => message),
        modelId: named(chat.modelId),
        settings: { ...chat.settings, modelId: named(chat.settings.modelId) },
      },
      models: models.map(({ name, settings }) => ({ name, settings })),
    };
  }

  const undo = (done: { undo: string | null }) => client.history.undo({ undo: done.undo ?? '' });

  const steps: Record<string, () => Promise<() => Promise<unknown>>> = {
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
    'models.remove': async () => {
      const [model] = await client.models.list();
      await client.models.remove({ id: model?.id ?? '' });
      const [file] = await client.models.files();
      return () => client.models.add({ fileId: file?.fileId ?? '' });
    },
  };

  it.each(Object.entries(steps))('%s', async (name, step) => {
    if ((await client.folders.list()).length === 0) {
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
    }
    const before = await state();
    expect(before.chat.queue).toHaveLength(1);
    const back = await step();
    expect(await state().catch(() => null), name).not.toEqual(before);
    await back();
    expect(await state()).toEqual(before);
  });
});
