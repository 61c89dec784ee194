import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError } from '../../src-main/contract/index.ts';
import { plainScript, reasoningScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { REASONING_TEMPLATE, switchedTemplate } from '../support/gguf/vocabulary.ts';
import { ask, chat, loadRequest, makeEngine, untilState, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

const model = (chatTemplate?: string) =>
  writeScriptedModel(join(kit.folder, 'model.gguf'), {
    script: plainScript,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  });

const LONG_TEMPLATE =
  "{% for message in messages %}{{ '### The next words are of the ' + message['role'] + '\\n' + message['content'] + '\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '### The next words are of the assistant\\n' }}{% endif %}";

describe('a template in place of the one in the file', () => {
  it('is the one that is used, and another is another load', async () => {
    const request = loadRequest(await model());
    const count = () => kit.engine.countTokens({ systemPrompt: '', turns: chat('Hello') }).then(Number);
    await kit.engine.load(request);
    const own = await count();
    await kit.engine.load({ ...request, chatTemplate: LONG_TEMPLATE });
    expect(await count()).toBeGreaterThan(own + 20);
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
    await kit.engine.load(request);
    expect(await count()).toBe(own);
    expect(kit.logs.filter((line) => line.event === 'engine.loaded')).toHaveLength(3);
  });

  it('says by itself whether the model thinks', async () => {
    const scripted = await writeScriptedModel(join(kit.folder, 'thinking.gguf'), {
      script: plainScript,
      reasoning: reasoningScript,
      chatTemplate: REASONING_TEMPLATE,
    });
    const request = loadRequest(scripted);
    await kit.engine.load(request);
    expect(kit.engine.state.reasoning).toBe('always');
    await kit.engine.load({ ...request, chatTemplate: switchedTemplate() });
    expect(kit.engine.state.reasoning).toBe('switchable');
    const answer = await ask(kit.engine, chat('Hello'), { reasoning: { mode: 'off', budgetTokens: null } });
    expect([answer.reasoning, answer.text.trim()]).toEqual(['', plainScript]);
  });

  it.each([
    ['does not parse', '{% for %}'],
    ['refuses every chat', "{{ raise_exception('no') }}"],
    ['leaves the messages out', 'Hello'],
  ])('that %s fails the load, and the file is used again', async (_name, chatTemplate) => {
    const request = loadRequest(await model());
    const error: unknown = await kit.engine
      .load({ ...request, chatTemplate })
      .catch((caught: unknown) => caught);
    if (!isAppError(error)) throw new Error('no typed error', { cause: error });
    expect(error.code).toBe('model_load_failed');
    expect(error.data.details).toEqual({ reason: 'chat_template' });
    await kit.engine.load(request);
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
  });
});

describe('a model that is kept for a while', () => {
  it('leaves the memory after its answer, and comes back with the next', async () => {
    const request = loadRequest(await model(), { keepLoadedMinutes: 0 });
    await kit.engine.load(request);
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
    const state = await untilState(kit.engine, ({ status }) => status === 'idle');
    expect(state).toMatchObject({ modelId: null, contextSize: null, error: null });
    for (const options of [{}, { modelId: request.modelId }]) {
      const { text, result } = await ask(kit.engine, chat('Again'), options);
      expect(text).toBe(plainScript);
      expect(result.stats?.loadMs).toBeGreaterThan(0);
      await untilState(kit.engine, ({ status }) => status === 'idle');
    }
    expect(kit.logs.filter((line) => line.event === 'engine.unloaded_idle')).toHaveLength(3);
  });

  it('is told of before it goes, and stays when it is asked for meanwhile', async () => {
    const request = loadRequest(await model(), { keepLoadedMinutes: 0 });
    const held: string[][] = [];
    let meanwhile: () => Promise<unknown> = async () => {};
    const own = await makeEngine({
      async beforeIdleUnload() {
        held.push((await own.engine.heldChats()).map(({ conversationId }) => conversationId));
        await meanwhile();
      },
    });
    try {
      await own.engine.load(request);
      meanwhile = async () => {
        meanwhile = async () => {};
        await ask(own.engine, chat('Again'), { conversationId: 'b' });
      };
      await ask(own.engine, chat('Hello'), { conversationId: 'a' });
      await untilState(own.engine, ({ status }) => status === 'idle');
      expect(held).toHaveLength(2);
      expect(held[0]).toEqual(['a']);
      expect(own.logs.filter((line) => line.event === 'engine.unloaded_idle')).toHaveLength(1);
    } finally {
      await own.close();
    }
  });

  it('stays while something is asked of it; another time is no other model', async () => {
    const request = loadRequest(await model(), { keepLoadedMinutes: 0 });
    await kit.engine.load(request);
    const answers = await Promise.all([1, 2, 3].map((n) => ask(kit.engine, chat(`Question ${n}`))));
    for (const { text, result } of answers) {
      expect(text).toBe(plainScript);
      expect(result.stats?.loadMs).toBe(0);
    }
    await untilState(kit.engine, ({ status }) => status === 'idle');
    await kit.engine.load({ ...request, keepLoadedMinutes: 5 });
    await kit.engine.load({ ...request, keepLoadedMinutes: null });
    expect(kit.logs.filter((line) => line.event === 'engine.loaded')).toHaveLength(2);
  });
});
