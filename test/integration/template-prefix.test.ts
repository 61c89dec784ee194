import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chatWrappers, specializedChatWrapperTypeNames, type ChatWrapper, type Token } from 'node-llama-cpp';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Turn } from '../../src-main/engine/sidecar/contract.ts';
import { commonPrefixLength } from '../../src-main/engine/sidecar/prefill.ts';
import { movesSystemPrompt, renderPrompt } from '../../src-main/engine/sidecar/prompt.ts';
import { certainTokens } from '../../src-main/engine/sidecar/read-ahead.ts';
import { readTemplate, type ChatTemplate } from '../../src-main/engine/sidecar/template.ts';
import { DatedWrapper, TemplateClock } from '../../src-main/engine/sidecar/template-date.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { CHATML_TEMPLATE, switchedTemplate } from '../support/gguf/vocabulary.ts';
import { ExactEngine } from '../support/probabilities.ts';

// What was read for one turn is good for the next only if the next prompt begins with it, token by token.

const MISTRAL =
  "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}" +
  "{% if loop.last and messages[0]['role'] == 'system' %}[INST] {{ messages[0]['content'] }}\n\n{{ message['content'] }} [/INST]" +
  "{% else %}[INST] {{ message['content'] }} [/INST]{% endif %}{% elif message['role'] == 'assistant' %}{{ message['content'] }}{{ eos_token }}{% endif %}{% endfor %}";
const GEMMA =
  "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}{% set rest = messages[1:] %}" +
  "{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for message in rest %}" +
  "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ first if loop.first else '' }}{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}" +
  '{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}';
const LLAMA_3 =
  "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endfor %}" +
  '{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}';
/** Writes how many messages there are at the start: nothing can be done about that. */
const COUNTING =
  "{{ bos_token }}{{ messages | length }} messages\n{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant: ";

const TEMPLATES: Record<string, string> = {
  ChatML: CHATML_TEMPLATE,
  'switched thinking': switchedTemplate(),
  'switched thinking that opens itself': switchedTemplate({ opensItself: true }),
  Mistral: MISTRAL,
  Gemma: GEMMA,
  'Llama 3': LLAMA_3,
};

