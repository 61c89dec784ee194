import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRandomModel } from '../support/gguf/random-model.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeAll(async () => {
  kit = await makeEngine();
  // Gemma 3's architecture with a window of 64 tokens: the cache forgets what lies further back.
  const model = await writeRandomModel(join(kit.folder, 'window.gguf'), {
    shape: {
      architecture: 'gemma3',
      embedding: 64,
      blocks: 6,
      heads: 2,
      kvHeads: 1,
      headDim: 32,
      feedForward: 128,
      ropeBase: 10_000,
      contextLength: 4096,
      slidingWindow: 64,
    },
    type: 'F32',
    vocabularySize: 1000,
  });
  await kit.engine.load(loadRequest(model));
});
afterAll(() => kit.close());

const sampling = { maxTokens: 100 };

describe('a model with a sliding window', () => {
  it('answers the same prompt again without reading it again', async () => {
    const turns = chat(
      'the of and to in is that it was for on are as with his they at be this have '.repeat(20),
    );
    const first = await ask(kit.engine, turns, { sampling });
    expect(first.result).toMatchObject({ stopReason: 'max_tokens', error: null });
    expect(first.result.stats?.promptTokens).toBeGreaterThan(300);
    const again = await ask(kit.engine, turns, { sampling });
    expect(again.result.stats?.readTokens).toBe(1);
    expect(again.text).toBe(first.text);
  });

  it('reads what it has forgotten in chunks, and counts it as read', async () => {
    const shared = 'one had by word but not what all were we when your can said there '.repeat(20);
    const first = (await ask(kit.engine, chat(`${shared} first end`), { sampling })).result.stats;
    const { result, events } = await ask(kit.engine, chat(`${shared.slice(0, 400)} second end`), {
      sampling,
    });
    const stats = result.stats;
    expect((stats?.reusedTokens ?? 0) + (stats?.readTokens ?? 0)).toBe(stats?.promptTokens);
    expect(stats?.promptTokens).toBeLessThan(first?.promptTokens ?? 0);
    expect(events.filter((event) => event.type === 'reading').length).toBeGreaterThan(0);
  });

  it('goes on with a follow-up where the answer ended', async () => {
    const first = await ask(kit.engine, chat('the of and to in'), { sampling });
    const { result } = await ask(kit.engine, chat('the of and to in', first.text, 'is that it'), {
      sampling,
    });
    const stats = result.stats;
    expect((stats?.reusedTokens ?? 0) + (stats?.readTokens ?? 0)).toBe(stats?.promptTokens);
    expect(stats?.reusedTokens).toBeGreaterThanOrEqual((first.result.stats?.promptTokens ?? 0) - 1);
  });
});
