import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { CatalogueEntry, type Fit, HubPath, HubRepo, type HubFile } from '../../src-main/contract/index.ts';
import { parseHubAddress } from '../../src-main/hub/address.ts';
import { descriptionOf, licenceOf, parentsOf } from '../../src-main/hub/card.ts';
import { CATALOGUE } from '../../src-main/hub/catalogue.ts';
import { createHubClient } from '../../src-main/hub/client.ts';
import { hubErrorOf, retryAfterMs } from '../../src-main/hub/errors.ts';
import { modelFiles, wantedFile } from '../../src-main/hub/files.ts';
import { quantOf } from '../../src-main/hub/quant.ts';
import { recommend } from '../../src-main/hub/recommend.ts';
import { Recent } from '../../src-main/hub/recent.ts';

const SHA = 'a'.repeat(40);
const HASH = 'b'.repeat(64);

describe('an address', () => {
  const plain = { repo: 'maker/Small-GGUF', revision: null, path: null, quant: null };
  test.each([
    ['maker/Small-GGUF', {}],
    ['  maker/Small-GGUF/ ', {}],
    ['<https://huggingface.co/maker/Small-GGUF>,', {}],
    ['(https://huggingface.co/maker/Small-GGUF).', {}],
    ['https://huggingface.co/maker/Small-GGUF', {}],
    ['http://www.HuggingFace.co/maker/Small-GGUF/?library=llama-cpp#files', {}],
    ['huggingface.co/maker/Small-GGUF', {}],
    ['hf.co/maker/Small-GGUF:Q4_K_M', { quant: 'Q4_K_M' }],
    ['hf:maker/Small-GGUF', {}],
    ['hf:maker/Small-GGUF:q8_0', { quant: 'Q8_0' }],
    ['hf://maker/Small-GGUF', {}],
    ['https://huggingface.co/maker/Small-GGUF/tree/main', { revision: 'main' }],
    ['https://huggingface.co/maker/Small-GGUF/discussions/3', {}],
    [`https://huggingface.co/maker/Small-GGUF/commit/${SHA}`, { revision: SHA }],
    [
      'https://huggingface.co/maker/Small-GGUF/blob/main/a%20b/small-Q4_K_M.gguf',
      { revision: 'main', path: 'a b/small-Q4_K_M.gguf' },
    ],
    [
      `https://huggingface.co/maker/Small-GGUF/resolve/${SHA}/small.gguf?download=true`,
      { revision: SHA, path: 'small.gguf' },
    ],
    ['https://mirror.example:8443/maker/Small-GGUF', {}],
  ])('%s is understood', (text, over) => {
    expect(parseHubAddress(text, 'mirror.example:8443')).toEqual({ ...plain, ...over });
  });

  test.each([
    '',
    'mistral',
    'mistral 7b instruct',
    'maker / Small',
    'https://huggingface.co',
    'https://huggingface.co/maker',
    'https://huggingface.co/models?search=gguf',
    'https://huggingface.co/datasets/maker/data',
    'https://huggingface.co/spaces/maker/app',
    'https://huggingface.co/docs/hub',
    'datasets/data',
    'https://huggingface.co.evil.example/maker/Small-GGUF',
    'https://evil-huggingface.co/maker/Small-GGUF',
    'https://huggingface.co@evil.example/maker/Small-GGUF',
    'https://user:pass@huggingface.co/maker/Small-GGUF',
    'https://huggingface.co:8443/maker/Small-GGUF',
    'https://hugg\u0456ngface.co/maker/Small-GGUF',
    'https://mirror.example/maker/Small-GGUF',
    'ftp://huggingface.co/maker/Small-GGUF',
    'file:///etc/passwd',
    'javascript:alert(1)//maker/x',
    '../etc/passwd',
    'maker/..',
    '../maker',
    '/maker/Small-GGUF',
    'https://huggingface.co/maker/%E0%A4%A',
    'hf:maker',
    'hf:maker/Small-GGUF:Q4:K',
    'maker/Small/GGUF',
    `maker/${'x'.repeat(300)}`,
  ])('%s is refused', (text) => {
    expect(parseHubAddress(text, 'mirror.example:8443')).toBeNull();
  });

  test('a path that climbs is dropped, the repository stays', () => {
    expect(parseHubAddress('https://huggingface.co/a/b/blob/main/x/%2e%2e%2fy')).toMatchObject({
      repo: 'a/b',
      path: null,
    });
  });
});

