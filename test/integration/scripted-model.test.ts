import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { probeModel } from '../support/gguf/probe.ts';
import { SHAPES, writeRandomModel } from '../support/gguf/random-model.ts';
import {
  htmlInjectionScript,
  longScript,
  markdownScript,
  plainScript,
  reasoningScript,
  rtlScript,
  unicodeScript,
  writeScriptedModel,
} from '../support/gguf/scripted-model.ts';

let folder = '';
let modelPath = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-scripted-'));
  modelPath = join(folder, 'scripted.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['plain words', plainScript],
  ['Markdown with code', markdownScript],
  ['HTML injection', htmlInjectionScript],
  ['right-to-left text', rtlScript],
  ['emoji and combining marks', unicodeScript],
])('llama.cpp says %s byte for byte, at temperature 0 and 0.8', async (_name, script) => {
  await writeScriptedModel(modelPath, { script });
  const answers = await probeModel({
    modelPath,
    requests: [
      { user: 'Say it.', temperature: 0 },
      { user: 'Say it again, please: \u{1F600} \u05d0 word3', temperature: 0.8, seed: 7 },
      { user: 'Once more', temperature: 0.8, seed: 99, system: 'Be brief.' },
      { user: 'And now?', temperature: 0, earlierTurns: [['Say it.', script]] },
    ],
  });
  for (const answer of answers) {
    expect(answer).toMatchObject({
      wrapper: 'ChatML',
      response: script,
      streamed: script,
      stopReason: 'eogToken',
    });
  }
  expect(answers).toHaveLength(4);
});

test('a long script comes as one token a word', async () => {
  const script = longScript(1000);
  const { chunks } = await writeScriptedModel(modelPath, { script });
  const [answer] = await probeModel({ modelPath, requests: [{ user: 'Go', temperature: 0.8 }] });
  expect(chunks).toHaveLength(1000);
  expect(answer).toMatchObject({ response: script, tokens: 1000 });
});

test('a model that never stops ends only by limit or by abort', async () => {
  await writeScriptedModel(modelPath, { script: longScript(20), thenStop: false });
  const [limited, stopped] = await probeModel({
    modelPath,
    requests: [
      { user: 'Go', temperature: 0.8, maxTokens: 300 },
      { user: 'Go', temperature: 0, stopAfterTokens: 50 },
    ],
  });
  expect(limited).toMatchObject({ stopReason: 'maxTokens', tokens: 300 });
  expect(limited?.response.startsWith(`${longScript(20)}\n\n${longScript(20)}\n\nword1`)).toBe(true);
  expect(stopped?.stopReason).toBe('abort');
  expect(stopped?.tokens).toBeGreaterThanOrEqual(50);
  expect(stopped?.tokens).toBeLessThan(60);
});

test('thinking arrives as a thought segment, apart from the answer', async () => {
  await writeScriptedModel(modelPath, { script: plainScript, reasoning: reasoningScript });
  const answers = await probeModel({
    modelPath,
    requests: [
      { user: 'Think first', temperature: 0 },
      { user: 'Think first', temperature: 0.8, system: 'Be brief.' },
    ],
  });
  expect(answers).toHaveLength(2);
  for (const answer of answers) {
    expect(answer).toMatchObject({
      wrapper: 'JinjaTemplate',
      thought: reasoningScript,
      response: plainScript,
      stopReason: 'eogToken',
    });
  }
});

test('a partial answer is continued where it ended', async () => {
  const { chunks } = await writeScriptedModel(modelPath, { script: markdownScript });
  const begun = chunks.slice(0, 40).join('');
  const [answer] = await probeModel({
    modelPath,
    requests: [{ user: 'Go on', temperature: 0, continueFrom: begun }],
  });
  expect(answer?.streamed).toBe(markdownScript.slice(begun.length));
});

test.each(['small', 'gemma3'] as const)(
  'llama.cpp runs the random %s model to its token limit',
  async (shape) => {
    const dims = { ...SHAPES[shape], blocks: 6, feedForward: 512 };
    await writeRandomModel(modelPath, { shape: dims, type: 'F32', vocabularySize: 2000 });
    const request = { user: 'the people of the water', temperature: 0.8, maxTokens: 24, seed: 3 };
    const [first, other] = await probeModel({
      modelPath,
      requests: [request, { ...request, user: 'the people of the oil' }],
    });
    expect(first).toMatchObject({ stopReason: 'maxTokens', tokens: 24 });
    // Attention is real: another word earlier in the prompt changes the answer.
    expect(other?.response).not.toBe(first?.response);
  },
);
