import { describe, expect, it } from 'vitest';
import type { EngineState } from '../../src-main/contract/index.ts';
import { EngineStateStore, INITIAL_STATE, reduce, type EngineEvent } from '../../src-main/engine/state.ts';

const MODEL = '3f2b6c1e-0000-4000-8000-000000000001';
const started: EngineEvent = {
  type: 'started',
  backend: 'cpu',
  deviceNames: [],
  engineVersion: 'v',
  notice: null,
};
const TUNING = {
  threads: 2,
  measuredThreads: 2,
  cacheType: 'f16' as const,
  wantedCacheType: 'q8_0' as const,
  fullWindow: false,
  cacheDivergence: null,
  wantedLiveChats: null,
  draftModelId: null,
  draft: null,
  batchTokens: 512,
};
const events: Record<EngineEvent['type'], EngineEvent> = {
  starting: { type: 'starting' },
  started,
  start_failed: { type: 'start_failed', error: { code: 'engine_binary_missing', data: {} } },
  loading: { type: 'loading', modelId: MODEL },
  load_progress: { type: 'load_progress', progress: 0.5, etaMs: 1000 },
  loaded: {
    type: 'loaded',
    contextSize: 4096,
    gpuLayers: 0,
    liveChats: 2,
    tuning: TUNING,
    reasoning: 'none',
  },
  load_step: { type: 'load_step', step: 'threads' },
  load_failed: { type: 'load_failed', error: { code: 'model_truncated', data: {} } },
  unloaded: { type: 'unloaded' },
  generation_started: { type: 'generation_started' },
  generation_ended: { type: 'generation_ended', error: null },
  queued: { type: 'queued', count: 2 },
  memory: { type: 'memory', memory: { processBytes: 1, vramUsedBytes: null, vramTotalBytes: null } },
  crashed: { type: 'crashed' },
  gave_up: { type: 'gave_up' },
  stopped: { type: 'stopped' },
};
const run = (...types: EngineEvent['type'][]) =>
  types.reduce((state, type) => reduce(state, events[type]), INITIAL_STATE);

const paths: Record<EngineState['status'], EngineEvent['type'][]> = {
  stopped: [],
  starting: ['starting'],
  idle: ['starting', 'started'],
  loading: ['starting', 'started', 'loading'],
  ready: ['starting', 'started', 'loading', 'loaded'],
  generating: ['starting', 'started', 'loading', 'loaded', 'generation_started'],
  crashed: ['starting', 'started', 'crashed'],
};

/** The status after each event from each status; what is left out changes nothing. */
const table: Record<EngineState['status'], Partial<Record<EngineEvent['type'], EngineState['status']>>> = {
  stopped: { starting: 'starting', queued: 'stopped', stopped: 'stopped' },
  starting: {
    started: 'idle',
    start_failed: 'stopped',
    crashed: 'crashed',
    queued: 'starting',
    stopped: 'stopped',
  },
  idle: {
    loading: 'loading',
    unloaded: 'idle',
    memory: 'idle',
    crashed: 'crashed',
    queued: 'idle',
    stopped: 'stopped',
  },
  loading: {
    load_progress: 'loading',
    load_step: 'loading',
    loaded: 'ready',
    load_failed: 'idle',
    memory: 'loading',
    crashed: 'crashed',
    queued: 'loading',
    stopped: 'stopped',
  },
  ready: {
    loading: 'loading',
    unloaded: 'idle',
    generation_started: 'generating',
    memory: 'ready',
    crashed: 'crashed',
    queued: 'ready',
    stopped: 'stopped',
  },
  generating: {
    generation_started: 'generating',
    generation_ended: 'ready',
    memory: 'generating',
    crashed: 'crashed',
    queued: 'generating',
    stopped: 'stopped',
  },
  crashed: { starting: 'starting', gave_up: 'crashed', queued: 'crashed', stopped: 'stopped' },
};

const statuses = Object.keys(table) as EngineState['status'][];
const types = Object.keys(events) as EngineEvent['type'][];