test.each([
  ['Mistral-7B-Instruct-v0.3-Q4_K_M.gguf', 'Q4_K_M'],
  ['mistral-7b-instruct-v0.2.Q5_K_S.gguf', 'Q5_K_S'],
  ['phi-3.5-mini-q8_0.gguf', 'Q8_0'],
  ['Qwen3-4B-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL'],
  ['model-IQ2_XXS.gguf', 'IQ2_XXS'],
  ['model-IQ4_NL.gguf', 'IQ4_NL'],
  ['Llama-3.2-1B-Instruct-Q4_0_4_8.gguf', 'Q4_0_4_8'],
  ['gpt-oss-20b-MXFP4.gguf', 'MXFP4'],
  ['model-TQ1_0.gguf', 'TQ1_0'],
  ['model-fp16.gguf', 'F16'],
  ['model-bf16-00001-of-00003.gguf', 'BF16'],
  ['Q6_K/model-00001-of-00002.gguf', 'Q6_K'],
  ['Qwen2.5-7B.gguf', null],
  ['model-v0.3.gguf', null],
  ['q4life-chat.gguf', null],
])('the quant of %s is %s', (path, expected) => {
  expect(quantOf(path)).toBe(expected);
});

const tree = (entries: Record<string, number>) =>
  Object.entries(entries).map(([path, sizeBytes]) => ({ path, sizeBytes, sha256: HASH }));

describe('files of a repository', () => {
  test('parts are one file, incomplete ones and others are left out, the largest first, other kinds last', () => {
    const files = modelFiles(
      tree({
        'README.md': 1,
        'm-Q4_K_M.gguf': 40,
        'm-Q8_0/m-Q8_0-00002-of-00002.gguf': 30,
        'm-Q8_0/m-Q8_0-00001-of-00002.gguf': 50,
        'm-F16-00001-of-00003.gguf': 90,
        'm-F16-00003-of-00003.gguf': 90,
        'mmproj-F16.gguf': 500,
        'm-lora-f16.gguf': 600,
        'm.imatrix.gguf': 700,
        'ggml-vocab-llama.gguf': 1,
        'a/../b.gguf': 1,
        'bad\u202ename.gguf': 1,
        'model.safetensors': 1,
      }),
    );
    expect(files.map(({ path, kind, sizeBytes, parts }) => [path, kind, sizeBytes, parts.length])).toEqual([
      ['m-Q8_0/m-Q8_0-00001-of-00002.gguf', 'model', 80, 2],
      ['m-Q4_K_M.gguf', 'model', 40, 1],
      ['m-lora-f16.gguf', 'adapter', 600, 1],
      ['mmproj-F16.gguf', 'projector', 500, 1],
    ]);
    expect(files[0]).toMatchObject({ fileName: 'm-Q8_0-00001-of-00002.gguf', quant: 'Q8_0' });
    expect(files.every((file) => v.is(HubPath, file.path))).toBe(true);
  });

  test('a repository of an adapter holds adapters', () => {
    expect(modelFiles(tree({ 'f16.gguf': 1 }), true)).toMatchObject([{ kind: 'adapter' }]);
    expect(modelFiles(tree({ 'f16.gguf': Number.MAX_SAFE_INTEGER }))).toEqual([]);
  });

  test('the file that was asked for: by path, a later part, a quant, or none', () => {
    const files = modelFiles(
      tree({ 'm-Q4_K_M.gguf': 2, 'm-Q8_0-00001-of-00002.gguf': 2, 'm-Q8_0-00002-of-00002.gguf': 2 }),
    );
    expect(wantedFile(files, { path: 'm-Q4_K_M.gguf', quant: null })).toBe('m-Q4_K_M.gguf');
    expect(wantedFile(files, { path: 'm-Q8_0-00002-of-00002.gguf', quant: null })).toBe(
      'm-Q8_0-00001-of-00002.gguf',
    );
    expect(wantedFile(files, { path: null, quant: 'Q8_0' })).toBe('m-Q8_0-00001-of-00002.gguf');
    expect(wantedFile(files, { path: null, quant: 'Q2_K' })).toBeNull();
    expect(wantedFile(files, { path: null, quant: null })).toBeNull();
  });
});

