import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startMeasuringEngine } from '../../src-main/engine/measure.ts';
import { entries } from '../../src-main/entries.ts';
import { measureMachine } from '../../src-main/models/fit/measure-machine.ts';
import { writeProbeModel } from '../../src-main/models/fit/probe-model.ts';
import type { MachineSpeed } from '../../src-main/models/fit/speed-types.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { writeRandomModel } from '../support/gguf/random-model.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { startHub } from '../support/hub/hub.ts';

// The fit service through the real core; figures of a real engine are in fit-memory.test.ts and the fit benchmark.

const AUTOMATIC = { contextSize: null, gpuLayers: null };

let folder: string;
let core: TestCore;
const start = () => startCore({ dataDir: join(folder, 'data'), modelsDir: join(folder, 'models') });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leeward-fit-'));
  core = await start();
  await core.client.settings.update({ backend: 'cpu' });
});
afterEach(async () => {
  await core.close();
  await rm(folder, { recursive: true, force: true });
});

const modelPath = (name: string) => join(core.modelsDir, name);
const writeSmall = (path: string) =>
  writeRandomModel(path, { shape: 'small', type: 'Q4_0', vocabularySize: 2000 });

/** The figures of a computer of 10 GB/s, as a measurement would have left them. */
async function storeSpeed(ofProcessor?: string): Promise<void> {
  const { processor, cores } = await core.client.system.machine();
  const { backend, deviceNames, engineVersion } = await core.client.engine.state();
  const rate = { decodeBytesPerSecond: 10e9, readWeightsPerSecond: 50e9 };
  const speed: MachineSpeed = {
    version: 2,
    key: JSON.stringify([ofProcessor ?? processor, cores, null, backend, deviceNames, engineVersion]),
    measuredAt: 1_700_000_000_000,
    cpu: {
      rates: { Q4_0: rate, Q4_K: rate, Q6_K: rate, F16: rate },
      tokenMs: 1,
      layerMs: 0.02,
      attendedPerSecond: 5e9,
    },
    card: null,
  };
  await writeFile(join(core.dataDir, 'machine-speed.json'), JSON.stringify(speed));
}

test('a file on the hub fits as the same file does in the library, before any of it is downloaded', async () => {
  await writeSmall(modelPath('small-Q4_0.gguf'));
  const local = await core.addModel();
  const hub = await startHub();
  try {
    await core.client.settings.update({ hubEndpoint: hub.url });
    const repository = await hub.add('maker/Small-GGUF', {
      files: { 'small-Q4_0.gguf': { file: modelPath('small-Q4_0.gguf') } },
    });
    const remote = await core.client.fit.ofHubFile({
      repo: 'maker/Small-GGUF',
      revision: repository.revision,
      path: 'small-Q4_0.gguf',
      ...AUTOMATIC,
    });
    const own = await core.client.fit.ofModel({ id: local.id, ...AUTOMATIC });
    const figures = ({ ram, ...fit }: typeof own) => ({ ...fit, ram: { ...ram, freeBytes: 0 } });
    expect(figures(remote)).toEqual(figures(own));
    expect(own).toMatchObject({
      contextSize: 4096,
      trainedContextSize: 4096,
      layerCount: 4,
      gpuLayers: 0,
      // Keys and values of 2 heads, 64 wide, in 4 layers, for each chat in memory.
      kvCacheBytes: own.liveChats * 4096 * 4 * 2 * 2 * 64 * 2,
      vram: null,
      verdict: 'fits',
      decode: null,
      prefill: null,
      isMeasured: false,
    });
    expect(own.ram.mappedBytes).toBe(local.sizeBytes);
  } finally {
    await hub.close();
  }
});

test('context and settings of the model count; another context is another cache', async () => {
  await writeSmall(modelPath('small.gguf'));
  const { id } = await core.addModel();
  await core.client.models.updateSettings({ id, settings: { contextSize: 512 } });
  const own = await core.client.fit.ofModel({ id, ...AUTOMATIC });
  const other = await core.client.fit.ofModel({ id, contextSize: 2048, gpuLayers: null });
  expect([own.contextSize, other.contextSize]).toEqual([512, 2048]);
  expect(other.kvCacheBytes / other.liveChats).toBe((own.kvCacheBytes / own.liveChats) * 4);
  await core.client.models.updateSettings({ id, settings: { liveChats: 2 } });
  const two = await core.client.fit.ofModel({ id, ...AUTOMATIC });
  expect(two).toMatchObject({ liveChats: 2, kvCacheBytes: (own.kvCacheBytes / own.liveChats) * 2 });
  await core.client.models.load({ id, retryAfterCrash: false });
  const { liveChats, tuning } = await core.client.engine.state();
  expect([liveChats, tuning?.wantedLiveChats]).toEqual([2, 2]);
});

