import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppEvent } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { processesWith } from '../support/app-process.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { markdownScript, plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// The whole core through the contract: real store worker, real sidecar, real llama.cpp on scripted models.

const cores: TestCore[] = [];
async function core(reuse?: { dataDir: string; modelsDir: string }): Promise<TestCore> {
  const started = await startCore(reuse);
  cores.push(started);
  return started;
}
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

const isChunk = (event: AppEvent): event is Extract<AppEvent, { type: 'message.chunk' }> =>
  event.type === 'message.chunk';
const send = (text: string, conversationId: string | null = null, modelId: string | null = null) => ({
  requestId: crypto.randomUUID(),
  conversationId,
  parentId: null,
  text,
  modelId,
});

/** A core with one scripted model in its library that never stops talking. */
async function talkativeCore() {
  const started = await core();
  await writeScriptedModel(join(started.modelsDir, 'talker.gguf'), {
    script: plainScript,
    thenStop: false,
    // A token a millisecond: eight seconds of talk, far more than any test here waits.
    contextLength: 8192,
  });
  const model = await started.addModel();
  return { ...started, model };
}

/** Pid of the sidecar that this test process started. */
function sidecarPid(): number {
  const pid = processesWith(entries.sidecar).find((entry) => entry.parent === process.pid)?.pid;
  if (pid === undefined) throw new Error('no sidecar runs');
  return pid;
}