describe('a card', () => {
  const card = (cardData: Record<string, unknown>, tags: string[] = []) => ({ cardData, tags });

  test.each([
    [card({ license: 'mit' }), 'mit'],
    [card({}, ['gguf', 'license:apache-2.0']), 'apache-2.0'],
    [card({ license: 'other', license_name: 'falcon-llm-license' }), 'falcon-llm-license'],
    [card({ license: 'other' }), 'other'],
    [card({ license: ['mit'] }), null],
    [card({}), null],
  ])('names its licence: %j', (given, expected) => {
    expect(licenceOf(given)).toBe(expected);
  });

  test.each([
    [card({ base_model: 'a/b', base_model_relation: 'quantized' }), [['a/b', 'quantized']]],
    [
      card({ base_model: ['a/b', 'c/d'] }, ['base_model:merge:a/b', 'base_model:merge:c/d']),
      [
        ['a/b', 'merge'],
        ['c/d', 'merge'],
      ],
    ],
    [card({}, ['base_model:a/b', 'base_model:quantized:a/b']), [['a/b', 'quantized']]],
    [card({ base_model: 'a/b', base_model_relation: 'cousin' }), [['a/b', null]]],
    [card({ base_model: ['../x', 'https://evil.example/a', 7, ''] }), []],
    [card({}), []],
  ])('names what it was made from: %j', (given, expected) => {
    expect(parentsOf(given).map(({ repo, relation }) => [repo, relation])).toEqual(expected);
  });

  test('loses its front matter and its length', () => {
    expect(descriptionOf('---\nlicense: mit\n---\n\n# Title\ntext')).toBe('# Title\ntext');
    expect(descriptionOf('\uFEFF---\r\nlicense: mit\r\n---\r\n# Title')).toBe('# Title');
    expect(descriptionOf('# Title\n---\nnot front matter\n---')).toBe('# Title\n---\nnot front matter\n---');
    expect(descriptionOf('')).toBe('');
    const long = descriptionOf(`${'line of text\n'.repeat(5_000)}`);
    expect(long.length).toBeLessThan(20_010);
    expect(long.endsWith('line of text\n\n…')).toBe(true);
  });
});

describe('a refusal', () => {
  const error = (status: number, headers: Record<string, string> = {}) => {
    const { code, data } = hubErrorOf(status, (name) => headers[name] ?? null, 'huggingface.co');
    return [code, data.details ?? {}];
  };
  test.each([
    [401, { 'x-error-code': 'GatedRepo' }, ['hub_gated', { reason: 'no_token' }]],
    [403, { 'x-error-code': 'GatedRepo' }, ['hub_gated', { reason: 'no_access' }]],
    [403, { 'x-error-message': 'Your token lacks a permission.' }, ['hub_gated', { reason: 'no_access' }]],
    [403, {}, ['network_failed', { host: 'huggingface.co', reason: '403' }]],
    [
      401,
      { 'x-error-message': 'Invalid credentials in Authorization header' },
      ['hub_gated', { reason: 'bad_token' }],
    ],
    [401, { 'x-error-message': 'Invalid username or password.' }, ['not_found', {}]],
    [404, { 'x-error-code': 'EntryNotFound' }, ['not_found', {}]],
    [429, { 'retry-after': '3' }, ['hub_rate_limited', { retryAfterMs: 3_000 }]],
    [500, {}, ['network_failed', { host: 'huggingface.co', reason: '500' }]],
  ])('%s %j', (status, headers, expected) => {
    expect(error(status, headers)).toEqual(expected);
  });

  test('how long to wait: seconds, a date, the RateLimit header, never more than an hour', () => {
    const now = Date.parse('2026-11-23T12:00:00Z');
    const wait = (headers: Record<string, string>) => retryAfterMs((name) => headers[name] ?? null, now);
    expect(wait({ 'retry-after': '120' })).toBe(120_000);
    expect(wait({ 'retry-after': 'Mon, 23 Nov 2026 12:00:30 GMT' })).toBe(30_000);
    expect(wait({ 'retry-after': 'Mon, 23 Nov 2026 11:00:00 GMT' })).toBe(0);
    expect(wait({ ratelimit: '"resolvers";r=0;t=55' })).toBe(55_000);
    expect(wait({ 'retry-after': '99999999' })).toBe(3_600_000);
    expect(wait({ 'retry-after': 'soon' })).toBeNull();
    expect(wait({})).toBeNull();
  });
});

