import { expect, test } from 'vitest';
import { appError, errorCodeOf, type EngineState } from '../../src-main/contract/index.ts';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { createModelLoader } from '../../src-main/models/model-loader.ts';

function draftFor(modelId: string | undefined, crashed: ReadonlySet<string>): LoadRequest['draft'] {
  if (modelId === undefined) return null;
  return { modelId, path: crashed.has(modelId) ? null : `/${modelId}`, sizeBytes: 0, fileState: '' };
}

/** An engine whose loads end when the test says so. */
function setUp() {
  const calls: string[] = [];
  const pending = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();
  const contextSizes = new Map<string, number>();
  const measured = new Map<string, number>();
  const kept = new Map<string, number>();
  const drafts = new Map<string, string>();
  const engine = {
    state: { ...INITIAL_STATE, status: 'idle' } satisfies EngineState as EngineState,
    async load(request: LoadRequest, signal?: AbortSignal) {
      const { draft } = request;
      const name = draft && draft.path !== null ? `${request.modelId} + ${draft.modelId}` : request.modelId;
      calls.push(`load ${name}`);
      engine.state = { ...engine.state, status: 'loading', modelId: request.modelId };
      try {
        await new Promise<void>((resolve, reject) => {
          pending.set(name, { resolve, reject });
          signal?.addEventListener('abort', () => reject(appError('aborted')));
        });
        engine.state = { ...engine.state, status: 'ready' };
      } catch (error) {
        engine.state = { ...engine.state, status: 'idle', modelId: null };
        throw error;
      }
    },
  };
  const crashed = new Set<string>();
  const loader = createModelLoader(engine, {
    async prepare(id, { retryAfterCrash }) {
      if (crashed.has(id) && !retryAfterCrash) throw appError('model_load_crashed');
      return {
        modelId: id,
        path: `/${id}`,
        sizeBytes: 1,
        fileState: '',
        contextSize: contextSizes.get(id) ?? null,
        gpuLayers: null,
        threads: null,
        flashAttention: 'auto',
        adapters: [],
        chatTemplate: null,
        speculation: 'auto',
        draft: draftFor(drafts.get(id), crashed),
        batchTokens: null,
        liveChats: null,
        cacheType: 'f16',
        windowCache: 'window',
        measured: { threads: measured.get(id) ?? null, cacheDivergence: null },
        sequences: null,
        keepLoadedMinutes: kept.get(id) ?? null,
      };
    },
    async markLoading(id) {
      calls.push(`mark ${id}`);
      crashed.add(id);
    },
    async markSettled(id, outcome) {
      calls.push(`${outcome} ${id}`);
      if (outcome === 'crashed') crashed.add(id);
      else crashed.delete(id);
    },
  });
  const until = async (call: string) => {
    while (!calls.includes(call)) await new Promise((resolve) => setImmediate(resolve));
  };
  const end = async (id: string, error?: unknown) => {
    await until(`load ${id}`);
    const load = pending.get(id);
    if (error === undefined) load?.resolve();
    else load?.reject(error);
  };
  return { loader, calls, engine, contextSizes, measured, kept, drafts, end, until };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('the mark is written before the load and taken back after it; a second call finds it ready', async () => {
  const { loader, calls, end } = setUp();
  const first = loader.load('a');
  await end('a');
  expect((await first).loadMs).toBeGreaterThan(0);
  expect(await loader.load('a')).toEqual({ loadMs: 0 });
  expect(calls).toEqual(['mark a', 'load a', 'loaded a']);
});

test('changed settings load the same model again', async () => {
  const { loader, calls, contextSizes, end } = setUp();
  const first = loader.load('a');
  await end('a');
  await first;
  contextSizes.set('a', 2048);
  calls.length = 0;
  const second = loader.load('a');
  await end('a');
  expect((await second).loadMs).toBeGreaterThan(0);
  expect(calls).toEqual(['mark a', 'load a', 'loaded a']);
});

test('what its first load has measured, and how long it stays, loads nothing again', async () => {
  const { loader, calls, kept, measured, end } = setUp();
  const first = loader.load('a');
  await end('a');
  await first;
  measured.set('a', 4);
  expect(await loader.load('a')).toEqual({ loadMs: 0 });
  expect(calls).toEqual(['mark a', 'load a', 'loaded a']);
  // The engine is told for how long, and has nothing to load.
  kept.set('a', 5);
  calls.length = 0;
  const other = loader.load('a');
  await end('a');
  expect(await other).toEqual({ loadMs: 0 });
  expect(calls).toEqual(['load a']);
});

test('callers of one model share its load; it goes on while one of them waits', async () => {
  const { loader, calls, end, until } = setUp();
  const leaving = new AbortController();
  const first = codeOf(loader.load('a', { signal: leaving.signal }));
  const second = loader.load('a');
  await until('load a');
  leaving.abort();
  expect(await first).toBe('aborted');
  await end('a');
  expect((await second).loadMs).toBeGreaterThan(0);
  expect(calls).toEqual(['mark a', 'load a', 'loaded a']);
});

test('the last caller who leaves cancels the load', async () => {
  const { loader, calls, until } = setUp();
  const leaving = new AbortController();
  const only = codeOf(loader.load('a', { signal: leaving.signal }));
  await until('load a');
  leaving.abort();
  expect(await only).toBe('aborted');
  await until('refused a');
  expect(calls).toEqual(['mark a', 'load a', 'refused a']);
});

test('a load that was cancelled and has not ended is not joined: the next call loads again', async () => {
  const { loader, calls, end, until } = setUp();
  const leaving = new AbortController();
  const stopped = codeOf(loader.load('a', { signal: leaving.signal }));
  await until('load a');
  leaving.abort();
  expect(await stopped).toBe('aborted');
  const next = codeOf(loader.load('a'));
  await until('refused a');
  calls.length = 0;
  await end('a');
  expect(await next).toBe('no error');
  expect(calls).toEqual(['mark a', 'load a', 'loaded a']);
});

test('an answer waits for the load of another model; the user does not', async () => {
  const { loader, calls, end, until } = setUp();
  const a = loader.load('a');
  await until('load a');
  const b = loader.load('b');
  await end('a');
  await end('b');
  await Promise.all([a, b]);
  expect(calls).toEqual(['mark a', 'load a', 'loaded a', 'mark b', 'load b', 'loaded b']);

  const waiting = codeOf(loader.load('c'));
  await until('load c');
  const chosen = loader.load('d', { supersede: true });
  await end('d');
  await chosen;
  expect(await waiting).toBe('aborted');
  expect(calls.slice(6)).toEqual(['mark c', 'load c', 'refused c', 'mark d', 'load d', 'loaded d']);
});

test('a crash stays marked and is not tried again by itself; other failures are', async () => {
  const { loader, calls, end } = setUp();
  const crashing = codeOf(loader.load('a'));
  await end('a', appError('model_load_crashed'));
  expect(await crashing).toBe('model_load_crashed');
  expect(await codeOf(loader.load('a'))).toBe('model_load_crashed');
  expect(calls).toEqual(['mark a', 'load a', 'crashed a']);

  calls.length = 0;
  const again = loader.load('a', { retryAfterCrash: true });
  await end('a');
  await again;
  expect(calls).toEqual(['mark a', 'load a', 'loaded a']);

  const poor = codeOf(loader.load('b'));
  await end('b', appError('model_not_enough_memory'));
  expect(await poor).toBe('model_not_enough_memory');
  calls.length = 0;
  const retried = loader.load('b');
  await end('b');
  await retried;
  expect(calls).toEqual(['mark b', 'load b', 'loaded b']);
});

test('a crash that goes away without the draft is the draft’s, which is left out from then on', async () => {
  const { loader, calls, drafts, end } = setUp();
  drafts.set('a', 'small');
  const load = loader.load('a');
  await end('a + small', appError('model_load_crashed'));
  await end('a');
  await load;
  expect(calls).toEqual(['mark a', 'load a + small', 'load a', 'crashed small', 'loaded a']);
  // It is ready as it is.
  expect(await loader.load('a')).toEqual({ loadMs: 0 });

  drafts.set('b', 'other');
  const crashing = codeOf(loader.load('b'));
  await end('b + other', appError('model_load_crashed'));
  await end('b', appError('model_load_crashed'));
  expect(await crashing).toBe('model_load_crashed');
  expect(calls.slice(5)).toEqual(['mark b', 'load b + other', 'load b', 'crashed b']);
});

test('cancel waits until the load has ended', async () => {
  const { loader, calls, until } = setUp();
  const load = codeOf(loader.load('a'));
  await until('load a');
  await loader.cancel();
  expect(calls.at(-1)).toBe('refused a');
  expect(await load).toBe('aborted');
  await loader.cancel();
});

test('a call that was stopped before it began does nothing', async () => {
  const { loader, calls } = setUp();
  expect(await codeOf(loader.load('a', { signal: AbortSignal.abort() }))).toBe('aborted');
  expect(calls).toEqual([]);
});

test('after close nothing is loaded or marked', async () => {
  const { loader, calls } = setUp();
  await loader.close();
  expect(await codeOf(loader.load('a'))).toBe('aborted');
  expect(calls).toEqual([]);
});
