import { fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAppError } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { longScript, plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { ask, chat, loadRequest, makeEngine, untilGone, untilState, type EngineKit } from './engine-kit.ts';

let kit: EngineKit;
beforeEach(async () => {
  kit = await makeEngine();
});
afterEach(() => kit.close());

/** What the issue allows between the end of the sidecar and the word about it. */
const CRASH_NOTICE_MS = 2_000;

async function loadEndless() {
  const path = join(kit.folder, 'endless.gguf');
  const model = await writeScriptedModel(path, {
    script: longScript(100),
    thenStop: false,
    contextLength: 100_000,
  });
  await kit.engine.load(loadRequest(model, { contextSize: 65_536 }));
}

async function loadPlain() {
  const model = await writeScriptedModel(join(kit.folder, 'plain.gguf'), { script: plainScript });
  await kit.engine.load(loadRequest(model));
  return model;
}

/** A template that never ends: the sidecar's JavaScript hangs while it loads. */
async function hangingModel() {
  const chatTemplate =
    '{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% endfor %}{% endfor %}';
  return writeScriptedModel(join(kit.folder, 'hang.gguf'), { script: plainScript, chatTemplate });
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isAppError(error) ? error.code : `untyped: ${String(error)}`),
  );

describe('a sidecar that dies', () => {
  it.each(['SIGKILL', 'SIGSEGV'] as const)(
    'while it answers (%s): told in time, and the next answer works',
    async (signal) => {
      await loadEndless();
      let killedAtMs = 0;
      const { result, text } = await ask(kit.engine, chat('Never stop'), {
        onEvent: (event) => {
          if (event.type !== 'chunk' || killedAtMs > 0) return;
          killedAtMs = performance.now();
          process.kill(kit.pid(), signal);
        },
      });
      expect(performance.now() - killedAtMs).toBeLessThan(CRASH_NOTICE_MS);
      expect(result.stopReason).toBe('failed');
      expect(result.error?.code).toBe('engine_crashed');
      expect(result.stats?.generatedTokens).toBeGreaterThan(0);
      expect(text).not.toBe('');
      const stop = new AbortController();
      const next = await ask(kit.engine, chat('Again'), {
        signal: stop.signal,
        onEvent: (event) => event.type === 'chunk' && stop.abort(),
      });
      expect(next.result).toMatchObject({ stopReason: 'stopped', error: null });
      expect(next.result.stats?.loadMs).toBeGreaterThan(0);
      expect(kit.engine.state).toMatchObject({ status: 'ready', error: null });
    },
  );

  it('while idle starts again', async () => {
    await kit.engine.start();
    const pid = kit.pid();
    process.kill(pid, 'SIGKILL');
    await untilState(kit.engine, (state) => state.status === 'crashed');
    const state = await untilState(kit.engine, (now) => now.status === 'idle');
    expect(state.error?.code).toBe('engine_crashed');
    expect(kit.pid()).not.toBe(pid);
  });

  it('again and again is left alone until a restart by hand', async () => {
    const model = await loadPlain();
    for (let crash = 1; crash <= 4; crash += 1) {
      await untilState(kit.engine, (state) => ['idle', 'ready'].includes(state.status));
      process.kill(kit.pid(), 'SIGKILL');
      await untilState(kit.engine, (state) => state.status === 'crashed');
    }
    await untilState(kit.engine, (state) => state.error?.code === 'engine_unavailable');
    expect(kit.engine.state.status).toBe('crashed');
    expect((await ask(kit.engine, chat('Hello'))).result.error?.code).toBe('engine_unavailable');
    expect(await codeOf(kit.engine.load(loadRequest(model)))).toBe('engine_unavailable');
    await kit.engine.restart();
    expect(kit.engine.state.status).toBe('idle');
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
    // Six starts, each with the library's own probe.
  }, 60_000);

  it('in a load: the load is not tried again by itself', async () => {
    const model = await writeScriptedModel(join(kit.folder, 'plain.gguf'), { script: plainScript });
    const loading = kit.engine.load(loadRequest(model));
    await untilState(kit.engine, (state) => state.status === 'loading');
    process.kill(kit.pid(), 'SIGKILL');
    expect(await codeOf(loading)).toBe('model_load_crashed');
    const state = await untilState(kit.engine, (now) => now.status === 'idle');
    expect(state.error?.code).toBe('model_load_crashed');
    const { result } = await ask(kit.engine, chat('Hello'));
    expect(result).toMatchObject({ stopReason: 'failed', stats: null });
    expect(result.error?.code).toBe('model_load_crashed');
    expect(kit.logs.filter((line) => line.event === 'engine.loaded')).toEqual([]);
    // The user's word: an explicit load.
    await kit.engine.load(loadRequest(model));
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
  });
});

describe('a restart by hand', () => {
  it('asked for twice at once ends in a state that is true', async () => {
    await kit.engine.start();
    await Promise.all([kit.engine.restart(), kit.engine.restart()]);
    expect(kit.engine.state.status).toBe('idle');
  });

  it('is waited for by a load that comes meanwhile', async () => {
    const request = loadRequest(await loadPlain());
    const restarted = kit.engine.restart();
    const loaded = kit.engine.load(request);
    await Promise.all([restarted, loaded]);
    expect(kit.engine.state.status).toBe('ready');
  });
});

