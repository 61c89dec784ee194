import { randomUUID } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadRequest, SavedState, SavedStateCandidate } from '../../src-main/engine/api.ts';
import { SHAPES, writeRandomModel } from '../support/gguf/random-model.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

const TEXT = 'the of and to in is that it was for on are as with his they at be this have ';
const sampling = { maxTokens: 8 };

let kit: EngineKit;
let request: LoadRequest;
beforeAll(async () => {
  kit = await makeEngine();
  const model = await writeRandomModel(join(kit.folder, 'random.gguf'), {
    shape: { ...SHAPES.small, contextLength: 2048 },
    type: 'F32',
    vocabularySize: 1000,
  });
  request = loadRequest(model, { contextSize: 1024, sequences: 1 });
  await kit.engine.load(request);
});
afterAll(() => kit.close());

const file = () => join(kit.folder, `${randomUUID()}.state`);

async function saved(conversationId: string): Promise<SavedState & { path: string }> {
  const path = file();
  const state = await kit.engine.saveState({ conversationId, path });
  if (!state) throw new Error('nothing was held');
  return { ...state, path };
}

/** Offers states to an answer, and keeps what was said of them. */
function offer(...states: (SavedState & { path: string })[]) {
  const opened: string[] = [];
  const rejected: string[] = [];
  const candidates: SavedStateCandidate[] = states.map(({ path, key, tokens, bytes }) => ({
    id: path,
    key,
    tokens,
    bytes,
  }));
  return {
    opened,
    rejected,
    savedStates: {
      candidates,
      open: (id: string) => Promise.resolve(opened.push(id) > 0 ? id : null),
      rejected: (id: string) => void rejected.push(id),
    },
  };
}

/** Another chat takes the only sequence. */
const forget = () => ask(kit.engine, chat('what not when'), { sampling, conversationId: 'other' });

describe('a saved state', () => {
  it('takes the place of reading: the same chat, a follow-up, and an earlier branch', async () => {
    const turns = chat(TEXT.repeat(10));
    const first = await ask(kit.engine, turns, { sampling, conversationId: 'a' });
    const state = await saved('a');
    expect(state.tokens).toHaveLength(first.result.stats?.contextTokens ?? 0);
    expect(state.bytes).toBe((await readFile(state.path)).length);
    expect(state.readingMs).toBeGreaterThan(0);
    const [held] = await kit.engine.heldChats();
    expect(held).toMatchObject({ conversationId: 'a', tokens: state.tokens.length });
    // Told before it is written, from the header.
    expect((held?.bytes ?? 0) / state.bytes).toBeGreaterThan(0.8);
    expect((held?.bytes ?? 0) / state.bytes).toBeLessThan(1.25);
    const followUp = [...turns, ...chat('', 'one had by word').slice(1), ...chat('but not what all')];
    const branch = chat(`${TEXT.repeat(6)} were we when your can said there`);
    for (const wanted of [turns, followUp, branch]) {
      await forget();
      expect(await kit.engine.saveState({ conversationId: 'a', path: file() })).toBeNull();
      const fresh = await ask(kit.engine, wanted, { sampling, conversationId: 'a' });
      await forget();
      const { opened, rejected, savedStates } = offer(state);
      const back = await ask(kit.engine, wanted, { sampling, conversationId: 'a', savedStates });
      expect(back.text).toBe(fresh.text);
      expect(back.result.stats).toMatchObject({ reusedFrom: 'disk', stopReason: 'max_tokens' });
      expect(back.result.stats?.restoreMs).toBeGreaterThan(0);
      expect(back.result.stats?.reusedTokens).toBeGreaterThan(100);
      expect(back.result.stats?.promptTokens).toBe(fresh.result.stats?.promptTokens);
      expect({ opened, rejected }).toEqual({ opened: [state.path], rejected: [] });
    }
  });

  it('is left alone where the memory holds as much, and where it is of another key', async () => {
    const turns = chat(TEXT.repeat(8));
    await ask(kit.engine, turns, { sampling, conversationId: 'b' });
    const state = await saved('b');
    const live = offer(state);
    const again = await ask(kit.engine, turns, { sampling, conversationId: 'b', ...live });
    expect(again.result.stats).toMatchObject({ reusedFrom: 'live', readTokens: 1, restoreMs: 0 });
    await forget();
    const other = offer({ ...state, key: 'another' });
    const read = await ask(kit.engine, turns, { sampling, conversationId: 'b', ...other });
    expect(read.result.stats?.reusedFrom).not.toBe('disk');
    expect([...live.opened, ...other.opened]).toEqual([]);
  });

  it('has a key of its own for every setting that it depends on, and the same after a restart', async () => {
    const { stateKey } = kit.engine;
    const keys = new Set([stateKey]);
    for (const settings of [{ contextSize: 512 }, { flashAttention: 'off' as const }, { fileState: 'new' }]) {
      await kit.engine.load({ ...request, ...settings });
      keys.add(kit.engine.stateKey);
    }
    expect(keys.size).toBe(4);
    await kit.engine.restart();
    expect(kit.engine.stateKey).toBeNull();
    await kit.engine.load({ ...request, threads: 1, sequences: 2 });
    expect(kit.engine.stateKey).toBe(stateKey);
    await kit.engine.load(request);
  });

  it('that is damaged is refused, and the prompt is read', async () => {
    const turns = chat(TEXT.repeat(9));
    const fresh = await ask(kit.engine, turns, { sampling, conversationId: 'c' });
    const state = await saved('c');
    const rubbish = { ...state, path: file() };
    await writeFile(rubbish.path, Buffer.alloc(state.bytes, 7));
    const missing = { ...state, path: file() };
    // A whole file, but not of these tokens.
    const other = { ...state, tokens: [...state.tokens.slice(0, -1), 5] };
    for (const bad of [rubbish, missing, other]) {
      await forget();
      const { rejected, savedStates } = offer(bad);
      const answer = await ask(kit.engine, turns, { sampling, conversationId: 'c', savedStates });
      expect(answer.text).toBe(fresh.text);
      expect(answer.result.stats?.reusedFrom).not.toBe('disk');
      expect(rejected).toEqual([bad.path]);
    }
    expect(kit.logs.filter(({ event }) => event === 'engine.crashed')).toEqual([]);
  });

  it('that takes the process down costs one restart, and the answer comes', async () => {
    const turns = chat(TEXT.repeat(9));
    const fresh = await ask(kit.engine, turns, { sampling, conversationId: 'd' });
    const state = await saved('d');
    await forget();
    // llama.cpp ends the process on a file that stops in the middle: the reason for a checksum in the core.
    await truncate(state.path, Math.floor(state.bytes / 2));
    const { rejected, savedStates } = offer(state);
    const answer = await ask(kit.engine, turns, { sampling, conversationId: 'd', savedStates });
    expect(answer.result).toMatchObject({ error: null, stats: { reusedFrom: null } });
    expect(answer.text).toBe(fresh.text);
    expect(rejected).toEqual([state.path]);
    expect(kit.logs.filter(({ event }) => event === 'engine.crashed')).toHaveLength(1);
  });
});
