import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatTurn } from '../../src-main/engine/api.ts';
import { SHAPES, writeRandomModel } from '../support/gguf/random-model.ts';
import {
  markdownScript,
  plainScript,
  reasoningScript,
  writeScriptedModel,
} from '../support/gguf/scripted-model.ts';
import { REASONING_TEMPLATE } from '../support/gguf/vocabulary.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeAll(async () => {
  kit = await makeEngine();
});
afterAll(() => kit.close());

const file = (name: string) => join(kit.folder, `${name}.gguf`);
const count = (turns: ChatTurn[]) => kit.engine.countTokens({ systemPrompt: '', turns }).then(Number);

/** One that neither trims nor moves anything, but is not among those the library knows. */
const OWN_TEMPLATE =
  "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|im_end|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

describe.each([
  ['a template that the library knows', {}],
  ['a template of its own', { chatTemplate: OWN_TEMPLATE }],
  ["Llama 2's tokenizer", { addsSpacePrefix: true }],
])('an answer that goes on, with %s', (_name, options) => {
  it('is the uninterrupted one, at every place', async () => {
    const model = await writeScriptedModel(file('script'), {
      script: markdownScript,
      ...options,
    });
    await kit.engine.load(loadRequest(model));
    const question = chat('Sort a list');
    for (const pieces of [1, 2, 7, 40, model.chunks.length - 1]) {
      const begun = model.chunks.slice(0, pieces).join('');
      const { text, result } = await ask(kit.engine, [...question, { role: 'assistant', text: begun }]);
      expect(begun + text).toBe(markdownScript);
      expect(result).toMatchObject({ stopReason: 'end', error: null });
      // One token for each piece, after the prompt of the question alone; read again, two may be one.
      const extra = (result.stats?.promptTokens ?? 0) - (await count(question));
      expect(extra).toBeLessThanOrEqual(pieces);
      if (pieces < 10) expect(extra).toBe(pieces);
    }
  });

  it('begins with what a person wrote', async () => {
    const model = await writeScriptedModel(file('script'), {
      script: plainScript,
      ...options,
    });
    await kit.engine.load(loadRequest(model));
    const { text } = await ask(kit.engine, [...chat('Hi'), { role: 'assistant', text: 'Sure! ' }]);
    expect(text).toBe(plainScript);
  });
});

describe('an empty answer at the end', () => {
  it('is no answer that goes on', async () => {
    const model = await writeScriptedModel(file('script'), { script: plainScript });
    await kit.engine.load(loadRequest(model));
    const turns: ChatTurn[] = [...chat('Hi'), { role: 'assistant', text: '' }];
    expect((await ask(kit.engine, turns)).text).toBe(plainScript);
    expect(await count(turns)).toBe(await count(chat('Hi')));
  });
});

describe('an answer of a model with real attention', () => {
  it('goes on from the tokens that the sequence still holds, spaces included', async () => {
    const model = await writeRandomModel(file('random'), {
      shape: { ...SHAPES.small, contextLength: 512 },
      type: 'F32',
      vocabularySize: 2000,
    });
    await kit.engine.load(loadRequest(model));
    const question = chat('the people of the water');
    const asked = await count(question);
    const whole = await ask(kit.engine, question, { sampling: { maxTokens: 40 } });
    let same = 0;
    for (let tokens = 8; tokens < 20; tokens += 1) {
      const begun = await ask(kit.engine, question, { sampling: { maxTokens: tokens } });
      expect(whole.text.startsWith(begun.text)).toBe(true);
      const turns: ChatTurn[] = [...question, { role: 'assistant', text: begun.text }];
      const rest = await ask(kit.engine, turns, { sampling: { maxTokens: 40 - tokens } });
      const { promptTokens = 0, reusedTokens = 0 } = rest.result.stats ?? {};
      expect(promptTokens).toBe(await count(turns));
      // Random words may be cut into other tokens when they are read again; where they are not, nothing is read
      // but the last token, and the rest is that of the uninterrupted answer.
      if (promptTokens !== asked + tokens || reusedTokens !== promptTokens - 1) continue;
      expect(begun.text + rest.text).toBe(whole.text);
      same += 1;
    }
    expect(same).toBeGreaterThan(0);
  });
});

