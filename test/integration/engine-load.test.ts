import { copyFile, cp, mkdir, open, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError, type AppError } from '../../src-main/contract/index.ts';
import { dimsMetadata, modelTensors, type ModelDims } from '../support/gguf/llama-shape.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { baseVocabulary, tokenizerMetadata } from '../support/gguf/vocabulary.ts';
import { writeGguf, type WrittenGguf } from '../support/gguf/writer.ts';
import { ask, chat, loadRequest, makeEngine, untilState, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

const file = (name: string) => join(kit.folder, `${name}.gguf`);
const plain = () => writeScriptedModel(file('plain'), { script: plainScript });

async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!isAppError(error)) throw new Error('no typed error', { cause: error });
  return error;
}

/** A Llama-shaped file of zeros with any dimensions; the weights take no room on the disk. */
function writeZeros(name: string, dims: Partial<ModelDims>, architecture = 'llama'): Promise<WrittenGguf> {
  const all: ModelDims = {
    architecture: 'llama',
    embedding: 128,
    blocks: 1,
    heads: 2,
    kvHeads: 1,
    headDim: 64,
    feedForward: 32,
    ropeBase: 10_000,
    contextLength: 4096,
    ...dims,
  };
  const tokens = baseVocabulary();
  const metadata = new Map([
    ['general.architecture', { type: 'string', value: architecture } as const],
    ...dimsMetadata(all, tokens.length),
    ...tokenizerMetadata(tokens, undefined, 2),
  ]);
  const tensors = modelTensors(all, tokens.length, (role) => ({
    type: role === 'norm' ? 'F32' : 'F16',
  }));
  return writeGguf(file(name), { metadata, tensors });
}

describe('a load', () => {
  it('tells progress, context size and backend, and ends ready', async () => {
    const model = await writeScriptedModel(file('slow'), { script: plainScript, shape: 'slow' });
    const progress: (number | null)[] = [];
    kit.engine.onState((state) => state.status === 'loading' && progress.push(state.loadProgress));
    const request = loadRequest(model);
    await kit.engine.load(request);
    expect(progress.length).toBeGreaterThan(1);
    expect(progress).toEqual([...progress].sort((a, b) => Number(a) - Number(b)));
    expect(kit.engine.state).toMatchObject({
      status: 'ready',
      backend: 'cpu',
      modelId: request.modelId,
      contextSize: 4096,
      gpuLayers: 0,
      loadProgress: null,
      error: null,
    });
    const state = await untilState(kit.engine, (now) => now.memory !== null);
    expect(state.memory?.processBytes).toBeGreaterThan(50e6);
  });

  it('of the same model returns at once; another takes its place', async () => {
    const model = await plain();
    const request = loadRequest(model);
    await Promise.all([kit.engine.load(request), kit.engine.load(request)]);
    await kit.engine.load({ ...request });
    expect(kit.logs.filter((line) => line.event === 'engine.loaded')).toHaveLength(1);
    await kit.engine.load({ ...request, contextSize: 512, threads: 2, flashAttention: 'off' });
    expect(kit.engine.state.contextSize).toBe(512);
  });

  it('is cancelled by its signal, and the next one works', async () => {
    const slow = await writeScriptedModel(file('slow'), { script: plainScript, shape: 'slow' });
    await kit.engine.start();
    const cancel = new AbortController();
    const loading = errorOf(kit.engine.load(loadRequest(slow), cancel.signal));
    await untilState(kit.engine, (state) => state.status === 'loading');
    cancel.abort();
    expect((await loading).code).toBe('aborted');
    expect(kit.engine.state).toMatchObject({ status: 'idle', modelId: null, error: null });
    await kit.engine.load(loadRequest(await plain()));
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
  });

  it('starts a new process when the backend setting has changed', async () => {
    const request = loadRequest(await plain());
    await kit.engine.load(request);
    const pid = kit.pid();
    kit.engine.configure({ backend: 'cpu' });
    await kit.engine.load(request);
    expect(kit.pid()).not.toBe(pid);
    expect(kit.engine.state).toMatchObject({ status: 'ready', backend: 'cpu' });
  });
});

