import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { longScript, plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { ask, chat, loadRequest, makeEngine, untilState, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

const never = () => new AbortController().signal;
const long = 'a message of many words '.repeat(40);

async function load(script = plainScript, thenStop = true, settings = {}) {
  const model = await writeScriptedModel(join(kit.folder, `${thenStop}.gguf`), {
    script,
    thenStop,
    contextLength: 20_000,
  });
  await kit.engine.load(loadRequest(model, { contextSize: 8192, ...settings }));
}

const prompt = (turns: ReturnType<typeof chat>) => ({ systemPrompt: 'Be brief.', turns });

describe('reading ahead', () => {
  it('reads a draft but for its last word, so that its answer reads only the rest', async () => {
    await load();
    const draft = `${long}and a last wor`;
    const total = Number(await kit.engine.countTokens(prompt(chat(draft))));
    const ahead = await kit.engine.readAhead(prompt(chat(draft)), never());
    expect(ahead?.readTokens).toBeGreaterThan(total - 40);
    expect(ahead?.readTokens).toBeLessThan(total);
    // Nothing is new until the next word is finished.
    expect(await kit.engine.readAhead(prompt(chat(`${draft}d`)), never())).toMatchObject({ readTokens: 0 });
    const more = await kit.engine.readAhead(prompt(chat(`${draft}d and more`)), never());
    expect(more?.readTokens).toBeGreaterThan(0);
    expect(more?.readTokens).toBeLessThan(20);
    const sent = await ask(kit.engine, chat(`${draft}d and more`), {
      systemPrompt: 'Be brief.',
      conversationId: 'new',
    });
    expect(sent.text).toBe(plainScript);
    expect(sent.result.stats).toMatchObject({ reusedFrom: 'live' });
    expect(sent.result.stats?.readTokens).toBeLessThan(40);
  });

  it('reads what the template makes of an answer, and leaves alone what an answer left', async () => {
    await load();
    const asked = chat('One');
    const { text, result } = await ask(kit.engine, asked, { systemPrompt: 'Be brief.', conversationId: 'a' });
    const turns = [...asked, { role: 'assistant' as const, text }];
    const ahead = await kit.engine.readAhead({ ...prompt(turns), conversationId: 'a' }, never());
    expect(ahead?.reusedTokens).toBe(result.stats?.contextTokens);
    expect(ahead?.readTokens).toBeGreaterThan(0);
    // Seen again without anything new, and an older branch: another answer can still be told from what is there.
    expect(await kit.engine.readAhead({ ...prompt(turns), conversationId: 'a' }, never())).toMatchObject({
      readTokens: 0,
    });
    const followUp = await ask(kit.engine, [...turns, ...chat('Two')], {
      systemPrompt: 'Be brief.',
      conversationId: 'a',
    });
    // What is left: the message, and the marks behind it.
    expect(followUp.result.stats?.readTokens).toBeLessThan(
      Number(await kit.engine.countTokens({ systemPrompt: '', turns: chat('Two') })),
    );
    const again = await ask(kit.engine, asked, { systemPrompt: 'Be brief.', conversationId: 'a' });
    expect(again.result.stats?.readTokens).toBe(1);
  });

  it('is not saved with its chat: a message that is not sent stays nowhere', async () => {
    await load();
    const asked = chat('One');
    const { text } = await ask(kit.engine, asked, { systemPrompt: 'Be brief.', conversationId: 'a' });
    const history = [...asked, { role: 'assistant' as const, text }];
    const options = { conversationId: 'a' };
    await kit.engine.readAhead({ ...prompt(history), ...options }, never());
    const [before] = await kit.engine.heldChats();
    expect(before).toMatchObject({ hasDraft: false });
    const draft = [...history, ...chat(long)];
    await kit.engine.readAhead({ ...prompt(draft), ...options }, never());
    expect(await kit.engine.heldChats()).toEqual([
      { ...before, hasDraft: true, readingMs: expect.any(Number) },
    ]);
    const saved = await kit.engine.saveState({ conversationId: 'a', path: join(kit.folder, 'a.state') });
    expect(saved?.tokens).toHaveLength(before?.tokens ?? 0);
    // Once it is sent, it is kept.
    await kit.engine.readAhead({ ...prompt(draft), ...options }, never());
    const sent = await ask(kit.engine, draft, { systemPrompt: 'Be brief.', ...options });
    expect(await kit.engine.heldChats()).toMatchObject([
      { tokens: sent.result.stats?.contextTokens, hasDraft: false },
    ]);
  });

  it('gives way to an answer at once, and ends with its signal', async () => {
    // A model of some size reads slowly enough for both; chunks begin with 32 tokens.
    await load(plainScript, true, { sequences: 1 });
    const turns = chat(long.repeat(6));
    const signal = new AbortController();
    const reading = kit.engine.readAhead(prompt(turns), signal.signal);
    const answer = await ask(kit.engine, chat('Now'), { sampling: { maxTokens: 4 } });
    expect(answer.result.error).toBeNull();
    await reading;
    const stopped = kit.engine.readAhead(prompt(turns), signal.signal);
    signal.abort();
    await stopped;
    expect(kit.engine.state).toMatchObject({ status: 'ready', runningGenerations: 0, queuedGenerations: 0 });
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
  });

  it('waits behind an answer that runs, and is never heard of by those who wait', async () => {
    await load(longScript(50), false, { sequences: 1 });
    const stop = new AbortController();
    const running = ask(kit.engine, chat('Never stop'), { signal: stop.signal });
    await untilState(kit.engine, (state) => state.status === 'generating');
    const reading = kit.engine.readAhead(prompt(chat(long)), never());
    expect(kit.engine.state.queuedGenerations).toBe(0);
    stop.abort();
    await running;
    expect((await reading)?.readTokens).toBeGreaterThan(100);
  });

  it('never loads a model, and reads nothing that is too long', async () => {
    expect(await kit.engine.readAhead(prompt(chat(long)), never())).toBeNull();
    expect(kit.engine.state.status).toBe('stopped');
    await load();
    const tooLong = await kit.engine.readAhead(prompt(chat(long.repeat(60))), never());
    expect(tooLong?.readTokens ?? 0).toBe(0);
    await kit.engine.unload();
    expect(await kit.engine.readAhead(prompt(chat(long)), never())).toBeNull();
    expect(kit.engine.state.status).toBe('idle');
  });
});
