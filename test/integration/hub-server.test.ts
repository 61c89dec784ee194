import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  downloadFile,
  fileDownloadInfo,
  HubApiError,
  listFiles,
  listModels,
  modelInfo,
  pathsInfo,
} from '@huggingface/hub';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startHub, type Hub } from '../support/hub/hub.ts';

// The local hub, asked by the official client alone: nothing of the app takes part.

const MODEL = Buffer.alloc(300_000, 'weights ');
const SHA256 = createHash('sha256').update(MODEL).digest('hex');
const TOKEN = 'hf_someone';
const REPO = 'maker/Small-GGUF';

let hub: Hub;
let hubUrl: string;

beforeEach(async () => {
  hub = await startHub();
  hubUrl = hub.url;
  await hub.add(REPO, {
    files: { 'README.md': '---\nlicense: mit\n---\n# Small\n', 'small-Q4_K_M.gguf': MODEL, 'sub/a.txt': 'a' },
    downloads: 500,
    likes: 3,
    tags: ['license:mit'],
    cardData: { license: 'mit' },
    gguf: { total: 1_000, architecture: 'llama', context_length: 4_096 },
  });
  await hub.add('maker/Large-GGUF', {
    files: { 'large.gguf': 'x' },
    downloads: 900,
    lastModified: '2026-05-01T00:00:00.000Z',
  });
  await hub.add('other/Closed-GGUF', { files: { 'closed.gguf': 'x' }, gated: 'manual', likes: 9 });
  await hub.add('other/plain', { files: { 'model.safetensors': 'x' }, downloads: 10_000 });
});

afterEach(() => hub.close());

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const namesOf = async (items: AsyncIterable<{ name: string }>) =>
  (await collect(items)).map(({ name }) => name);

async function statusOf(promise: Promise<unknown>): Promise<number | string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof HubApiError ? error.statusCode : String(error)),
  );
}

const range = (from: number, to: number) => ({ headers: { range: `bytes=${from}-${to}` } });

/** Where the hub sends a reader of the file. */
async function linkOf(path = 'small-Q4_K_M.gguf'): Promise<string> {
  const response = await fetch(`${hubUrl}/${REPO}/resolve/main/${path}`, { redirect: 'manual' });
  return response.headers.get('location') ?? '';
}

test('search: words, filter, author, sort', async () => {
  const search = { tags: ['gguf'] };
  expect(await namesOf(listModels({ hubUrl, search, sort: 'downloads' }))).toEqual([
    'maker/Large-GGUF',
    REPO,
    'other/Closed-GGUF',
  ]);
  expect(await namesOf(listModels({ hubUrl, search, sort: 'likes' }))).toEqual([
    'other/Closed-GGUF',
    REPO,
    'maker/Large-GGUF',
  ]);
  expect(await namesOf(listModels({ hubUrl, search: { ...search, query: 'small gguf' } }))).toEqual([REPO]);
  expect(await namesOf(listModels({ hubUrl, search: { owner: 'other' } }))).toHaveLength(2);
  expect(await namesOf(listModels({ hubUrl, search: { tags: ['gguf', 'license:mit'] } }))).toEqual([REPO]);
  const [closed] = await collect(
    listModels({ hubUrl, search: { query: 'closed' }, additionalFields: ['tags'] }),
  );
  expect(closed).toMatchObject({ gated: 'manual', likes: 9, tags: ['gguf'] });
});

test('search results come in pages that the Link header joins', async () => {
  for (let n = 0; n < 30; n += 1) await hub.add(`many/m${n}`, { files: { 'm.gguf': String(n) }, likes: n });
  const first = await fetch(`${hubUrl}/api/models?author=many&limit=20&sort=likes`);
  expect(first.headers.get('link')).toContain('cursor=20');
  hub.reset();
  const all = await namesOf(listModels({ hubUrl, search: { owner: 'many' }, limit: 25, sort: 'likes' }));
  expect(all).toHaveLength(25);
  expect(new Set(all).size).toBe(25);
});

test('a page, its revision and its files', async () => {
  const repository = await hub.add('maker/twice', { files: { 'a.gguf': 'old' } });
  const before = repository.revision;
  const after = await repository.commit({ 'b.gguf': 'new' });
  const at = async (revision: string) =>
    modelInfo({ hubUrl, name: 'maker/twice', revision, additionalFields: ['sha', 'filePaths'] });
  expect(await at('main')).toMatchObject({ sha: after, filePaths: ['a.gguf', 'b.gguf'] });
  expect(await at(before)).toMatchObject({ sha: before, filePaths: ['a.gguf'] });
  expect(await modelInfo({ hubUrl, name: REPO, additionalFields: ['cardData'] })).toMatchObject({
    downloads: 500,
    cardData: { license: 'mit' },
  });

  const files = await collect(listFiles({ hubUrl, repo: REPO, recursive: true }));
  expect(files.map(({ type, path }) => `${type} ${path}`)).toEqual([
    'file README.md',
    'file small-Q4_K_M.gguf',
    'directory sub',
    'file sub/a.txt',
  ]);
  expect(files[1]).toMatchObject({ size: MODEL.length, lfs: { oid: SHA256, size: MODEL.length } });
  expect(files[0]?.lfs).toBeUndefined();
  expect(await pathsInfo({ hubUrl, repo: REPO, paths: ['small-Q4_K_M.gguf', 'none'] })).toMatchObject([
    { lfs: { oid: SHA256 } },
  ]);
});

