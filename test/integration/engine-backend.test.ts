import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isAppError } from '../../src-main/contract/index.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { ask, chat, loadRequest, makeEngine, type EngineKit } from './engine-kit.ts';

const kits: EngineKit[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const kit of kits.splice(0)) await kit.close();
});

async function track(made: Promise<EngineKit>): Promise<EngineKit> {
  const kit = await made;
  kits.push(kit);
  return kit;
}

const moduleUrl = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

/** A sidecar whose backends behave as told: the supervision around it is the real one. */
async function fakeSidecar(
  folder: string,
  behaviour: Record<string, 'dies' | 'fails' | 'works'>,
): Promise<string> {
  const path = join(folder, 'fake-sidecar.ts');
  await writeFile(
    path,
    `import { createRequire } from 'node:module';
     const require = createRequire(${moduleUrl('package.json')});
     const { implement } = await import(require.resolve('@orpc/server'));
     const { RPCHandler } = await import(require.resolve('@orpc/server/message-port'));
     const { guardChannel } = await import(${moduleUrl('src-main/contract/transport.ts')});
     const { channelOfFork } = await import(${moduleUrl('src-main/engine/channel.ts')});
     const { sidecarContract } = await import(${moduleUrl('src-main/engine/sidecar/contract.ts')});
     const behaviour = ${JSON.stringify(behaviour)};
     process.on('disconnect', () => process.exit());
     const os = implement(sidecarContract);
     const router = os.router({
       start: os.start.handler(async function* ({ input }) {
         for (const [backend, what] of Object.entries(behaviour)) {
           if (input.excluded.includes(backend)) continue;
           yield { type: 'trying', backend };
           if (what === 'dies') {
             await new Promise((resolve) => setTimeout(resolve, 50));
             process.kill(process.pid, 'SIGKILL');
           }
           if (what === 'fails') yield { type: 'failed', backend, isNotable: true };
           if (what === 'works') return yield { type: 'ready', backend, deviceNames: ['Device'], engineVersion: 'fake' };
         }
       }),
       ping: os.ping.handler(() => {}),
       load: os.load.handler(async function* () {}),
       unload: os.unload.handler(() => {}),
       generate: os.generate.handler(async function* () {}),
       stop: os.stop.handler(() => {}),
       countTokens: os.countTokens.handler(() => 0),
       memory: os.memory.handler(() => ({ processBytes: 1, vramUsedBytes: null, vramTotalBytes: null })),
       shutdown: os.shutdown.handler(() => void setTimeout(() => process.exit(0), 10)),
     });
     new RPCHandler(router).upgrade(guardChannel(channelOfFork(process), { side: 'server' }));`,
  );
  return path;
}

describe('a GPU that does not start', () => {
  it.each([
    {
      name: 'takes the process down: the next backend is used, with a notice',
      behaviour: { cuda: 'dies', vulkan: 'works', cpu: 'works' } as const,
      expected: { backend: 'vulkan', notice: { failedBackend: 'cuda', usedBackend: 'vulkan' } },
    },
    {
      name: 'says so: the next backend is used, with a notice',
      behaviour: { cuda: 'fails', cpu: 'works' } as const,
      expected: { backend: 'cpu', notice: { failedBackend: 'cuda', usedBackend: 'cpu' } },
    },
    {
      name: 'and another that dies: the CPU is used, and the best that failed is named',
      behaviour: { cuda: 'fails', vulkan: 'dies', cpu: 'works' } as const,
      expected: { backend: 'cpu', notice: { failedBackend: 'cuda', usedBackend: 'cpu' } },
    },
    {
      name: 'does not exist: nothing to tell',
      behaviour: { cpu: 'works' } as const,
      expected: { backend: 'cpu', notice: null },
    },
  ])('$name', async ({ behaviour, expected }) => {
    const outer = await track(makeEngine());
    const kit = await track(makeEngine({ sidecarPath: await fakeSidecar(outer.folder, behaviour) }));
    await kit.engine.start();
    expect(kit.engine.state).toMatchObject({ status: 'idle', error: null, ...expected });
  });

  it('is tried once: a later start uses the next backend at once, and tells nothing again', async () => {
    const outer = await track(makeEngine());
    const sidecarPath = await fakeSidecar(outer.folder, { cuda: 'dies', cpu: 'works' });
    const kit = await track(makeEngine({ sidecarPath }));
    await kit.engine.start();
    process.kill(kit.pid(), 'SIGKILL');
    const again = await new Promise<typeof kit.engine.state>((resolve) => {
      let hasCrashed = false;
      kit.engine.onState((state) => {
        hasCrashed ||= state.status === 'crashed';
        if (hasCrashed && state.status === 'idle') resolve(state);
      });
    });
    expect(again).toMatchObject({ backend: 'cpu', notice: null });
    // A restart by hand tries everything again.
    await kit.engine.restart();
    expect(kit.engine.state.notice).toEqual({ failedBackend: 'cuda', usedBackend: 'cpu' });
  });

  it('on the real library: a Vulkan loader that is none leads to the CPU', async () => {
    const kit = await track(makeEngine());
    const libraries = join(kit.folder, 'libraries');
    await mkdir(libraries);
    await writeFile(join(libraries, 'libvulkan.so.1'), 'not a library');
    await copyFile(join(libraries, 'libvulkan.so.1'), join(libraries, 'libvulkan.so'));
    vi.stubEnv('LD_LIBRARY_PATH', libraries);
    const model = await writeScriptedModel(join(kit.folder, 'plain.gguf'), { script: plainScript });
    await kit.engine.load(loadRequest(model));
    const { status, backend, notice } = kit.engine.state;
    expect({ status, backend }).toEqual({ status: 'ready', backend: 'cpu' });
    const hasDevice =
      existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
    expect(notice).toEqual(hasDevice ? { failedBackend: 'vulkan', usedBackend: 'cpu' } : null);
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
  });
});

describe('a sidecar that cannot start', () => {
  const codeOf = async (kit: EngineKit) =>
    kit.engine.start().then(
      () => 'no error',
      (error: unknown) => (isAppError(error) ? error.code : String(error)),
    );

  it.each([
    ['its file is missing', { sidecarPath: '/nowhere/sidecar.ts' }],
    ['its Node is missing', { nodeBinary: '/nowhere/node' }],
  ])('because %s: typed, and nothing is left behind', async (_name, options) => {
    const kit = await track(makeEngine(options));
    expect(await codeOf(kit)).toBe('engine_start_failed');
    expect(kit.engine.state).toMatchObject({ status: 'stopped', error: { code: 'engine_start_failed' } });
    expect((await ask(kit.engine, chat('Hello'))).result.error?.code).toBe('engine_start_failed');
  });
});
