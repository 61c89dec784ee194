import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LlamaContextSequence } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReadAheadEvent, Turn } from '../../src-main/engine/sidecar/contract.ts';
import { readAhead } from '../../src-main/engine/sidecar/read-ahead.ts';
import { saveState } from '../../src-main/engine/sidecar/saved-state.ts';
import {
  distanceFromFresh,
  EXACT_SHAPES,
  ExactEngine,
  MAX_KL,
  writeExactModel,
} from '../support/probabilities.ts';

// The ways of the sidecar to what a prompt begins with: each must leave the cache that reading all of it leaves.

const LONG = Array.from({ length: 40 }, (_, index) => `word ${index} of the number`).join(' ');
const user = (text: string): Turn => ({ role: 'user', text });
const model = (text: string): Turn => ({ role: 'assistant', text });

describe.each(Object.entries(EXACT_SHAPES))('a model with %s attention', (name, shape) => {
  const isWindowed = name === 'sliding window';
  let folder = '';
  let engine: ExactEngine;
  let reference: LlamaContextSequence;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leeward-reuse-'));
    const file = await writeExactModel(join(folder, 'exact.gguf'), shape);
    engine = await ExactEngine.load(file, { windowCache: 'window' });
    reference = await engine.fresh();
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  const first = user(`${LONG} one`);

  async function savedState(conversationId: string) {
    const path = join(folder, `${conversationId}.state`);
    const saved = await saveState(engine.loaded, { conversationId, path });
    if (!saved) throw new Error('nothing was held');
    return { id: conversationId, path, tokens: saved.tokens, bytes: saved.bytes };
  }

  /** Other chats take every sequence. */
  async function forget() {
    for (const chat of engine.loaded.sequences.all.keys())
      await engine.answer([user(`${chat} something else ${LONG.slice(chat * 20)}`)]);
  }

  async function ahead(turns: Turn[], conversationId: string) {
    let end: Extract<ReadAheadEvent, { type: 'done' }> | null = null;
    await readAhead(
      engine.loaded,
      {
        generationId: 'ahead',
        systemPrompt: '',
        turns,
        reasoning: { mode: 'auto', budgetTokens: null },
        conversationId,
      },
      {
        signal: new AbortController().signal,
        emit: (event) => void (end = event.type === 'done' ? event : end),
      },
    );
    return end as Extract<ReadAheadEvent, { type: 'done' }> | null;
  }

  test('goes on from a state on disk as if it had read all of it', async () => {
    const before = await engine.answer([first], { conversationId: 'a' });
    const state = await savedState('a');
    await forget();
    const turns = [first, model(before.text), user('and then')];
    const { stats, sequence } = await engine.answer(turns, { conversationId: 'a', savedState: state });
    expect(stats).toMatchObject({ reusedFrom: 'disk' });
    expect(stats.reusedTokens).toBeGreaterThan(100);
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
  });

  test('goes back to a branch of a state on disk, or reads it where its window is gone', async () => {
    await engine.answer([first, model(`${LONG} said`), user('the old one')], { conversationId: 'b' });
    const state = await savedState('b');
    await forget();
    const turns = [first, model('other words'), user('the new one')];
    const { stats, sequence } = await engine.answer(turns, { conversationId: 'b', savedState: state });
    expect(stats.reusedFrom).toBe(isWindowed ? stats.reusedFrom : 'disk');
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
  });

  test('answers after reading ahead as if it had not', async () => {
    const before = await engine.answer([first], { conversationId: 'c' });
    const history = [first, model(before.text)];
    for (const draft of ['and what', 'and what was then', 'but what was said of it then'])
      await ahead([...history, user(draft)], 'c');
    const sent = [...history, user('but what was said of it then and there')];
    const { stats, sequence } = await engine.answer(sent, { conversationId: 'c' });
    expect(stats.readTokens).toBeLessThan(isWindowed ? 200 : 60);
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
  });

  test('keeps a chat as it was while others answer beside it', async () => {
    const turns = [first];
    const kept = await engine.answer(turns, { conversationId: 'd' });
    await Promise.all([
      ahead([user(`${LONG} two`)], 'e'),
      engine.answer([user(`some others ${LONG}`)], { conversationId: 'f' }),
    ]);
    const back = [first, model(kept.text), user('once more')];
    const { stats, sequence } = await engine.answer(back, { conversationId: 'd' });
    expect(stats).toMatchObject({ reusedFrom: 'live' });
    expect(stats.reusedTokens).toBeGreaterThan(100);
    expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
  });

  test('leaves a branch as it was while another one is answered, and is told nothing of it', async () => {
    // A model that reads slowly: what it has read is worth a sequence.
    engine.loaded.readingSpeed.note({ tokens: 100, elapsedMs: 1_000_000 });
    const copyPath = join(folder, 'branch.part');
    const chat = { conversationId: 'h', copyPath };
    const one = [first, model(`${LONG} said`), user('the old one')];
    const old = await engine.answer(one, chat);
    const other = await engine.answer([first, model('other words'), user('the new one')], chat);
    // What a window goes back by is no part of a file: there the branch is cut, as it always was.
    expect(other.sequence === old.sequence).toBe(isWindowed);
    expect(other.copiedBytes > 0).toBe(!isWindowed);
    if (!isWindowed) expect(other.stats).toMatchObject({ reusedFrom: 'live' });
    if (!isWindowed) expect(other.stats.reusedTokens).toBeGreaterThan(100);
    await expect(access(copyPath)).rejects.toThrow();
    expect(await distanceFromFresh(reference, other.sequence)).toBeLessThan(MAX_KL);
    const back = await engine.answer([...one, model(old.text), user('once more')], chat);
    if (!isWindowed) expect(back.sequence).toBe(old.sequence);
    if (!isWindowed) expect(back.stats.readTokens).toBeLessThan(40);
    expect(back.copiedBytes).toBe(0);
    expect(await distanceFromFresh(reference, back.sequence)).toBeLessThan(MAX_KL);
  });

  test('begins a chat with what another one has read, and leaves that as it was', async () => {
    engine.loaded.readingSpeed.note({ tokens: 100, elapsedMs: 1_000_000 });
    await forget();
    const copyPath = join(folder, 'alike.part');
    const system = `how it begins ${LONG}`;
    const long = user(`${system} and much that only one of them says ${LONG} ${LONG}`);
    const one = await engine.answer([long], { conversationId: 'k', copyPath });
    const other = await engine.answer([user(`${system} two`)], {
      conversationId: 'l',
      copyPath,
      copyFrom: ['k'],
    });
    expect(other.sequence).not.toBe(one.sequence);
    expect(other.copiedBytes > 0).toBe(!isWindowed);
    if (!isWindowed) expect(other.stats.readTokens).toBeLessThan(40);
    await expect(access(copyPath)).rejects.toThrow();
    expect(await distanceFromFresh(reference, other.sequence)).toBeLessThan(MAX_KL);
    const turns = [long, model(one.text), user('once more')];
    const back = await engine.answer(turns, { conversationId: 'k', copyPath });
    expect(back.sequence).toBe(one.sequence);
    if (!isWindowed) expect(back.stats.readTokens).toBeLessThan(40);
    expect(await distanceFromFresh(reference, back.sequence)).toBeLessThan(MAX_KL);
  });

  test('ends at once when it is stopped while a branch is copied, which stays', async () => {
    engine.loaded.readingSpeed.note({ tokens: 100, elapsedMs: 1_000_000 });
    const copyPath = join(folder, 'stopped.part');
    const start = user(`to be stopped ${LONG}`);
    const one = [start, model(`${LONG} said`), user('the old one')];
    const old = await engine.answer(one, { conversationId: 'k', copyPath });
    const stop = new AbortController();
    const events: ReadAheadEvent[] = [];
    const reading = readAhead(
      engine.loaded,
      {
        generationId: 'ahead',
        systemPrompt: '',
        turns: [start, model('other words'), user('the new one is ')],
        reasoning: { mode: 'auto', budgetTokens: null },
        conversationId: 'k',
        copyPath,
      },
      { signal: stop.signal, emit: (event) => void events.push(event) },
    );
    const wasCopying = engine.loaded.sequences.isCopying;
    stop.abort();
    await reading;
    expect(wasCopying).toBe(!isWindowed);
    expect(events.find(({ type }) => type === 'copied')).toMatchObject({ bytes: 0 });
    expect(events.at(-1)).toMatchObject({ type: 'done', readTokens: 0 });
    await expect(access(copyPath)).rejects.toThrow();
    expect(engine.loaded.sequences.inUse).toBe(0);
    if (isWindowed) return;
    const back = await engine.answer([...one, model(old.text), user('once more')], { conversationId: 'k' });
    expect(back.sequence).toBe(old.sequence);
    expect(back.stats.readTokens).toBeLessThan(40);
    expect(await distanceFromFresh(reference, back.sequence)).toBeLessThan(MAX_KL);
  });

  test('reads a branch in a folder that cannot be written to', async () => {
    engine.loaded.readingSpeed.note({ tokens: 100, elapsedMs: 1_000_000 });
    const chat = { conversationId: 'i', copyPath: join(folder, 'missing', 'branch.part') };
    await engine.answer([first, model(`${LONG} said`), user('the old one')], chat);
    const other = await engine.answer([first, model('other words'), user('the new one')], chat);
    expect(other.copiedBytes).toBe(0);
    expect(await distanceFromFresh(reference, other.sequence)).toBeLessThan(MAX_KL);
  });

  if (!isWindowed) return;

  test('does not go back to where only a part of a window is left', async () => {
    // The longer the answer, the less of the window before its start is left; each step back is tried.
    const long = await engine.answer([first], { conversationId: 'g', maxTokens: 40 });
    for (const cut of [5, 30, 60, 90]) {
      const held = long.sequence.contextTokens.length;
      const turns = [user(`${LONG} one`.slice(0, -cut)), model('x'), user('again')];
      const { sequence } = await engine.answer(turns, { conversationId: 'g' });
      expect(held).toBeGreaterThan(0);
      expect(await distanceFromFresh(reference, sequence)).toBeLessThan(MAX_KL);
    }
  });
});
