import * as v from 'valibot';
import {
  appError,
  HubRepo,
  HubRevision,
  isAppError,
  Sha256,
  type HubModelSummary,
} from '../contract/index.ts';
import type { Privacy } from '../privacy/privacy.ts';
import { createFetch, type Fetch } from '../privacy/fetch.ts';
import type { HubCallOptions, HubSearchQuery } from './api.ts';
import { licenceOf, type Card } from './card.ts';
import { hubErrorOf } from './errors.ts';
import type { TreeFile } from './files.ts';

/** Results a page of a search: what fits on a tall screen. */
const PAGE_SIZE = 30;
/** Requests for one page of results when a filter that the hub does not know leaves few of them. */
const MAX_REQUESTS_A_SEARCH = 5;
/** A page of results has about 100 KB; the largest known tree 2 MB. */
const MAX_ANSWER_BYTES = 8_000_000;
/** Of a card: the rest is not read. */
const MAX_README_BYTES = 200_000;
/** Files of one repository that are looked at. */
const MAX_TREE_FILES = 5_000;
/** A page of a tree has a thousand entries; folders and empty pages count here too, so that it comes to an end. */
const MAX_TREE_REQUESTS = 20;

/** Loaded when it is first asked: most starts ask nothing. */
const official = () => import('@huggingface/hub');

const SORT = { downloads: 'downloads', likes: 'likes', recent: 'lastModified' } as const;

/**
 * Beside what the client always asks for. Its types lag behind the hub, which knows `gguf` (huggingface_hub
 * documents it); the client passes any name on.
 */
const FIELDS = ['tags', 'cardData', 'sha', 'gguf'] as unknown as ['tags', 'cardData', 'sha'];

const text = v.fallback(v.string(), '');
const count = v.fallback(v.pipe(v.number(), v.integer(), v.minValue(0)), 0);
const maybeCount = v.fallback(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), null);
/** One repository as the client gives it. Everything else than its name may be missing or of a wrong kind. */
const Entry = v.object({
  name: HubRepo,
  downloads: count,
  likes: count,
  gated: v.fallback(v.picklist(['no', 'auto', 'manual']), 'no'),
  updatedAt: v.fallback(v.nullable(v.date()), null),
  tags: v.fallback(v.array(v.string()), []),
  cardData: v.fallback(v.record(v.string(), v.unknown()), {}),
  sha: text,
  gguf: v.fallback(
    v.object({
      total: maybeCount,
      architecture: v.fallback(v.nullable(v.pipe(v.string(), v.maxLength(64))), null),
      context_length: maybeCount,
    }),
    { total: null, architecture: null, context_length: null },
  ),
});
type Entry = v.InferOutput<typeof Entry>;

/** A repository's page at one commit. */
export interface HubPage {
  summary: HubModelSummary;
  revision: string;
  card: Card;
}

/** The Hub's official client on our one way out, its answers checked. Errors are those of the contract. */
export interface HubClient {
  search(
    query: HubSearchQuery,
    options?: HubCallOptions,
  ): Promise<{ models: HubModelSummary[]; cursor: string | null }>;
  page(repo: string, revision: string | null, options?: HubCallOptions): Promise<HubPage>;
  /** Every file of the commit, folders left out. */
  tree(repo: string, revision: string, options?: HubCallOptions): Promise<TreeFile[]>;
  /** The card's Markdown; empty when there is none or the hub does not show it. */
  readme(repo: string, revision: string, options?: HubCallOptions): Promise<string>;
}

export interface HubClientOptions {
  privacy: Pick<Privacy, 'request'>;
  endpoint(): string;
  /** null: none. Asked at each call. */
  hubToken(): Promise<string | null>;
}

