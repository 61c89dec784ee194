import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Figures through the contract, with a real store and a real engine.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

async function core(reuse?: Parameters<typeof startCore>[0]): Promise<TestCore> {
  const started = await startCore(reuse);
  cores.push(started);
  if (reuse) return started;
  await writeScriptedModel(join(started.modelsDir, 'scripted.gguf'), { script: plainScript, name: 'Main' });
  await started.addModel();
  return started;
}

const raw = ({ client }: TestCore) => client.metrics.samples({ filter: { from: null } });
const summary = ({ client }: TestCore) =>
  client.metrics.summary({ filter: { from: null }, timeZone: 'Europe/Berlin' });
const question = (words: number) => `What is ${'a very long and windy '.repeat(words)}lee shore?`;

describe('figures', () => {
  it('of every answer are kept with what it was made with, and stay when the chat goes', async () => {
    const started = await core();
    const { client, chat } = started;
    const { conversationId } = await chat(question(20));
    await chat('And a weather shore?', conversationId);
    await chat(`Quite another thing: ${question(30)}`);

    const records = await raw(started);
    expect(records.map(({ kind }) => kind)).toEqual(['cold', 'follow_up', 'warm']);
    const conversation = await client.conversations.get({ id: conversationId });
    const answers = conversation.messages.filter(({ role }) => role === 'assistant');
    for (const [index, { stats, settings }] of answers.entries()) {
      const record = records[index];
      expect(record).toMatchObject({
        purpose: 'answer',
        modelName: 'Main',
        backend: 'cpu',
        promptTokens: stats?.promptTokens,
        reusedTokens: stats?.reusedTokens,
        reusedFrom: stats?.reusedFrom,
        readTokens: stats?.readTokens,
        generatedTokens: stats?.generatedTokens,
        loadMs: stats?.loadMs,
        tokensPerSecond: stats?.tokensPerSecond,
        kind: stats?.firstTokenKind,
        stopReason: stats?.stopReason,
        contextSize: stats?.contextSize,
        engineVersion: stats?.engineVersion,
        appVersion: settings?.appVersion,
        sizeBytes: settings?.model.sizeBytes,
      });
      expect(record?.firstTokenMs).toBe((stats?.ttftMs ?? 0) + (stats?.loadMs ?? 0));
      expect(record?.memoryBytes).toBeGreaterThan(0);
    }
    expect(records[0]?.loadMs).toBeGreaterThan(0);
    expect(records[1]?.reusedTokens).toBeGreaterThan(0);

    const before = await summary(started);
    expect(before).toMatchObject({
      answers: 3,
      generatedTokens: records.reduce((all, { generatedTokens }) => all + generatedTokens, 0),
      reusedTokens: records.reduce((all, { reusedTokens }) => all + reusedTokens, 0),
    });
    expect(before.models).toMatchObject([{ name: 'Main', answers: 3 }]);
    expect(before.days.reduce((all, { answers: count }) => all + count, 0)).toBe(3);

    await client.history.erase({ ids: [conversationId] });
    expect(await raw(started)).toEqual(records);
    expect(JSON.stringify(records)).not.toContain(conversationId);
    expect(JSON.stringify(records)).not.toMatch(/shore|windy/u);

    // After a restart too.
    await started.app.close();
    const again = await core({ dataDir: started.dataDir, modelsDir: started.modelsDir });
    expect(await raw(again)).toEqual(records);
    expect((await summary(again)).models).toEqual(before.models);
    await again.client.metrics.forget();
    expect(await raw(again)).toEqual([]);
    expect((await summary(again)).answers).toBe(0);
  });

  it('of a temporary chat are not kept; those of a title are, apart from the answers', async () => {
    const started = await core();
    const { client, chat, waitFor } = started;
    const settled = waitFor((event) => event.type === 'generation.settled');
    await client.conversations.send({
      requestId: crypto.randomUUID(),
      conversationId: null,
      parentId: null,
      text: 'Only in memory',
      modelId: null,
      temporary: true,
    });
    await settled;
    expect(await raw(started)).toEqual([]);
    await client.settings.update({ titlesByModel: true });
    await chat('How do I sort?');
    let records = await raw(started);
    while (records.length < 2) {
      await new Promise((resolve) => setImmediate(resolve));
      records = await raw(started);
    }
    expect(records.map(({ purpose }) => purpose)).toEqual(['answer', 'title']);
    expect((await summary(started)).answers).toBe(1);
  });

  it('are refused with a time zone that does not exist, and filtered by what was asked', async () => {
    const started = await core();
    const { client, chat } = started;
    await chat('Hello');
    await expect(
      client.metrics.summary({ filter: { from: null }, timeZone: 'Mars/Olympus' }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    const [record] = await raw(started);
    const of = (filter: Parameters<typeof client.metrics.summary>[0]['filter']) =>
      client.metrics.summary({ filter, timeZone: 'UTC' });
    expect((await of({ from: null, modelKey: record?.modelKey })).answers).toBe(1);
    expect((await of({ from: null, modelKey: 'other' })).answers).toBe(0);
    expect((await of({ from: Date.now() + 1000 })).answers).toBe(0);
    expect((await of({ from: null, threads: 99 })).answers).toBe(0);
    expect((await of({ from: null, threads: record?.threads })).answers).toBe(1);
  });
});

describe('memory', () => {
  it('is read now, and before, with the parts of the model in memory', async () => {
    const started = await core();
    const { client } = started;
    const empty = await client.metrics.memory();
    expect(empty.ramTotalBytes).toBeGreaterThan(0);
    expect(empty.vramTotalBytes).toBeNull();
    expect(empty.readings.at(-1)).toMatchObject({
      modelName: null,
      ram: { weightsBytes: 0, kvCacheBytes: 0 },
      vram: null,
    });
    expect(empty.readings.at(-1)?.ram.appBytes).toBeGreaterThan(0);
    const [model] = await client.models.list();
    await client.models.load({ id: model?.id ?? '' });
    const loaded = await client.metrics.memory();
    expect(loaded.readings.length).toBeGreaterThan(empty.readings.length);
    const reading = loaded.readings.at(-1);
    expect(reading?.modelName).toBe('Main');
    expect(reading?.ram.kvCacheBytes).toBeGreaterThan(0);
    expect(reading?.ram.weightsBytes).toBeLessThanOrEqual((model?.sizeBytes ?? 0) * 2);
  });
});
