import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { INITIAL_STATE } from '../../src-main/engine/state.ts';
import type { EngineState } from '../../src-main/contract/index.ts';
import { rateFrom } from '../../src-main/models/fit/measure-machine.ts';
import { probeWeights, type ProbeShape } from '../../src-main/models/fit/probe-model.ts';
import {
  createSpeedKeeper,
  type SpeedKeeper,
  type SpeedKeeperOptions,
} from '../../src-main/models/fit/speed-keeper.ts';

const RATE = { decodeBytesPerSecond: 9e9, readWeightsPerSecond: null };
const FIGURES = {
  cpu: { rates: { Q4_K: RATE }, tokenMs: 1, layerMs: 0, attendedPerSecond: 5e9 },
  card: null,
};

let dataDir: string;
let keeper: SpeedKeeper | undefined;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'leeward-speed-test-'));
});
afterEach(async () => {
  await keeper?.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** An engine whose state a test sets. */
function fakeEngine() {
  let state: EngineState = { ...INITIAL_STATE, status: 'idle' };
  const listeners = new Set<(state: EngineState) => void>();
  return {
    get state() {
      return state;
    },
    onState(listener: (state: EngineState) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(status: EngineState['status']) {
      state = { ...state, status };
      for (const listener of listeners) listener(state);
    },
  };
}

function make(over: Partial<SpeedKeeperOptions>): { keeper: SpeedKeeper; changes: () => Promise<void> } {
  let tell = () => {};
  const made = createSpeedKeeper({
    engine: fakeEngine(),
    dataDir,
    key: async () => 'this one',
    measure: async () => FIGURES,
    onChange: () => tell(),
    log: () => {},
    quietMs: 1,
    idleShare: async () => 1,
    ...over,
  });
  keeper = made;
  return { keeper: made, changes: () => new Promise((resolve) => (tell = resolve)) };
}

const measured = { state: 'measured', memoryBytesPerSecond: 9e9, measuredAt: expect.any(Number) };

test('measures once when the engine is idle, tells it, and keeps the figures in a file', async () => {
  const states: string[] = [];
  await new Promise<void>((resolve) => {
    const { keeper: made } = make({
      onChange: () =>
        void made.state().then(({ state }) => {
          states.push(state);
          if (state === 'measured') resolve();
        }),
    });
  });
  expect(states).toEqual(['measuring', 'measured']);
  expect(await keeper?.state()).toEqual(measured);
  expect(JSON.parse(await readFile(join(dataDir, 'machine-speed.json'), 'utf8'))).toMatchObject({
    key: 'this one',
    ...FIGURES,
  });
  await keeper?.close();
  let count = 0;
  const again = make({
    measure: async () => {
      count += 1;
      return FIGURES;
    },
  });
  expect(await again.keeper.state()).toEqual(measured);
  await again.keeper.close();
  expect(count).toBe(0);
});

test('figures of another processor, thread count or engine are not taken', async () => {
  const first = make({});
  await first.changes().then(() => first.changes());
  await first.keeper.close();
  const second = make({
    key: async () => 'another one',
    measure: () => new Promise(() => {}),
    quietMs: 60_000,
  });
  expect((await second.keeper.state()).state).toBe('not_measured');
});

test('stops when the engine gets something to do, and goes on when that is done', async () => {
  const engine = fakeEngine();
  const signals: AbortSignal[] = [];
  const running = Promise.withResolvers<null>();
  const done = Promise.withResolvers<null>();
  make({
    engine,
    measure: async (signal) => {
      signals.push(signal);
      if (signals.length > 1) return FIGURES;
      running.resolve(null);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    },
    log: (event) => {
      if (event === 'fit.measured') done.resolve(null);
    },
  });
  await running.promise;
  engine.set('loading');
  expect(signals[0]?.aborted).toBe(true);
  engine.set('ready');
  await done.promise;
  expect(signals).toHaveLength(2);
});

test('waits for other programs, but not for ever', async () => {
  let looks = 0;
  const done = Promise.withResolvers<null>();
  make({
    idleShare: async () => {
      looks += 1;
      return 0.2;
    },
    log: (event) => {
      if (event === 'fit.measured') done.resolve(null);
    },
  });
  await done.promise;
  expect(looks).toBe(12);
});

test('gives up for this run when it fails again and again', async () => {
  const failures: string[] = [];
  const done = Promise.withResolvers<null>();
  make({
    measure: async () => null,
    log: (event) => {
      failures.push(event);
      if (failures.length === 5) done.resolve(null);
    },
  });
  await done.promise;
  expect(new Set(failures)).toEqual(new Set(['fit.not_measured']));
  expect((await keeper?.state())?.state).toBe('not_measured');
});

test('a rate is what is left of a token when its own cost is taken away', () => {
  const shape: ProbeShape = { type: 'Q8_0', layers: 2, embeddingLength: 512, feedForwardLength: 1024 };
  const { decodeBytes, readElements } = probeWeights(shape);
  const perLayer = 2 * 512 * 512 + 2 * 512 * 256 + 3 * 512 * 1024;
  expect(readElements).toBe(2 * perLayer);
  expect(decodeBytes).toBe(((2 * perLayer + 512 * 1024) * 34) / 32);
  const rate = rateFrom(shape, { decodeMs: 5, read: { tokens: 100, ms: 50 } }, { tokenMs: 1, layerMs: 0.5 });
  expect(rate.decodeBytesPerSecond).toBeCloseTo((decodeBytes / 3) * 1000);
  expect(rate.readWeightsPerSecond).toBeCloseTo(readElements * 2000);
});

test('what a token costs by itself is never taken for more than half of a probe', () => {
  const shape: ProbeShape = { type: 'Q8_0', layers: 2, embeddingLength: 512, feedForwardLength: 1024 };
  const { decodeBytes } = probeWeights(shape);
  const rate = rateFrom(shape, { decodeMs: 2, read: null }, { tokenMs: 5, layerMs: 0.5 });
  expect(rate).toEqual({ decodeBytesPerSecond: decodeBytes * 1000, readWeightsPerSecond: null });
});
