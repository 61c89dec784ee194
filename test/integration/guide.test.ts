import { rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { errorCodeOf, type AppEvent, type Message } from '../../src-main/contract/index.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// The service around the built-in model, with a scripted one in its place; what the real one says is evaluated by
// `npm run guide:evaluate`.

const open: TestCore[] = [];
afterEach(async () => {
  for (const core of open.splice(0)) await core.close();
});

type Options = NonNullable<Parameters<typeof startCore>[1]>;
async function start(guideFile: string | null, reuse?: TestCore, options: Options = {}): Promise<TestCore> {
  const core = await startCore(reuse && { dataDir: reuse.dataDir, modelsDir: reuse.modelsDir }, {
    guideFile,
    ...options,
  });
  open.push(core);
  return core;
}

/** A guide beside the folders of a core, which the library does not scan. */
async function withGuide(options: Options = {}): Promise<{ core: TestCore; guideFile: string }> {
  const folders = await startCore();
  const guideFile = join(folders.dataDir, 'the-guide.gguf');
  await writeScriptedModel(guideFile, { script: plainScript });
  await folders.app.close();
  return { core: await start(guideFile, folders, options), guideFile };
}

const isReady = (event: AppEvent) => event.type === 'engine.changed' && event.state.status === 'ready';
async function untilReady({ client, waitFor }: TestCore): Promise<void> {
  const ready = waitFor(isReady);
  if ((await client.engine.state()).status !== 'ready') await ready;
}

/** Asks in a new chat without a word on the model. */
async function ask({ client, waitFor }: TestCore, text: string): Promise<Message> {
  const settled = waitFor(({ type }) => type === 'generation.settled');
  const requestId = randomUUID();
  const { conversationId } = await client.conversations.send({
    ...{ requestId, conversationId: null, parentId: null, modelId: null },
    text,
  });
  await settled;
  const answer = (await client.conversations.get({ id: conversationId })).messages.at(-1);
  if (!answer) throw new Error('no answer');
  return answer;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('alone in the library it loads by itself and answers, and is no setting', async () => {
  const { core } = await withGuide({
    settings: { titlesByModel: true, loadModelAtStart: false, defaultSystemPrompt: 'Answer in French.' },
  });
  await untilReady(core);
  expect(await core.client.engine.state()).toMatchObject({ modelId: GUIDE_ID });
  expect((await core.client.settings.update({ defaultModelId: GUIDE_ID })).defaultModelId).toBeNull();
  const { conversationId } = await core.chat('How do I undo a delete?');
  const chat = await core.client.conversations.get({ id: conversationId });
  expect(chat.messages.at(-1)).toMatchObject({ status: 'complete', modelId: GUIDE_ID });
  // Its prompt has no system prompt, whichever the chat has: nothing has changed.
  const messageId = chat.messages.at(-1)?.id ?? '';
  expect(chat.messages.at(-1)?.settings).toMatchObject({ threads: 1 });
  expect(await core.client.tree.replayChanges({ messageId })).toEqual([]);
  // A title by the model would say what the script says.
  expect(chat.title).toBe('How do I undo a delete?');
});

test('it can be neither removed, deleted nor set otherwise', async () => {
  const { core } = await withGuide();
  const [guide] = await core.client.models.list();
  expect(guide).toMatchObject({ id: GUIDE_ID, name: 'Guide', builtIn: true, canDelete: false });
  const { models } = core.client;
  expect(await codeOf(models.remove({ id: GUIDE_ID }))).toBe('conflict');
  expect(await codeOf(models.deleteFiles({ id: GUIDE_ID }))).toBe('conflict');
  expect(await codeOf(models.updateSettings({ id: GUIDE_ID, settings: { threads: 2 } }))).toBe('conflict');
  const attached = core.client.adapters.attach({ modelId: GUIDE_ID, adapterId: randomUUID(), scale: 1 });
  expect(await codeOf(attached)).toBe('conflict');
  expect(await models.list()).toHaveLength(1);
});

test('it steps back for the first real model and comes back when that is gone', async () => {
  const { core } = await withGuide();
  await untilReady(core);
  await writeScriptedModel(join(core.modelsDir, 'real.gguf'), { script: plainScript });
  const real = await core.addModel('real.gguf');
  expect(await core.client.settings.get()).toMatchObject({ defaultModelId: real.id });
  expect((await core.client.models.list()).map(({ builtIn }) => builtIn).sort()).toEqual([false, true]);
  await core.client.models.remove({ id: real.id });
  expect((await core.client.settings.get()).defaultModelId).toBeNull();
  expect((await ask(core, 'And now?')).modelId).toBe(GUIDE_ID);
});

test('it is there again in the database of a backup that knows nothing of it', async () => {
  const before = await start(null);
  await before.client.backups.make();
  await before.app.close();
  const guideFile = join(before.dataDir, 'the-guide.gguf');
  await writeScriptedModel(guideFile, { script: plainScript });
  const core = await start(guideFile, before);
  const [backup] = await core.client.backups.list();
  await core.client.backups.restore({ id: backup?.id ?? '' });
  expect((await core.client.models.list()).map(({ id }) => id)).toEqual([GUIDE_ID]);
  expect((await ask(core, 'Still there?')).modelId).toBe(GUIDE_ID);
});

test('an app that has moved keeps one guide, and one without the file does without', async () => {
  const { core, guideFile } = await withGuide();
  await untilReady(core);
  const { conversationId } = await core.chat('Where are my chats?');
  await core.app.close();
  const moved = join(core.dataDir, 'elsewhere.gguf');
  await rename(guideFile, moved);
  const second = await start(moved, core);
  await untilReady(second);
  expect((await second.client.models.list()).map(({ id }) => id)).toEqual([GUIDE_ID]);
  await second.chat('And now?', conversationId);
  await second.app.close();

  await rm(moved);
  const third = await start(moved, core);
  expect(await third.client.models.list()).toEqual([]);
  expect(await codeOf(ask(third, 'Still there?'))).toBe('no_model');
  expect(third.logLines.some((line) => line.startsWith('models.no_guide'))).toBe(true);
  expect((await third.client.conversations.get({ id: conversationId })).messages).toHaveLength(4);
});

test('a damaged guide keeps nothing from starting', async () => {
  const { core, guideFile } = await withGuide();
  await untilReady(core);
  const { conversationId } = await core.chat('Where are my chats?');
  await core.app.close();
  const { size } = await stat(guideFile);
  await writeFile(guideFile, Buffer.alloc(size, 'x'));
  const second = await start(guideFile, core);
  expect(await codeOf(second.client.models.load({ id: GUIDE_ID }))).toBe('model_not_gguf');
  expect((await second.client.conversations.get({ id: conversationId })).messages).toHaveLength(2);
  await second.app.close();
  await writeFile(guideFile, 'no model');
  const third = await start(guideFile, core);
  expect(await third.client.models.list()).toEqual([]);
});

test('its file is its own, where the library lists it too', async () => {
  const folders = await startCore();
  const guideFile = join(folders.modelsDir, 'the-guide.gguf');
  await writeScriptedModel(guideFile, { script: plainScript, name: 'Another name' });
  await folders.app.close();
  const core = await start(guideFile, folders);
  await untilReady(core);
  const [file] = await core.client.models.files();
  expect(file?.modelId).toBe(GUIDE_ID);
  expect(await core.client.models.add({ fileId: file?.fileId ?? '' })).toMatchObject({ id: GUIDE_ID });
  // Read again for a load, it keeps its name.
  await core.client.models.unload();
  const later = new Date(Date.now() + 60_000);
  await utimes(guideFile, later, later);
  await core.client.models.load({ id: GUIDE_ID });
  expect(await core.client.models.list()).toMatchObject([{ id: GUIDE_ID, name: 'Guide' }]);
});

test('it gets the last question and the new one, and no system prompt', async () => {
  const { core } = await withGuide({ settings: { defaultSystemPrompt: 'Answer in French.' } });
  await untilReady(core);
  const { conversationId } = await core.chat('One?');
  await core.chat('Two?', conversationId);
  const sent = await core.client.context.sent({
    id: conversationId,
    draft: 'Three?',
    attachments: [],
    systemPrompt: null,
  });
  expect(sent.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  expect(sent.map(({ text }) => text)).toEqual(['Two?', '…', 'Three?']);
});
