import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { appError, type Settings } from '../../src-main/contract/index.ts';
import type {
  BranchCopy,
  Engine,
  GenerateRequest,
  GenerationResult,
  HeldChat,
  ReadAheadResult,
} from '../../src-main/engine/api.ts';
import { DEFAULT_SETTINGS } from '../../src-main/settings/defaults.ts';
import { keepingEngine } from '../../src-main/state-cache/keeping-engine.ts';
import { STATES_FOLDER, StateCache } from '../../src-main/state-cache/state-cache.ts';
import { fullStats } from '../support/store/fixtures.ts';

// The whole of state-cache on a real folder; the engine says what it is told to.

const KEY = 'model and settings';
const IDLE_MS = 10;
let dataDir: string;
let caches: StateCache[];
/** What the engine holds. */
let held: HeldChat[];
let stateKey: string | null;
let saves: string[];
let chats: Map<string, { temporary: boolean; trashed?: boolean }>;
/** Awaited by the store and by the engine, for tests that do something meanwhile. */
let whileAsked: () => Promise<void>;
let whileWritten: (path: string, signal: AbortSignal | undefined) => Promise<void>;
let settings: Settings;
let changeSettings: (patch: Partial<Settings>) => void;
let logs: string[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'leeward-states-'));
  caches = [];
  held = [];
  stateKey = KEY;
  saves = [];
  chats = new Map(['a', 'b', 'c'].map((id) => [id, { temporary: false }]));
  settings = DEFAULT_SETTINGS;
  logs = [];
  whileAsked = async () => {};
  whileWritten = async () => {};
});
afterEach(async () => {
  for (const cache of caches) await cache.quit();
  rmSync(dataDir, { recursive: true, force: true });
});

const tokensOf = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const files = () => readdirSync(join(dataDir, STATES_FOLDER)).filter((name) => name.endsWith('.state'));

const parts = () => readdirSync(join(dataDir, STATES_FOLDER)).filter((name) => name.endsWith('.part'));

/** What each chat holds when it is saved: a letter a token. */
const texts = new Map<string, string>();
function hold(
  conversationId: string,
  text: string,
  readingMs: number | null = 9_000,
  hasDraft = false,
  bytes: number | null = null,
): void {
  texts.set(conversationId, text);
  held = held.filter((chat) => chat.conversationId !== conversationId);
  held.push({ conversationId, tokens: text.length, hasDraft, readingMs, bytes });
}