export function createHubClient({ privacy, endpoint, hubToken }: HubClientOptions): HubClient {
  /** `withToken`: a search needs none, so that it does not tell whose it is. */
  const open = ({ signal, mayPassOffline }: HubCallOptions, withToken: boolean): Fetch => {
    const send = createFetch(privacy, {
      purpose: 'models.search',
      maxBytes: MAX_ANSWER_BYTES,
      signal,
      mayPassOffline: mayPassOffline ?? false,
    });
    return async (input, init) => {
      const headers = new Headers(init?.headers);
      const token = withToken ? await hubToken() : null;
      if (token !== null) headers.set('authorization', `Bearer ${token}`);
      const response = await send(input, { ...init, headers });
      if (response.ok) return response;
      await response.body?.cancel();
      throw hubErrorOf(response.status, (name) => response.headers.get(name), new URL(response.url).hostname);
    };
  };

  /** The client follows the hub's links by itself, however many there are: past `limit` there is nothing more. */
  const atMost = (limit: number, send: Fetch): Fetch => {
    let requests = 0;
    return (input, init) => {
      requests += 1;
      return requests > limit ? Promise.resolve(new Response('[]')) : send(input, init);
    };
  };

  const searchPage = async (query: HubSearchQuery, cursor: string | null, options: HubCallOptions) => {
    const send = open(options, false);
    let next: string | null = null;
    const entries: Entry[] = [];
    const { listModels } = await official();
    const found = listModels({
      hubUrl: endpoint(),
      search: {
        ...(query.query === '' ? {} : { query: query.query }),
        ...(query.author === null ? {} : { owner: query.author }),
        tags: [
          'gguf',
          ...(query.licence === null ? [] : [`license:${query.licence}`]),
          ...(query.base === undefined ? [] : [`base_model:quantized:${query.base}`]),
        ],
      },
      sort: SORT[query.sort],
      limit: PAGE_SIZE,
      additionalFields: FIELDS,
      // The client walks all pages by itself; ours come one at a time, each by the hub's own cursor.
      fetch: atMost(1, async (input, init) => {
        const url = new URL(String(input));
        if (cursor !== null) url.searchParams.set('cursor', cursor);
        const response = await send(url, init);
        next = nextCursor(response.headers.get('link'));
        return response;
      }),
    });
    for await (const item of found) {
      const entry = v.safeParse(Entry, item);
      if (entry.success) entries.push(entry.output);
    }
    return { entries, next };
  };

  const client: HubClient = {
    async search(query, options = {}) {
      const models: HubModelSummary[] = [];
      let { cursor } = query;
      for (let requests = 0; requests < MAX_REQUESTS_A_SEARCH; requests += 1) {
        const { entries, next } = await searchPage(query, cursor, options);
        models.push(...entries.map(summaryOf).filter((model) => isWithin(model, query.maxParameters)));
        cursor = next;
        if (cursor === null || models.length >= PAGE_SIZE) break;
      }
      return { models, cursor };
    },
    async page(repo, revision, options = {}) {
      const { modelInfo } = await official();
      const item = await modelInfo({
        name: repo,
        hubUrl: endpoint(),
        ...(revision === null ? {} : { revision }),
        additionalFields: FIELDS,
        fetch: open(options, true),
      });
      const entry = v.parse(Entry, item);
      return { summary: summaryOf(entry), revision: v.parse(HubRevision, entry.sha), card: entry };
    },
    async tree(repo, revision, options = {}) {
      const files: TreeFile[] = [];
      const { listFiles } = await official();
      const found = listFiles({
        repo,
        revision,
        recursive: true,
        hubUrl: endpoint(),
        fetch: atMost(MAX_TREE_REQUESTS, open(options, true)),
      });
      for await (const { type, path, size, lfs } of found) {
        if (files.length >= MAX_TREE_FILES) break;
        if (type !== 'file') continue;
        const sizeBytes = lfs?.size ?? size;
        if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) continue;
        files.push({ path, sizeBytes, sha256: v.is(Sha256, lfs?.oid) ? lfs.oid : null });
      }
      return files;
    },
    async readme(repo, revision, options = {}) {
      const response = await open(options, true)(`${endpoint()}/${repo}/raw/${revision}/README.md`);
      return startOf(response, MAX_README_BYTES);
    },
  };
  const checked =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      call(...args).catch((error: unknown) => {
        if (isAppError(error)) throw error;
        // No answer of the hub's: a sign-in page of a hotel, or a mirror of another kind.
        const host = URL.parse(endpoint())?.hostname ?? null;
        throw appError('network_failed', { host, reason: 'answer' }, { cause: error });
      });
  return {
    search: checked(client.search),
    page: checked(client.page),
    tree: checked(client.tree),
    readme: checked(client.readme),
  };
}

function summaryOf(entry: Entry): HubModelSummary {
  const [author = '', name = ''] = entry.name.split('/');
  const updatedAt = entry.updatedAt?.getTime() ?? -1;
  return {
    repo: entry.name,
    author,
    name,
    downloads: entry.downloads,
    likes: entry.likes,
    updatedAt: updatedAt < 0 ? null : updatedAt,
    licence: licenceOf(entry),
    gated: entry.gated,
    parameterCount: entry.gguf.total,
    architecture: entry.gguf.architecture,
    trainedContextSize: entry.gguf.context_length,
  };
}

function isWithin({ parameterCount }: HubModelSummary, maxParameters: number | null): boolean {
  return maxParameters === null || (parameterCount !== null && parameterCount <= maxParameters);
}

/** Only the cursor of the hub's link is kept: where the next request goes is not its to say. */
function nextCursor(link: string | null): string | null {
  const [, address] = /<([^>]+)>;\s*rel="next"/u.exec(link ?? '') ?? [];
  return address === undefined ? null : (URL.parse(address)?.searchParams.get('cursor') ?? null);
}

/** The first bytes of a text, whole characters only. */
async function startOf(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let result = '';
  let received = 0;
  for await (const chunk of response.body ?? []) {
    const bytes: Uint8Array = chunk.subarray(0, maxBytes - received);
    received += bytes.length;
    result += decoder.decode(bytes, { stream: true });
    if (received >= maxBytes) break;
  }
  return result;
}
