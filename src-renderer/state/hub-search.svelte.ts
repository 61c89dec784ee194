import type { AppClient, HubModelSummary, HubSort } from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';

export interface HubFilters {
  readonly author: string;
  readonly licence: string | null;
  /** Largest number of parameters. */
  readonly maxParameters: number | null;
  readonly sort: HubSort;
}

const NO_FILTERS: HubFilters = { author: '', licence: null, maxParameters: null, sort: 'downloads' };

/**
 * A search on the hub. It connects when the user asks, never while words are typed; a newer question drops
 * the answer to an older one.
 */
export class HubSearch {
  query = $state('');
  filters = $state.raw<HubFilters>(NO_FILTERS);
  /** What the results answer; null before the first search. */
  asked = $state.raw<{ readonly query: string; readonly filters: HubFilters } | null>(null);
  models = $state.raw<readonly HubModelSummary[]>([]);
  status = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle');
  failure = $state.raw<Failure | null>(null);
  loadingMore = $state(false);
  #cursor = $state.raw<string | null>(null);
  #running: AbortController | null = null;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  get hasMore(): boolean {
    return this.#cursor !== null;
  }

  /** Asks anew with what is typed and chosen. */
  async search(): Promise<void> {
    this.#running?.abort();
    const abort = new AbortController();
    this.#running = abort;
    const asked = { query: this.query.trim(), filters: this.filters };
    this.asked = asked;
    this.status = 'loading';
    this.failure = null;
    this.loadingMore = false;
    try {
      const page = await this.#ask(asked, null, abort.signal);
      if (abort.signal.aborted) return;
      this.models = unknownOf(page.models, []);
      this.#cursor = page.cursor;
      this.status = 'ready';
    } catch (error) {
      if (abort.signal.aborted) return;
      this.models = [];
      this.#cursor = null;
      this.failure = failureOf(error);
      this.status = 'failed';
    }
  }

  /** Changes filters; once something was searched, searches again with them. */
  refine(filters: Partial<HubFilters>): void {
    this.filters = { ...this.filters, ...filters };
    if (this.asked !== null) void this.search();
  }

  /** Fetches the next page of the same question. */
  async more(): Promise<void> {
    const { asked } = this;
    const cursor = this.#cursor;
    if (asked === null || cursor === null || this.loadingMore || this.status !== 'ready') return;
    const signal = this.#running?.signal ?? new AbortController().signal;
    this.loadingMore = true;
    this.failure = null;
    try {
      const page = await this.#ask(asked, cursor, signal);
      if (signal.aborted) return;
      // The hub's list moves while it is paged: what is shown already is not shown twice.
      this.models = [...this.models, ...unknownOf(page.models, this.models)];
      this.#cursor = page.cursor;
    } catch (error) {
      if (!signal.aborted) this.failure = failureOf(error);
    } finally {
      if (!signal.aborted) this.loadingMore = false;
    }
  }

  /** Back to the suggestions. */
  reset(): void {
    this.#running?.abort();
    this.#running = null;
    this.query = '';
    this.filters = NO_FILTERS;
    this.asked = null;
    this.models = [];
    this.#cursor = null;
    this.failure = null;
    this.loadingMore = false;
    this.status = 'idle';
  }

  #ask(
    { query, filters }: { query: string; filters: HubFilters },
    cursor: string | null,
    signal: AbortSignal,
  ) {
    const author = filters.author.trim();
    return this.#client.hub.search(
      {
        query,
        author: author === '' ? null : author,
        licence: filters.licence,
        maxParameters: filters.maxParameters,
        sort: filters.sort,
        cursor,
      },
      { signal },
    );
  }
}

/** Those that are not among `known`, each once. */
function unknownOf(models: readonly HubModelSummary[], known: readonly HubModelSummary[]): HubModelSummary[] {
  const seen = new Set(known.map((model) => model.repo));
  return models.filter(({ repo }) => !seen.has(repo) && seen.add(repo));
}