test('a long tree comes in pages', async () => {
  const files = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`f${n}.txt`, String(n)]));
  await hub.add('maker/long', { files });
  const listed = await collect(listFiles({ hubUrl, repo: 'maker/long', expand: true }));
  expect(listed).toHaveLength(120);
  expect(listed[0]?.lastCommit).toBeDefined();
  expect(hub.requests).toHaveLength(3);
});

test('a file is told of by the hub and sent by its storage', async () => {
  const info = await fileDownloadInfo({ hubUrl, repo: REPO, path: 'small-Q4_K_M.gguf' });
  expect(info).toMatchObject({ size: MODEL.length });
  const blob = await downloadFile({ hubUrl, repo: REPO, path: 'small-Q4_K_M.gguf' });
  expect(Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer()).equals(MODEL)).toBe(true);
  expect(await downloadFile({ hubUrl, repo: REPO, path: 'no.gguf' })).toBeNull();
  expect(await fileDownloadInfo({ hubUrl, repo: REPO, path: 'README.md' })).toMatchObject({ size: 29 });
  const raw = await downloadFile({ hubUrl, repo: REPO, path: 'small-Q4_K_M.gguf', raw: true });
  expect(await raw?.text()).toBe(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${SHA256}\nsize ${MODEL.length}\n`,
  );

  const head = await fetch(`${hubUrl}/${REPO}/resolve/main/small-Q4_K_M.gguf`, {
    method: 'HEAD',
    redirect: 'manual',
  });
  expect(head.status).toBe(302);
  expect(head.headers.get('x-linked-size')).toBe(String(MODEL.length));
  expect(head.headers.get('x-linked-etag')).toBe(`"${SHA256}"`);
  expect(head.headers.get('x-repo-commit')).toMatch(/^[0-9a-f]{40}$/);
});

test('ranges: a part, an open end, the last bytes, beyond the end; counted', async () => {
  const link = await linkOf();
  const part = await fetch(link, range(10, 19));
  expect(part.status).toBe(206);
  expect(part.headers.get('content-range')).toBe(`bytes 10-19/${MODEL.length}`);
  expect(await part.text()).toBe(MODEL.toString('latin1', 10, 20));
  const open = await fetch(link, { headers: { range: `bytes=${MODEL.length - 5}-` } });
  expect(await open.text()).toHaveLength(5);
  const last = await fetch(link, { headers: { range: 'bytes=-7' } });
  expect(await last.text()).toHaveLength(7);
  const beyond = await fetch(link, range(MODEL.length, MODEL.length + 1));
  expect(beyond.status).toBe(416);
  expect(beyond.headers.get('content-range')).toBe(`bytes */${MODEL.length}`);
  const changed = await fetch(link, { headers: { range: 'bytes=0-1', 'if-range': '"another"' } });
  expect(changed.status).toBe(200);
  await changed.body?.cancel();
  expect(hub.traffic(REPO, 'small-Q4_K_M.gguf').ranges.slice(0, 3)).toEqual([
    { start: 10, end: 20, sentBytes: 10 },
    { start: MODEL.length - 5, end: MODEL.length, sentBytes: 5 },
    { start: MODEL.length - 7, end: MODEL.length, sentBytes: 7 },
  ]);
});

test('a gated repository: listed and shown, its files for those who may', async () => {
  const closed = { hubUrl, repo: 'other/Closed-GGUF', path: 'closed.gguf' };
  expect(await modelInfo({ hubUrl, name: closed.repo })).toMatchObject({ gated: 'manual' });
  expect(await collect(listFiles({ hubUrl, repo: closed.repo }))).toHaveLength(1);
  expect(await statusOf(fileDownloadInfo(closed))).toBe(401);
  expect(await statusOf(fileDownloadInfo({ ...closed, accessToken: 'hf_stranger' }))).toBe(403);
  hub.tokens.add(TOKEN);
  const blob = await downloadFile({ ...closed, accessToken: TOKEN });
  expect(await blob?.text()).toBe('x');
  const refused = await fetch(`${hubUrl}/${closed.repo}/resolve/main/closed.gguf`);
  expect(refused.headers.get('x-error-code')).toBe('GatedRepo');
});

test('what is not there: repository, revision, file', async () => {
  expect(await statusOf(modelInfo({ hubUrl, name: 'no/body' }))).toBe(401);
  expect(await statusOf(modelInfo({ hubUrl, name: 'no/body', accessToken: TOKEN }))).toBe(404);
  expect(await statusOf(modelInfo({ hubUrl, name: REPO, revision: 'f'.repeat(40) }))).toBe(404);
  const codeOf = async (path: string) => (await fetch(hubUrl + path)).headers.get('x-error-code');
  expect(await codeOf(`/${REPO}/resolve/main/no.gguf`)).toBe('EntryNotFound');
  expect(await codeOf(`/${REPO}/resolve/v2/no.gguf`)).toBe('RevisionNotFound');
});

test('links expire, and one with another signature never worked', async () => {
  const link = await linkOf();
  expect((await fetch(link.replace(/Signature=./, 'Signature=_'))).status).toBe(403);
  expect((await fetch(link, range(0, 1))).status).toBe(206);
  hub.expireLinks();
  const refused = await fetch(link, range(0, 1));
  expect(refused.status).toBe(403);
  expect(await refused.text()).toContain('expired');
  expect((await fetch(await linkOf(), range(0, 1))).status).toBe(206);
});

test('refusals strike where and as often as asked', async () => {
  hub.fail({ where: 'api', status: 429, retryAfter: '7', times: 2 });
  hub.fail({ where: 'cdn', path: 'small-Q4_K_M.gguf', status: 503 });
  const first = await fetch(`${hubUrl}/api/models`);
  expect([first.status, first.headers.get('retry-after')]).toEqual([429, '7']);
  expect((await fetch(`${hubUrl}/api/models`)).status).toBe(429);
  expect((await fetch(`${hubUrl}/api/models`)).status).toBe(200);
  const link = await linkOf();
  expect((await fetch(link)).status).toBe(503);
  expect((await fetch(link)).status).toBe(200);
});

test('a wrong byte once, and one for ever', async () => {
  const link = await linkOf();
  const byteAt = async (offset: number) =>
    Buffer.from(await (await fetch(link, range(offset - 5, offset + 5))).arrayBuffer())[5];
  hub.flip({ path: 'small-Q4_K_M.gguf', offset: 70_000 });
  hub.flip({ offset: 200_000, times: Infinity });
  const wrong = (offset: number) => (MODEL[offset] ?? 0) ^ 0xff;
  expect(await byteAt(70_000)).toBe(wrong(70_000));
  expect(await byteAt(70_000)).toBe(MODEL[70_000]);
  expect(await byteAt(200_000)).toBe(wrong(200_000));
  expect(await byteAt(200_000)).toBe(wrong(200_000));
  expect(await byteAt(100_000)).toBe(MODEL[100_000]);
});

test('a cut connection, no ranges, no length, a changed file', async () => {
  const link = await linkOf();
  hub.cut({ afterBytes: 100_000 });
  await expect(fetch(link).then((response) => response.arrayBuffer())).rejects.toThrow();
  expect(hub.traffic(REPO, 'small-Q4_K_M.gguf').bytes).toBe(100_000);

  hub.behaviour.ranges = false;
  const whole = await fetch(link, range(5, 6));
  expect([whole.status, whole.headers.get('accept-ranges')]).toEqual([200, null]);
  expect((await whole.arrayBuffer()).byteLength).toBe(MODEL.length);
  hub.behaviour.contentLength = false;
  const chunked = await fetch(link);
  expect(chunked.headers.get('content-length')).toBeNull();
  expect((await chunked.arrayBuffer()).byteLength).toBe(MODEL.length);

  hub.reset();
  const repository = await hub.add('maker/moving', { files: { 'm.gguf': 'old' } });
  const address = `${hubUrl}/maker/moving/resolve/${repository.revision}/m.gguf`;
  const etag = async () => (await fetch(address, { redirect: 'manual' })).headers.get('x-linked-etag');
  const before = await etag();
  await repository.replace('m.gguf', 'new');
  expect(await etag()).not.toBe(before);
  expect(await (await fetch(address)).text()).toBe('new');
});

test('a file on disk is streamed, its rate limited for each connection and for all', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'leeward-hub-'));
  try {
    const file = join(folder, 'model.gguf');
    const content = Buffer.alloc(600_000, 'disk ');
    await writeFile(file, content);
    const repository = await hub.add('maker/disk', { files: { 'model.gguf': { file } } });
    expect(repository.file('model.gguf').sha256).toBe(createHash('sha256').update(content).digest('hex'));
    const address = `${hubUrl}/maker/disk/resolve/main/model.gguf`;
    const timed = async (count: number) => {
      const startedAt = performance.now();
      const bodies = await Promise.all(
        Array.from({ length: count }, async () => Buffer.from(await (await fetch(address)).arrayBuffer())),
      );
      expect(bodies.every((body) => body.equals(content))).toBe(true);
      return performance.now() - startedAt;
    };
    // Only lower bounds: a busy machine is slower, never faster.
    hub.behaviour.connectionBytesPerSecond = 4_000_000;
    expect(await timed(2)).toBeGreaterThan(140);
    hub.behaviour.connectionBytesPerSecond = null;
    hub.behaviour.bytesPerSecond = 4_000_000;
    expect(await timed(2)).toBeGreaterThan(280);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
