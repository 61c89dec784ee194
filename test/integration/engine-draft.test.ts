import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LlamaModel, type Token } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DEFAULT_SAMPLING, type GenerationStats } from '../../src-main/contract/index.ts';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { Draft } from '../../src-main/engine/sidecar/draft.ts';
import { Guesses, guessesOf } from '../../src-main/engine/sidecar/guesses.ts';
import { writeScriptedModel, type ScriptedModelOptions } from '../support/gguf/scripted-model.ts';
import { EXACT_SHAPES, ExactEngine, writeExactModel } from '../support/probabilities.ts';
import { ask, chat, loadRequest, makeEngine, type Answer, type EngineKit } from './engine-kit.ts';

/** No three words stand twice, and none stands in the question: only a draft model can guess them. */
const WORDS = Array.from({ length: 200 }, (_, index) => `part${index} `).join('');
const QUESTION = chat('Tell me something.');
/** A draft that lost twice is tried again after two answers, one that lost three times after four. */
const MAX_ANSWERS_WITHOUT = 5;

let kit: EngineKit;
beforeAll(async () => {
  kit = await makeEngine();
});
afterAll(() => kit.close());

function statsOf({ result }: Answer): GenerationStats {
  if (!result.stats) throw new Error('no figures');
  return result.stats;
}

async function write(name: string, options: Partial<ScriptedModelOptions> = {}) {
  const file = await writeScriptedModel(join(kit.folder, `${name}.gguf`), { script: WORDS, ...options });
  return { modelId: randomUUID(), path: file.path, sizeBytes: file.sizeBytes, fileState: '' };
}

/**
 * @param draft how it differs from the model
 * @param both what both are
 */
async function load(
  draft: Partial<ScriptedModelOptions> | null,
  settings: Partial<LoadRequest> = {},
  both: Partial<ScriptedModelOptions> = {},
): Promise<LoadRequest> {
  const request = loadRequest(await write('model', both), {
    draft: draft && (await write('draft', { seed: 2, ...both, ...draft })),
    ...settings,
  });
  await kit.engine.load(request);
  return request;
}