describe('a sidecar that hangs', () => {
  beforeEach(async () => {
    await kit.close();
    kit = await makeEngine({ heartbeat: { intervalMs: 100, timeoutMs: 4_000 } });
  });

  it('while it answers is ended as a crash', async () => {
    await loadEndless();
    let isStopped = false;
    const { result } = await ask(kit.engine, chat('Never stop'), {
      onEvent: (event) => {
        if (event.type !== 'chunk' || isStopped) return;
        isStopped = true;
        process.kill(kit.pid(), 'SIGSTOP');
      },
    });
    expect(result.error?.code).toBe('engine_crashed');
  });

  it('in a template that never ends is ended as a crash of the load', async () => {
    expect(await codeOf(kit.engine.load(loadRequest(await hangingModel())))).toBe('model_load_crashed');
    await loadPlain();
    expect((await ask(kit.engine, chat('Hello'))).text).toBe(plainScript);
  });
});

describe('the end', () => {
  it('by dispose comes within 2 s, while it answers too, which then counts as stopped', async () => {
    await loadEndless();
    const pid = kit.pid();
    let begin = () => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const answer = ask(kit.engine, chat('Never stop'), {
      onEvent: (event) => event.type === 'chunk' && begin(),
    });
    await begun;
    const startedAt = performance.now();
    await kit.engine.dispose();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await untilGone(pid, 100);
    expect((await answer).result).toMatchObject({ stopReason: 'stopped', error: null });
    expect(kit.engine.state.status).toBe('stopped');
    expect(await codeOf(kit.engine.start())).toBe('engine_unavailable');
  });

  it.each(['answers', 'hangs'] as const)('of the parent ends a sidecar that %s within 2 s', async (what) => {
    const path = join(kit.folder, 'model.gguf');
    const model =
      what === 'hangs'
        ? await hangingModel()
        : await writeScriptedModel(path, { script: longScript(100), thenStop: false });
    const host = join(kit.folder, 'host.ts');
    const engineUrl = new URL('../../src-main/engine/engine.ts', import.meta.url).href;
    const entriesUrl = new URL('../../src-main/entries.ts', import.meta.url).href;
    const samplingUrl = new URL('../../src-main/contract/index.ts', import.meta.url).href;
    await writeFile(
      host,
      `import { createEngine } from '${engineUrl}';
       import { entries } from '${entriesUrl}';
       import { DEFAULT_SAMPLING } from '${samplingUrl}';
       let pid = 0;
       const engine = createEngine({
         sidecarPath: entries.sidecar,
         nodeBinary: process.execPath,
         log: (event, fields) => { if (event === 'engine.started') pid = Number(fields?.pid); },
       });
       engine.onState((state) => { if (state.status === 'loading') process.send?.(pid); });
       engine.load(${JSON.stringify(loadRequest(model))}).then(() => engine.generate(
         { generationId: 'g', systemPrompt: '', turns: [{ role: 'user', text: 'Go' }], sampling: DEFAULT_SAMPLING },
         { signal: new AbortController().signal, onEvent: (event) => { if (event.type === 'chunk') process.send?.('answering'); } },
       ));`,
    );
    const child = fork(host, [], { execArgv: [], stdio: 'ignore' });
    let pid = 0;
    await new Promise<void>((resolve) => {
      child.on('message', (message) => {
        if (typeof message === 'number') pid = message;
        // A hanging load goes on for ever once it is past its first progress.
        if (message === 'answering') resolve();
        else if (what === 'hangs') setTimeout(resolve, 500);
      });
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(await untilGone(pid)).toBeLessThan(2_000);
  });
});

describe('the heap of the sidecar', () => {
  /** The sidecar, and what its heap has for new objects, written again and again. */
  const telling = (told: string) =>
    `import { renameSync, writeFileSync } from 'node:fs';
     import { getHeapSpaceStatistics } from 'node:v8';
     setInterval(() => {
       const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
       const part = ${JSON.stringify(`${told}.part`)};
       writeFileSync(part, JSON.stringify({ at: Date.now(), bytes: young.space_size }));
       renameSync(part, ${JSON.stringify(told)});
     }, 20).unref();
     await import(${JSON.stringify(pathToFileURL(entries.sidecar).href)});`;

  it('keeps little room for what is new, however much of it comes', async () => {
    const sidecarPath = join(kit.folder, 'sidecar.mjs');
    const told = join(kit.folder, 'young.json');
    await writeFile(sidecarPath, telling(told));
    const other = await makeEngine({ sidecarPath });
    try {
      const path = join(other.folder, 'plain.gguf');
      await other.engine.load(loadRequest(await writeScriptedModel(path, { script: plainScript })));
      // Texts that are remembered, as those of chats are: what stays alive is what makes V8 ask for more room.
      for (let index = 0; index < 200; index += 1)
        await other.engine.countTokens({
          systemPrompt: '',
          turns: [{ role: 'user', text: `${index} words `.repeat(300) }],
        });
      const endedAt = Date.now();
      const young = await vi.waitUntil(
        async () => {
          const { at, bytes } = JSON.parse(await readFile(told, 'utf8')) as { at: number; bytes: number };
          return at > endedAt && bytes;
        },
        { timeout: 10_000 },
      );
      expect(young / 1024 / 1024).toBeLessThanOrEqual(12);
    } finally {
      await other.close();
    }
  });
});
