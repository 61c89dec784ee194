import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppEvent } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Titles by the model: the scripted model says the same to every prompt, so its answer is its title.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

async function core(script: string, options: { thenStop?: boolean } = {}): Promise<TestCore> {
  const started = await startCore();
  cores.push(started);
  await writeScriptedModel(join(started.modelsDir, 'title.gguf'), { script, ...options });
  await started.addModel();
  await started.client.settings.update({ titlesByModel: true });
  return started;
}

const idle = async ({ client }: TestCore) => {
  for (;;) {
    const { status, runningGenerations } = await client.engine.state();
    if (status === 'ready' && runningGenerations === 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** The title of a chat once it is what the model said. */
async function titled(started: TestCore, id: string, title: string): Promise<void> {
  for (;;) {
    if ((await started.client.conversations.get({ id })).title === title) return;
    await started.waitFor((event: AppEvent) => event.type === 'conversation.changed');
  }
}

describe('titles by the model', () => {
  it('gives a chat its title after the first answer, and never again or over the user', async () => {
    const started = await core('## "Sorting lists in Python."');
    const { client, chat } = started;
    const { conversationId } = await chat('How do I sort?');
    await titled(started, conversationId, 'Sorting lists in Python');
    expect((await client.conversations.get({ id: conversationId })).titleSource).toBe('auto');

    await client.conversations.rename({ id: conversationId, title: 'Mine' });
    await chat('And tuples?', conversationId);
    await idle(started);
    expect((await client.conversations.get({ id: conversationId })).title).toBe('Mine');
  });

  it('keeps the first words when the model says no title', async () => {
    const started = await core(`${plainScript} ${plainScript} ${plainScript}`);
    const { conversationId } = await started.chat('What is a lee shore?');
    await idle(started);
    expect((await started.client.conversations.get({ id: conversationId })).title).toBe(
      'What is a lee shore?',
    );
  });

  it('asks for none of a temporary chat, nor while it is switched off', async () => {
    const started = await core('A fine title');
    const { client, waitFor } = started;
    const settled = waitFor((event) => event.type === 'generation.settled');
    const { conversationId } = await client.conversations.send({
      requestId: crypto.randomUUID(),
      conversationId: null,
      parentId: null,
      text: 'Only in memory',
      modelId: null,
      temporary: true,
    });
    await settled;
    await client.settings.update({ titlesByModel: false });
    const stored = await started.chat('On the disk');
    await idle(started);
    expect((await client.conversations.get({ id: conversationId })).title).toBe('Only in memory');
    expect((await client.conversations.get({ id: stored.conversationId })).title).toBe('On the disk');
  });
});
