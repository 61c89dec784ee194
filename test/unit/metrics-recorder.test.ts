import { describe, expect, it, vi } from 'vitest';
import {
  appError,
  type EngineState,
  type SampleFigures,
  type SampleSetup,
} from '../../src-main/contract/index.ts';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import { createRecorder, type RecorderDeps } from '../../src-main/metrics/recorder.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';
import { fullStats, newModel } from '../support/store/fixtures.ts';

// What is kept of a generation, with a store and an engine whose answers the test gives.

function setUp(over: { temporary?: boolean; fails?: boolean } = {}) {
  const model = newModel({ id: 'm', name: 'Base', settings: { ...newModel().settings, threads: 3 } });
  let state: EngineState = { ...INITIAL_STATE, status: 'ready', modelId: 'm', deviceNames: ['RTX 4060'] };
  let listener: (changed: EngineState) => void = () => {};
  const change = (patch: Partial<EngineState>) => {
    state = { ...state, ...patch };
    listener(state);
  };
  const add = vi.fn(async (_input: { setup: SampleSetup; figures: SampleFigures }) => {
    if (over.fails) throw appError('disk_full');
  });
  const lines: unknown[] = [];
  const deps = {
    store: {
      samples: { add },
      models: { get: async () => model },
      provenance: { get: async () => ({ files: [{ sha256: 'f'.repeat(64) }] }) },
      adapters: {
        attached: async () => [
          { modelId: 'm', name: 'pirate', scale: 0.5 },
          { modelId: 'other', name: 'poet', scale: 1 },
        ],
      },
      conversations: { head: async () => ({ temporary: over.temporary ?? false }) },
    },
    engine: {
      get state() {
        return state;
      },
      onState: (told: typeof listener) => {
        listener = told;
        return () => {};
      },
    },
    settings: { get: () => ({ threads: 8, flashAttention: 'auto' }) },
    log: (...line: unknown[]) => lines.push(line),
  };
  const recorder = createRecorder(deps as unknown as RecorderDeps);
  const keep = (recording: ReturnType<typeof recorder.begin>, stats = fullStats, modelId = 'm') =>
    recording.keep({ purpose: 'answer', conversationId: 'c', modelId, stats, settings: null });
  return { recorder, keep, add, change, lines };
}

const memory = (processBytes: number, vramUsedBytes: number) => ({
  processBytes,
  vramUsedBytes,
  vramTotalBytes: 100,
});

describe('a record', () => {
  it('names the file with its adapters, the settings that held and the highest memory', async () => {
    const { recorder, keep, add, change } = setUp();
    const recording = recorder.begin();
    change({ memory: memory(50, 9) });
    change({ memory: memory(40, 12) });
    await keep(recording);
    change({ memory: memory(90, 90) });
    expect(add.mock.lastCall?.[0]).toMatchObject({
      setup: {
        modelName: 'Base + pirate',
        adapters: [{ name: 'pirate', scale: 0.5 }],
        sha256: 'f'.repeat(64),
        threads: 3,
        flashAttention: 'auto',
        // The processor has no cards, whatever is in the computer.
        devices: [],
        backend: 'cpu',
        sampling: null,
      },
      figures: {
        memoryBytes: 50,
        vramBytes: 12,
        firstTokenMs: 120.5 + 2000.5,
        reusedFrom: 'disk',
        restoreMs: 12.75,
      },
    });
  });

  it('is cold until something was read after a load', () => {
    const { recorder, change } = setUp();
    const kinds = (stats = { ...fullStats, loadMs: 0, reusedTokens: 0 }) =>
      recorder.begin().settle(stats).firstTokenKind;
    expect([kinds(), kinds()]).toEqual(['cold', 'warm']);
    change({ status: 'loading' });
    expect([kinds({ ...fullStats, loadMs: 0, reusedTokens: 0, readTokens: 0 }), kinds(), kinds()]).toEqual([
      'cold',
      'cold',
      'warm',
    ]);
  });

  it('is not made of the guide, which is no model to compare', async () => {
    const { recorder, keep, add } = setUp();
    await keep(recorder.begin(), fullStats, GUIDE_ID);
    expect(add).not.toHaveBeenCalled();
  });

  it('is not made of a chat in memory only, and its loss costs no answer', async () => {
    const temporary = setUp({ temporary: true });
    await temporary.keep(temporary.recorder.begin());
    expect(temporary.add).not.toHaveBeenCalled();
    const full = setUp({ fails: true });
    await full.keep(full.recorder.begin());
    expect(full.lines).toEqual([['metrics.not_recorded', { code: 'disk_full' }]]);
  });
});