describe('a conversation, end to end', () => {
  it('answers word for word, counts, and is found again after a restart', async () => {
    const first = await core();
    await writeScriptedModel(join(first.modelsDir, 'markdown.gguf'), { script: markdownScript });
    await first.addModel();
    const { conversationId, assistantMessageId } = await first.chat('How do I sort a list?');
    const before = await first.client.conversations.get({ id: conversationId });
    expect(before.title).toBe('How do I sort a list?');
    const answer = before.messages.find((message) => message.id === assistantMessageId);
    expect(answer).toMatchObject({
      role: 'assistant',
      text: markdownScript,
      status: 'complete',
      errorCode: null,
    });
    expect(answer?.stats).toMatchObject({ stopReason: 'end', backend: 'cpu', reusedTokens: 0 });
    expect(answer?.stats?.generatedTokens).toBeGreaterThan(50);
    expect(answer?.stats?.promptTokens).toBe(answer?.stats?.readTokens);
    await first.app.close();

    const second = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    expect(await second.client.conversations.get({ id: conversationId })).toEqual(before);
    expect((await second.client.models.list()).map((model) => model.fileName)).toEqual(['markdown.gguf']);
    // A follow-up in the old conversation works, with the model that the conversation used.
    const next = await second.chat('And a tuple?', conversationId);
    const after = await second.client.conversations.get({ id: conversationId });
    expect(after.messages).toHaveLength(4);
    expect(after.activeLeafId).toBe(next.assistantMessageId);
  });

  it('reads only what is new in a follow-up, by the counters of the sidecar', async () => {
    const { client, chat, addModel, modelsDir } = await core();
    await writeScriptedModel(join(modelsDir, 'plain.gguf'), { script: plainScript });
    await addModel();
    const first = await chat('One');
    const second = await chat('Two', first.conversationId);
    const { messages } = await client.conversations.get({ id: first.conversationId });
    const stats = messages.find((message) => message.id === second.assistantMessageId)?.stats;
    expect(stats?.reusedTokens).toBeGreaterThan(30);
    expect(stats?.readTokens).toBeLessThan(30);
    expect((stats?.reusedTokens ?? 0) + (stats?.readTokens ?? 0)).toBe(stats?.promptTokens);
  });

  it('streams chunks without a hole that add up to the answer', async () => {
    const { client, chat, addModel, modelsDir } = await core();
    await writeScriptedModel(join(modelsDir, 'thinker.gguf'), {
      script: plainScript,
      reasoning: 'Let me think.',
    });
    await addModel();
    const chunks: Extract<AppEvent, { type: 'message.chunk' }>[] = [];
    const stop = new AbortController();
    const stream = await client.system.events(undefined, { signal: stop.signal });
    const reading = (async () => {
      for await (const event of stream) if (isChunk(event)) chunks.push(event);
    })().catch(() => {});
    const { conversationId, assistantMessageId } = await chat('Hello');
    stop.abort();
    await reading;
    const { messages } = await client.conversations.get({ id: conversationId });
    const answer = messages.find((message) => message.id === assistantMessageId);
    expect(chunks.map((chunk) => chunk.seq)).toEqual(chunks.map((_, index) => index + 1));
    const textOf = (kind: string) =>
      chunks.flatMap((chunk) => (chunk.kind === kind ? [chunk.text] : [])).join('');
    expect(textOf('answer')).toBe(answer?.text);
    expect(textOf('reasoning')).toBe(answer?.reasoning);
    expect(answer?.text.trim()).toBe(plainScript);
    expect(answer?.reasoning.trim()).toBe('Let me think.');
  });

  it('stops at once and keeps what has arrived', async () => {
    const { client, waitFor, model } = await talkativeCore();
    const firstChunk = waitFor(isChunk);
    const sent = await client.conversations.send(send('Talk', null, model.id));
    const { conversations } = client;
    await firstChunk;
    const settled = waitFor((event) => event.type === 'generation.settled');
    await conversations.stop({ messageId: sent.assistantMessageId });
    await settled;
    const { messages, answering } = await conversations.get({ id: sent.conversationId });
    const answer = messages.at(-1);
    expect(answering).toBe(false);
    expect(answer).toMatchObject({ status: 'stopped', errorCode: null });
    expect(answer?.text).not.toBe('');
    expect(answer?.stats?.stopReason).toBe('stopped');
    // Stopping what has ended is no error.
    await conversations.stop({ messageId: sent.assistantMessageId });
  });

  it('answers again beside the first answer and switches between the two', async () => {
    const { client, chat, addModel, modelsDir, waitFor } = await core();
    await writeScriptedModel(join(modelsDir, 'plain.gguf'), { script: plainScript });
    await addModel();
    const { conversationId, assistantMessageId } = await chat('Hello');
    const settled = waitFor((event) => event.type === 'generation.settled');
    const again = await client.conversations.answerAgain({
      requestId: crypto.randomUUID(),
      messageId: assistantMessageId,
    });
    await settled;
    const both = await client.conversations.get({ id: conversationId });
    expect(both.activeLeafId).toBe(again.assistantMessageId);
    const answers = both.messages.filter((message) => message.role === 'assistant');
    expect(answers.map((message) => message.text)).toEqual([plainScript, plainScript]);
    expect(new Set(answers.map((message) => message.parentId)).size).toBe(1);
    await client.conversations.showBranch({ conversationId, messageId: assistantMessageId });
    expect((await client.conversations.get({ id: conversationId })).activeLeafId).toBe(assistantMessageId);
  });

  it('does a repeated request once', async () => {
    const { client, model, waitFor } = await talkativeCore();
    const request = send('Once', null, model.id);
    const settled = waitFor((event) => event.type === 'generation.settled');
    const [first, second] = await Promise.all([
      client.conversations.send(request),
      client.conversations.send(request),
    ]);
    expect(second).toEqual(first);
    expect(await client.conversations.list()).toHaveLength(1);
    expect((await client.conversations.get({ id: first.conversationId })).messages).toHaveLength(2);
    await client.conversations.stop({ messageId: first.assistantMessageId });
    await settled;
  });

  it('does a repeated request once while its answer still runs, in a conversation that was there before', async () => {
    const { client, model, waitFor } = await talkativeCore();
    const firstSettled = waitFor((event) => event.type === 'generation.settled');
    const { conversationId, assistantMessageId } = await client.conversations.send(
      send('One', null, model.id),
    );
    await client.conversations.stop({ messageId: assistantMessageId });
    await firstSettled;
    const request = send('Two', conversationId);
    const sent = await client.conversations.send(request);
    expect(await client.conversations.send(request)).toEqual(sent);
    const secondSettled = waitFor((event) => event.type === 'generation.settled');
    await client.conversations.stop({ messageId: sent.assistantMessageId });
    await secondSettled;
    const again = { requestId: crypto.randomUUID(), messageId: sent.assistantMessageId };
    const answered = await client.conversations.answerAgain(again);
    expect(await client.conversations.answerAgain(again)).toEqual(answered);
    expect((await client.conversations.get({ id: conversationId })).messages).toHaveLength(5);
    const thirdSettled = waitFor((event) => event.type === 'generation.settled');
    await client.conversations.stop({ messageId: answered.assistantMessageId });
    await thirdSettled;
  });

  it('refuses a send without a model, with text of white space, or below a running answer, and saves nothing', async () => {
    const empty = await core();
    await expect(empty.client.conversations.send(send('Hello'))).rejects.toMatchObject({ code: 'no_model' });
    expect(await empty.client.conversations.list()).toEqual([]);
    const { client, model, waitFor } = await talkativeCore();
    await expect(client.conversations.send(send(' \n', null, model.id))).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(await client.conversations.list()).toEqual([]);
    const settled = waitFor((event) => event.type === 'generation.settled');
    const running = await client.conversations.send(send('Talk', null, model.id));
    await expect(client.conversations.send(send('More', running.conversationId))).rejects.toMatchObject({
      code: 'conflict',
    });
    expect((await client.conversations.get({ id: running.conversationId })).messages).toHaveLength(2);
    await client.conversations.stop({ messageId: running.assistantMessageId });
    await settled;
  });

  it('deletes to the trash while it answers, and brings everything back', async () => {
    const { client, model, waitFor } = await talkativeCore();
    const firstChunk = waitFor(isChunk);
    const { conversationId } = await client.conversations.send(send('Talk', null, model.id));
    await firstChunk;
    const settled = waitFor((event) => event.type === 'generation.settled');
    await client.conversations.remove({ id: conversationId });
    await settled;
    expect(await client.conversations.list()).toEqual([]);
    await client.conversations.restore({ id: conversationId });
    const { messages } = await client.conversations.get({ id: conversationId });
    expect(messages.map((message) => message.status)).toEqual(['complete', 'stopped']);
    expect(messages[1]?.text).not.toBe('');
  });
});

