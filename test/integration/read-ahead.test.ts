import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, reasoningScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { switchedTemplate } from '../support/gguf/vocabulary.ts';

// Reading ahead through the contract: what it saves, and what it leaves behind.

let core: TestCore;
beforeEach(async () => {
  core = await startCore();
  await writeScriptedModel(join(core.modelsDir, 'model.gguf'), {
    script: plainScript,
    reasoning: reasoningScript,
    chatTemplate: switchedTemplate(),
  });
  const { id } = await core.addModel();
  await core.client.models.load({ id });
});
afterEach(() => core.close());

const readLines = () => core.logLines.filter((line) => line.startsWith('engine.read_ahead '));
const statsOf = async (conversationId: string, messageId: string) => {
  const { messages } = await core.client.conversations.get({ id: conversationId });
  const stats = messages.find(({ id }) => id === messageId)?.stats;
  if (!stats) throw new Error('no figures');
  return stats;
};

const DRAFT = `canarydraft ${'and some more words '.repeat(30)}`;

describe('reading ahead', () => {
  it('reads a draft of a new chat and of one that is open; the answer then reads the rest', async () => {
    const { client } = core;
    expect(await client.context.readAhead({ id: null, draft: DRAFT })).toEqual({ readTokens: 0 });
    await client.settings.update({ readAhead: true });
    const { readTokens } = await client.context.readAhead({ id: null, draft: DRAFT });
    expect(readTokens).toBeGreaterThan(100);
    const first = await core.chat(DRAFT);
    const stats = await statsOf(first.conversationId, first.assistantMessageId);
    expect(stats.reusedFrom).toBe('live');
    expect(stats.reusedTokens).toBeGreaterThanOrEqual(readTokens);
    expect(stats.readTokens).toBeLessThan(30);
    const next = { id: first.conversationId, draft: `${DRAFT} again` };
    const ahead = await client.context.readAhead(next);
    expect(ahead.readTokens).toBeGreaterThan(100);
    const second = await core.chat(next.draft, first.conversationId);
    expect((await statsOf(second.conversationId, second.assistantMessageId)).readTokens).toBeLessThan(30);
  });

  it('after an answer reads what the template makes of it, once, so that the next message does not wait', async () => {
    const { client } = core;
    const without = await core.chat('One');
    const plain = await core.chat('Two', without.conversationId);
    const { readTokens: unaided } = await statsOf(plain.conversationId, plain.assistantMessageId);
    await client.settings.update({ readAhead: true });
    const first = await core.chat('One');
    await vi.waitFor(() => expect(readLines()).toHaveLength(1));
    const second = await core.chat('Two', first.conversationId);
    const { readTokens } = await statsOf(second.conversationId, second.assistantMessageId);
    // The thoughts are not in the next prompt: without reading ahead the answer behind them is read by it.
    expect(unaided).toBeGreaterThan(plainScript.length / 8);
    expect(readTokens).toBeLessThan(unaided / 2);
  });

  it('leaves nothing behind: no message, no line in the log, nothing in the data folder', async () => {
    const { client } = core;
    await client.settings.update({ readAhead: true });
    await client.context.readAhead({ id: null, draft: DRAFT });
    expect(readLines().length).toBeGreaterThan(0);
    expect(core.logLines.join('\n')).not.toContain('canarydraft');
    expect(await client.conversations.list()).toEqual([]);
    const files = readdirSync(core.dataDir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile()))
      expect(readFileSync(join(file.parentPath, file.name)).includes('canarydraft')).toBe(false);
  });

  it('ends when its call is aborted, and reads nothing with another model or none', async () => {
    const { client } = core;
    await client.settings.update({ readAhead: true });
    const abort = new AbortController();
    const reading = client.context.readAhead({ id: null, draft: DRAFT.repeat(5) }, { signal: abort.signal });
    abort.abort();
    await expect(reading).rejects.toThrow();
    const { conversationId } = await core.chat('One');
    await client.models.unload();
    expect(await client.context.readAhead({ id: conversationId, draft: DRAFT })).toEqual({ readTokens: 0 });
    expect((await client.engine.state()).modelId).toBeNull();
  });
});