describe('a long prompt', () => {
  it('tells how far it is read, and a stop comes within a chunk', async () => {
    // 90 million weights: slow enough to be stopped, fast enough on a busy machine.
    const model = await writeZeros('medium', {
      embedding: 1024,
      blocks: 8,
      heads: 16,
      kvHeads: 4,
      feedForward: 2816,
    });
    await kit.engine.load(loadRequest(model, { threads: 1 }));
    const stop = new AbortController();
    const reading: { done: number; total: number; etaMs: number | null }[] = [];
    const { result } = await ask(kit.engine, chat('word '.repeat(500)), {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type !== 'reading') return;
        reading.push(event);
        if (reading.length === 3) stop.abort();
      },
    });
    // At the most one chunk more was begun while the stop was on its way.
    expect(reading.length).toBeLessThanOrEqual(4);
    expect(result).toMatchObject({ stopReason: 'stopped', error: null });
    const stats = result.stats;
    expect(stats?.promptTokens).toBe(reading[0]?.total);
    expect(stats?.readTokens).toBeGreaterThanOrEqual(reading[2]?.done ?? Number.NaN);
    expect(stats?.readTokens).toBeLessThan(stats?.promptTokens ?? 0);
    expect(stats).toMatchObject({ generatedTokens: 0, ttftMs: null });
    expect(reading[0]?.etaMs).toBeNull();
    expect(reading[2]?.etaMs).toBeGreaterThan(0);
    // What was read is not read again.
    const again = new AbortController();
    const next = await ask(kit.engine, chat('word '.repeat(500)), {
      signal: again.signal,
      onEvent: (event) => event.type === 'reading' && again.abort(),
    });
    expect(next.result.stats?.reusedTokens).toBe(stats?.readTokens);
  });
});

describe('a file that cannot be loaded', () => {
  const cases: Record<string, { make: () => Promise<{ path: string; sizeBytes: number }>; code: string }> = {
    'is not there': {
      make: async () => ({ path: file('nothing'), sizeBytes: 1000 }),
      code: 'model_file_missing',
    },
    'is not a GGUF': {
      async make() {
        await writeFile(file('text'), 'Dear diary, this is not a model at all.');
        return { path: file('text'), sizeBytes: 39 };
      },
      code: 'model_not_gguf',
    },
    'is empty': {
      async make() {
        await writeFile(file('empty'), '');
        return { path: file('empty'), sizeBytes: 0 };
      },
      code: 'model_not_gguf',
    },
    'is cut in its weights': {
      async make() {
        const model = await plain();
        await truncate(model.path, model.sizeBytes - 50_000);
        return { path: model.path, sizeBytes: model.sizeBytes - 50_000 };
      },
      code: 'model_truncated',
    },
    'is cut in its header': {
      async make() {
        const model = await plain();
        await truncate(model.path, 600);
        return { path: model.path, sizeBytes: 600 };
      },
      code: 'model_truncated',
    },
    'has an unknown architecture': {
      make: () => writeZeros('alien', {}, 'alienformer'),
      code: 'model_unsupported_architecture',
    },
    'lacks a tensor': {
      async make() {
        const model = await plain();
        const bytes = await readFile(model.path);
        const at = bytes.indexOf('blk.0.attn_q.weight');
        const handle = await open(model.path, 'r+');
        await handle.write('blk.0.attn_z', at);
        await handle.close();
        return model;
      },
      code: 'model_load_failed',
    },
  };
  it.each(Object.keys(cases))('because it %s: typed, and the engine stays usable', async (name) => {
    const { make, code } = cases[name] ?? expect.fail('no such case');
    const error = await errorOf(kit.engine.load(loadRequest(await make())));
    expect(error.code).toBe(code);
    if (code === 'model_unsupported_architecture')
      expect(error.data.details).toEqual({ architecture: 'alienformer' });
    expect(kit.engine.state).toMatchObject({ status: 'idle', modelId: null, error: { code } });
    const good = await writeScriptedModel(file('good'), { script: plainScript });
    await kit.engine.load(loadRequest(good));
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
    expect(kit.logs.filter((line) => line.event === 'engine.started')).toHaveLength(1);
  });

  it('because the context needs more memory than there is: with figures', async () => {
    // 16 layers of 128 heads of 128: 1 MiB of cache a token, 1 TiB in all.
    const model = await writeZeros('wide', {
      blocks: 16,
      heads: 128,
      kvHeads: 128,
      headDim: 128,
      contextLength: 1_048_576,
    });
    const error = await errorOf(kit.engine.load(loadRequest(model, { contextSize: 1_048_576 })));
    expect(error.code).toBe('model_not_enough_memory');
    const details = error.data.details;
    expect(Number(details?.['needBytes'])).toBeGreaterThan(Number(details?.['freeBytes']));
    expect(Number(details?.['freeBytes'])).toBeGreaterThan(0);
    expect(kit.engine.state).toMatchObject({ status: 'idle', error: { code: 'model_not_enough_memory' } });
  });
});

