import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorCodeOf, isAppError, type AppClient } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { createHub } from '../../src-main/hub/hub.ts';
import { createHeaderReader } from '../../src-main/models/gguf-header.ts';
import { createOutbound } from '../../src-main/privacy/outbound.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { writeGguf, type GgufValue } from '../support/gguf/writer.ts';
import { startHub, type Hub } from '../support/hub/hub.ts';

// The hub service through the real core, against the local hub.

const REPO = 'maker/Small-GGUF';
const FILE = 'small-Q4_K_M.gguf';

let hub: Hub;
let core: TestCore;
let client: AppClient;

beforeEach(async () => {
  hub = await startHub();
  core = await startCore(undefined, { startsEngine: false });
  client = core.client;
  await client.settings.update({ hubEndpoint: hub.url });
});

afterEach(async () => {
  await core.close();
  await hub.close();
});

const failureOf = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  return isAppError(error) ? [error.code, error.data.details ?? {}] : error;
};

async function addSmall() {
  return hub.add(REPO, {
    files: {
      'README.md': '---\nlicense: apache-2.0\n---\n# Small\n<script>alert(1)</script>',
      'small-Q8_0.gguf': 'x'.repeat(800),
      [FILE]: 'x'.repeat(400),
      'mmproj-F16.gguf': 'x',
    },
    downloads: 1_000,
    likes: 7,
    lastModified: '2026-03-01T00:00:00.000Z',
    tags: ['license:apache-2.0', 'base_model:quantized:maker/Small'],
    cardData: { license: 'apache-2.0', base_model: 'maker/Small', base_model_relation: 'quantized' },
    gguf: { total: 7_000, architecture: 'llama', context_length: 4_096 },
  });
}

test('the catalogue needs no request', async () => {
  const catalogue = await client.hub.catalogue();
  expect(catalogue[0]).toMatchObject({ repo: 'bartowski/Mistral-7B-Instruct-v0.3-GGUF', quant: 'Q4_K_M' });
  expect((await client.privacy.state()).connections).toBe(0);
});

test('a search: words, author, licence, size, order; every figure is the hub\u2019s', async () => {
  await addSmall();
  await hub.add('maker/Large-GGUF', {
    files: { 'l.gguf': 'x' },
    likes: 50,
    tags: ['license:mit'],
    gguf: { total: 70_000, architecture: 'llama', context_length: 8_192 },
  });
  await hub.add('other/Untold-GGUF', { files: { 'u.gguf': 'x' }, downloads: 5, gated: 'auto' });
  await hub.add('other/plain', { files: { 'm.safetensors': 'x' }, downloads: 9_999 });
  const reposOf = async (query: Partial<Parameters<AppClient['hub']['search']>[0]>) =>
    (await client.hub.search({ query: '', ...query })).models.map(({ repo }) => repo);

  const { models, cursor } = await client.hub.search({ query: 'small' });
  expect(cursor).toBeNull();
  expect(models).toEqual([
    {
      repo: REPO,
      author: 'maker',
      name: 'Small-GGUF',
      downloads: 1_000,
      likes: 7,
      updatedAt: Date.parse('2026-03-01T00:00:00.000Z'),
      licence: 'apache-2.0',
      gated: 'no',
      parameterCount: 7_000,
      architecture: 'llama',
      trainedContextSize: 4_096,
    },
  ]);
  expect(await reposOf({})).toEqual([REPO, 'other/Untold-GGUF', 'maker/Large-GGUF']);
  expect(await reposOf({ sort: 'likes' })).toEqual(['maker/Large-GGUF', REPO, 'other/Untold-GGUF']);
  expect(await reposOf({ sort: 'recent' })).toEqual([REPO, 'maker/Large-GGUF', 'other/Untold-GGUF']);
  expect(await reposOf({ author: 'maker', licence: 'mit' })).toEqual(['maker/Large-GGUF']);
  expect(await reposOf({ maxParameters: 10_000 })).toEqual([REPO]);
  expect((await client.hub.search({ query: 'untold' })).models[0]).toMatchObject({
    gated: 'auto',
    parameterCount: null,
  });
});

