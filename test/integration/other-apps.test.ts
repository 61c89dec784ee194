import { createHash } from 'node:crypto';
import {
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Model } from '../../src-main/contract/index.ts';
import { findOtherApps } from '../../src-main/models/other-apps.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

let home: string;
let core: TestCore | undefined;
beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'leeward-apps-')));
});
afterEach(async () => {
  await core?.close();
  core = undefined;
  await rm(home, { recursive: true, force: true });
});

const around = () => ({ env: {}, home });

/** A scripted model as bytes; `name` makes its content its own. */
async function modelBytes(name: string): Promise<Buffer> {
  const path = join(home, `${name}.tmp.gguf`);
  await writeScriptedModel(path, { script: plainScript, name });
  const bytes = await readFile(path);
  await rm(path);
  return bytes;
}

/** As LM Studio lays them out: owner, repository, file. */
async function writeLmStudio(name: string): Promise<void> {
  const folder = join(home, '.lmstudio', 'models', 'someone', `${name}-GGUF`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}-Q4_K_M.gguf`), await modelBytes(name));
}

/** As Ollama pulls: a manifest for the tag, blobs named by their hash. */
async function writeOllama(name: string, tags: string[]): Promise<string> {
  const root = join(home, '.ollama', 'models');
  const put = async (bytes: Buffer) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    await mkdir(join(root, 'blobs'), { recursive: true });
    await writeFile(join(root, 'blobs', `sha256-${digest}`), bytes);
    return { digest: `sha256:${digest}`, size: bytes.length };
  };
  const model = await put(await modelBytes(name));
  const config = await put(Buffer.from('{"model_format":"gguf"}'));
  const licence = await put(Buffer.from('Apache License'));
  const media = 'application/vnd.ollama.image';
  const folder = join(root, 'manifests', 'registry.ollama.ai', 'library', name);
  await mkdir(folder, { recursive: true });
  for (const tag of tags) {
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
      layers: [
        { mediaType: `${media}.model`, ...model },
        { mediaType: `${media}.license`, ...licence },
      ],
    };
    await writeFile(join(folder, tag), JSON.stringify(manifest));
  }
  return join(root, 'blobs', model.digest.replace(':', '-'));
}

/** As the Hugging Face cache keeps them: blobs by hash, snapshots of links. */
async function writeHuggingFace(name: string, revisions: string[]): Promise<string> {
  const root = join(home, '.cache', 'huggingface', 'hub', `models--someone--${name}-GGUF`);
  const bytes = await modelBytes(name);
  const hash = createHash('sha256').update(bytes).digest('hex');
  await mkdir(join(root, 'blobs'), { recursive: true });
  await writeFile(join(root, 'blobs', hash), bytes);
  for (const revision of revisions) {
    const snapshot = join(root, 'snapshots', revision);
    await mkdir(snapshot, { recursive: true });
    await symlink(join('..', '..', 'blobs', hash), join(snapshot, `${name}-Q4_K_M.gguf`));
  }
  return join(root, 'blobs', hash);
}

/** Every file below the home folder with its size and inode: what must not change. */
async function inventory(): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => {
        const { size, ino, mtimeMs } = await stat(join(parentPath, name));
        return `${join(parentPath, name)} ${size} ${ino} ${mtimeMs}`;
      }),
  );
  return lines.sort();
}

async function start(): Promise<TestCore> {
  core = await startCore(undefined, { otherApps: await findOtherApps(around()) });
  return core;
}

const byName = (models: Model[]) => models.map(({ name }) => name).sort();

describe('models of other apps', () => {
  test('are found, come into the library and answer, and no byte is copied', async () => {
    await writeLmStudio('harbour');
    await writeOllama('mistral', ['7b', 'latest']);
    await writeHuggingFace('sail', ['1'.repeat(40), '2'.repeat(40)]);
    const before = await inventory();
    const { client, chat, modelsDir } = await start();

    const found = await client.models.otherApps();
    expect(found.map(({ app, modelCount, inUse }) => ({ app, modelCount, inUse }))).toEqual([
      { app: 'lm_studio', modelCount: 1, inUse: false },
      { app: 'ollama', modelCount: 1, inUse: false },
      { app: 'hugging_face', modelCount: 1, inUse: false },
    ]);
    expect(await client.models.list()).toEqual([]);

    expect(await client.models.useOtherApps({ apps: ['lm_studio', 'ollama', 'hugging_face'] })).toEqual({
      added: 3,
      refused: 0,
    });
    const models = await client.models.list();
    expect(byName(models)).toEqual(['harbour', 'mistral:7b', 'sail']);
    expect(models.find(({ name }) => name === 'mistral:7b')).toMatchObject({
      fileName: 'mistral:7b',
      location: 'Ollama',
    });
    for (const model of models) {
      await client.settings.update({ defaultModelId: model.id });
      const { conversationId } = await chat('Say it');
      const { messages } = await client.conversations.get({ id: conversationId });
      expect(messages.at(-1)).toMatchObject({ status: 'complete', modelId: expect.any(String) });
      expect(messages.at(-1)?.text).not.toBe('');
    }
    // A load that reads the header again finds no other name.
    expect(byName(await client.models.list())).toEqual(['harbour', 'mistral:7b', 'sail']);
    expect(await inventory()).toEqual(before);
    expect(await readdir(modelsDir)).toEqual([]);
  });

  test('leave the list when their app is no longer used, and are back after a restart when it is', async () => {
    await writeLmStudio('harbour');
    await writeOllama('mistral', ['7b']);
    const first = await start();
    await first.client.models.useOtherApps({ apps: ['lm_studio', 'ollama'] });
    await first.client.models.useOtherApps({ apps: ['ollama'] });
    expect(byName(await first.client.models.list())).toEqual(['mistral:7b']);
    const { dataDir, modelsDir } = first;
    const kept = join(home, 'kept');
    await cp(dataDir, kept, { recursive: true });
    core = await startCore({ dataDir: kept, modelsDir }, { otherApps: await findOtherApps(around()) });
    const [model] = await core.client.models.list();
    expect(model).toMatchObject({ name: 'mistral:7b', available: true });
    expect((await core.client.models.otherApps()).map(({ app, inUse }) => [app, inUse])).toEqual([
      ['lm_studio', false],
      ['ollama', true],
    ]);
    await first.close();
  });

  test('that come later are taken in by themselves', async () => {
    await writeOllama('mistral', ['7b']);
    const { client, waitFor } = await start();
    await client.models.useOtherApps({ apps: ['ollama'] });
    await writeOllama('nemo', ['12b']);
    while ((await client.models.list()).length < 2) await waitFor(({ type }) => type === 'models.changed');
    expect(byName(await client.models.list())).toEqual(['mistral:7b', 'nemo:12b']);
  });

  test('that are damaged are counted and harm nothing else', async () => {
    await writeLmStudio('harbour');
    const folder = join(home, '.lmstudio', 'models', 'someone', 'broken');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'broken.gguf'), 'no model');
    await writeOllama('mistral', ['7b']);
    await writeFile(
      join(home, '.ollama', 'models', 'manifests', 'registry.ollama.ai', 'library', 'mistral', 'bad'),
      '{"layers": 7}',
    );
    const { client } = await start();
    expect(await client.models.useOtherApps({ apps: ['lm_studio', 'ollama'] })).toEqual({
      added: 2,
      refused: 1,
    });
  });

  test('that the user took off the list do not come back by themselves', async () => {
    await writeOllama('mistral', ['7b']);
    const { client, waitFor } = await start();
    await client.models.useOtherApps({ apps: ['ollama'] });
    const [model] = await client.models.list();
    await client.models.remove({ id: model?.id ?? '' });
    await writeOllama('nemo', ['12b']);
    while ((await client.models.list()).length === 0) await waitFor(({ type }) => type === 'models.changed');
    expect(byName(await client.models.list())).toEqual(['nemo:12b']);
  });

  test('are not deleted from here, also when one came in by itself and its app is not used', async () => {
    await writeLmStudio('harbour');
    const { app, client } = await start();
    const path = join(home, '.lmstudio', 'models', 'someone', 'harbour-GGUF', 'harbour-Q4_K_M.gguf');
    const [file] = await app.models.allow([path]);
    const { id, canDelete } = await client.models.add({ fileId: file?.fileId ?? '' });
    expect(canDelete).toBe(false);
    await expect(client.models.deleteFiles({ id })).rejects.toMatchObject({ code: 'conflict' });
    expect((await stat(path)).isFile()).toBe(true);
  });

  test('are one model when one file has two names', async () => {
    const blob = await writeOllama('mistral', ['7b']);
    const folder = join(home, '.lmstudio', 'models', 'someone', 'linked');
    await mkdir(folder, { recursive: true });
    await link(blob, join(folder, 'linked.gguf'));
    const { client } = await start();
    await client.models.useOtherApps({ apps: ['lm_studio', 'ollama'] });
    expect(await client.models.files()).toHaveLength(1);
    expect(await client.models.list()).toHaveLength(1);
  });
});

test('folders are found by what each app was told', async () => {
  const lmStudio = join(home, 'elsewhere');
  const ollama = join(home, 'pulled');
  const cache = join(home, 'hf', 'hub');
  await Promise.all([
    mkdir(join(lmStudio, 'models'), { recursive: true }),
    mkdir(ollama),
    mkdir(cache, { recursive: true }),
  ]);
  await writeFile(join(home, '.lmstudio-home-pointer'), `${lmStudio}\n`);
  const env = { OLLAMA_MODELS: ollama, HF_HOME: join(home, 'hf') };
  expect(await findOtherApps({ env, home })).toEqual([
    { app: 'lm_studio', path: join(lmStudio, 'models') },
    { app: 'ollama', path: ollama },
    { app: 'hugging_face', path: cache },
  ]);
  expect(await findOtherApps({ env: {}, home: join(home, 'nobody') })).toEqual([]);
});