describe('an installation without the engine binary', () => {
  it('fails with a typed error, starts no process but the probe, and opens no connection', async () => {
    const { sidecar, records } = await installWithoutBinaries(kit.folder);
    const bare = await makeEngine({ sidecarPath: sidecar });
    try {
      expect((await errorOf(bare.engine.start())).code).toBe('engine_binary_missing');
      expect(bare.engine.state).toMatchObject({
        status: 'stopped',
        error: { code: 'engine_binary_missing' },
      });
    } finally {
      await bare.close();
    }
    const seen = (await readFile(records, 'utf8')).trim().split('\n');
    // The records are true: what the entry itself starts and opens is in them.
    const own = seen.splice(0, seen.indexOf('start') + 1).map((line) => line.split(' ')[0]);
    expect(own).toEqual(expect.arrayContaining(['spawnSync', 'fork', 'connect', 'start']));
    expect(seen.filter((line) => !line.includes('testBindingBinary'))).toEqual([]);
  });
});

/**
 * A copy of the sources beside a node_modules folder that lacks @node-llama-cpp, and an entry that writes down
 * every process and connection before it runs the real one.
 */
async function installWithoutBinaries(folder: string): Promise<{ sidecar: string; records: string }> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const copy = join(folder, 'copy');
  await mkdir(join(copy, 'node_modules'), { recursive: true });
  await copyFile(join(root, 'package.json'), join(copy, 'package.json'));
  for (const part of ['contract', 'engine'])
    await cp(join(root, 'src-main', part), join(copy, 'src-main', part), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name.startsWith('.') || name === '@node-llama-cpp') continue;
    const from = join(root, 'node_modules', name);
    const to = join(copy, 'node_modules', name);
    // Linked, it would be found at its real place, beside the binaries.
    if (name === 'node-llama-cpp')
      await cp(from, to, { recursive: true, filter: (path) => !path.endsWith('.bundle') });
    else await symlink(from, to);
  }
  const records = join(folder, 'records.txt');
  const sidecar = join(copy, 'src-main/engine/sidecar/watched.ts');
  await writeFile(
    sidecar,
    `import { appendFileSync } from 'node:fs';
     import childProcess from 'node:child_process';
     import dns from 'node:dns';
     import net from 'node:net';
     import { isMainThread } from 'node:worker_threads';
     import { syncBuiltinESMExports } from 'node:module';
     const write = (line) => appendFileSync(${JSON.stringify(records)}, line + '\\n');
     const watch = (owner, name) => {
       const real = owner[name];
       owner[name] = function (...args) {
         write(name + ' ' + JSON.stringify(args.map((arg) => (typeof arg === 'function' ? '' : arg))));
         return real.apply(this, args);
       };
     };
     if (isMainThread) {
       for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork']) watch(childProcess, name);
       for (const name of ['connect', 'createConnection']) watch(net, name);
       watch(net.Socket.prototype, 'connect');
       watch(dns, 'lookup');
       syncBuiltinESMExports();
       const named = await import('node:child_process');
       named.spawnSync(process.execPath, ['--version']);
       named.fork(${JSON.stringify(join(folder, 'nothing.js'))}, { stdio: 'ignore' }).on('error', () => {});
       const socket = net.connect(9, '127.0.0.1').on('error', () => {});
       socket.destroy();
       write('start');
     }
     await import('./main.ts');`,
  );
  return { sidecar, records };
}