function start(idleMs = 60_000) {
  const asked: GenerateRequest[] = [];
  const listeners = new Set<(now: Settings, before: Settings) => void>();
  changeSettings = (patch) => {
    const before = settings;
    settings = { ...settings, ...patch };
    for (const listener of listeners) listener(settings, before);
  };
  let answer = async (request: GenerateRequest): Promise<GenerationResult> => {
    const text = texts.get(request.conversationId ?? '') ?? '';
    return {
      stopReason: 'end',
      error: null,
      stats: { ...fullStats, readTokens: text.length, generatedTokens: 0 },
    };
  };
  let readAhead = async (): Promise<ReadAheadResult> => ({ readTokens: 0, reusedTokens: 0, elapsedMs: 1 });
  const plain = {
    get stateKey() {
      return stateKey;
    },
    heldChats: async () => held,
    async saveState(
      { conversationId, path }: { conversationId: string; path: string },
      signal?: AbortSignal,
    ) {
      const chat = held.find((candidate) => candidate.conversationId === conversationId);
      if (!chat || stateKey === null) return null;
      saves.push(conversationId);
      const text = texts.get(conversationId) ?? '';
      await writeFile(path, `library's form of ${text}`);
      await whileWritten(path, signal);
      const { readingMs } = chat;
      return { key: stateKey, tokens: tokensOf(text), bytes: statSync(path).size, elapsedMs: 1, readingMs };
    },
    async generate(request: GenerateRequest) {
      asked.push(request);
      return answer(request);
    },
    readAhead: async (): Promise<ReadAheadResult> => readAhead(),
    load: async () => {},
    unload: async () => {},
    dispose: async () => {},
  };
  const cache = new StateCache({
    engine: plain as unknown as Engine,
    store: {
      conversations: {
        async head({ id, withTrash }: { id: string; withTrash?: boolean }) {
          await whileAsked();
          const chat = chats.get(id);
          if (!chat || (chat.trashed && !withTrash)) throw appError('not_found');
          return chat;
        },
      },
    } as unknown as ConstructorParameters<typeof StateCache>[0]['store'],
    settings: {
      get: () => settings,
      onChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    dataDir,
    log: (event) => void logs.push(event),
    idleMs,
  });
  caches.push(cache);
  const engine = keepingEngine(plain as unknown as Engine, cache);
  return {
    cache,
    engine,
    asked,
    answerWith: (next: typeof answer) => (answer = next),
    readAheadWith: (next: typeof readAhead) => (readAhead = next),
    type: (conversationId: string) =>
      engine.readAhead({ conversationId, systemPrompt: '', turns: [] }, new AbortController().signal),
    say: (conversationId: string, priority: 'foreground' | 'background' = 'foreground') =>
      engine.generate(
        { conversationId, generationId: 'g', priority, systemPrompt: '', turns: [], sampling: null as never },
        { signal: new AbortController().signal, onEvent: () => {} },
      ),
  };
}

it('saves a chat when another one is answered, and offers it when it is back', async () => {
  const { say, cache, asked } = start();
  hold('a', 'hello world');
  await say('a');
  expect(saves).toEqual([]);
  await say('b');
  await vi.waitFor(async () => expect(await cache.info()).toMatchObject({ count: 1 }));
  expect(saves).toEqual(['a']);
  await say('a');
  const [candidate] = asked.at(-1)?.savedStates?.candidates ?? [];
  expect(candidate).toMatchObject({ key: KEY, tokens: tokensOf('hello world') });
  const path = await asked.at(-1)?.savedStates?.open(candidate?.id ?? '');
  expect(readFileSync(path ?? '', 'utf8').startsWith("library's form of hello world")).toBe(true);
  expect(asked[1]?.savedStates).toBeUndefined();
});

it('saves after a while of quiet, once', async () => {
  const { say, cache } = start(IDLE_MS);
  hold('a', 'hello world');
  await say('a');
  await vi.waitFor(async () => expect(await cache.info()).toMatchObject({ count: 1 }));
  await cache.leave(null);
  expect(saves).toEqual(['a']);
});

it('leaves a chat alone in which someone is writing, until that is left', async () => {
  const { say, cache } = start(IDLE_MS);
  hold('a', 'hello world', 9_000, true);
  // Not worth it yet when it is left for the other, but at the end of the quiet.
  hold('b', 'another one', 100);
  await say('b');
  await say('a');
  hold('b', 'another one');
  await vi.waitFor(() => expect(saves).toContain('b'));
  expect(saves).not.toContain('a');
  await cache.leave(null);
  expect(saves).toContain('a');
});

it('saves when the app ends, when the model changes, and before a title of another is asked for', async () => {
  for (const leave of [
    ({ engine }: ReturnType<typeof start>) => engine.dispose(),
    ({ engine }: ReturnType<typeof start>) => engine.unload(),
    ({ engine }: ReturnType<typeof start>) => engine.load({} as never),
    ({ say }: ReturnType<typeof start>) => say('b', 'background'),
  ]) {
    saves = [];
    const run = start();
    hold('a', 'hello world');
    await run.say('a');
    await leave(run);
    expect(saves).toEqual(['a']);
  }
});

it('saves nothing that is read quickly, that is temporary, or while it is off', async () => {
  const { say, cache } = start();
  hold('a', 'quick', 1_000);
  hold('b', 'unknown', null);
  hold('c', 'in memory only');
  chats.set('c', { temporary: true });
  for (const id of ['a', 'b', 'c']) await say(id);
  await cache.leave(null);
  expect(saves).toEqual([]);
  changeSettings({ saveStates: false });
  hold('a', 'slow');
  await say('a');
  await cache.leave(null);
  expect(saves).toEqual([]);
});

it('lets an answer copy another branch, or a chat that begins alike, only where those may be on the disk', async () => {
  const { cache, asked, say } = start();
  const copyOf = () => asked.at(-1)?.branchCopy;
  chats.set('hidden', { temporary: true });
  for (const id of ['a', 'hidden']) {
    hold(id, 'read');
    await say(id);
    expect(copyOf() === undefined).toBe(id === 'hidden');
    await say(id);
    expect(copyOf() === undefined).toBe(id === 'hidden');
  }
  hold('b', 'read');
  await say('b');
  expect(copyOf()?.from).toEqual(['a', 'b']);
  await cache.forget(['b']);
  await say('a');
  expect(copyOf()?.from).toEqual(['a']);
  const copy = copyOf();
  if (!copy) throw new Error('no copy');
  const { writtenTodayBytes, capBytes } = await cache.info();
  expect(copy.maxBytes).toBeLessThanOrEqual(capBytes);
  copy.closed(1_000);
  expect((await cache.info()).writtenTodayBytes).toBe(writtenTodayBytes + 1_000);
  // Its answer has ended.
  expect(copy.open()).toBeNull();
  // A temporary chat that is kept may be copied from then on.
  chats.set('hidden', { temporary: false });
  await say('hidden');
  await say('hidden');
  expect(copyOf()).toBeDefined();
  changeSettings({ savedStatesMaxBytes: 10 });
  await say('a');
  expect(copyOf()).toMatchObject({ maxBytes: 10 });
  changeSettings({ savedStatesMaxBytes: 0 });
  await say('a');
  expect(copyOf()).toBeUndefined();
  changeSettings({ saveStates: false });
  await say('a');
  expect(copyOf()).toBeUndefined();
});

it('removes what a crash has left of a branch', async () => {
  const { answerWith, say } = start();
  let isThrown = false;
  hold('a', 'read');
  await say('a');
  answerWith(async ({ branchCopy }) => {
    const path = branchCopy?.open();
    if (path) writeFileSync(path, 'half of it');
    expect(parts()).toHaveLength(1);
    if (isThrown) throw appError('engine_crashed');
    return { stopReason: 'failed', error: appError('engine_crashed'), stats: null };
  });
  await say('a');
  expect(parts()).toHaveLength(0);
  isThrown = true;
  await expect(say('a')).rejects.toMatchObject({ code: 'engine_crashed' });
  expect(parts()).toHaveLength(0);
});

it('tells that a chat is deleted only when no branch of it is on the disk, nor will be', async () => {
  for (const remove of [
    (cache: StateCache) => cache.forget(['a']),
    (cache: StateCache) => cache.clear(),
    (cache: StateCache) => cache.quit(),
  ]) {
    const { say, cache, answerWith } = start();
    hold('a', 'read', 100);
    await say('a');
    const copying = Promise.withResolvers<BranchCopy>();
    const answered = Promise.withResolvers<unknown>();
    answerWith(async ({ branchCopy }) => {
      const path = branchCopy?.open();
      if (!branchCopy || !path) throw new Error('no copy');
      writeFileSync(path, 'what was read');
      copying.resolve(branchCopy);
      await answered.promise;
      return { stopReason: 'end', error: null, stats: fullStats };
    });
    const answering = say('a');
    const copy = await copying.promise;
    let isRemoved = false;
    const removing = remove(cache).then(() => (isRemoved = true));
    await cache.info();
    expect({ isRemoved, parts: parts().length }).toEqual({ isRemoved: false, parts: 1 });
    // The engine has read it; the answer goes on.
    copy.closed(1_000);
    await removing;
    await vi.waitFor(() => expect(parts()).toEqual([]));
    expect(copy.open()).toBeNull();
    answered.resolve(null);
    await answering;
  }
});

it('gives no branch of a chat to the disk that is deleted while it is looked up', async () => {
  const { say, cache, asked } = start();
  hold('a', 'read', 100);
  const reached = Promise.withResolvers<unknown>();
  const goOn = Promise.withResolvers<unknown>();
  whileAsked = async () => {
    reached.resolve(null);
    await goOn.promise;
  };
  const answering = say('a');
  await reached.promise;
  await cache.forget(['a']);
  goOn.resolve(null);
  await answering;
  expect(asked).toHaveLength(1);
  expect(asked.at(-1)?.branchCopy).toBeUndefined();
});

it('writes again only when much is new', async () => {
  const { say, cache } = start();
  hold('a', 'x'.repeat(1_000), 20_000);
  await say('a');
  await cache.leave(null);
  hold('a', 'x'.repeat(1_050), 21_000);
  texts.set('a', 'x'.repeat(50));
  await say('a');
  await cache.leave(null);
  expect(saves).toEqual(['a']);
  texts.set('a', 'x'.repeat(60));
  await say('a');
  await cache.leave(null);
  expect(saves).toEqual(['a', 'a']);
});

it('keeps branches apart, the newest four, and one file for what only goes on', async () => {
  const { say, cache } = start();
  const save = async (text: string) => {
    hold('a', text);
    await say('a');
    await cache.leave(null);
    await vi.waitFor(() => expect(logs.filter((line) => line === 'states.saved')).toHaveLength(saves.length));
  };
  await save('one');
  await save('one and more');
  expect(files()).toHaveLength(1);
  for (const text of ['one two', 'one three', 'one four', 'one five']) await save(text);
  expect(files()).toHaveLength(4);
});

it('trusts nothing of another model or setting, and lets it go with the next state of the chat', async () => {
  const { say, cache, asked } = start();
  hold('a', 'hello world');
  await say('a');
  await cache.leave(null);
  await vi.waitFor(() => expect(files()).toHaveLength(1));
  stateKey = 'another model';
  await say('a');
  expect(asked.at(-1)?.savedStates).toBeUndefined();
  const [before] = files();
  await cache.leave(null);
  await vi.waitFor(() => expect(logs.filter((line) => line === 'states.saved')).toHaveLength(2));
  expect(files()).toHaveLength(1);
  expect(files()).not.toEqual([before]);
});

it('is found again after a restart, without what was cut off or took the engine down', async () => {
  const first = start();
  for (const id of ['a', 'b', 'c']) {
    hold(id, `chat ${id}`);
    await first.say(id);
  }
  await first.engine.dispose();
  const names = files();
  expect(names).toHaveLength(3);
  const folder = join(dataDir, STATES_FOLDER);
  // One was being read, one was being written, and a chat has gone.
  writeFileSync(join(folder, `${names[0]?.replace('.state', '')}.reading`), '');
  writeFileSync(join(folder, 'cut-off.part'), 'half');
  writeFileSync(join(folder, 'a stranger'), 'text');
  const idOf = (name: string | undefined) =>
    ['a', 'b', 'c'].find((id) => readFileSync(join(folder, name ?? ''), 'latin1').includes(`chat ${id}`)) ??
    '';
  const [, goneChat, keptChat] = [idOf(names[0]), idOf(names[1]), idOf(names[2])];
  chats.delete(goneChat);
  const { cache, say, asked } = start();
  expect(await cache.info()).toMatchObject({ count: 1 });
  expect(readdirSync(folder).toSorted()).toEqual([names[2], 'written.json'].toSorted());
  await say(keptChat);
  expect(asked.at(-1)?.savedStates?.candidates).toHaveLength(1);
});

it('is deleted with its chat, also while it is being written', async () => {
  const { say, cache } = start();
  hold('a', 'hello world');
  hold('b', 'hello there');
  await say('a');
  await say('b');
  await cache.leave(null);
  await Promise.all([cache.forget(['a']), cache.forget(['b'])]);
  expect(files()).toEqual([]);
  // What is in memory still is not written later.
  await cache.leave(null);
  expect(saves).toEqual(['a', 'b']);
});

it('is deleted when it is switched off, or by hand', async () => {
  const { say, cache } = start();
  for (const remove of [() => cache.clear(), async () => changeSettings({ saveStates: false })]) {
    hold('a', 'hello world');
    await say('a');
    await cache.leave(null);
    await vi.waitFor(() => expect(files()).toHaveLength(1));
    await remove();
    await vi.waitFor(() => expect(files()).toEqual([]));
  }
  expect(await cache.info()).toMatchObject({ count: 0, bytes: 0 });
});

it('leaves nothing of what is deleted while its chat is looked up, or while it is written', async () => {
  const removals = [
    (cache: StateCache) => cache.forget(['a']),
    (cache: StateCache) => cache.clear(),
    async (cache: StateCache) => {
      changeSettings({ saveStates: false });
      await cache.clear();
    },
  ];
  for (const remove of removals) {
    for (const moment of ['asked', 'written'] as const) {
      const { say, cache } = start();
      changeSettings({ saveStates: true });
      hold('a', 'hello world');
      await say('a');
      const reached = Promise.withResolvers<unknown>();
      const goOn = Promise.withResolvers<unknown>();
      const hook = async () => {
        reached.resolve(null);
        await goOn.promise;
      };
      if (moment === 'asked') whileAsked = hook;
      else whileWritten = hook;
      const leaving = cache.leave(null);
      await reached.promise;
      const removed = remove(cache).then(() => files().length + parts().length);
      goOn.resolve(null);
      // Nothing is there when the call has ended, nor later.
      expect(await removed).toBe(0);
      await leaving;
      await cache.quit();
      expect([...files(), ...parts()]).toEqual([]);
      whileAsked = async () => {};
      whileWritten = async () => {};
    }
  }
});

it('tells that a chat is deleted only when the engine writes nothing of it any more', async () => {
  const { say, cache } = start();
  hold('a', 'hello world');
  await say('a');
  const reached = Promise.withResolvers<AbortSignal | undefined>();
  const goOn = Promise.withResolvers<unknown>();
  whileWritten = async (_path, signal) => {
    reached.resolve(signal);
    await goOn.promise;
  };
  const leaving = cache.leave(null);
  const signal = await reached.promise;
  let isForgotten = false;
  const forgetting = cache.forget(['a']).then(() => (isForgotten = true));
  expect(signal?.aborted).toBe(true);
  await cache.info();
  expect({ isForgotten, parts: parts().length }).toEqual({ isForgotten: false, parts: 1 });
  goOn.resolve(null);
  await Promise.all([forgetting, leaving]);
  expect([...files(), ...parts()]).toEqual([]);
});

it('saves nothing while the store cannot say whether the chat is temporary', async () => {
  const { say, cache } = start();
  hold('a', 'hello world');
  await say('a');
  whileAsked = () => Promise.reject(appError('store_failed'));
  await cache.leave(null);
  expect(saves).toEqual([]);
  whileAsked = async () => {};
  await cache.leave(null);
  expect(saves).toEqual(['a']);
});

it('writes nothing that has no room, by the engine’s figure or by what was written before', async () => {
  const { say, cache } = start();
  // More than any disk has.
  hold('a', 'hello world', 9_000, false, 1e18);
  await say('a');
  await cache.leave(null);
  changeSettings({ savedStatesMaxBytes: 1_000 });
  hold('a', 'hello world', 9_000, false, 1_001);
  await cache.leave(null);
  expect(saves).toEqual([]);
  expect(logs.filter((line) => line === 'states.no_room')).toHaveLength(2);
  // Nothing is known of its size before: once it was too large it is not tried again.
  changeSettings({ savedStatesMaxBytes: 10 });
  hold('a', 'hello world');
  await cache.leave(null);
  await vi.waitFor(async () => expect((await cache.info()).writtenTodayBytes).toBeGreaterThan(10));
  hold('a', 'hello world, and more');
  await say('a');
  await cache.leave(null);
  expect(saves).toEqual(['a']);
  expect(files()).toEqual([]);
});

it('makes an answer wait for a slow save no longer than a second, nor after a stop', async () => {
  const { say, cache, engine } = start(IDLE_MS);
  const reached = Promise.withResolvers<AbortSignal | undefined>();
  const goOn = Promise.withResolvers<unknown>();
  whileWritten = async (_path, signal) => {
    reached.resolve(signal);
    await goOn.promise;
  };
  hold('a', 'hello world');
  await say('a');
  // The save of the quiet hangs; it is given up as soon as it can be.
  const idle = await reached.promise;
  expect(idle?.aborted).toBe(false);
  const stop = new AbortController();
  const stopped = engine.generate(
    { conversationId: 'b', generationId: 'g', systemPrompt: '', turns: [], sampling: null as never },
    { signal: stop.signal, onEvent: () => {} },
  );
  expect(idle?.aborted).toBe(true);
  stop.abort();
  await stopped;
  await say('b');
  goOn.resolve(null);
  await cache.quit();
});

it('saves what is left while another chat is read ahead', async () => {
  const { say, type, readAheadWith } = start();
  hold('a', 'hello world');
  await say('a');
  const goOn = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<unknown>();
  readAheadWith(async () => {
    begun.resolve(null);
    await goOn.promise;
    return { readTokens: 0, reusedTokens: 0, elapsedMs: 1 };
  });
  const reading = type('a');
  await begun.promise;
  await say('b');
  expect(saves).toEqual(['a']);
  goOn.resolve(null);
  await reading;
});

it('is not written again for a message that is not sent', async () => {
  const { say, type, cache, readAheadWith } = start();
  hold('a', 'hello world');
  await say('a');
  await cache.leave(null);
  await vi.waitFor(() => expect(files()).toHaveLength(1));
  readAheadWith(async () => ({ readTokens: 500, reusedTokens: 0, elapsedMs: 1 }));
  hold('a', 'hello world', 9_000, true);
  await type('a');
  await cache.leave(null);
  expect(saves).toEqual(['a']);
  // Sent and answered, it is the chat's.
  hold('a', 'hello world and more');
  await say('a');
  await cache.leave(null);
  expect(saves).toEqual(['a', 'a']);
});

it('tries again when the message that someone was writing is gone, and before an idle model is freed', async () => {
  const { say, cache } = start(IDLE_MS);
  hold('a', 'hello world', 9_000, true);
  // Not worth it yet when it is left for the other, but at the end of the quiet.
  hold('b', 'another one', 100);
  await say('b');
  await say('a');
  hold('b', 'another one');
  await vi.waitFor(() => expect(saves).toEqual(['b']));
  hold('a', 'hello world');
  await vi.waitFor(() => expect(saves).toEqual(['b', 'a']));
  hold('a', 'hello world, and on', 9_000, true);
  await say('a');
  await cache.rest();
  expect(saves).toEqual(['b', 'a', 'a']);
});

it('keeps the states of chats in the trash over a restart', async () => {
  const first = start();
  hold('a', 'hello world');
  await first.say('a');
  await first.engine.dispose();
  chats.set('a', { temporary: false, trashed: true });
  expect(await start().cache.info()).toMatchObject({ count: 1 });
  chats.delete('a');
  expect(await start().cache.info()).toMatchObject({ count: 0 });
});

it('goes when the engine refused it, or died with it', async () => {
  const { say, cache, answerWith, asked } = start();
  const openFirst = async (request: GenerateRequest) => {
    const [candidate] = request.savedStates?.candidates ?? [];
    await request.savedStates?.open(candidate?.id ?? '');
    return candidate?.id ?? '';
  };
  for (const ending of [
    async (request: GenerateRequest): Promise<GenerationResult> => {
      request.savedStates?.rejected(await openFirst(request));
      return { stopReason: 'end', stats: null, error: null };
    },
    async (request: GenerateRequest): Promise<GenerationResult> => {
      await openFirst(request);
      return { stopReason: 'failed', stats: null, error: appError('engine_crashed') };
    },
  ]) {
    hold('a', 'hello world');
    answerWith(async () => ({ stopReason: 'end', error: null, stats: fullStats }));
    await say('a');
    await cache.leave(null);
    await vi.waitFor(() => expect(files()).toHaveLength(1));
    answerWith(ending);
    await say('a');
    expect(asked.at(-1)?.savedStates?.candidates).toHaveLength(1);
    await vi.waitFor(() => expect(files()).toEqual([]));
    await vi.waitFor(() => expect(readdirSync(join(dataDir, STATES_FOLDER))).toEqual(['written.json']));
  }
});

it('goes when it is damaged, and is not opened', async () => {
  const { say, cache, asked } = start();
  hold('a', 'hello world');
  await say('a');
  await cache.leave(null);
  await vi.waitFor(() => expect(files()).toHaveLength(1));
  const path = join(dataDir, STATES_FOLDER, files()[0] ?? '');
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(3) ^ 4, 3);
  writeFileSync(path, bytes);
  await say('a');
  const { candidates, open } = asked.at(-1)?.savedStates ?? {};
  expect(await open?.(candidates?.[0]?.id ?? '')).toBeNull();
  expect(files()).toEqual([]);
});

