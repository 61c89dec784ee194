import type { AppClient, SearchChat, SearchFilters } from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';

export type Filters = Pick<SearchFilters, 'folderId' | 'tagId' | 'modelId' | 'from' | 'to' | 'place'>;
export const NO_FILTERS: Filters = {
  folderId: null,
  tagId: null,
  modelId: null,
  from: null,
  to: null,
  place: null,
};

/** Search over all chats as it is typed: each key drops the query that runs. */
export class ChatSearch {
  query = $state('');
  filters = $state.raw<Filters>(NO_FILTERS);
  chats = $state.raw<readonly SearchChat[]>([]);
  status = $state<'idle' | 'searching' | 'ready' | 'failed'>('idle');
  failure = $state.raw<Failure | null>(null);
  /** Hits that were ranked when there are more; null when all were. */
  rankedNewest = $state<number | null>(null);
  indexing = $state.raw<{ done: number; total: number } | null>(null);
  cursor = $state<string | null>(null);
  #running: AbortController | null = null;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  get hasFilters(): boolean {
    return Object.values(this.filters).some((value) => value !== null);
  }

  get active(): boolean {
    return this.query.trim() !== '' || this.hasFilters;
  }

  setQuery(query: string): void {
    this.query = query;
    void this.run();
  }

  setFilters(change: Partial<Filters>): void {
    this.filters = { ...this.filters, ...change };
    void this.run();
  }

  clear(): void {
    this.query = '';
    this.filters = NO_FILTERS;
    void this.run();
  }

  /** Searches from the start; the query that runs is dropped. */
  run(): Promise<void> {
    this.#running?.abort();
    if (!this.active) {
      this.#running = null;
      this.chats = [];
      this.cursor = null;
      this.status = 'idle';
      return Promise.resolve();
    }
    return this.#fetch(null);
  }

  /** The next page, below what is shown. */
  async more(): Promise<void> {
    if (this.cursor !== null && this.status === 'ready') await this.#fetch(this.cursor);
  }

  async #fetch(cursor: string | null): Promise<void> {
    const controller = new AbortController();
    this.#running = controller;
    this.status = 'searching';
    try {
      const query = { query: this.query, filters: this.filters };
      const options = { signal: controller.signal };
      let result = await this.#client.search.query({ ...query, cursor }, options);
      // A filter that lets little through may leave a page empty, and the next one not.
      while (result.chats.length === 0 && result.cursor !== null && this.#running === controller)
        result = await this.#client.search.query({ ...query, cursor: result.cursor }, options);
      if (this.#running !== controller) return;
      this.chats = cursor === null ? result.chats : [...this.chats, ...result.chats];
      this.cursor = result.cursor;
      this.rankedNewest = result.rankedNewest;
      this.indexing = result.indexing;
      this.failure = null;
      this.status = 'ready';
    } catch (error) {
      if (this.#running !== controller) return;
      this.failure = failureOf(error);
      this.status = 'failed';
    }
  }
}
