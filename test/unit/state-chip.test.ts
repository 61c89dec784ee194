import { describe, expect, it } from 'vitest';
import type { EngineState, Model } from '../../src-main/contract/index.ts';
import { chipState, modelFailure } from '../../src-renderer/state/chip.ts';
import { engineFailure } from '../../src-renderer/state/engine-failure.ts';

const model: Model = {
  id: 'a',
  kind: 'model',
  name: 'A',
  ownName: 'A',
  adapters: [],
  fileName: 'a.gguf',
  location: 'models/a.gguf',
  sizeBytes: 1,
  architecture: 'llama',
  parameterCount: null,
  quant: null,
  trainedContextSize: null,
  licence: null,
  hasChatTemplate: true,
  parts: 1,
  addedAt: 0,
  lastUsedAt: null,
  available: true,
  lastLoadCrashed: false,
  settings: {
    contextSize: null,
    gpuLayers: null,
    threads: null,
    flashAttention: null,
    sampling: null,
    chatTemplate: null,
    keepLoadedMinutes: null,
    speculation: null,
    cacheType: null,
    liveChats: null,
    draftModelId: null,
  },
  notes: '',
  canDelete: true,
  builtIn: false,
};
const engine: EngineState = {
  status: 'idle',
  backend: 'cpu',
  deviceNames: [],
  modelId: null,
  loadProgress: null,
  loadStep: null,
  tuning: null,
  loadEtaMs: null,
  contextSize: null,
  gpuLayers: null,
  reasoning: null,
  error: null,
  notice: null,
  runningGenerations: 0,
  liveChats: null,
  queuedGenerations: 0,
  memory: null,
  engineVersion: null,
};
const failed = { code: 'model_load_failed' as const, data: {} };

describe('chipState', () => {
  const cases: [string, Parameters<typeof chipState>, string][] = [
    ['no model chosen', [undefined, engine, false, null], 'none'],
    ['loaded', [model, { ...engine, status: 'ready', modelId: 'a' }, false, null], 'ready'],
    ['answers here', [model, { ...engine, status: 'generating', modelId: 'a' }, true, null], 'answering'],
    ['answers elsewhere', [model, { ...engine, status: 'generating', modelId: 'a' }, false, null], 'ready'],
    [
      'queued here, other model runs',
      [model, { ...engine, status: 'generating', modelId: 'b' }, true, null],
      'unloaded',
    ],
    ['not loaded', [model, engine, false, null], 'unloaded'],
    ['another one is loaded', [model, { ...engine, status: 'ready', modelId: 'b' }, false, null], 'unloaded'],
    ['load failed here', [model, engine, false, 'a'], 'failed'],
    ['another load failed', [model, engine, false, 'b'], 'unloaded'],
    [
      'engine tells of the failure',
      [model, { ...engine, modelId: 'a', error: failed }, false, null],
      'failed',
    ],
    [
      'engine crashed while answering',
      [model, { ...engine, modelId: 'a', error: { code: 'engine_crashed', data: {} } }, false, null],
      'unloaded',
    ],
    ['crashed at its last load', [{ ...model, lastLoadCrashed: true }, engine, false, null], 'failed'],
    ['file is gone', [{ ...model, available: false }, engine, false, null], 'missing'],
    [
      'file is gone, still loaded',
      [{ ...model, available: false }, { ...engine, status: 'ready', modelId: 'a' }, false, null],
      'ready',
    ],
  ];
  it.each(cases)('%s', (_name, input, kind) => {
    expect(chipState(...input).kind).toBe(kind);
  });

  it('carries the progress of a load', () => {
    const loading = {
      ...engine,
      status: 'loading' as const,
      modelId: 'a',
      loadProgress: 0.62,
      loadEtaMs: 2_000,
    };
    expect(chipState(model, loading, false, null)).toEqual({ kind: 'loading', progress: 0.62, etaMs: 2_000 });
    expect(chipState({ ...model, id: 'b' }, loading, false, null).kind).toBe('unloaded');
  });
});

describe('modelFailure', () => {
  const crashed = { ...model, lastLoadCrashed: true };
  const cases: [string, Model | undefined, ReturnType<typeof modelFailure>][] = [
    ['none is chosen', undefined, 'no_model'],
    ['its file is gone', { ...model, available: false }, 'model_file_missing'],
    ['its last load crashed', crashed, 'model_load_crashed'],
    ['it is not loaded', model, null],
  ];
  it.each(cases)('%s', (_name, chosen, code) => {
    expect(modelFailure(chosen, chipState(chosen, engine, false, null))).toBe(code);
  });

  it('says nothing of a load that goes on, worked, or may work when tried again', () => {
    const loading = { ...engine, status: 'loading' as const, modelId: 'a' };
    const ready = { ...loading, status: 'ready' as const };
    for (const state of [loading, ready])
      expect(modelFailure(crashed, chipState(crashed, state, false, null))).toBeNull();
    expect(modelFailure(model, chipState(model, engine, false, 'a'))).toBeNull();
  });
});

describe('engineFailure', () => {
  const withError = (status: EngineState['status'], code: NonNullable<EngineState['error']>['code']) =>
    engineFailure({ ...engine, status, error: { code, data: {} } })?.code ?? null;
  it('tells only of what does not mend itself', () => {
    expect(withError('crashed', 'engine_unavailable')).toBe('engine_unavailable');
    expect(withError('stopped', 'engine_start_failed')).toBe('engine_start_failed');
    expect(withError('stopped', 'engine_binary_missing')).toBe('engine_binary_missing');
    expect(withError('crashed', 'engine_crashed')).toBeNull();
    expect(withError('starting', 'engine_unavailable')).toBeNull();
    expect(engineFailure(engine)).toBeNull();
  });
});