describe('a draft model', () => {
  test('that says the same is right, and the answer and its figures are those without it', async () => {
    const request = await load({});
    expect(kit.engine.state.tuning?.draft).toBe('ready');
    const drafted = await ask(kit.engine, QUESTION);
    await kit.engine.load({ ...request, draft: null });
    expect(kit.engine.state.tuning?.draft).toBeNull();
    const plain = await ask(kit.engine, QUESTION);
    expect(drafted.text).toBe(WORDS);
    expect(plain.text).toBe(WORDS);
    const { draftedTokens, draftedRight, guessedTokens, guessedRight } = statsOf(drafted);
    // How many depends on the clock: a draft of the model's own size hardly pays.
    expect(draftedRight).toBeGreaterThanOrEqual(3);
    expect(draftedRight / draftedTokens).toBeGreaterThan(0.9);
    expect({ guessedTokens, guessedRight }).toEqual({
      guessedTokens: draftedTokens,
      guessedRight: draftedRight,
    });
    expect(statsOf(plain)).toMatchObject({ guessedTokens: 0, draftedTokens: 0 });
    const { promptTokens, generatedTokens, contextTokens, stopReason } = statsOf(plain);
    expect(statsOf(drafted)).toMatchObject({ promptTokens, generatedTokens, contextTokens, stopReason });
  });

  test('that says something else is left alone, and costs next to nothing', async () => {
    await load({ stride: 2 });
    const wrong = await ask(kit.engine, QUESTION);
    expect(wrong.text).toBe(WORDS);
    const { draftedTokens, draftedRight, generatedTokens } = statsOf(wrong);
    expect(draftedTokens).toBeGreaterThan(0);
    expect(draftedRight).toBe(0);
    expect((generatedTokens + draftedTokens) / generatedTokens).toBeLessThanOrEqual(1.03);
  });

  test('says the same with a seed', async () => {
    const request = await load({});
    const sampling = { temperature: 5, topK: 3, topP: 1, minP: 0, maxTokens: 60, seed: 11 };
    const drafted = await ask(kit.engine, QUESTION, { sampling });
    expect(statsOf(drafted).draftedTokens).toBeGreaterThan(0);
    await kit.engine.load({ ...request, draft: null });
    const plain = await ask(kit.engine, QUESTION, { sampling });
    expect(drafted.text).toBe(plain.text);
  });

  test('goes with the chat: follow-ups and other chats', async () => {
    await load({}, { sequences: 2 });
    const first = await ask(kit.engine, QUESTION, { conversationId: 'a', sampling: { maxTokens: 90 } });
    const other = await ask(kit.engine, QUESTION, { conversationId: 'b', sampling: { maxTokens: 50 } });
    expect(WORDS.startsWith(other.text.trimEnd())).toBe(true);
    const turns = chat('Tell me something.', first.text, 'And then?');
    const next = await ask(kit.engine, turns, { conversationId: 'a' });
    expect(next.text).toBe(WORDS);
    expect(statsOf(next).reusedTokens).toBeGreaterThan(statsOf(first).promptTokens);
  });

  test('goes on after an answer that was stopped', async () => {
    // It never ends by itself: a stop comes when it comes.
    await load({}, {}, { thenStop: false });
    const stop = new AbortController();
    const stopped = await ask(kit.engine, QUESTION, {
      conversationId: 'a',
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'chunk' && (event.generatedTokens ?? 0) > 40) stop.abort();
      },
    });
    expect(stopped.result.stopReason).toBe('stopped');
    const endless = `${WORDS.trimEnd()}\n\n`.repeat(Math.ceil(stopped.text.length / WORDS.length));
    expect(endless.startsWith(stopped.text.trimEnd())).toBe(true);
    // By the clock a draft of the model's own size hardly pays: some answers are made without it.
    for (let answers = 1; ; answers += 1) {
      const after = await ask(kit.engine, QUESTION, {
        conversationId: 'a',
        sampling: { maxTokens: 100 },
      });
      expect(WORDS.startsWith(after.text.trimEnd())).toBe(true);
      const { draftedTokens, draftedRight } = statsOf(after);
      if (draftedTokens === 0 && answers < MAX_ANSWERS_WITHOUT) continue;
      expect(draftedRight / draftedTokens).toBeGreaterThan(0.9);
      break;
    }
  });

  test('is not used beyond its own context', async () => {
    await load({ contextLength: 128 });
    const { result, text } = await ask(kit.engine, QUESTION);
    expect(text).toBe(WORDS);
    expect(result.error).toBeNull();
    expect(result.stats?.draftedTokens).toBeGreaterThan(0);
  });
});

test('guesses on and on while it is right, and leaves in the cache what was said', async () => {
  const draft = await write('draft', { seed: 2 });
  const engine = await ExactEngine.load(await write('model'), { draft });
  try {
    const [held] = engine.loaded.sequences.all;
    const own = held && guessesOf(held)?.draft;
    if (!own) throw new Error('no draft');
    const sequence = await engine.fresh();
    const guesses = new Guesses(sequence, {
      draft: own,
      newAccount: () => ({ length: 5, hasLost: false, note: () => {} }),
    });
    const prompt = engine.loaded.model.tokenize('part0 part1 ');
    guesses.begin({ ...DEFAULT_SAMPLING, temperature: 0 });
    const said: Token[] = [];
    for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true }))
      if (said.push(token) === 101) break;
    await guesses.end();
    expect(engine.loaded.model.detokenize(said).trim()).toBe(WORDS.split(' ').slice(0, 101).join(' '));
    const { draftGuessed, draftRight, notSaid } = guesses.counters;
    // One token is the model's own in each step of six, and the first.
    expect(draftRight).toBeGreaterThanOrEqual(80);
    // The last step may have been left in the middle.
    expect(draftGuessed - draftRight).toBeLessThan(5);
    expect(notSaid).toBeLessThan(6);
    expect(sequence.contextTokens).toEqual([...prompt, ...said.slice(0, -1)]);
    await sequence.context.dispose();
  } finally {
    await engine.close();
  }
});

