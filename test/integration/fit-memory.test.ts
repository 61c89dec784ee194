import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { predictMemory } from '../../src-main/models/fit/predict-memory.ts';
import { readProcessorFeatures, repackedTypes } from '../../src-main/models/fit/repack.ts';
import { drawShape, shapeOfFile, type Attention } from '../support/fit-shapes.ts';
import { writeRandomModel } from '../support/gguf/random-model.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

const MIB = 2 ** 20;
/** Large enough that the library's garbage, some 10 MB more or less, does not decide. */
const LAYER_MEGABYTES = 260;
const SEED = 20_261_123;
/** A share of the context: the cache is written whole at the load, and reading all of it would only take time. */
const PROMPT = 'the of and to in is that it was for on are as with his they '.repeat(4);
const CHUNK_TOKENS = 64;

let kit: EngineKit | undefined;
afterEach(async () => {
  await kit?.close();
  kit = undefined;
});

/** Memory of a process that the system cannot take back by dropping file pages. */
function anonymousBytes(pid: number): number {
  const kibibytes = /^RssAnon:\s*(\d+) kB/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

// RssAnon is told by Linux only.
describe.runIf(process.platform === 'linux')(
  'memory that cannot be given back, as predicted before the load',
  () => {
    it.each<[Attention, number]>([
      ['grouped', 1],
      ['full', 2],
      ['windows', 3],
    ])(
      '%s attention, shape %i: within 10 percent of what is measured',
      async (attention, number) => {
        kit = await makeEngine();
        const { engine, folder } = kit;
        const drawn = drawShape(attention, { seed: SEED + number, megabytes: LAYER_MEGABYTES, type: 'Q4_0' });
        const path = join(folder, 'drawn.gguf');
        const { sizeBytes } = await writeRandomModel(path, {
          shape: drawn.dims,
          type: drawn.type,
          vocabularySize: 8000,
        });

        const repacked = repackedTypes(await readProcessorFeatures());
        const need = predictMemory(await shapeOfFile(path), {
          contextSize: drawn.contextSize,
          gpuLayers: 0,
          flashAttention: true,
          cacheType: 'f16',
          fullWindow: false,
          liveChats: 1,
          chunkTokens: CHUNK_TOKENS,
          repacked,
        });
        const predictedFile = join(folder, 'predicted.json');
        await writeFile(predictedFile, JSON.stringify({ ...need.ram, mappedBytes: need.mappedBytes }));

        engine.configure({ backend: 'cpu' });
        await engine.start();
        const without = anonymousBytes(kit.pid());
        await engine.load(
          loadRequest({ path, sizeBytes }, { contextSize: drawn.contextSize, gpuLayers: 0, sequences: 1 }),
        );
        const { result } = await ask(engine, chat(PROMPT), { sampling: { maxTokens: 4, seed: 1 } });
        expect(result.error).toBeNull();
        const measuredMiB = (anonymousBytes(kit.pid()) - without) / MIB;

        const predicted: typeof need.ram = JSON.parse(await readFile(predictedFile, 'utf8'));
        const predictedMiB = (predicted.weightsBytes + predicted.kvCacheBytes + predicted.buffersBytes) / MIB;
        expect(
          Math.abs(predictedMiB / measuredMiB - 1),
          `${predictedMiB} MiB predicted, ${measuredMiB} measured`,
        ).toBeLessThan(0.1);
      },
      240_000,
    );
  },
);
