import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { STATES_FOLDER } from '../../src-main/state-cache/state-cache.ts';
import { run } from '../soak/soaks/states.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// The whole core; each chat is worth keeping, however quickly it is read.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const core of cores.splice(0).reverse()) await core.close();
});

async function core(reuse?: TestCore): Promise<TestCore> {
  const started = await startCore(reuse, { savedStateWorthMs: 0 });
  cores.push(started);
  return started;
}

async function statsOf({ client }: TestCore, chat: { conversationId: string; assistantMessageId: string }) {
  const { messages } = await client.conversations.get({ id: chat.conversationId });
  const answer = messages.find(({ id }) => id === chat.assistantMessageId);
  expect(answer?.text).toBe(plainScript);
  return answer?.stats;
}

it('a chat goes on from the disk after a restart of the app; a temporary one leaves nothing', async () => {
  const first = await core();
  await writeScriptedModel(join(first.modelsDir, 'model.gguf'), { script: plainScript });
  const model = await first.addModel();
  const question = 'words that take long to read '.repeat(20);
  const settled = first.waitFor(({ type }) => type === 'generation.settled');
  const temporary = { conversationId: null, parentId: null, modelId: model.id, temporary: true };
  await first.client.conversations.send({
    requestId: crypto.randomUUID(),
    text: `Between us: ${question}`,
    ...temporary,
  });
  await settled;
  // The temporary chat is left here.
  const begun = await first.chat(question);
  const cold = await statsOf(first, begun);
  expect(cold).toMatchObject({ reusedFrom: null, reusedTokens: 0 });
  expect(await first.client.savedStates.info()).toMatchObject({ count: 0, writtenTodayBytes: 0 });
  // Quitting saves it.
  await first.app.close();

  // A chat in the trash may come back, and what was read of it.
  const between = await core(first);
  await between.client.conversations.remove({ id: begun.conversationId });
  await between.app.close();

  const second = await core(first);
  await second.client.conversations.restore({ id: begun.conversationId });
  const saved = await second.client.savedStates.info();
  expect(saved).toMatchObject({ count: 1, writtenTodayBytes: expect.any(Number) });
  const stored = await second.client.privacy.stored();
  expect(stored.find(({ kind }) => kind === 'states')?.sizeBytes).toBeGreaterThanOrEqual(saved.bytes);
  const resumed = await statsOf(second, await second.chat('And on?', begun.conversationId));
  const { promptTokens = 0, generatedTokens = 0 } = cold ?? {};
  expect(resumed?.reusedFrom).toBe('disk');
  expect(resumed?.reusedTokens).toBeGreaterThanOrEqual(promptTokens);
  expect(resumed?.reusedTokens).toBeLessThanOrEqual(promptTokens + generatedTokens);
  expect(resumed?.readTokens).toBeLessThan(promptTokens / 2);

  // Nothing of the folder is left when the chat is deleted for good.
  await second.client.conversations.remove({ id: begun.conversationId });
  expect((await second.client.savedStates.info()).count).toBe(1);
  await second.client.history.deleteForever({ ids: [begun.conversationId] });
  expect(await second.client.savedStates.info()).toMatchObject({ count: 0, bytes: 0 });
  const folder = join(second.dataDir, STATES_FOLDER);
  expect(readdirSync(folder)).toEqual(['written.json']);
  expect(second.logLines.join('\n')).not.toContain(begun.conversationId);
  // The chat is gone, though the engine's memory has it still: quitting writes nothing of it.
  await second.app.close();
  expect(readdirSync(folder)).toEqual(['written.json']);
  expect(readFileSync(join(folder, 'written.json'), 'utf8')).not.toContain('words');
});

it('broken files cost at most a fresh evaluation, in the real engine', async () => {
  const { done, failures, figures } = await run({
    count: 40,
    seed: 3,
    log: () => {},
    deadline: Date.now() + 100_000,
    saved: null,
    save: () => {},
  });
  expect(failures).toEqual([]);
  expect(done).toBe(40);
  expect(figures['outcomes']).toHaveProperty('whole: read');
}, 120_000);
