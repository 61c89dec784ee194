import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startCore, type TestCore } from '../support/core.ts';
import { longScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// What a model sees of a chat, through the contract and by the real engine's counts.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

const CONTEXT = 1024;

async function coreWithModel(): Promise<TestCore> {
  const started = await startCore();
  cores.push(started);
  await writeScriptedModel(join(started.modelsDir, 'model.gguf'), { script: longScript(60) });
  const model = await started.addModel();
  await started.client.models.updateSettings({ id: model.id, settings: { contextSize: CONTEXT } });
  return started;
}

it('nothing is left out unasked: the answer fails and says so; when told to, the oldest go and it is stored', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const { conversationId } = await core.chat('The first question');
  const messageOf = async (id: string) => {
    const { messages } = await client.conversations.get({ id: conversationId });
    const found = messages.find((message) => message.id === id);
    if (!found) throw new Error('no such message');
    return found;
  };
  let last = '';
  for (let turn = 2; turn < 40; turn++) {
    const before = await client.context.preview({
      id: conversationId,
      draft: `Question ${turn} `.repeat(20),
    });
    const { assistantMessageId } = await core.chat(`Question ${turn} `.repeat(20), conversationId);
    last = assistantMessageId;
    const answer = await messageOf(last);
    // The preview of a send is what the engine then counted.
    if (answer.status === 'complete') expect(answer.stats?.promptTokens).toBe(before.counts?.wholeTokens);
    else break;
  }
  const refused = await messageOf(last);
  expect(refused).toMatchObject({ status: 'failed', errorCode: 'context_full', text: '' });
  expect(refused.errorDetails?.['leftOut']).toBeGreaterThan(0);

  const settled = core.waitFor((event) => event.type === 'generation.settled');
  const { assistantMessageId } = await client.conversations.answerAgain({
    requestId: crypto.randomUUID(),
    messageId: last,
    leaveOut: true,
  });
  await settled;
  const answer = await messageOf(assistantMessageId);
  expect(answer).toMatchObject({ status: 'complete', settings: { contextSize: CONTEXT } });
  const { messages } = await client.conversations.get({ id: conversationId });
  const leftOut = answer.settings?.leftOut ?? [];
  expect(leftOut.slice(0, 2)).toEqual(messages.slice(0, 2).map(({ id }) => id));

  // The next send goes on without them: no question, and the engine reads what the preview says.
  const next = await client.context.preview({ id: conversationId, draft: 'And now?' });
  expect(next).toMatchObject({ leftOut, asks: false, fits: true });
  const sent = await client.context.sent({ id: conversationId, draft: 'And now?' });
  expect(sent.some(({ text }) => text === 'The first question')).toBe(false);
  expect(sent.at(-1)).toEqual({ role: 'user', text: 'And now?' });
  const follow = await core.chat('And now?', conversationId);
  expect(await messageOf(follow.assistantMessageId)).toMatchObject({
    status: 'complete',
    stats: { promptTokens: next.counts?.promptTokens },
    settings: { leftOut },
  });
});

it('pinned messages stay; a preset is applied whole', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const { conversationId } = await core.chat('The first question');
  const [question] = (await client.conversations.get({ id: conversationId })).messages;
  await client.context.pin({ messageId: question?.id ?? '', pinned: true });
  for (let turn = 2; turn < 5; turn++) await core.chat(`Question ${turn} `.repeat(8), conversationId);
  const preview = await client.context.preview({ id: conversationId, draft: 'Words '.repeat(60) });
  expect(preview.leftOut.length).toBeGreaterThan(0);
  expect(preview.leftOut).not.toContain(question?.id);
  expect(preview.counts?.parts.map(({ kind }) => kind)).toContain('pinned');

  const values = { systemPrompt: 'Use metres.', reasoning: { mode: 'off', budgetTokens: 9 } } as const;
  const { id: presetId } = await client.presets.create({
    name: 'Sailor',
    ...values,
    sampling: null,
    modelId: null,
  });
  await client.presets.apply({ conversationId, presetId });
  const { settings } = await client.conversations.get({ id: conversationId });
  expect(settings).toMatchObject({ ...values, sampling: null, presetId });
  expect(settings.modelId).not.toBeNull();
  await expect(
    client.presets.remove({ id: (await client.presets.list())[0]?.id ?? '' }),
  ).rejects.toMatchObject({
    code: 'conflict',
  });
});