describe('a draft model that cannot be used never stops the model', () => {
  test.each([
    ['its words mean something else', 'vocabulary', () => write('draft', { script: 'Quite another text. ' })],
    [
      'its file has gone',
      'missing',
      async () => ({ ...(await write('draft')), path: join(kit.folder, 'gone.gguf') }),
    ],
    ['its file cannot be trusted', 'missing', async () => ({ ...(await write('draft')), path: null })],
    ['there is no room for it', 'memory', async () => ({ ...(await write('draft')), sizeBytes: 2 ** 50 })],
  ] as const)('where %s', async (_why, state, draft) => {
    await kit.engine.load(loadRequest(await write('model'), { draft: await draft() }));
    expect(kit.engine.state).toMatchObject({ status: 'ready', error: null, tuning: { draft: state } });
    const { text, result } = await ask(kit.engine, QUESTION);
    expect(text).toBe(WORDS);
    expect(result.stats).toMatchObject({ draftedTokens: 0 });
  });

  test('where it fails in the middle of an answer', async () => {
    const engine = await ExactEngine.load(await write('model'), { draft: await write('draft', { seed: 2 }) });
    try {
      const turns = [{ role: 'user' as const, text: 'Tell me something.' }];
      const failing = vi.spyOn(Draft.prototype, 'next').mockRejectedValue(new Error('llama_decode failed'));
      const { text } = await engine.answer(turns, { maxTokens: 60 });
      expect(failing).toHaveBeenCalledOnce();
      expect(text.length).toBeGreaterThan(60);
      expect(WORDS.startsWith(text.trimEnd())).toBe(true);
      failing.mockRestore();
      // It counts as one that did not pay: the next answer goes without, and the one after that with it.
      expect((await engine.answer(turns, { maxTokens: 60 })).stats.draftedTokens).toBe(0);
      expect((await engine.answer(turns, { maxTokens: 60 })).stats.draftedTokens).toBeGreaterThan(0);
    } finally {
      vi.restoreAllMocks();
      await engine.close();
    }
  });

  test('where it has taken what the context of the model needs', async () => {
    const create = vi
      .spyOn(LlamaModel.prototype, 'createContext')
      .mockRejectedValueOnce(new Error('Failed to create context'));
    try {
      const engine = await ExactEngine.load(await write('model'), {
        draft: await write('draft', { seed: 2 }),
      });
      // The second try, and none for the draft.
      expect(create).toHaveBeenCalledTimes(2);
      expect(engine.loaded.tuning.draft).toBe('memory');
      expect(engine.loaded.draft?.isOpen).toBe(false);
      const { text } = await engine.answer([{ role: 'user', text: 'Tell me something.' }], { maxTokens: 20 });
      expect(WORDS.startsWith(text.trimEnd())).toBe(true);
      await engine.close();
    } finally {
      create.mockRestore();
    }
  });

  test.each(['window', 'auto'] as const)(
    'where the model has a sliding window (%s) and wrong guesses may stay in it',
    async (windowCache) => {
      const file = await writeExactModel(join(kit.folder, 'window.gguf'), EXACT_SHAPES['sliding window']);
      const draft = await writeExactModel(join(kit.folder, 'own.gguf'), EXACT_SHAPES['grouped-query']);
      const { path, sizeBytes } = draft;
      const engine = await ExactEngine.load(file, {
        draft: { modelId: randomUUID(), path, sizeBytes },
        windowCache,
      });
      try {
        const { tuning, sequences } = engine.loaded;
        expect(tuning.fullWindow).toBe(windowCache === 'auto');
        expect(tuning.draft).toBe(windowCache === 'auto' ? 'ready' : 'not_possible');
        expect(engine.loaded.draft?.isOpen).toBe(windowCache === 'auto');
        expect(sequences.all.every((sequence) => guessesOf(sequence)?.draft === null)).toBe(
          windowCache === 'window',
        );
      } finally {
        await engine.close();
      }
    },
  );

  test('and goes with it when that is unloaded', async () => {
    const request = await load({});
    await kit.engine.unload();
    await rm(request.draft?.path ?? '');
    await kit.engine.load({ ...request, draft: null });
    expect((await ask(kit.engine, QUESTION)).text).toBe(WORDS);
    await kit.engine.load(request);
    expect(kit.engine.state.tuning?.draft).toBe('missing');
  });
});
