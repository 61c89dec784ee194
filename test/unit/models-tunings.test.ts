import { expect, test } from 'vitest';
import type { EngineState } from '../../src-main/contract/index.ts';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { affordsFullWindow } from '../../src-main/engine/window-cache.ts';
import { createTunings } from '../../src-main/models/tunings.ts';
import type { StoredTuning } from '../../src-main/store/api.ts';
import { loadRequest } from '../integration/engine-kit.ts';

const NOTHING = { threads: null, cacheDivergence: null };

function kit() {
  const rows = new Map<string, { key: string } & StoredTuning>();
  const engine: { state: EngineState } = { state: INITIAL_STATE };
  const saved: string[] = [];
  const tunings = createTunings(
    {
      tuning: async ({ id, key }) => {
        const row = rows.get(id);
        return row?.key === key
          ? { threads: row.threads, cacheDivergence: row.cacheDivergence }
          : { ...NOTHING };
      },
      saveTuning: async ({ id, ...row }) => {
        saved.push(id);
        rows.set(id, row);
      },
    },
    engine,
    () => {},
  );
  /** As the loader does it: asks what is known, loads, keeps. */
  const load = async (request: LoadRequest, found: { threads: number; cacheDivergence: number | null }) => {
    const complete = await tunings.complete(request);
    const threads = complete.measured.threads ?? found.threads;
    const cacheDivergence = complete.measured.cacheDivergence ?? found.cacheDivergence;
    engine.state = {
      ...INITIAL_STATE,
      modelId: request.modelId,
      tuning: {
        threads,
        measuredThreads: threads,
        cacheType: 'f16',
        wantedCacheType: 'f16',
        fullWindow: false,
        cacheDivergence,
        wantedLiveChats: null,
        draftModelId: null,
        draft: null,
        batchTokens: 512,
      },
    };
    await tunings.keep(request.modelId);
    return complete.measured;
  };
  return { load, saved, tunings };
}

test('what a first load found is known at the next, and written once', async () => {
  const { load, saved } = kit();
  const request = loadRequest({ path: '/m.gguf', sizeBytes: 1e9 }, { fileState: 'a' });
  expect(await load(request, { threads: 6, cacheDivergence: null })).toEqual(NOTHING);
  expect(await load(request, { threads: 2, cacheDivergence: null })).toEqual({
    threads: 6,
    cacheDivergence: null,
  });
  expect(saved).toEqual([request.modelId]);
});

test.each([
  { name: 'another file', change: { fileState: 'b' } },
  { name: 'layers on the graphics card', change: { gpuLayers: 12 } },
  { name: 'another cache', change: { cacheType: 'q8_0' as const } },
  { name: 'no flash attention', change: { flashAttention: 'off' as const } },
])('with $name it is found out anew', async ({ change }) => {
  const { load } = kit();
  const request = loadRequest({ path: '/m.gguf', sizeBytes: 1e9 }, { fileState: 'a' });
  await load(request, { threads: 6, cacheDivergence: 0.002 });
  expect(await load({ ...request, ...change }, { threads: 3, cacheDivergence: null })).toEqual(NOTHING);
});

test('nothing is kept of a model that is no longer the loaded one', async () => {
  const { load, saved, tunings } = kit();
  const request = loadRequest({ path: '/m.gguf', sizeBytes: 1e9 });
  await tunings.complete(request);
  await tunings.keep(request.modelId);
  expect(saved).toEqual([]);
  await load(request, { threads: 4, cacheDivergence: null });
  expect(saved).toEqual([request.modelId]);
});

test.each([
  { cache: { ramBytes: 1, vramBytes: 0 }, free: { ramBytes: 16, vramBytes: 0 }, expected: true },
  { cache: { ramBytes: 5, vramBytes: 0 }, free: { ramBytes: 16, vramBytes: 0 }, expected: false },
  { cache: { ramBytes: 0, vramBytes: 2 }, free: { ramBytes: 16, vramBytes: 8 }, expected: true },
  { cache: { ramBytes: 0, vramBytes: 2 }, free: { ramBytes: 16, vramBytes: -1 }, expected: false },
])('a window of $cache in $free: kept whole $expected', ({ cache, free, expected }) => {
  expect(affordsFullWindow(cache, free)).toBe(expected);
});