test('results come page by page; a filter of ours asks for more pages itself', async () => {
  for (let n = 0; n < 100; n += 1) {
    const gguf = { total: n < 90 ? 9_000 : 10, architecture: 'llama', context_length: 1 };
    await hub.add(`many/m${n}`, { files: { 'm.gguf': String(n) }, downloads: 100 - n, gguf });
  }
  const first = await client.hub.search({ query: 'many' });
  const second = await client.hub.search({ query: 'many', cursor: first.cursor });
  expect([...first.models, ...second.models].map(({ name }) => name)).toEqual(
    Array.from({ length: 60 }, (_, n) => `m${n}`),
  );
  const small = await client.hub.search({ query: 'many', maxParameters: 10 });
  expect(small.models).toHaveLength(10);
  expect(small.cursor).toBeNull();
});

test('a page by name, address and short form; what its address asked for is marked', async () => {
  const repository = await addSmall();
  await hub.add('maker/Small', {
    files: { 'model.safetensors': 'x' },
    cardData: { base_model: 'maker/First', base_model_relation: 'finetune' },
  });
  await hub.add('maker/First', { files: { 'model.safetensors': 'x' } });
  const page = await client.hub.model({ address: REPO });
  expect(page).toMatchObject({
    repo: REPO,
    revision: repository.revision,
    licence: 'apache-2.0',
    description: '# Small\n<script>alert(1)</script>',
    baseModels: [
      { repo: 'maker/Small', relation: 'quantized' },
      { repo: 'maker/First', relation: 'finetune' },
    ],
    wantedPath: null,
  });
  expect(page.recommended?.path).toBe(FILE);
  expect(
    page.files.map(({ path, kind, quant, sizeBytes, parts }) => [
      path,
      kind,
      quant,
      sizeBytes,
      parts[0]?.sha256,
    ]),
  ).toEqual([
    ['small-Q8_0.gguf', 'model', 'Q8_0', 800, repository.file('small-Q8_0.gguf').sha256],
    [FILE, 'model', 'Q4_K_M', 400, repository.file(FILE).sha256],
    ['mmproj-F16.gguf', 'projector', 'F16', 1, repository.file('mmproj-F16.gguf').sha256],
  ]);
  const wanted = async (address: string) => (await client.hub.model({ address })).wantedPath;
  expect(await wanted(`hf:${REPO}:q8_0`)).toBe('small-Q8_0.gguf');
  expect(await wanted(`https://huggingface.co/${REPO}/blob/main/${FILE}`)).toBe(FILE);
  expect(await wanted(`${hub.url}/${REPO}/resolve/${repository.revision}/${FILE}?download=true`)).toBe(FILE);
  expect(await failureOf(client.hub.model({ address: 'https://evil.example/a/b' }))).toEqual([
    'invalid_input',
    { reason: 'address' },
  ]);
});

test('an unchanged page is asked for once: later only its revision', async () => {
  const repository = await addSmall();
  await client.hub.model({ address: REPO });
  hub.reset();
  await client.hub.model({ address: REPO });
  expect(hub.requests.filter(({ where }) => where === 'api').map(({ url }) => url.split('?')[0])).toEqual([
    `/api/models/${REPO}/revision/HEAD`,
  ]);
  await repository.commit({ 'new-Q2_K.gguf': 'new' });
  expect((await client.hub.model({ address: REPO })).files.map(({ path }) => path)).toContain(
    'new-Q2_K.gguf',
  );
});

test('what the hub refuses: nothing there, gated, too often, broken, offline', async () => {
  await addSmall();
  expect(await failureOf(client.hub.model({ address: 'no/body' }))).toEqual(['not_found', {}]);
  hub.fail({ where: 'api', status: 429, retryAfter: '12' });
  expect(await failureOf(client.hub.search({ query: 'x' }))).toEqual([
    'hub_rate_limited',
    { retryAfterMs: 12_000 },
  ]);
  hub.fail({ where: 'api', status: 403, headers: { 'x-error-code': 'GatedRepo' } });
  expect(await failureOf(client.hub.model({ address: REPO }))).toEqual([
    'hub_gated',
    { reason: 'no_access' },
  ]);
  hub.fail({ where: 'api', status: 502 });
  expect(await failureOf(client.hub.search({ query: 'x' }))).toEqual([
    'network_failed',
    { host: '127.0.0.1', reason: '502' },
  ]);
  // A sign-in page where the hub's answer should be.
  hub.fail({ where: 'api', status: 200, headers: { 'content-type': 'text/html' } });
  expect(await failureOf(client.hub.search({ query: 'x' }))).toEqual([
    'network_failed',
    { host: '127.0.0.1', reason: 'answer' },
  ]);
  await client.privacy.setOffline({ offline: true });
  hub.reset();
  expect(await failureOf(client.hub.search({ query: 'x' }))).toEqual([
    'offline',
    { host: '127.0.0.1', purpose: 'models.search' },
  ]);
  expect(hub.requests).toHaveLength(0);
});

