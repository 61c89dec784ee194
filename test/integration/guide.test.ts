import { copyFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { errorCodeOf, type AppEvent } from '../../src-main/contract/index.ts';
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

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('alone in the library it is the default, loads by itself, and answers', async () => {
  const { core } = await withGuide({ settings: { titlesByModel: true, loadModelAtStart: false } });
  await untilReady(core);
  expect(await core.client.engine.state()).toMatchObject({ modelId: GUIDE_ID });
  expect(await core.client.settings.get()).toMatchObject({ defaultModelId: GUIDE_ID });
  const { conversationId } = await core.chat('How do I undo a delete?');
  const chat = await core.client.conversations.get({ id: conversationId });
  expect(chat.messages.at(-1)).toMatchObject({ status: 'complete', modelId: GUIDE_ID });
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
  expect(await core.client.settings.get()).toMatchObject({ defaultModelId: GUIDE_ID });
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
  const third = await start(moved, core, { settings: { defaultModelId: GUIDE_ID } });
  expect(await third.client.models.list()).toEqual([]);
  await expect.poll(async () => (await third.client.settings.get()).defaultModelId, { timeout: 10_000 }).toBeNull();
  expect(third.logLines.some((line) => line.startsWith('models.no_guide'))).toBe(true);
  expect((await third.client.conversations.get({ id: conversationId })).messages).toHaveLength(4);
});

test('a damaged guide keeps nothing from starting', async () => {
  const { core, guideFile } = await withGuide();
  await core.app.close();
  await copyFile(guideFile, `${guideFile}.bak`);
  await writeFile(guideFile, 'no model');
  const second = await start(guideFile, core);
  expect(await second.client.models.list()).toEqual([]);
});

test('it gets the last exchange and the question, and no system prompt', async () => {
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
  expect([sent[0]?.text, sent[2]?.text]).toEqual(['Two?', 'Three?']);
});
