import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  appError,
  type AppClient,
  type Download,
  type Fit,
  type HubModel,
  type HubModelSummary,
} from '../../src-main/contract/index.ts';
import { DownloadsStore } from '../../src-renderer/state/downloads.svelte.ts';
import { FitsStore } from '../../src-renderer/state/fits.svelte.ts';
import { HubSearch } from '../../src-renderer/state/hub-search.svelte.ts';
import { fileKey, HubStore } from '../../src-renderer/state/hub.svelte.ts';

const REVISION = 'a'.repeat(40);

const download = (id: string, extra: Partial<Download> = {}): Download => ({
  id,
  kind: 'download',
  repo: 'owner/name',
  revision: REVISION,
  path: `${id}.gguf`,
  fileName: `${id}.gguf`,
  quant: null,
  licence: null,
  state: 'running',
  pauseReason: null,
  sizeBytes: 100,
  receivedBytes: 0,
  fetchedBytes: 0,
  bytesPerSecond: null,
  etaMs: null,
  pieces: 1,
  checkedPieces: 0,
  damagedPieces: 0,
  error: null,
  modelId: null,
  startedAt: 0,
  ...extra,
});

const summary = (repo: string): HubModelSummary => ({
  repo,
  author: 'owner',
  name: repo,
  downloads: 0,
  likes: 0,
  updatedAt: null,
  licence: null,
  gated: 'no',
  parameterCount: null,
  architecture: null,
  trainedContextSize: null,
});

const page = (repo: string, extra: Partial<HubModel> = {}): HubModel => ({
  ...summary(repo),
  revision: REVISION,
  description: '',
  baseModels: [],
  files: [],
  recommended: null,
  wantedPath: null,
  ...extra,
});

/** A promise that the test settles. */
function pending<T>() {
  let settle!: { resolve: (value: T) => void; reject: (error: unknown) => void };
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));
// The stores use the calls that a test gives only; any other would throw here.
const clientOf = (calls: object) => calls as unknown as AppClient;