let folder = '';
let engine: ExactEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-prefix-'));
  engine = await ExactEngine.load(
    await writeScriptedModel(join(folder, 'model.gguf'), { script: plainScript, contextLength: 4096 }),
  );
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const TEXTS = [
  'One, and a few words more',
  'An answer.\n\nOf two paragraphs',
  '7 is next',
  'So it is.',
  'Three',
];
const upTo = (count: number): Turn[] =>
  TEXTS.slice(0, count).map((text, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', text }));

/** How the prompts of a template are rendered, as after a load of it. */
function renderer(template: ChatTemplate, systemPrompt = 'Be brief, and friendly.') {
  const { model, context } = engine.loaded;
  const isSystemMerged = movesSystemPrompt(template.wrapper('auto'));
  const loaded = { model, context, template, isSystemMerged };
  const input = (count: number, date?: string) => ({
    systemPrompt,
    turns: upTo(count),
    reasoning: { mode: 'auto' as const, budgetTokens: null },
    ...(date === undefined ? {} : { date }),
  });
  return {
    text: (date?: string) => renderPrompt(loaded, input(1, date)).text.toString(),
    prompt: (count: number, date?: string) => renderPrompt(loaded, input(count, date)).tokens,
    ahead: (count: number) => certainTokens(loaded, input(count)),
  };
}

/** Tokens at the end of the earlier prompt that the later one has not. */
const lost = (earlier: readonly Token[], later: readonly Token[]) =>
  earlier.length - commonPrefixLength(earlier, later);

const fixed = (wrapper: ChatWrapper): ChatTemplate => ({
  reasoning: 'none',
  isOpenedOnStart: false,
  wrapper: () => wrapper,
});

const wrappers = [...specializedChatWrapperTypeNames, 'general' as const];

describe('the prompt of a turn begins with that of the one before', () => {
  it.each(wrappers)('with the wrapper %s', (name) => {
    const { prompt } = renderer(fixed(new chatWrappers[name]()));
    for (const [earlier, later] of [
      [1, 3],
      [3, 5],
    ] as const)
      expect({ name, lost: lost(prompt(earlier), prompt(later)) }).toEqual({ name, lost: 0 });
  });

  it.each(Object.keys(TEMPLATES))('with the template %s', (name) => {
    const { prompt } = renderer(readTemplate(engine.loaded.model, TEMPLATES[name] ?? ''));
    expect([lost(prompt(1), prompt(3)), lost(prompt(3), prompt(5))]).toEqual([0, 0]);
  });

  it('but not with one that changes its start, which costs the whole', () => {
    const { prompt } = renderer(readTemplate(engine.loaded.model, COUNTING));
    expect(lost(prompt(3), prompt(5))).toBeGreaterThan(prompt(3).length - 10);
  });
});

/** As Llama 3.2's and gpt-oss's say it. */
const DATED =
  "{{ bos_token }}{% if strftime_now is defined %}{% set today = strftime_now('%d %b %Y') %}{% else %}{% set today = '26 Jul 2024' %}{% endif %}" +
  '<|im_start|>system\nToday: {{ today }} ({{ strftime_now("%Y-%m-%d") }})<|im_end|>\n' +
  CHATML_TEMPLATE.replace('{{ bos_token }}', '');
const CLOCKED = ['llama3.1', 'llama3.2-lightweight', 'harmony', 'muse'] as const;

describe('a prompt that tells the day begins as the one before, on another day', () => {
  const DAY = '2026-03-04';
  const library = (name: (typeof CLOCKED)[number]): ChatTemplate => {
    const clock = new TemplateClock();
    const inner = new chatWrappers[name](clock.wrapperSettings[name]);
    return {
      ...fixed(inner),
      wrapper: (_mode, date) => (date === undefined ? inner : new DatedWrapper(inner, clock, date)),
    };
  };
  const templates: [string, () => ChatTemplate][] = [
    ...CLOCKED.map((name): [string, () => ChatTemplate] => [name, () => library(name)]),
    ['strftime_now', () => readTemplate(engine.loaded.model, DATED)],
    [
      'strftime_now and switched thinking',
      () => readTemplate(engine.loaded.model, `Today: {{ strftime_now('%d %B %Y') }}\n${switchedTemplate()}`),
    ],
  ];
  afterEach(() => void vi.useRealTimers());

  it.each(templates)('with %s', (_name, template) => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(2026, 10, 23, 23, 59) });
    // Muse's tells it only where there is no system prompt.
    const { prompt, text } = renderer(template(), '');
    expect(text(DAY)).toMatch(/2026-03-04|0?4 Mar(ch)? 2026|04-03-2026/);
    const [earlier, today] = [prompt(1, DAY), text()];
    vi.setSystemTime(new Date(2026, 10, 24, 0, 1));
    expect(lost(earlier, prompt(3, DAY))).toBe(0);
    // What belongs to no chat tells today's.
    expect(text()).not.toBe(today);
  });

  it('and every wrapper of the library that tells the day is told it', () => {
    const dated = wrappers.filter((name) => 'todayDate' in new chatWrappers[name]());
    expect(dated.toSorted()).toEqual([...CLOCKED].toSorted());
  });
});

describe('what is read ahead is the beginning of what is sent', () => {
  const all = [
    ...wrappers.map((name) => [name, () => fixed(new chatWrappers[name]())] as const),
    ...Object.entries(TEMPLATES).map(
      ([name, text]) => [name, () => readTemplate(engine.loaded.model, text)] as const,
    ),
  ];
  it.each(all)('with %s', (_name, template) => {
    const { prompt, ahead } = renderer(template());
    for (const count of [1, 2, 3, 4, 5]) {
      const certain = ahead(count);
      // After an answer the message that follows; while it is written, the message itself.
      const sent = prompt(count % 2 === 0 ? count + 1 : count);
      expect(lost(certain, sent)).toBe(0);
    }
    // Everything before the message, and most of the message.
    expect(ahead(3).length).toBeGreaterThanOrEqual(ahead(2).length);
    expect(ahead(2).length).toBeGreaterThan(prompt(1).length);
  });
});
