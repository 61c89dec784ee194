import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError, type AppError } from '../../src-main/contract/index.ts';
import type { LoadRequest } from '../../src-main/engine/api.ts';
import { writeAdapter } from '../support/gguf/adapter.ts';
import type { ModelDims } from '../support/gguf/llama-shape.ts';
import { writeRandomModel } from '../support/gguf/random-model.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

const SHAPE: ModelDims = {
  architecture: 'llama',
  embedding: 64,
  blocks: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 32,
  feedForward: 128,
  ropeBase: 10_000,
  contextLength: 512,
};

/** For the query and output matrices of every layer. */
function writeLora(path: string, { shape, strength = 0.2 }: { shape: ModelDims; strength?: number }) {
  const width = shape.heads * shape.headDim;
  const targets = Array.from({ length: shape.blocks }, (_, block) => [
    [`blk.${block}.attn_q.weight`, shape.embedding, width] as const,
    [`blk.${block}.attn_output.weight`, width, shape.embedding] as const,
  ]).flat();
  return writeAdapter(path, { architecture: shape.architecture, targets, strength });
}

let kit: EngineKit;
let request: LoadRequest;
beforeEach(async () => {
  kit = await makeEngine();
  const path = join(kit.folder, 'base.gguf');
  request = loadRequest(await writeRandomModel(path, { shape: SHAPE, type: 'F32', vocabularySize: 1000 }));
});
afterEach(() => kit.close());

const file = (name: string) => join(kit.folder, `${name}.gguf`);
const load = (...adapters: LoadRequest['adapters']) => kit.engine.load({ ...request, adapters });
const say = async () =>
  (await ask(kit.engine, chat('the people of the water'), { sampling: { maxTokens: 24 } })).text;

async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!isAppError(error)) throw new Error('no typed error', { cause: error });
  return error;
}

describe('an adapter', () => {
  it('changes what the model says by its scale, and another scale is another load', async () => {
    const { path } = await writeLora(file('adapter'), { shape: SHAPE });
    await load();
    const base = await say();
    await load({ path, scale: 1 });
    const adapted = await say();
    expect(adapted).not.toBe(base);
    await load({ path, scale: 0 });
    expect(await say()).toBe(base);
    await load({ path, scale: 1 });
    expect(await say()).toBe(adapted);
    await kit.engine.load({ ...request, adapters: [{ path, scale: 1 }] });
    expect(kit.logs.filter((line) => line.event === 'engine.loaded')).toHaveLength(4);
  });

  it('is laid over another', async () => {
    const first = await writeLora(file('first'), { shape: SHAPE });
    const second = await writeLora(file('second'), { shape: SHAPE, strength: 0.5 });
    await load({ path: first.path, scale: 1 });
    const one = await say();
    await load({ path: first.path, scale: 1 }, { path: second.path, scale: 1 });
    expect(await say()).not.toBe(one);
  });
});

describe('an adapter that cannot be used', () => {
  const cases: Record<string, { make: () => Promise<string>; code: string; reason?: string }> = {
    'was made for another width': {
      make: async () => (await writeLora(file('wide'), { shape: { ...SHAPE, embedding: 96 } })).path,
      code: 'adapter_mismatch',
    },
    'changes a layer that is not there': {
      make: async () => (await writeLora(file('deep'), { shape: { ...SHAPE, blocks: 3 } })).path,
      code: 'adapter_mismatch',
    },
    'was made for another architecture': {
      make: async () =>
        (await writeLora(file('other'), { shape: { ...SHAPE, architecture: 'gemma3' } })).path,
      code: 'adapter_mismatch',
    },
    'is a model': { make: async () => request.path, code: 'adapter_mismatch' },
    'is cut in its weights': {
      async make() {
        const { path, sizeBytes } = await writeLora(file('cut'), { shape: SHAPE });
        await truncate(path, sizeBytes - 500);
        return path;
      },
      code: 'model_load_failed',
      reason: 'adapter_damaged',
    },
    'is no GGUF': {
      async make() {
        await writeFile(file('text'), 'Dear diary, this is not an adapter at all.');
        return file('text');
      },
      code: 'model_load_failed',
      reason: 'adapter_damaged',
    },
    'is not there': {
      make: async () => file('nothing'),
      code: 'model_load_failed',
      reason: 'adapter_missing',
    },
  };

  it.each(Object.keys(cases))('because it %s: typed, and the engine stays usable', async (name) => {
    const { make, code, reason } = cases[name] ?? expect.fail('no such case');
    const error = await errorOf(load({ path: await make(), scale: 1 }));
    expect(error.code).toBe(code);
    if (reason !== undefined) expect(error.data.details).toMatchObject({ reason });
    expect(JSON.stringify(error.data)).not.toContain(kit.folder);
    expect(kit.engine.state).toMatchObject({ status: 'idle', modelId: null, error: { code } });
    await load();
    expect(await say()).not.toBe('');
    expect(kit.logs.filter((line) => line.event === 'engine.crashed')).toEqual([]);
  });
});