describe('DownloadsStore', () => {
  it('shows what events bring, and no older answer over it', async () => {
    const list = pending<Download[]>();
    const store = new DownloadsStore(clientOf({ downloads: { list: () => list.promise } }));
    const refreshed = store.refresh();
    const newer = download('a', { receivedBytes: 70 });
    store.handle({ type: 'downloads.changed', downloads: [newer] });
    list.resolve([download('a', { receivedBytes: 10 })]);
    await refreshed;
    expect(store.list).toEqual([newer]);
  });

  it('adds up the speeds of what is online, and counts no check of a file as online', () => {
    const store = new DownloadsStore(clientOf({}));
    expect(store.bytesPerSecond).toBeNull();
    store.handle({
      type: 'downloads.changed',
      downloads: [
        download('a', { bytesPerSecond: 10 }),
        download('b', { state: 'repairing', bytesPerSecond: 5 }),
        download('c', { kind: 'verify', state: 'checking', bytesPerSecond: 900 }),
        download('d', { state: 'paused' }),
      ],
    });
    expect(store.online.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(store.underWay.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(store.bytesPerSecond).toBe(15);
  });

  it('shows a started download at once, and a cancelled one no more', async () => {
    const started = download('a');
    const store = new DownloadsStore(
      clientOf({ downloads: { start: async () => started, cancel: async () => undefined } }),
    );
    await store.start({ repo: 'owner/name', revision: REVISION, path: 'a.gguf' });
    expect(store.of('owner/name', 'a.gguf')).toBe(started);
    await store.cancel('a', true);
    expect(store.list).toEqual([]);
  });
});

describe('HubSearch', () => {
  it('drops the answer to an older question', async () => {
    const first = pending<{ models: HubModelSummary[]; cursor: null }>();
    const second = pending<{ models: HubModelSummary[]; cursor: null }>();
    const answers = [first, second];
    const search = new HubSearch(clientOf({ hub: { search: () => answers.shift()?.promise } }));
    search.query = 'old';
    const old = search.search();
    search.query = 'new';
    const newer = search.search();
    second.resolve({ models: [summary('o/new')], cursor: null });
    await newer;
    first.resolve({ models: [summary('o/old')], cursor: null });
    await old;
    expect(search.models.map(({ repo }) => repo)).toEqual(['o/new']);
    expect(search.status).toBe('ready');
  });

  it('pages with the cursor and shows a model once', async () => {
    const inputs: { cursor: string | null; query: string }[] = [];
    const search = new HubSearch(
      clientOf({
        hub: {
          search: async (input: { cursor: string | null; query: string }) => {
            inputs.push(input);
            return input.cursor === null
              ? { models: [summary('o/a'), summary('o/a'), summary('o/b')], cursor: 'next' }
              : { models: [summary('o/b'), summary('o/c')], cursor: null };
          },
        },
      }),
    );
    search.query = ' words ';
    await search.search();
    expect(search.hasMore).toBe(true);
    // What is typed meanwhile belongs to no page of this question.
    search.query = 'others';
    await search.more();
    expect(search.models.map(({ repo }) => repo)).toEqual(['o/a', 'o/b', 'o/c']);
    expect(search.hasMore).toBe(false);
    expect(inputs.map(({ query, cursor }) => [query, cursor])).toEqual([
      ['words', null],
      ['words', 'next'],
    ]);
  });

  it('asks for nothing before the first search, and keeps the page when the next one fails', async () => {
    let calls = 0;
    const search = new HubSearch(
      clientOf({
        hub: {
          search: async ({ cursor }: { cursor: string | null }) => {
            calls += 1;
            if (cursor !== null) throw appError('network_failed');
            return { models: [summary('o/a')], cursor: 'next' };
          },
        },
      }),
    );
    search.refine({ sort: 'likes' });
    expect(calls).toBe(0);
    await search.search();
    await search.more();
    expect(search.failure?.code).toBe('network_failed');
    expect(search.models).toHaveLength(1);
    search.reset();
    expect(search.asked).toBeNull();
    expect(search.filters.sort).toBe('downloads');
  });
});

describe('HubStore', () => {
  const target = { repo: 'owner/name', revision: REVISION, path: 'a.gguf' };

  it('offers a download that Offline refused, and lets it through once it is allowed', async () => {
    const asked: boolean[] = [];
    const client = clientOf({
      downloads: {
        start: async ({ allowOnce }: { allowOnce: boolean }) => {
          asked.push(allowOnce);
          if (!allowOnce) throw appError('offline');
          return download('a');
        },
      },
    });
    const hub = new HubStore(client, new DownloadsStore(client));
    expect(await hub.get(target, 'Name')).toBeNull();
    expect(hub.refused?.name).toBe('Name');
    expect(hub.failureOf(fileKey(target))).toBeNull();
    await hub.refused?.allow();
    expect(asked).toEqual([false, true]);
  });

  it('keeps why a download did not start until it is tried again', async () => {
    const answers = [Promise.reject(appError('disk_full', { needBytes: 5, freeBytes: 1 })), download('a')];
    const client = clientOf({ downloads: { start: () => answers.shift() } });
    const hub = new HubStore(client, new DownloadsStore(client));
    await hub.get(target, 'Name');
    expect(hub.failureOf(fileKey(target))).toMatchObject({ code: 'disk_full', details: { needBytes: 5 } });
    await hub.get(target, 'Name');
    expect(hub.failureOf(fileKey(target))).toBeNull();
  });

  it('takes the file that a suggestion names, else the recommended one', async () => {
    const started: string[] = [];
    const pages = [
      page('o/n', { wantedPath: 'q4.gguf', recommended: { path: 'q5.gguf', reason: 'best_that_fits' } }),
      page('o/n', { recommended: { path: 'q5.gguf', reason: 'best_that_fits' } }),
    ];
    const client = clientOf({
      hub: { model: async () => pages.shift() },
      downloads: {
        start: async ({ path }: { path: string }) => {
          started.push(path);
          return download(path);
        },
      },
    });
    const hub = new HubStore(client, new DownloadsStore(client));
    await hub.getSuggestion('hf:o/n:Q4_K_M', 'Name');
    expect(hub.page('hf:o/n:Q4_K_M')?.model?.repo).toBe('o/n');
    await hub.getSuggestion('hf:o/n:Q4_K_M', 'Name');
    expect(started).toEqual(['q4.gguf', 'q5.gguf']);
  });

  it('reads a page once, and again when it failed', async () => {
    let calls = 0;
    const client = clientOf({
      hub: {
        model: async () => {
          calls += 1;
          if (calls === 1) throw appError('hub_gated');
          return page('o/n');
        },
      },
    });
    const hub = new HubStore(client, new DownloadsStore(client));
    await hub.open('o/n');
    expect(hub.page('o/n')?.failure?.code).toBe('hub_gated');
    await hub.open('o/n');
    await hub.open('o/n');
    expect(calls).toBe(2);
    expect(hub.page('o/n')?.model?.repo).toBe('o/n');
  });
});

describe('FitsStore', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  const fit = (weightsBytes: number): Fit => ({
    contextSize: 8192,
    trainedContextSize: null,
    layerCount: 1,
    gpuLayers: 0,
    weightsBytes,
    liveChats: 1,
    kvCacheBytes: 0,
    buffersBytes: 0,
    vram: null,
    ram: { neededBytes: 0, mappedBytes: 0, freeBytes: 0 },
    verdict: 'fits',
    decode: null,
    prefill: null,
    isMeasured: false,
  });
  const options = { contextSize: 8192, gpuLayers: null };
  const rest = async () => {
    vi.advanceTimersByTime(1_000);
    await tick();
  };

  it('asks once for each file and choice, two at a time', async () => {
    const asked: string[] = [];
    const waiting: ReturnType<typeof pending<Fit>>[] = [];
    const fits = new FitsStore(
      clientOf({
        fit: {
          ofModel: ({ id }: { id: string }) => {
            asked.push(id);
            const answer = pending<Fit>();
            waiting.push(answer);
            return answer.promise;
          },
        },
      }),
    );
    for (const modelId of ['a', 'b', 'c', 'a']) fits.want({ modelId }, options);
    await rest();
    expect(asked).toEqual(['a', 'b']);
    expect(fits.of({ modelId: 'a' }, options).loading).toBe(true);
    waiting[0]?.resolve(fit(1));
    await tick();
    await tick();
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(fits.of({ modelId: 'a' }, options)).toMatchObject({ loading: false, fit: { weightsBytes: 1 } });
    fits.want({ modelId: 'a' }, options);
    await rest();
    expect(asked).toHaveLength(3);
  });

  it('asks for the last choice of a place that changes its mind', async () => {
    const asked: (number | null)[] = [];
    const fits = new FitsStore(
      clientOf({
        fit: {
          ofModel: async ({ gpuLayers }: { gpuLayers: number | null }) => {
            asked.push(gpuLayers);
            return fit(1);
          },
        },
      }),
    );
    for (const gpuLayers of [1, 2, 3]) fits.want({ modelId: 'a' }, { contextSize: 8192, gpuLayers });
    await rest();
    expect(asked).toEqual([3]);
  });

  it('works out anew what changed, and shows the old figures until then', async () => {
    const answers = [Promise.resolve(fit(1)), pending<Fit>().promise];
    const fits = new FitsStore(clientOf({ fit: { ofModel: () => answers.shift() } }));
    fits.want({ modelId: 'a' }, options);
    await rest();
    fits.handle({ type: 'fit.changed' });
    fits.want({ modelId: 'a' }, options);
    await rest();
    expect(fits.of({ modelId: 'a' }, options)).toMatchObject({ loading: true, fit: { weightsBytes: 1 } });
  });

  it('keeps a failure, and asks again when its page is opened anew or it is tried again', async () => {
    let calls = 0;
    const fits = new FitsStore(
      clientOf({
        fit: {
          ofHubFile: async () => {
            calls += 1;
            if (calls < 3) throw appError('offline');
            return fit(2);
          },
        },
      }),
    );
    const target = { repo: 'o/n', revision: REVISION, path: 'a.gguf' };
    fits.want(target, options);
    await rest();
    expect(fits.of(target, options).failure?.code).toBe('offline');
    await rest();
    expect(calls).toBe(1);
    fits.open(target);
    fits.want(target, options);
    await rest();
    expect(calls).toBe(2);
    fits.retry(target, options);
    await rest();
    expect(fits.of(target, options)).toMatchObject({ failure: null, fit: { weightsBytes: 2 } });
  });
});