test('a page that the user allows while offline is on is read whole, and nothing else is', async () => {
  await addSmall();
  await client.privacy.setOffline({ offline: true });
  const page = await client.hub.model({ address: REPO, allowOnce: true });
  expect(page).toMatchObject({ description: '# Small\n<script>alert(1)</script>' });
  expect(page.recommended).toEqual({ path: FILE, reason: 'usual_choice' });
  expect((await client.privacy.ledger({ outcome: 'refused' })).entries).toEqual([]);
  expect(hub.requests.filter(({ where }) => where === 'cdn')).toEqual([]);
});

test('a gated model is listed and shown without its card; hostile fields fall back, hostile names are left out', async () => {
  await hub.add('other/Closed-GGUF', {
    files: { 'README.md': '# Closed', 'closed-Q4_0.gguf': 'x' },
    gated: 'manual',
    cardData: { license: { evil: true }, base_model: ['../../x', 3] },
    gguf: { total: -5, architecture: 'a'.repeat(500), context_length: 0.5 },
  });
  await hub.add('evil/..', { files: { 'x.gguf': 'x' }, downloads: 1e9 });
  expect(await client.hub.model({ address: 'other/Closed-GGUF' })).toMatchObject({
    gated: 'manual',
    description: '',
    licence: null,
    baseModels: [],
    parameterCount: null,
    architecture: null,
    trainedContextSize: null,
    files: [{ path: 'closed-Q4_0.gguf' }],
  });
  expect((await client.hub.search({ query: '' })).models.map(({ repo }) => repo)).toEqual([
    'other/Closed-GGUF',
  ]);
});

test('the token goes with pages and files, not with searches; one that the hub does not know is told apart', async () => {
  await addSmall();
  await client.privacy.setHubToken({ token: 'hf_someone' });
  await client.hub.search({ query: 'small' });
  expect(hub.requests.map(({ authorization }) => authorization)).toEqual([null]);
  await client.hub.model({ address: REPO });
  expect(hub.requests.slice(1).every(({ authorization }) => authorization === 'Bearer hf_someone')).toBe(
    true,
  );
  await client.privacy.setHubToken({ token: 'nonsense' });
  expect(await failureOf(client.hub.model({ address: REPO }))).toEqual([
    'hub_gated',
    { reason: 'bad_token' },
  ]);
  await client.privacy.removeHubToken();
  expect(await client.hub.model({ address: REPO })).toMatchObject({ repo: REPO });
});

test('a search can be stopped', async () => {
  await addSmall();
  const abort = new AbortController();
  const search = client.hub.search({ query: 'small' }, { signal: abort.signal });
  abort.abort();
  await expect(search).rejects.toThrow();
});

// Remote headers: the service alone, on the real outbound client.

interface Remote {
  service: ReturnType<typeof createHub>;
  offline: boolean;
  token: string | null;
  connections: string[];
  /** After each answer of the storage. */
  onAnswer: () => void;
}

const remotes: Remote[] = [];
afterEach(() => Promise.all(remotes.splice(0).map(({ service }) => service.close())));

