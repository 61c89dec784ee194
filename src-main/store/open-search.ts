import type { SearchResult } from '../contract/index.ts';
import { connect, type Connection, type Log } from './connection.ts';
import type { SearchInput } from './queries/search.ts';
import type { SearchClient } from './search-router.ts';

export interface Search {
  /** Aborting ends it within one slice. @throws aborted, invalid_input, store_failed */
  query(input: SearchInput, signal?: AbortSignal): Promise<SearchResult>;
  close(): Promise<void>;
}

/** Searches of the database of a data folder, which the store has opened. The worker starts with the first one. */
export function openSearch(options: { workerPath: string; dataDir: string; log: Log }): Search {
  const { workerPath, dataDir, log } = options;
  let connection: Connection<SearchClient> | null = null;
  return {
    query(input, signal) {
      connection ??= connect<SearchClient>(workerPath, log, { dataDir });
      return connection.client.query(input, { signal });
    },
    async close() {
      const open = connection;
      connection = null;
      if (!open) return;
      await open.client.close(undefined).catch(() => {});
      await open.end();
    },
  };
}
