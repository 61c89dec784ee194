import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GenerationStats } from '../../src-main/contract/index.ts';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { ask, chat, loadRequest, makeEngine, type Answer, type EngineKit } from './engine-kit.ts';

/** No three words stand twice: what is guessed can only come from the question. */
const WORDS = Array.from({ length: 160 }, (_, index) => `part${index} `).join('');
const COPY = `Say this again: ${WORDS}`;

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

function statsOf({ result }: Answer): GenerationStats {
  if (!result.stats) throw new Error('no figures');
  return result.stats;
}

async function load(
  script: Parameters<typeof writeScriptedModel>[1],
  settings: Partial<LoadRequest> = {},
): Promise<LoadRequest> {
  const request = loadRequest(await writeScriptedModel(join(kit.folder, 'copy.gguf'), script), settings);
  await kit.engine.load(request);
  return request;
}

describe('an answer that copies the question', () => {
  test('is guessed, and is the same with the same figures as without guesses', async () => {
    const request = await load({ script: WORDS });
    const guessed = await ask(kit.engine, chat(COPY));
    await kit.engine.load({ ...request, speculation: 'off' });
    const plain = await ask(kit.engine, chat(COPY));
    expect(guessed.text).toBe(WORDS);
    expect(plain.text).toBe(WORDS);
    const stats = statsOf(guessed);
    const { guessedTokens, guessedRight } = stats;
    expect(guessedRight).toBeGreaterThanOrEqual(3);
    expect(guessedTokens).toBeGreaterThanOrEqual(guessedRight);
    expect(plain.result.stats).toMatchObject({ guessedTokens: 0, guessedRight: 0 });
    const { promptTokens, generatedTokens, contextTokens, stopReason } = statsOf(plain);
    expect(stats).toMatchObject({ promptTokens, generatedTokens, contextTokens, stopReason });
    const counted = guessed.events.flatMap((event) =>
      event.type === 'chunk' ? (event.generatedTokens ?? []) : [],
    );
    expect(counted).toEqual(counted.toSorted((a, b) => a - b));
    expect(counted.at(-1)).toBeLessThanOrEqual(generatedTokens);
  });

  test('goes on from what was said, not from what was guessed', async () => {
    await load({ script: WORDS });
    const first = await ask(kit.engine, chat(COPY), { sampling: { maxTokens: 90 }, conversationId: 'a' });
    expect(first.result.stopReason).toBe('max_tokens');
    expect(first.result.stats).toMatchObject({ generatedTokens: 90 });
    const next = await ask(kit.engine, chat(COPY, first.text, 'And then?'), { conversationId: 'a' });
    expect(next.text).toBe(WORDS);
    expect(statsOf(next).reusedTokens).toBeGreaterThan(statsOf(first).promptTokens);
  });

  test('stops where it is told to', async () => {
    await load({ script: WORDS, thenStop: false });
    const stop = new AbortController();
    const { result, text } = await ask(kit.engine, chat(COPY), {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'chunk' && (event.generatedTokens ?? 0) > 40) stop.abort();
      },
    });
    expect(result.stopReason).toBe('stopped');
    const spoken = WORDS.trimEnd();
    expect(text.slice(0, spoken.length)).toBe(spoken.slice(0, text.length));
  });

  test('ends where the context ends', async () => {
    await load({ script: WORDS, thenStop: false }, { contextSize: 512 });
    const { result } = await ask(kit.engine, chat(COPY));
    expect(result).toMatchObject({ stopReason: 'context_full', error: null });
    expect(result.stats?.contextTokens).toBeLessThanOrEqual(512);
  });

  test('keeps a thought to its budget', async () => {
    const request = await load({ script: 'Now the answer.', reasoning: WORDS });
    const reasoning = { mode: 'auto' as const, budgetTokens: 60 };
    const guessed = await ask(kit.engine, chat(COPY), { reasoning });
    expect(guessed.result.stats?.guessedRight).toBeGreaterThanOrEqual(3);
    await kit.engine.load({ ...request, speculation: 'off' });
    const plain = await ask(kit.engine, chat(COPY), { reasoning });
    expect(guessed.reasoning).toBe(plain.reasoning);
    expect(guessed.text).toBe(plain.text);
    expect(guessed.result.stats?.generatedTokens).toBe(plain.result.stats?.generatedTokens);
  });
});

describe('an answer with a seed', () => {
  test('is guessed too, and is the same without guesses', async () => {
    const request = await load({ script: WORDS });
    // Flat enough that what is drawn differs from what is likeliest.
    const sampling = { temperature: 5, topK: 3, topP: 1, minP: 0, maxTokens: 80, seed: 7 };
    const answers: Answer[] = [];
    for (const speculation of ['auto', 'off'] as const) {
      await kit.engine.load({ ...request, speculation });
      answers.push(await ask(kit.engine, chat(COPY), { sampling }));
    }
    const [guessed, plain] = answers;
    if (!guessed || !plain) throw new Error('no answers');
    expect(guessed.text).toBe(plain.text);
    expect(statsOf(guessed).guessedTokens).toBeGreaterThan(0);
    expect(statsOf(plain).guessedTokens).toBe(0);
    const { promptTokens, generatedTokens, contextTokens, seed } = statsOf(plain);
    expect(statsOf(guessed)).toMatchObject({ promptTokens, generatedTokens, contextTokens, seed });
  });

  test('is guessed where it copies at an everyday temperature', async () => {
    await load({ script: WORDS });
    const { result, text } = await ask(kit.engine, chat(COPY), { sampling: { temperature: 0.8, seed: 7 } });
    expect(text).toBe(WORDS);
    expect(result.stats?.guessedRight).toBeGreaterThan(100);
  });
});

test('an answer with a repeat penalty is not guessed', async () => {
  await load({ script: WORDS });
  const sampling = { repeatPenalty: 1.1, maxTokens: 40 };
  const { result } = await ask(kit.engine, chat(COPY), { sampling });
  expect(result.stats).toMatchObject({ guessedTokens: 0 });
});

test('where every guess is wrong, at most 1.03 times as many tokens are computed', async () => {
  await load({ script: WORDS });
  const words = WORDS.trim().split(' ');
  // Each three words that come stand here, with another word behind them.
  const misleading = words
    .slice(2)
    .map((word, index) => `${words[index]} ${words[index + 1]} ${word} Say`)
    .join(' ');
  const answer = await ask(kit.engine, chat(misleading));
  expect(answer.text).toBe(WORDS);
  const { guessedTokens, guessedRight, generatedTokens } = statsOf(answer);
  expect(guessedTokens).toBeGreaterThan(0);
  expect(guessedRight).toBe(0);
  expect((generatedTokens + guessedTokens - guessedRight) / generatedTokens).toBeLessThanOrEqual(1.03);
});
