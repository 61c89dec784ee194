import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Failure } from './refusals.ts';
import type { Repository, StoredFile } from './repository.ts';

const DEFAULT_SEARCH_LIMIT = 1_000;
/** Of a tree, as the hub pages it; with `expand` each entry costs more. */
const TREE_PAGE = 1_000;
const TREE_PAGE_EXPANDED = 50;
const EPOCH = '2026-01-01T00:00:00.000Z';

interface Call {
  url: URL;
  request: IncomingMessage;
  response: ServerResponse;
  repositories: ReadonlyMap<string, Repository>;
  endpoint: string;
}

/** Answers `/api/models…`. @throws Failure */
export async function answerApi(call: Call): Promise<void> {
  const { url, repositories, request } = call;
  const steps = url.pathname.split('/').slice(2).map(decodeURIComponent);
  if (steps[0] !== 'models') throw new Failure(404, {}, 'Not Found');
  if (steps.length === 1) {
    search(call);
    return;
  }
  const [, owner, name, verb, revision = 'main', ...rest] = steps;
  const repository = repositories.get(`${owner}/${name}`);
  if (!repository) throw Failure.repoNotFound(request.headers.authorization !== undefined);
  const files = repository.filesAt(revision);
  if (!files) throw Failure.revisionNotFound(revision);
  if (verb === undefined || verb === 'revision') {
    json(call, pageOf(repository, revision, url.searchParams.getAll('expand')));
  } else if (verb === 'tree') tree(call, files, rest.join('/'));
  else if (verb === 'paths-info') await pathsInfo(call, files);
  else throw new Failure(404, {}, 'Not Found');
}

function search(call: Call): void {
  const { searchParams: query } = call.url;
  const words = (query.get('search') ?? '').toLowerCase().split(/\s+/u).filter(Boolean);
  const author = query.get('author');
  const filters = query.getAll('filter').flatMap((value) => value.split(','));
  const found = [...call.repositories.values()]
    .filter((repository) => words.every((word) => repository.name.toLowerCase().includes(word)))
    .filter((repository) => author === null || repository.name.split('/')[0] === author)
    .filter((repository) => filters.every((tag) => repository.tags.includes(tag)))
    .sort(byFieldDescending(query.get('sort') ?? 'downloads'));
  const from = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? DEFAULT_SEARCH_LIMIT);
  if (!Number.isInteger(from) || !Number.isInteger(limit) || limit < 1)
    throw new Failure(400, {}, 'Bad Request');
  linkNext(call, from + limit, found.length);
  const expand = query.getAll('expand');
  json(
    call,
    found.slice(from, from + limit).map((repository) => pageOf(repository, 'main', expand)),
  );
}

function byFieldDescending(field: string): (a: Repository, b: Repository) => number {
  const key = (repository: Repository): number => {
    if (field === 'likes') return repository.options.likes ?? 0;
    if (field === 'lastModified') return Date.parse(repository.options.lastModified ?? EPOCH);
    if (field === 'downloads') return repository.options.downloads ?? 0;
    throw new Failure(400, {}, JSON.stringify({ error: `Invalid sort: ${field}` }));
  };
  return (a, b) => key(b) - key(a);
}

/** Everything, or with `expand` the names and what was asked for. */
function pageOf(repository: Repository, revision: string, expand: string[]): Record<string, unknown> {
  const { name, options } = repository;
  const names = { _id: idOf(name), id: name, modelId: name };
  const rest: Record<string, unknown> = {
    author: name.split('/')[0],
    cardData: options.cardData ?? {},
    createdAt: EPOCH,
    disabled: false,
    downloads: options.downloads ?? 0,
    gated: options.gated ?? false,
    gguf: options.gguf,
    lastModified: options.lastModified ?? EPOCH,
    library_name: undefined,
    likes: options.likes ?? 0,
    pipeline_tag: 'text-generation',
    private: false,
    sha: repository.commitOf(revision),
    siblings: [...(repository.filesAt(revision)?.keys() ?? [])].map((rfilename) => ({ rfilename })),
    tags: repository.tags,
  };
  if (expand.length === 0) return { ...names, ...rest };
  const unknown = expand.find((key) => !(key in rest));
  if (unknown !== undefined)
    throw new Failure(400, {}, JSON.stringify({ error: `Invalid expand: ${unknown}` }));
  return { ...names, ...Object.fromEntries(expand.map((key) => [key, rest[key]])) };
}

function tree(call: Call, files: ReadonlyMap<string, StoredFile>, folder: string): void {
  const { searchParams: query } = call.url;
  const expand = query.get('expand') === 'true';
  const prefix = folder === '' ? '' : `${folder}/`;
  const below = [...files.values()].filter(({ path }) => path.startsWith(prefix));
  if (below.length === 0 && folder !== '') throw Failure.entryNotFound();
  const all = withFolders(below, prefix, query.get('recursive') === 'true');
  const from = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? (expand ? TREE_PAGE_EXPANDED : TREE_PAGE));
  linkNext(call, from + limit, all.length);
  json(
    call,
    all.slice(from, from + limit).map((entry) => (expand ? { ...entry, ...lastCommitOf(entry) } : entry)),
  );
}

interface TreeEntry {
  type: 'file' | 'directory';
  oid: string;
  size: number;
  path: string;
  lfs?: { oid: string; size: number; pointerSize: number };
}

function withFolders(files: readonly StoredFile[], prefix: string, recursive: boolean): TreeEntry[] {
  const entries = new Map<string, TreeEntry>();
  for (const file of files) {
    const steps = file.path.slice(prefix.length).split('/');
    for (let depth = 1; depth < steps.length && (recursive || depth === 1); depth += 1) {
      const path = prefix + steps.slice(0, depth).join('/');
      entries.set(path, { type: 'directory', oid: idOf(path), size: 0, path });
    }
    if (recursive || steps.length === 1) entries.set(file.path, entryOf(file));
  }
  return [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function entryOf({ oid, sizeBytes, path, sha256, pointer }: StoredFile): TreeEntry {
  const lfs = pointer === null ? {} : { lfs: { oid: sha256, size: sizeBytes, pointerSize: pointer.length } };
  return { type: 'file', oid, size: sizeBytes, path, ...lfs };
}

function lastCommitOf({ oid }: TreeEntry) {
  return { lastCommit: { id: oid, title: 'Upload', date: EPOCH }, securityFileStatus: { status: 'safe' } };
}

async function pathsInfo(call: Call, files: ReadonlyMap<string, StoredFile>): Promise<void> {
  if (call.request.method !== 'POST') throw new Failure(405, {}, 'Method Not Allowed');
  const chunks: Uint8Array[] = [];
  for await (const chunk of call.request) chunks.push(chunk);
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
  const paths = typeof body === 'object' && body !== null && 'paths' in body ? body.paths : [];
  const wanted = [paths].flat().filter((path): path is string => typeof path === 'string');
  // Paths that are not there are left out, without an error.
  json(
    call,
    wanted.flatMap((path) => {
      const file = files.get(path);
      return file ? [entryOf(file)] : [];
    }),
  );
}

function linkNext({ url, response, endpoint }: Call, next: number, count: number): void {
  if (next >= count) return;
  const address = new URL(url.pathname + url.search, endpoint);
  address.searchParams.set('cursor', String(next));
  response.setHeader('link', `<${address.href}>; rel="next"`);
}

function json({ response }: Call, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

const idOf = (text: string) => createHash('sha1').update(text).digest('hex').slice(0, 24);