describe('trouble', () => {
  it.skipIf(process.platform !== 'linux').each(['SIGKILL', 'SIGSEGV'] as const)(
    'says within 2 s that the engine stopped by %s, keeps the partial answer, and answers the next message',
    async (signal) => {
      const { client, model, waitFor } = await talkativeCore();
      const firstChunk = waitFor(isChunk);
      const sent = await client.conversations.send(send('Talk', null, model.id));
      const { text } = await firstChunk;
      const settled = waitFor((event) => event.type === 'generation.settled');
      const killedAt = performance.now();
      process.kill(sidecarPid(), signal);
      await settled;
      expect(performance.now() - killedAt).toBeLessThan(2_000);
      const { messages } = await client.conversations.get({ id: sent.conversationId });
      expect(messages[1]).toMatchObject({ status: 'failed', errorCode: 'engine_crashed' });
      expect(messages[1]?.text.startsWith(text)).toBe(true);
      const nextChunk = waitFor(isChunk);
      const next = await client.conversations.send(send('Again', sent.conversationId));
      await nextChunk;
      await client.conversations.stop({ messageId: next.assistantMessageId });
    },
  );

  it('marks an answer that the end of the app cut off as interrupted and keeps its text', async () => {
    const first = await talkativeCore();
    const firstChunk = first.waitFor(isChunk);
    const sent = await first.client.conversations.send(send('Talk', null, first.model.id));
    await firstChunk;
    await first.app.close();
    const second = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    const { messages } = await second.client.conversations.get({ id: sent.conversationId });
    expect(messages[1]?.status).toBe('interrupted');
    expect(messages[1]?.text).not.toBe('');
  });

  it.skipIf(process.platform !== 'linux')('closes in a few seconds while the engine hangs', async () => {
    const first = await talkativeCore();
    const firstChunk = first.waitFor(isChunk);
    const sent = await first.client.conversations.send(send('Talk', null, first.model.id));
    await firstChunk;
    process.kill(sidecarPid(), 'SIGSTOP');
    const closedAt = performance.now();
    await first.app.close();
    expect(performance.now() - closedAt).toBeLessThan(6_000);
    const second = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    const { messages } = await second.client.conversations.get({ id: sent.conversationId });
    expect(messages[1]).toMatchObject({ status: 'interrupted' });
    expect(messages[1]?.text).not.toBe('');
  });

  it('keeps text, titles and paths out of the log and errors, through a whole session', async () => {
    const started = await talkativeCore();
    const { client, model, waitFor, logLines } = started;
    const firstChunk = waitFor(isChunk);
    const sent = await client.conversations.send(send('CANARY-prompt', null, model.id));
    await firstChunk;
    await client.conversations.rename({ id: sent.conversationId, title: 'CANARY-title' });
    const settled = waitFor((event) => event.type === 'generation.settled');
    process.kill(sidecarPid(), 'SIGKILL');
    await settled;
    await client.conversations.get({ id: crypto.randomUUID() }).catch(() => {});
    await client.models.add({ fileId: 'CANARY-file' }).catch((error: unknown) => {
      expect(JSON.stringify(error)).not.toContain('CANARY');
      expect(JSON.stringify(error)).not.toContain(started.modelsDir);
    });
    const log = logLines.join('\n');
    expect(log).not.toContain('CANARY');
    expect(log).not.toContain('scripted model');
    expect(log).not.toContain(started.dataDir);
  });
});