describe('speed', () => {
  test('is not told before this computer was measured, and from the stored figures after a start', async () => {
    await writeSmall(modelPath('small.gguf'));
    const { id } = await core.addModel();
    expect(await core.client.fit.speed()).toEqual({
      state: 'not_measured',
      memoryBytesPerSecond: null,
      measuredAt: null,
    });
    await core.client.models.load({ id, retryAfterCrash: false });
    await storeSpeed();
    await core.close();
    core = await start();
    await core.client.settings.update({ backend: 'cpu' });
    await core.client.models.load({ id, retryAfterCrash: false });
    expect(await core.client.fit.speed()).toEqual({
      state: 'measured',
      memoryBytesPerSecond: 10e9,
      measuredAt: 1_700_000_000_000,
    });
    const { decode, prefill, isMeasured } = await core.client.fit.ofModel({ id, ...AUTOMATIC });
    expect(isMeasured).toBe(false);
    // 2 MB at 10 GB/s are nothing beside a millisecond a token.
    expect(decode?.low).toBeGreaterThan(500);
    expect(decode?.high).toBeLessThan(1150);
    expect(prefill?.low).toBeGreaterThan(1000);
  });

  test('figures of another processor are not taken', async () => {
    await storeSpeed('Another processor');
    await core.close();
    core = await start();
    await core.client.engine.restart();
    expect((await core.client.fit.speed()).state).toBe('not_measured');
  });

  test('is that of real answers after three of them, and a change is told', async () => {
    await writeScriptedModel(modelPath('scripted.gguf'), { script: plainScript });
    const { id } = await core.addModel();
    const { conversationId } = await core.chat('one');
    const changed = core.waitFor((event) => event.type === 'fit.changed');
    await core.chat('two', conversationId);
    await changed;
    expect((await core.client.fit.ofModel({ id, ...AUTOMATIC })).isMeasured).toBe(false);
    await core.chat('three', conversationId);
    const fit = await core.client.fit.ofModel({ id, ...AUTOMATIC });
    const { messages } = await core.client.conversations.get({ id: conversationId });
    const speeds = messages.flatMap(({ stats }) => stats?.tokensPerSecond ?? []).toSorted((a, b) => a - b);
    expect(fit.isMeasured).toBe(true);
    expect(fit.decode).toEqual({ low: speeds[1], high: speeds[1] });
  });
});

describe('measuring', () => {
  const startEngine = (signal: AbortSignal) =>
    startMeasuringEngine({
      signal,
      sidecarPath: entries.sidecar,
      nodeBinary: process.execPath,
      backend: 'cpu',
    });

  // Whole measurements are the benchmark's: beside other tests they take minutes.
  test.each(['Q4_K', 'Q6_K', 'F16'])(
    'times a generated model of %s on the way that answers take',
    async (type) => {
      const abort = new AbortController();
      const engine = await startEngine(abort.signal);
      try {
        const path = join(folder, 'probe.gguf');
        const sizeBytes = await writeProbeModel(path, {
          type,
          layers: 2,
          embeddingLength: 256,
          feedForwardLength: 512,
        });
        const prompt = 'abcdefghij'.repeat(9);
        const probe = { path, sizeBytes, gpuLayers: 0, threads: 1, prompt, answerTokens: 8, answers: 2 };
        const { decodeMs, read, gpuLayers } = await engine.time(probe);
        expect(decodeMs).toBeGreaterThan(0);
        // All but the first chunk of 32 and the last token, which is the decoder's.
        expect(read?.tokens).toBe(prompt.length - 32 - 1);
        expect(gpuLayers).toBe(0);
      } finally {
        await engine.kill();
      }
    },
  );

  test('ends when its time ends, whatever is going on', async () => {
    const signal = new AbortController().signal;
    expect(
      await measureMachine({ startEngine, tempDir: folder, threads: null, signal, limitMs: 1 }),
    ).toBeNull();
    expect((await readdir(folder)).filter((name) => name.startsWith('leeward-speed'))).toEqual([]);
  });
});
