import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reasoning } from '../../src-main/engine/api.ts';
import {
  longScript,
  plainScript,
  reasoningScript,
  writeScriptedModel,
  type ScriptedModelOptions,
} from '../support/gguf/scripted-model.ts';
import { CHATML_TEMPLATE, switchedTemplate } from '../support/gguf/vocabulary.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeAll(async () => {
  kit = await makeEngine();
});
afterAll(() => kit.close());

const file = (name: string) => join(kit.folder, `${name}.gguf`);
const mode = (name: Reasoning['mode'], budgetTokens: number | null = null): Reasoning => ({
  mode: name,
  budgetTokens,
});

async function load(options: Partial<ScriptedModelOptions>) {
  const model = await writeScriptedModel(file('model'), { script: plainScript, ...options });
  await kit.engine.load(loadRequest(model));
  return model;
}

describe('whether a model thinks', () => {
  it.each([
    ['none', { chatTemplate: CHATML_TEMPLATE }],
    ['none', { chatTemplate: null }],
    ['always', { reasoning: reasoningScript }],
    ['switchable', { reasoning: reasoningScript, chatTemplate: switchedTemplate() }],
    ['switchable', { reasoning: reasoningScript, chatTemplate: switchedTemplate({ opensItself: true }) }],
    // Its name says so, its template does not.
    ['none', { name: 'Qwen3 R1 Thinking Reasoner', chatTemplate: CHATML_TEMPLATE }],
  ])('is %s by its template', async (expected, options) => {
    await load(options);
    expect(kit.engine.state.reasoning).toBe(expected);
    await kit.engine.unload();
    expect(kit.engine.state.reasoning).toBeNull();
  });
});

describe.each([
  ['leaves it to the model', {}],
  ['opens the thought itself', { opensItself: true }],
])('a switch, where the template %s', (_name, options) => {
  it('on and automatic: thoughts apart from the answer; off: none', async () => {
    await load({ reasoning: reasoningScript, chatTemplate: switchedTemplate(options) });
    for (const reasoning of [mode('auto'), mode('on')]) {
      const answer = await ask(kit.engine, chat('Hello'), { reasoning });
      expect(answer.reasoning.trim()).toBe(reasoningScript);
      expect(answer.text.trim()).toBe(plainScript);
    }
    const off = await ask(kit.engine, chat('Hello'), { reasoning: mode('off') });
    expect(off.reasoning).toBe('');
    expect(off.text.trim()).toBe(plainScript);
    expect(off.result.stats?.promptTokens).toBe(
      await kit.engine.countTokens({ systemPrompt: '', turns: chat('Hello'), reasoning: mode('off') }),
    );
  });

  it('a limit closes the thought, and the answer follows', async () => {
    const model = await load({ reasoning: reasoningScript, chatTemplate: switchedTemplate(options) });
    const answer = await ask(kit.engine, chat('Hello'), { reasoning: mode('on', 3) });
    expect(answer.reasoning).toBe(model.chunks.slice(1, 4).join(''));
    expect(answer.text.trim()).toBe(plainScript);
    expect(answer.result.stopReason).toBe('end');
  });

  it('off goes on with an answer without thoughts', async () => {
    const model = await load({ reasoning: reasoningScript, chatTemplate: switchedTemplate(options) });
    const afterMark = model.chunks.indexOf('</think>') + 1;
    const begun = model.chunks.slice(afterMark, afterMark + 3).join('');
    const answer = await ask(kit.engine, [...chat('Hello'), { role: 'assistant', text: begun }], {
      reasoning: mode('off'),
    });
    expect(answer.reasoning).toBe('');
    expect(begun + answer.text).toBe(`\n\n${plainScript}`);
  });
});

describe('a model that always thinks', () => {
  it('is told not to by a thought that is over', async () => {
    const chatTemplate = switchedTemplate().replace(/\{% if enable_thinking.*?\{% endif %\}/, '');
    await load({ reasoning: reasoningScript, chatTemplate });
    expect(kit.engine.state.reasoning).toBe('always');
    const answer = await ask(kit.engine, chat('Hello'), { reasoning: mode('off') });
    expect(answer.reasoning).toBe('');
    expect(answer.text.trim()).toBe(plainScript);
    expect((await ask(kit.engine, chat('Hello'))).reasoning.trim()).toBe(reasoningScript);
  });
});

describe('a model that begins to think again whenever it is stopped', () => {
  it('is let, after a few times, rather than go on for ever', async () => {
    // What closes its thought ends with a line break, after which this model begins from the start.
    await load({ reasoning: reasoningScript });
    for (const reasoning of [mode('auto', 2), mode('auto', 0)]) {
      const { text, result } = await ask(kit.engine, chat('Hello'), { reasoning });
      expect(text.trim()).toBe(plainScript);
      expect(result.stopReason).toBe('end');
    }
  });
});

describe('answer now', () => {
  it('closes the thought of a running generation', async () => {
    const thoughts = longScript(2_000);
    await load({ reasoning: thoughts, chatTemplate: switchedTemplate(), contextLength: 8192 });
    const generationId = 'now';
    let asked: Promise<boolean> | null = null;
    const answer = await ask(kit.engine, chat('Hello'), {
      generationId,
      onEvent(event) {
        if (event.type === 'chunk' && event.kind === 'reasoning')
          asked ??= kit.engine.answerNow(generationId);
      },
    });
    expect(await asked).toBe(true);
    expect(answer.reasoning.length).toBeGreaterThan(0);
    expect(answer.reasoning.length).toBeLessThan(thoughts.length);
    expect(answer.text.trim()).toBe(plainScript);
    expect(await kit.engine.answerNow(generationId)).toBe(false);
  });

  it('changes nothing in an answer without thoughts', async () => {
    await load({ script: longScript(500) });
    let asked: Promise<boolean> | null = null;
    const answer = await ask(kit.engine, chat('Hello'), {
      generationId: 'plain',
      onEvent(event) {
        if (event.type === 'chunk') asked ??= kit.engine.answerNow('plain');
      },
    });
    expect(await asked).toBe(false);
    expect(answer.text).toBe(longScript(500));
  });
});