describe('the recommended file', () => {
  const GB = 1e9;
  const files = modelFiles(
    tree({
      'm-F16.gguf': 14 * GB,
      'm-Q8_0.gguf': 7.7 * GB,
      'm-Q6_K.gguf': 6 * GB,
      'm-Q4_K_M.gguf': 4.4 * GB,
      'm-Q2_K.gguf': 2.7 * GB,
    }),
  );
  const usual = files.find(({ quant }) => quant === 'Q4_K_M') as HubFile;
  const fit = (freeGb: number, decode: number | null, vramGb: number | null = null): Fit => ({
    contextSize: 8_192,
    trainedContextSize: 32_768,
    layerCount: 32,
    gpuLayers: 0,
    weightsBytes: 4.4 * GB,
    liveChats: 1,
    kvCacheBytes: 1 * GB,
    buffersBytes: 0.3 * GB,
    vram: vramGb === null ? null : { neededBytes: 5.7 * GB, freeBytes: vramGb * GB },
    ram: { neededBytes: 5.7 * GB, mappedBytes: 0, freeBytes: freeGb * GB },
    verdict: 'fits',
    decode: decode === null ? null : { low: decode, high: decode },
    prefill: null,
    isMeasured: false,
  });
  test.each([
    ['nothing is known', null, 'Q4_K_M', 'usual_choice'],
    ['room for all, no speed known', fit(64, null), 'Q8_0', 'best_that_fits'],
    ['room for all and fast', fit(64, 40), 'Q8_0', 'best_that_fits'],
    ['room for all, fast enough for six bits', fit(64, 12), 'Q6_K', 'best_that_fits'],
    ['room for all, slow in any quant', fit(64, 3), 'Q4_K_M', 'best_that_fits'],
    ['room for four bits', fit(7, null), 'Q4_K_M', 'best_that_fits'],
    ['a graphics card with room for six bits', fit(64, 60, 9), 'Q6_K', 'best_that_fits'],
    ['no room', fit(2, null), 'Q2_K', 'smallest'],
  ])('%s', (_case, given, quant, reason) => {
    const chosen = recommend(files, given, usual);
    expect([files.find(({ path }) => path === chosen?.path)?.quant, chosen?.reason]).toEqual([quant, reason]);
  });

  test('is none where there is no model', () => {
    expect(recommend(modelFiles(tree({ 'mmproj.gguf': 1 })), null, null)).toBeNull();
  });
});

test('the catalogue is of the contract, starts with Mistral 7B Instruct and has each repository once', () => {
  expect(CATALOGUE.length).toBeGreaterThanOrEqual(12);
  for (const entry of CATALOGUE) {
    expect(v.parse(CatalogueEntry, entry)).toEqual(entry);
    expect(parseHubAddress(entry.repo)?.repo).toBe(entry.repo);
    expect(v.is(HubRepo, entry.repo)).toBe(true);
    expect(entry.roughSizeBytes / entry.parameterCount).toBeGreaterThan(0.4);
  }
  expect(CATALOGUE[0]?.name).toContain('Mistral 7B Instruct');
  expect(new Set(CATALOGUE.map(({ repo }) => repo)).size).toBe(CATALOGUE.length);
});

test('recent answers are kept, failures and the oldest are not', async () => {
  const recent = new Recent<number>(2);
  let asked = 0;
  const ask = () => Promise.resolve((asked += 1));
  expect(await Promise.all([recent.get('a', ask), recent.get('a', ask)])).toEqual([1, 1]);
  await expect(recent.get('b', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await recent.get('b', ask)).toBe(2);
  expect(await recent.get('a', ask)).toBe(1);
  expect(await recent.get('c', ask)).toBe(3);
  expect(await recent.get('a', ask)).toBe(1);
  expect(await recent.get('b', ask)).toBe(4);
});

test('a hub that names a next page for ever is asked only so often', async () => {
  let requests = 0;
  const request = async ({ url }: { url: string }) => {
    requests += 1;
    const headers = { link: `<${new URL('?cursor=on', url).href}>; rel="next"` };
    const body = (async function* () {
      yield Buffer.from('[]');
    })();
    return { status: 200, headers, url, hops: [], body, cancel: async () => {} };
  };
  const endpoint = () => 'https://hub.example';
  const client = createHubClient({ privacy: { request }, endpoint, hubToken: async () => null });
  expect(await client.tree('maker/Small-GGUF', SHA)).toEqual([]);
  expect(requests).toBe(20);
  requests = 0;
  const query = { query: '', author: null, licence: null, maxParameters: null, cursor: null };
  expect(await client.search({ ...query, sort: 'likes' })).toEqual({ models: [], cursor: 'on' });
  expect(requests).toBe(5);
});
