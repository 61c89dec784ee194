import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorCodeOf } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { writeMissingTensor, writeUnknownArchitecture } from '../support/gguf/broken-models.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

let core: TestCore;
beforeEach(async () => {
  core = await startCore();
});
afterEach(() => core.close());

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('a model of the library loads into the real engine, unloads, and leaves no mark', async () => {
  await writeScriptedModel(join(core.modelsDir, 'scripted.gguf'), { script: plainScript });
  const { id } = await core.addModel();
  await core.client.models.load({ id });
  expect(await core.client.engine.state()).toMatchObject({ status: 'ready', modelId: id });
  const [loaded] = await core.client.models.list();
  expect(loaded).toMatchObject({ lastLoadCrashed: false, lastUsedAt: expect.any(Number) });
  await core.client.models.unload();
  expect(await core.client.engine.state()).toMatchObject({ status: 'idle', modelId: null });
});

test('models that the engine refuses are told apart from a crash and may be tried again', async () => {
  await writeUnknownArchitecture(join(core.modelsDir, 'unknown.gguf'));
  await writeMissingTensor(join(core.modelsDir, 'missing.gguf'));
  for (const [fileName, code] of [
    ['unknown.gguf', 'model_unsupported_architecture'],
    ['missing.gguf', 'model_load_failed'],
  ] as const) {
    const { id } = await core.addModel(fileName);
    expect(await codeOf(core.client.models.load({ id }))).toBe(code);
    expect(await core.client.models.list()).toContainEqual(
      expect.objectContaining({ id, lastLoadCrashed: false, lastUsedAt: null }),
    );
  }
});
