import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { appError, MAX_PREVIEW_LENGTH, TrainingFilters } from '../../src-main/contract/index.ts';
import { createExporter } from '../../src-main/conversations/transfer/export.ts';
import { createTrainingPreview } from '../../src-main/conversations/transfer/training-preview.ts';
import { entries } from '../../src-main/entries.ts';
import { createTemplateRenderer, type TemplateInput } from '../../src-main/models/template-renderer.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { finished, newAnswer, newSend, noSettings, temporaryFolder } from '../support/store/fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: Store;

beforeEach(async () => {
  folder = temporaryFolder();
  store = await openStore({ workerPath: entries.storeWorker, dataDir: folder.path, log: () => undefined });
});
afterEach(async () => {
  await store.close();
  folder.dispose();
});

const ALL = v.parse(TrainingFilters, {});
const CHATML =
  "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}";

/** A chat of one question and one answer; its id. */
async function chat(text: string, { at = 100, system = '', reasoning = '' } = {}): Promise<string> {
  const send = newSend({ text, at, settings: { ...noSettings, systemPrompt: system } });
  await store.messages.begin(send);
  await store.messages.finish(finished(send.assistant.id, { text: `${text}!`, reasoning }));
  return send.conversationId;
}

async function questions(training: TrainingFilters, conversationIds: string[] | null = null) {
  const exporter = createExporter({ store });
  const { exportId } = await exporter.begin({ conversationIds, format: 'jsonl', training });
  let text = '';
  for (let isLast = false; !isLast;) {
    const piece = await exporter.read(exportId);
    text += piece.text;
    ({ isLast } = piece);
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { messages: { content: string }[] }).messages[0]?.content);
}

describe('what goes into a file for training', () => {
  test('by folder with those inside it, tag, model, date, number of answers; also of chosen chats', async () => {
    const [a, b, c] = [
      await chat('a', { at: 1_000 }),
      await chat('b', { at: 2_000 }),
      await chat('c', { at: 3_000 }),
    ];
    const folders = [randomUUID(), randomUUID()];
    for (const [index, id] of folders.entries())
      await store.folders.create({
        ...{ id, name: `F${index}`, parentId: folders[index - 1] ?? null, createdAt: 5 },
        ...{ modelId: null, systemPrompt: null },
      });
    const tag = await store.tags.create({ id: randomUUID(), name: 'good' });
    await store.history.update({ ids: [a], change: { folderId: folders[1] ?? null }, at: 9_000 });
    await store.history.update({ ids: [b], change: { addTags: [tag.id] }, at: 9_000 });
    const answer = newAnswer(c, (await store.conversations.get({ id: c })).messages[0]?.id ?? '');
    const modelId = randomUUID();
    await store.messages.begin({ ...answer, assistant: { ...answer.assistant, modelId } });
    await store.messages.finish(finished(answer.assistant.id, { text: 'other' }));

    expect(await questions(ALL)).toEqual(['a', 'b', 'c']);
    expect(await questions({ ...ALL, folderId: folders[0] ?? null })).toEqual(['a']);
    expect(await questions({ ...ALL, tagId: tag.id })).toEqual(['b']);
    expect(await questions({ ...ALL, tagId: tag.id }, [a, c])).toEqual([]);
    expect(await questions({ ...ALL, modelId })).toEqual(['c']);
    const at = async (id: string) => (await store.conversations.get({ id })).conversation.updatedAt;
    expect(await questions({ ...ALL, from: await at(a), to: await at(b) })).not.toContain('b');
    expect(await questions({ ...ALL, to: 1 })).toEqual([]);
    expect(await questions({ ...ALL, minAnswers: 2 })).toEqual([]);
  });
});

