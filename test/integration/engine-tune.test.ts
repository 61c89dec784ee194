import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_SAMPLING, type EngineState } from '../../src-main/contract/index.ts';
import { MAX_CACHE_DIVERGENCE } from '../../src-main/engine/sidecar/tune.ts';
import { SHAPES, writeRandomModel } from '../support/gguf/random-model.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

const NOTHING = { threads: null, cacheDivergence: null };
/** Above the size that one thread is taken for without timing. */
const TIMED = { ...SHAPES.small, embedding: 1024, blocks: 4, heads: 16, kvHeads: 4, feedForward: 4096 };

const randomModel = (name: string, shape = SHAPES.small) =>
  writeRandomModel(join(kit.folder, `${name}.gguf`), { shape, type: 'F32', vocabularySize: 512 });

function stepsOf(engine: EngineKit['engine']): Set<EngineState['loadStep']> {
  const steps = new Set<EngineState['loadStep']>();
  engine.onState(({ loadStep }) => steps.add(loadStep));
  return steps;
}

test('a first load finds the number of threads, tells that it does, and a later one takes it over', async () => {
  const model = await randomModel('timed', TIMED);
  expect(model.sizeBytes).toBeGreaterThan(50 * 2 ** 20);
  const steps = stepsOf(kit.engine);
  const request = loadRequest(model, { contextSize: 512, measured: NOTHING });
  await kit.engine.load(request);
  const { tuning, loadStep } = kit.engine.state;
  expect(loadStep).toBeNull();
  expect(steps).toContain('threads');
  expect(tuning?.threads).toBeGreaterThanOrEqual(1);
  expect(tuning?.measuredThreads).toBe(tuning?.threads);

  steps.clear();
  await kit.engine.unload();
  const known = { threads: tuning?.threads ?? null, cacheDivergence: null };
  await kit.engine.load({ ...request, measured: known });
  expect(steps).not.toContain('threads');
  expect(kit.engine.state.tuning).toEqual(tuning);
});

test('a tiny model takes one thread without timing, and a number that is set stays', async () => {
  const model = await writeScriptedModel(join(kit.folder, 'tiny.gguf'), { script: plainScript });
  const steps = stepsOf(kit.engine);
  await kit.engine.load(loadRequest(model, { measured: NOTHING }));
  expect(kit.engine.state.tuning).toMatchObject({ threads: 1, measuredThreads: null });
  await kit.engine.load(loadRequest(model, { measured: NOTHING, threads: 2 }));
  expect(kit.engine.state.tuning).toMatchObject({ threads: 2, measuredThreads: null });
  expect(steps).toEqual(new Set([null]));
});

test('a smaller cache is checked once with the model, and used', async () => {
  const model = await randomModel('cache');
  const steps = stepsOf(kit.engine);
  const request = loadRequest(model, { cacheType: 'q8_0', contextSize: 512, measured: NOTHING });
  await kit.engine.load(request);
  const { tuning } = kit.engine.state;
  expect(steps).toContain('cache');
  expect(tuning).toMatchObject({ cacheType: 'q8_0' });
  expect(tuning?.cacheDivergence).toBeGreaterThan(0);
  expect(tuning?.cacheDivergence).toBeLessThan(MAX_CACHE_DIVERGENCE);
  const { result } = await ask(kit.engine, chat('Go on.'), {
    sampling: { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: 8 },
  });
  expect(result).toMatchObject({ error: null, stopReason: 'max_tokens' });

  steps.clear();
  await kit.engine.unload();
  const measured = { threads: null, cacheDivergence: tuning?.cacheDivergence ?? null };
  await kit.engine.load({ ...request, measured });
  expect(steps).not.toContain('cache');
  expect(kit.engine.state.tuning).toMatchObject({ cacheType: 'q8_0' });
});

test('a smaller cache that changed too much, or cannot be had, is not used', async () => {
  const model = await randomModel('refused');
  const request = loadRequest(model, { cacheType: 'q8_0', contextSize: 512 });
  const tooFar = { threads: null, cacheDivergence: 2 * MAX_CACHE_DIVERGENCE };
  await kit.engine.load({ ...request, measured: tooFar });
  expect(kit.engine.state.tuning).toMatchObject({ cacheType: 'f16' });
  // Values of 8 bits need flash attention.
  await kit.engine.load({ ...request, flashAttention: 'off', measured: NOTHING });
  expect(kit.engine.state.tuning).toMatchObject({ cacheType: 'f16', cacheDivergence: null });
});