describe('an answer with thoughts', () => {
  it('goes on after them, or within them', async () => {
    const model = await writeScriptedModel(file('thinking'), {
      script: plainScript,
      reasoning: reasoningScript,
      chatTemplate: REASONING_TEMPLATE,
    });
    await kit.engine.load(loadRequest(model));
    const afterMark = model.chunks.indexOf('</think>') + 1;
    const begun = model.chunks.slice(afterMark, afterMark + 4).join('');
    const answered = await ask(kit.engine, [
      ...chat('Hi'),
      { role: 'assistant', text: begun, reasoning: reasoningScript },
    ]);
    expect(answered.reasoning).toBe('');
    expect((begun + answered.text).trim()).toBe(plainScript);

    const thoughts = model.chunks.slice(1, 6).join('').trimStart();
    const thinking = await ask(kit.engine, [
      ...chat('Hi'),
      { role: 'assistant', text: '', reasoning: thoughts },
    ]);
    expect((thoughts + thinking.reasoning).trim()).toBe(reasoningScript);
    expect(thinking.text.trim()).toBe(plainScript);
  });
});

describe('the parts of a prompt', () => {
  const parts = (systemPrompt: string, turns: ChatTurn[]) => kit.engine.countParts({ systemPrompt, turns });

  it.each([
    ['a known template', undefined],
    ['its own template', OWN_TEMPLATE],
  ])('add up to the count of the engine, with %s', async (_name, chatTemplate) => {
    const model = await writeScriptedModel(file('script'), {
      script: plainScript,
      ...(chatTemplate === undefined ? {} : { chatTemplate }),
    });
    await kit.engine.load(loadRequest(model));
    const turns: ChatTurn[] = [
      ...chat('One', plainScript, 'Two two', 'Other stuff', 'One'),
      { role: 'assistant', text: 'Wel' },
    ];
    const found = await parts('Be brief.', turns);
    if (!found) throw new Error('nothing was counted');
    const sum = found.turns.reduce((total, tokens) => total + tokens, found.system + found.template);
    expect(sum).toBe(found.total);
    expect(found.total).toBe(await kit.engine.countTokens({ systemPrompt: 'Be brief.', turns }));
    // Letters are tokens in this vocabulary, but for the script's own pieces.
    expect(found.turns).toEqual([3, model.chunks.length, 7, 11, 3, 3]);
    expect(found.system).toBe(9);
    expect(found.template).toBeGreaterThan(0);
  });

  it('tell of a system prompt within the first message, and of joined messages', async () => {
    const mistral =
      "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{% elif message['role'] == 'user' %}" +
      "{% if loop.last and messages[0]['role'] == 'system' %}[INST] {{ messages[0]['content'] }}\n\n{{ message['content'] }} [/INST]" +
      "{% else %}[INST] {{ message['content'] }} [/INST]{% endif %}{% else %}{{ message['content'] }}{{ eos_token }}{% endif %}{% endfor %}";
    const model = await writeScriptedModel(file('moving'), { script: plainScript, chatTemplate: mistral });
    await kit.engine.load(loadRequest(model));
    const found = await parts('Be brief.', [...chat('One', ''), ...chat('Two')]);
    expect(found).toMatchObject({ system: 9, turns: [3, 0, 3] });
  });

  it('tell how much would be reused', async () => {
    const model = await writeScriptedModel(file('script'), { script: plainScript });
    await kit.engine.load(loadRequest(model));
    expect(await parts('', chat('One'))).toMatchObject({ reusable: 0 });
    await ask(kit.engine, chat('One'));
    const followUp = chat('One', plainScript, 'Two');
    const found = await parts('', followUp);
    const { result } = await ask(kit.engine, followUp);
    expect(found?.reusable).toBe(result.stats?.reusedTokens);
    expect(await parts('', chat('Other'))).toMatchObject({ reusable: expect.any(Number) });
    await kit.engine.unload();
    expect(await parts('', chat('One'))).toBeNull();
  });
});
