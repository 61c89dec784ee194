import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { longScript, plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { SHAPES, writeRandomModel } from '../support/gguf/random-model.ts';
import { ask, chat, loadRequest, makeEngine, untilState, type Answer, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

async function loadEndless(sequences: number) {
  const model = await writeScriptedModel(join(kit.folder, 'endless.gguf'), {
    script: longScript(50),
    thenStop: false,
    contextLength: 100_000,
  });
  const request = loadRequest(model, { contextSize: 65_536, sequences });
  await kit.engine.load(request);
  return request;
}

/** An answer that goes on until it is stopped; `begun` resolves with its first text. */
function endless(options: Parameters<typeof ask>[2] = {}) {
  const stop = new AbortController();
  let begin = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const answer: Promise<Answer> = ask(kit.engine, chat('Never stop'), {
    ...options,
    signal: stop.signal,
    onEvent: (event) => event.type === 'chunk' && begin(),
  });
  return { begun, answer, stop: () => stop.abort() };
}

describe('several answers at once', () => {
  it('come at the same time, each in its own sequence, and one more waits', async () => {
    await loadEndless(2);
    const first = endless();
    const second = endless();
    await Promise.all([first.begun, second.begun]);
    expect(kit.engine.state).toMatchObject({ status: 'generating', runningGenerations: 2 });
    const third = endless();
    await untilState(kit.engine, (state) => state.queuedGenerations === 1);
    first.stop();
    expect((await first.answer).result.stopReason).toBe('stopped');
    await third.begun;
    expect(kit.engine.state).toMatchObject({ runningGenerations: 2, queuedGenerations: 0 });
    second.stop();
    third.stop();
    for (const { answer } of [second, third]) {
      const { text, result } = await answer;
      expect(result).toMatchObject({ stopReason: 'stopped', error: null });
      expect(text).not.toBe('');
      expect(longScript(50).startsWith(text.slice(0, 100))).toBe(true);
    }
    expect(kit.engine.state).toMatchObject({ status: 'ready', runningGenerations: 0 });
  });

  it('say what each says alone', async () => {
    const model = await writeRandomModel(join(kit.folder, 'random.gguf'), {
      shape: { ...SHAPES.small, contextLength: 512 },
      type: 'F32',
      vocabularySize: 1000,
    });
    const questions = ['the people of the water', 'what had been said', 'how many of them were there'];
    const sampling = { maxTokens: 32 };
    const request = loadRequest(model);
    await kit.engine.load(request);
    const alone: string[] = [];
    for (const question of questions) alone.push((await ask(kit.engine, chat(question), { sampling })).text);
    await kit.engine.load({ ...request, sequences: 3 });
    const together = await Promise.all(
      questions.map((question) => ask(kit.engine, chat(question), { sampling })),
    );
    expect(together.map(({ text }) => text)).toEqual(alone);
  });

  it('go on while the prompt of another is read: each gets its turn between two chunks', async () => {
    const model = await writeRandomModel(join(kit.folder, 'random.gguf'), {
      shape: { ...SHAPES.small, contextLength: 4096 },
      type: 'F32',
      vocabularySize: 1000,
    });
    await kit.engine.load(loadRequest(model, { contextSize: 4096, sequences: 2 }));
    const order: string[] = [];
    const stop = new AbortController();
    const writing = ask(kit.engine, chat('what had been said'), {
      sampling: { temperature: 0.8, seed: 3 },
      signal: stop.signal,
      onEvent: (event) => event.type === 'chunk' && order.push('writes'),
    });
    await expect.poll(() => order.length).toBeGreaterThan(0);
    const reading = await ask(kit.engine, chat('the people of the water '.repeat(400)), {
      sampling: { maxTokens: 2 },
      onEvent: (event) => event.type === 'reading' && order.push('reads'),
    });
    order.push('answers');
    stop.abort();
    await writing;
    expect(reading.result.error).toBeNull();
    const whileRead = order.slice(order.indexOf('reads'), order.lastIndexOf('reads'));
    expect(whileRead).toContain('writes');
  });

  it('are as many as asked for, and four by themselves where the memory is plenty', async () => {
    const model = await writeScriptedModel(join(kit.folder, 'plain.gguf'), {
      script: plainScript,
      contextLength: 4_000_000,
    });
    await kit.engine.load(loadRequest(model));
    expect(kit.engine.state.liveChats).toBe(4);
    await kit.engine.load(loadRequest(model, { sequences: 3 }));
    expect(kit.engine.state.liveChats).toBe(3);
    await kit.engine.unload();
    expect(kit.engine.state.liveChats).toBeNull();
  });

  it('keep the chats of several conversations, so that a way back reads nothing', async () => {
    const model = await writeScriptedModel(join(kit.folder, 'plain.gguf'), { script: plainScript });
    await kit.engine.load(loadRequest(model, { sequences: 2 }));
    const turns = { a: chat('First conversation'), b: chat('Second, another one') };
    await ask(kit.engine, turns.a, { conversationId: 'a' });
    await ask(kit.engine, turns.b, { conversationId: 'b' });
    const back = await ask(kit.engine, turns.a, { conversationId: 'a' });
    expect(back.result.stats).toMatchObject({ readTokens: 1 });
    const followUp = await ask(kit.engine, [...turns.b, ...answered(plainScript), ...chat('More')], {
      conversationId: 'b',
    });
    expect(followUp.result.stats?.reusedTokens).toBeGreaterThanOrEqual(
      Number(await kit.engine.countTokens({ systemPrompt: '', turns: turns.b })),
    );
  });

  it('end together when another model is asked for, when it is unloaded and when the process dies', async () => {
    const request = await loadEndless(2);
    const plain = await writeScriptedModel(join(kit.folder, 'plain.gguf'), { script: plainScript });
    const running = [endless(), endless()];
    await Promise.all(running.map(({ begun }) => begun));
    const loading = kit.engine.load(loadRequest(plain));
    // The change waits for both, and what came after it waits for the change.
    const late = ask(kit.engine, chat('Hello'), {
      modelId: request.modelId,
      sampling: { maxTokens: 3 },
    });
    running[0]?.stop();
    await running[0]?.answer;
    expect(kit.engine.state).toMatchObject({ modelId: request.modelId, runningGenerations: 1 });
    running[1]?.stop();
    await loading;
    expect((await late).result).toMatchObject({ stopReason: 'max_tokens', error: null });

    const stopped = [endless(), endless()];
    await Promise.all(stopped.map(({ begun }) => begun));
    await kit.engine.unload();
    for (const { answer } of stopped) expect((await answer).result.stopReason).toBe('stopped');

    await kit.engine.load(request);
    const crashed = [endless(), endless()];
    await Promise.all(crashed.map(({ begun }) => begun));
    process.kill(kit.pid(), 'SIGKILL');
    for (const { answer } of crashed) {
      const { result } = await answer;
      expect(result).toMatchObject({ stopReason: 'failed', error: { code: 'engine_crashed' } });
      expect(result.stats?.generatedTokens).toBeGreaterThan(0);
    }
    const again = [endless(), endless()];
    await Promise.all(again.map(({ begun }) => begun));
    expect(kit.engine.state).toMatchObject({ status: 'generating', runningGenerations: 2, error: null });
    for (const { stop, answer } of again) {
      stop();
      await answer;
    }
    expect(kit.logs.filter((line) => line.event === 'engine.crashed')).toHaveLength(1);
  });
});

const answered = (text: string) => [{ role: 'assistant' as const, text }];

describe('an answer in the background', () => {
  it('gives way to one of the foreground and can be asked for again', async () => {
    await loadEndless(1);
    const background = endless({ priority: 'background' });
    await background.begun;
    const foreground = endless();
    const { result, text } = await background.answer;
    expect(result).toMatchObject({ stopReason: 'stopped', error: { code: 'conflict' } });
    expect(result.error?.data.retryable).toBe(true);
    expect(text).not.toBe('');
    await foreground.begun;
    const again = endless({ priority: 'background' });
    foreground.stop();
    await foreground.answer;
    await again.begun;
    again.stop();
    expect((await again.answer).result).toMatchObject({ stopReason: 'stopped', error: null });
  });

  it('goes on beside one of the foreground where there is room', async () => {
    await loadEndless(2);
    const background = endless({ priority: 'background' });
    await background.begun;
    const foreground = endless();
    await foreground.begun;
    expect(kit.engine.state.runningGenerations).toBe(2);
    for (const { stop, answer } of [background, foreground]) {
      stop();
      expect((await answer).result).toMatchObject({ stopReason: 'stopped', error: null });
    }
  });
});