function openRemote(): Remote {
  const connections: string[] = [];
  const outbound = createOutbound({
    isOffline: () => remote.offline,
    endpoint: () => hub.url,
    proxy: () => null,
    recordOpen: ({ purpose }) => Promise.resolve(connections.push(purpose)),
    recordRefusal: () => Promise.resolve(),
    recordEnd: () => Promise.resolve(),
    changed: () => {},
  });
  const remote: Remote = {
    offline: false,
    token: null,
    connections,
    onAnswer: () => {},
    service: createHub({
      privacy: {
        async request(request) {
          const response = await outbound.request(request);
          if (request.purpose === 'models.download') remote.onAnswer();
          return response;
        },
      },
      settings: { get: () => ({ hubEndpoint: hub.url }) as never },
      hubToken: () => Promise.resolve(remote.token),
      headers: createHeaderReader(entries.ggufWorker),
    }),
  };
  remotes.push(remote);
  return remote;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'leeward-hub-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a remote header is read by ranges once, and what is fetched is a part of the file', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'slow.gguf');
    await writeScriptedModel(file, {
      script: plainScript,
      shape: 'slow',
      name: 'Remote',
      contextLength: 2_048,
    });
    const repository = await hub.add(REPO, { files: { [FILE]: { file, sha256: 'c'.repeat(64) } } });
    const { service, connections } = openRemote();
    const id = { repo: REPO, revision: repository.revision, path: FILE };
    const [header, again] = await Promise.all([service.headerOf(id), service.headerOf(id)]);
    expect(again).toEqual(header);
    expect(header.file).toMatchObject({ path: FILE, sizeBytes: repository.file(FILE).sizeBytes });
    expect(header.parts).toMatchObject([{ name: 'Remote', layerCount: 20, trainedContextSize: 2_048 }]);
    const { bytes, requests } = hub.traffic(REPO, FILE);
    expect(requests).toBeLessThanOrEqual(3);
    expect(bytes).toBeLessThan(5_000_000);
    expect(repository.file(FILE).sizeBytes).toBeGreaterThan(400_000_000);
    // The signed link of the first read serves the others.
    expect(
      hub.requests
        .filter(({ where }) => where === 'resolve')
        .map(({ url }) => url)
        .filter((url) => url.includes('.gguf')),
    ).toHaveLength(1);
    expect(new Set(connections)).toEqual(new Set(['models.search', 'models.download']));
  }));

/** A model whose vocabulary makes most of its header, 700 KB. */
async function quantFile(folder: string, type: 'Q4_0' | 'Q8_0', name = 'Vocal', blocks = 4) {
  const file = join(folder, `${name}-${type}-${blocks}.gguf`);
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['general.name', { type: 'string', value: name }],
    ['llama.block_count', { type: 'uint32', value: blocks }],
    [
      'tokenizer.ggml.tokens',
      { type: 'array', of: 'string', values: Array.from({ length: 40_000 }, (_, n) => `token ${n}`) },
    ],
    ['general.file_type', { type: 'uint32', value: type === 'Q4_0' ? 2 : 7 }],
  ]);
  const tensors = Array.from({ length: blocks }, (_, n) => ({
    name: `blk.${n}.attn_q.weight`,
    type,
    shape: [256, 256],
  }));
  await writeGguf(file, { metadata, tensors });
  return readFile(file);
}

test('of the other quants of a model only what differs is read', () =>
  inFolder(async (folder) => {
    const files = {
      'v-Q4_0.gguf': await quantFile(folder, 'Q4_0'),
      'v-Q8_0.gguf': await quantFile(folder, 'Q8_0'),
      'v-longer-Q8_0.gguf': await quantFile(folder, 'Q8_0', 'Vocal with a longer name'),
      'v-other-Q8_0.gguf': await quantFile(folder, 'Q8_0', 'Vocal', 8),
    };
    const { revision } = await hub.add(REPO, { files });
    const read = async (remote: Remote, path: string) =>
      (await remote.service.headerOf({ repo: REPO, revision, path })).parts[0];
    const shared = openRemote();
    await read(shared, 'v-Q4_0.gguf');
    for (const path of ['v-Q8_0.gguf', 'v-longer-Q8_0.gguf', 'v-other-Q8_0.gguf']) {
      hub.reset();
      const header = await read(shared, path);
      const { bytes } = hub.traffic(REPO, path);
      expect(header).toEqual(await read(openRemote(), path));
      if (path === 'v-Q8_0.gguf') expect(bytes).toBeLessThan(150_000);
      else expect(bytes).toBeGreaterThan(700_000);
    }
    expect((await read(shared, 'v-Q8_0.gguf'))?.quant).toBe('Q8_0');
  }));

