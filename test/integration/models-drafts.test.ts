import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf, type Model } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { writeScriptedModel } from '../support/gguf/scripted-model.ts';

/** No three words stand twice: only a draft model can guess them. */
const WORDS = Array.from({ length: 120 }, (_, index) => `part${index} `).join('');

let core: TestCore;
let large: Model;
let small: Model;
beforeEach(async () => {
  core = await startCore();
  const write = (name: string, options: Partial<Parameters<typeof writeScriptedModel>[1]>) =>
    writeScriptedModel(join(core.modelsDir, `${name}.gguf`), { script: WORDS, name, ...options });
  // Larger by a long licence: what counts is the file.
  await write('large', { licence: 'a'.repeat(4096) });
  await write('small', { seed: 2 });
  await write('other', { script: 'Quite another vocabulary. ' });
  large = await core.addModel('large.gguf');
  small = await core.addModel('small.gguf');
  await core.addModel('other.gguf');
});
afterEach(() => core.close());

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );
const choose = (draftModelId: string | null, model = large) =>
  core.client.models.updateSettings({ id: model.id, settings: { draftModelId } });
const draftOf = async (model: Model) =>
  (await core.client.models.list()).find(({ id }) => id === model.id)?.settings.draftModelId;
const verdictsFor = async ({ id }: Model) =>
  Object.fromEntries(
    (await core.client.drafts.candidates({ id })).map(({ name, verdict }) => [name, verdict]),
  );

describe('which models can guess for another', () => {
  test('those with its vocabulary that are not larger', async () => {
    expect(await verdictsFor(large)).toEqual({ small: 'fits', other: 'vocabulary' });
    expect(await verdictsFor(small)).toEqual({ large: 'larger', other: 'vocabulary' });
    await rm(join(core.modelsDir, 'small.gguf'));
    expect(await verdictsFor(large)).toEqual({ small: 'unreadable', other: 'vocabulary' });
  });

  test('others are not taken', async () => {
    for (const refused of [large, await otherModel()])
      expect(await codeOf(choose(refused.id))).toBe('invalid_input');
    expect(await codeOf(choose(large.id, small))).toBe('invalid_input');
    expect(await draftOf(large)).toBeNull();
  });

  const otherModel = async (): Promise<Model> => {
    const found = (await core.client.models.list()).find(({ name }) => name === 'other');
    if (!found) throw new Error('not in the list');
    return found;
  };
});

test('a draft model is loaded with its model, and its guesses are told and recorded', async () => {
  const { client } = core;
  const { ram: alone } = await client.fit.ofModel({ id: large.id, contextSize: null, gpuLayers: null });
  await choose(small.id);
  const { ram: both } = await client.fit.ofModel({ id: large.id, contextSize: null, gpuLayers: null });
  expect(both.mappedBytes).toBe(alone.mappedBytes + small.sizeBytes);
  expect(both.neededBytes).toBeGreaterThan(alone.neededBytes);
  await client.models.load({ id: large.id });
  expect(await client.engine.state()).toMatchObject({ status: 'ready', tuning: { draft: 'ready' } });
  const { conversationId } = await core.chat('Tell me something.');
  const { messages } = await client.conversations.get({ id: conversationId });
  const stats = messages.find(({ role }) => role === 'assistant')?.stats;
  expect(stats?.draftedRight).toBeGreaterThanOrEqual(3);
  const [sample] = await client.metrics.samples({ filter: { from: null } });
  const { draftedTokens, draftedRight } = stats ?? {};
  expect(sample).toMatchObject({ draftedTokens, draftedRight });
  await client.models.updateSettings({ id: large.id, settings: { speculation: 'off' } });
  await client.models.load({ id: large.id });
  expect(await client.engine.state()).toMatchObject({ tuning: { draft: null } });
});

test('a draft model that leaves the list leaves the settings, and its file alone is missed at a load', async () => {
  const { client } = core;
  await choose(small.id);
  await client.models.load({ id: large.id });
  await client.models.remove({ id: small.id });
  expect(await draftOf(large)).toBeNull();
  // Its file may be deleted now.
  expect(await client.engine.state()).toMatchObject({ status: 'idle', modelId: null });

  // So may that of the one that is loaded, whatever was chosen since.
  const readded = await core.addModel('small.gguf');
  await choose(readded.id);
  await client.models.load({ id: large.id });
  await choose(null);
  expect(await client.engine.state()).toMatchObject({
    status: 'ready',
    tuning: { draft: 'ready', draftModelId: readded.id },
  });
  await client.models.remove({ id: readded.id });
  expect(await client.engine.state()).toMatchObject({ status: 'idle', modelId: null });

  const again = await core.addModel('small.gguf');
  await choose(again.id);
  await client.models.deleteFiles({ id: again.id });
  expect(await draftOf(large)).toBeNull();

  await writeScriptedModel(join(core.modelsDir, 'small.gguf'), { script: WORDS, name: 'small' });
  const third = await core.addModel('small.gguf');
  await choose(third.id);
  await rm(join(core.modelsDir, 'small.gguf'));
  await client.models.load({ id: large.id });
  expect(await client.engine.state()).toMatchObject({ status: 'ready', tuning: { draft: 'missing' } });
  expect(await draftOf(large)).toBe(third.id);
});