it('stays within its cap and counts what it wrote today, over a restart too', async () => {
  const { say, cache } = start();
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    hold(id, `chat ${id}`, 5_000 + index);
    await say(id);
  }
  await cache.leave(null);
  await vi.waitFor(() => expect(files()).toHaveLength(3));
  const { bytes, writtenTodayBytes } = await cache.info();
  expect(writtenTodayBytes).toBeGreaterThan(0);
  changeSettings({ savedStatesMaxBytes: bytes - 1 });
  await vi.waitFor(() => expect(files()).toHaveLength(2));
  expect(await cache.info()).toMatchObject({ count: 2, capBytes: bytes - 1, writtenTodayBytes });
  const again = start();
  expect(await again.cache.info()).toMatchObject({ count: 2, writtenTodayBytes });
  // One that is larger than everything may be is not kept at all.
  changeSettings({ savedStatesMaxBytes: 10 });
  await vi.waitFor(() => expect(files()).toEqual([]));
  hold('a', 'hello world');
  await again.say('a');
  await again.engine.dispose();
  expect(files()).toEqual([]);
});

it('counts what is written behind the library’s bytes, and what is on its way, before there is a file', async () => {
  const { say, cache, engine } = start();
  const [letters, cap] = [500, 7_200];
  changeSettings({ savedStatesMaxBytes: cap });
  for (const id of ['a', 'b', 'c']) {
    hold(id, id.repeat(letters));
    await say(id);
  }
  await cache.leave(null);
  await engine.dispose();
  const sizes = files().map((name) => statSync(join(dataDir, STATES_FOLDER, name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(sizes).toHaveLength(2);
  expect(total).toBeLessThanOrEqual(cap);
  // Of the library's bytes alone there would have been room for the third.
  expect(total + letters).toBeLessThan(cap);
  expect(parts()).toEqual([]);
});

it('is nobody else’s to read', async () => {
  const { say, engine } = start();
  hold('a', 'hello world');
  await say('a');
  await engine.dispose();
  const folder = join(dataDir, STATES_FOLDER);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
});