test('all parts of a split file are read, and in the order of the parts', () =>
  inFolder(async (folder) => {
    const part = async (index: number) => {
      const file = join(folder, `${index}.gguf`);
      const metadata = new Map<string, GgufValue>([
        ['split.no', { type: 'uint16', value: index }],
        ['split.count', { type: 'uint16', value: 2 }],
        ...(index === 0 ? ([['general.architecture', { type: 'string', value: 'llama' }]] as const) : []),
      ]);
      await writeGguf(file, { metadata, tensors: [{ name: `t${index}`, type: 'F32', shape: [8 + index] }] });
      return readFile(file);
    };
    const files = { 'm-00002-of-00002.gguf': await part(1), 'm-00001-of-00002.gguf': await part(0) };
    const { revision } = await hub.add(REPO, { files });
    const { parts } = await openRemote().service.headerOf({
      repo: REPO,
      revision,
      path: 'm-00001-of-00002.gguf',
    });
    expect(parts.map(({ split, parameterCount }) => [split?.index, parameterCount])).toEqual([
      [0, 8],
      [1, 9],
    ]);
  }));

test('an expired link is asked for anew, a server without ranges is read from its start', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'tiny.gguf');
    await writeScriptedModel(path, { script: plainScript, name: 'Tiny' });
    const content = await readFile(path);
    const nameOf = async (repo: string, remote = openRemote()) => {
      const { revision } = await hub.add(repo, { files: { [FILE]: content } });
      const { parts } = await remote.service.headerOf({ repo, revision, path: FILE });
      return parts[0]?.name;
    };
    const resolved = () =>
      hub.requests.filter(({ where, url }) => where === 'resolve' && url.endsWith(FILE)).length;
    const remote = openRemote();
    remote.onAnswer = () => hub.expireLinks();
    expect(await nameOf('maker/one', remote)).toBe('Tiny');
    expect(resolved()).toBe(2);
    expect(hub.requests.filter(({ where, status }) => where === 'cdn' && status === 403)).toHaveLength(1);

    hub.behaviour.ranges = false;
    expect(await nameOf('maker/two')).toBe('Tiny');
    hub.behaviour.contentLength = false;
    expect(await nameOf('maker/three')).toBe('Tiny');
  }));

test('a remote header that is no model, gated, cut, changed or offline is a typed error and not kept', async () => {
  const repository = await hub.add(REPO, { files: { [FILE]: 'this is no model, only text'.repeat(10) } });
  const { revision } = repository;
  const remote = openRemote();
  const read = (options?: { mayPassOffline: boolean }) =>
    remote.service.headerOf({ repo: REPO, revision, path: FILE }, options).then(
      () => 'no error',
      (error: unknown) => errorCodeOf(error),
    );
  expect(await read()).toBe('model_not_gguf');
  expect(await remote.service.headerOf({ repo: REPO, revision, path: 'none.gguf' }).catch(errorCodeOf)).toBe(
    'not_found',
  );
  hub.fail({ where: 'resolve', path: FILE, status: 429, retryAfter: '5' });
  expect(await read()).toBe('hub_rate_limited');
  hub.cut({ path: FILE, afterBytes: 10 });
  expect(await read()).toBe('network_failed');
  hub.fail({ where: 'cdn', path: FILE, status: 403 });
  expect(await read()).toBe('network_failed');
  remote.offline = true;
  expect(await read()).toBe('offline');
  expect(await read({ mayPassOffline: true })).toBe('model_not_gguf');
  remote.offline = false;
  expect(await read()).toBe('model_not_gguf');

  await repository.replace(FILE, 'shorter than before');
  expect(await read()).toBe('file_changed');

  const closed = await hub.add('maker/closed', { files: { [FILE]: 'closed' }, gated: 'auto' });
  const gated = { repo: 'maker/closed', revision: closed.revision, path: FILE };
  expect(await remote.service.headerOf(gated).catch(errorCodeOf)).toBe('hub_gated');
  hub.tokens.add('hf_someone');
  remote.token = 'hf_someone';
  expect(await remote.service.headerOf(gated).catch(errorCodeOf)).toBe('model_not_gguf');
});