describe('the state machine', () => {
  it.each(statuses)('in %s: every event leads where the table says, or changes nothing', (status) => {
    const state = run(...paths[status]);
    expect(state.status).toBe(status);
    for (const type of types) {
      const next = reduce(state, events[type]);
      const expected = table[status][type];
      if (expected === undefined) expect(next, type).toBe(state);
      else expect(next.status, type).toBe(expected);
    }
  });

  it('shows a model and a context only while there is one', () => {
    expect(run(...paths.ready)).toMatchObject({
      modelId: MODEL,
      contextSize: 4096,
      gpuLayers: 0,
      tuning: TUNING,
      reasoning: 'none',
      loadProgress: null,
    });
    for (const last of ['unloaded', 'stopped', 'crashed'] as const)
      expect(run(...paths.ready, last)).toMatchObject({
        contextSize: null,
        gpuLayers: null,
        tuning: null,
        reasoning: null,
        runningGenerations: 0,
      });
    expect(run(...paths.ready, 'unloaded').modelId).toBeNull();
    expect(run(...paths.ready, 'crashed').modelId).toBe(MODEL);
  });

  it('counts generations, and is ready when the last has ended', () => {
    const two = run(...paths.generating, 'generation_started');
    expect(two).toMatchObject({ status: 'generating', runningGenerations: 2 });
    const one = reduce(two, events.generation_ended);
    expect(one).toMatchObject({ status: 'generating', runningGenerations: 1 });
    expect(reduce(one, events.generation_ended)).toMatchObject({ status: 'ready', runningGenerations: 0 });
  });

  it('never lets the progress run backwards, nor leave 0 to 1', () => {
    const at = (progress: number, state: EngineState) =>
      reduce(state, { type: 'load_progress', progress, etaMs: null });
    const half = at(0.5, run(...paths.loading));
    expect(at(0.2, half).loadProgress).toBe(0.5);
    expect(at(1.01, half).loadProgress).toBe(1);
  });

  it('keeps the error of a crash through the restart, until something succeeds', () => {
    const crashedInLoad = run(...paths.loading, 'crashed');
    expect(crashedInLoad.error?.code).toBe('model_load_crashed');
    const back = reduce(reduce(crashedInLoad, events.starting), started);
    expect(back).toMatchObject({ status: 'idle', modelId: MODEL, error: { code: 'model_load_crashed' } });
    expect(reduce(back, events.loading).error).toBeNull();
    expect(run(...paths.generating, 'crashed').error?.code).toBe('engine_crashed');
    expect(run(...paths.generating, 'crashed', 'gave_up').error?.code).toBe('engine_unavailable');
  });

  it('drops other errors at the next start', () => {
    const failed = run('starting', 'start_failed');
    expect(failed.error?.code).toBe('engine_binary_missing');
    expect(reduce(reduce(failed, events.starting), started).error).toBeNull();
  });

  it('says of a cancelled load that nothing failed', () => {
    const state = reduce(run(...paths.loading), { type: 'load_failed', error: null });
    expect(state).toMatchObject({ status: 'idle', error: null, modelId: null });
  });

  it('tells a failed GPU with the start it happened in only', () => {
    const notice = { failedBackend: 'cuda', usedBackend: 'cpu' };
    const state = reduce(run('starting'), { ...started, notice } as EngineEvent);
    expect(state.notice).toEqual(notice);
    expect(reduce(reduce(state, events.crashed), events.starting).notice).toBeNull();
  });
});

describe('the store of the state', () => {
  it('tells changes, and only changes, until it is disposed', () => {
    const store = new EngineStateStore();
    const seen: string[] = [];
    const dispose = store.subscribe((state) => seen.push(state.status));
    store.dispatch(events.starting);
    store.dispatch(events.loaded);
    store.dispatch(started);
    dispose();
    store.dispatch(events.crashed);
    expect(seen).toEqual(['starting', 'idle']);
    expect(store.current.status).toBe('crashed');
  });
});