describe('the preview', () => {
  const previewOf = (header: { chatTemplate: string | null } | null, override: string | null = null) =>
    createTrainingPreview({
      store,
      models: {
        headerOf: () => {
          if (!header) return Promise.reject(appError('model_file_missing'));
          // Only these fields are read.
          const found = { header: { ...header, bosToken: '<s>', eosToken: null }, sizeBytes: 1 };
          return Promise.resolve({ ...found, settings: { chatTemplate: override } } as never);
        },
      },
      render: createTemplateRenderer(entries.templateWorker, { nodeBinary: process.execPath }),
    });
  const request = (more: Partial<TrainingFilters> = {}) => ({
    conversationIds: null,
    training: { ...ALL, ...more },
    modelId: 'm',
  });

  test('is the first line of the file and what the template of the model writes of it', async () => {
    await chat('Tide?', { system: 'You sail.', reasoning: 'Hm.' });
    const preview = previewOf({ chatTemplate: CHATML });
    const shown = await preview(request({ reasoning: true }));
    expect(shown).toMatchObject({ found: 'one', template: CHATML, problem: null });
    expect(JSON.parse(shown.line ?? '')).toMatchObject({ messages: { length: 3 } });
    expect(shown.rendered).toBe(
      '<s><|im_start|>system\nYou sail.<|im_end|>\n<|im_start|>user\nTide?<|im_end|>\n' +
        '<|im_start|>assistant\n<think>\nHm.\n</think>\n\nTide?!<|im_end|>\n',
    );
    const plain = await preview(request({ systemPrompt: false }));
    expect(plain.rendered).toBe(
      '<s><|im_start|>user\nTide?<|im_end|>\n<|im_start|>assistant\nTide?!<|im_end|>\n',
    );
    expect(await preview({ ...request(), modelId: null })).toMatchObject({ found: 'one', rendered: null });
  });

  test('says what is missing: a chat, a template, the file; the own template of the settings goes first', async () => {
    const none = await previewOf({ chatTemplate: CHATML })(request());
    expect(none).toMatchObject({ found: 'none', line: null, template: CHATML, rendered: null });
    await chat('Tide?');
    expect(await previewOf({ chatTemplate: null })(request())).toMatchObject({ problem: 'no_template' });
    expect(await previewOf(null)(request())).toMatchObject({ found: 'one', problem: 'model_unreadable' });
    const own = await previewOf({ chatTemplate: CHATML }, '{{ messages[0].content }}')(request());
    expect(own).toMatchObject({ template: '{{ messages[0].content }}', rendered: 'Tide?' });
  });
});

describe('a template', () => {
  /** A text of a million letters. */
  const DOUBLED =
    "{% set ns = namespace(t='x') %}{% for a in range(20) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}";
  const input = (template: string): TemplateInput => ({
    template,
    messages: [{ role: 'user', content: 'secret' }],
    bosToken: '<s>',
    eosToken: '</s>',
  });

  test.each([
    ['refuses the chat', "{{ raise_exception('no ' + messages[0].content) }}"],
    ['is no Jinja', '{% for %}'],
    ['never ends', '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}'],
    [
      'grows without end',
      "{% set ns = namespace(t='x') %}{% for a in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
    ],
    ['asks for one list of a billion', '{% for i in range(1000000000) %}x{% endfor %}'],
    ['makes one text of gigabytes', `${DOUBLED}{{ ns.t|replace('x', '${'b'.repeat(1_000)}') }}`],
  ])('that %s costs its own process, and nothing is written', async (_, template) => {
    const render = createTemplateRenderer(entries.templateWorker, {
      nodeBinary: process.execPath,
      maxRenderMs: 5_000,
    });
    expect(await render(input(template))).toBeNull();
    expect(await render(input('{{ messages[0].content }}{{ eos_token }}'))).toBe('secret</s>');
  });

  test('is cut to what is shown before it reaches the app', async () => {
    const render = createTemplateRenderer(entries.templateWorker, { nodeBinary: process.execPath });
    expect(await render(input(`${DOUBLED}{{ ns.t }}`))).toBe('x'.repeat(MAX_PREVIEW_LENGTH));
    expect(await render(input('{{ messages[0].content }} 潮🌊'))).toBe('secret 潮🌊');
    const missing = createTemplateRenderer(entries.templateWorker, { nodeBinary: '/nowhere/node' });
    expect(await missing(input('x'))).toBeNull();
  });
});
