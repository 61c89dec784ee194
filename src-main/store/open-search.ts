import type { SearchResult } from '../contract/index.ts';
import { connect, type Connection, type Log } from './connection.ts';
import { databaseFile, sizeOf } from './files.ts';
import type { SearchInput } from './queries/search.ts';
import type { SearchClient } from './search-router.ts';

export interface Search {
  /** Aborting ends it within one slice. @throws aborted, invalid_input, store_failed */
  query(input: SearchInput, signal?: AbortSignal): Promise<SearchResult>;
  close(): Promise<void>;
}

/** The page has its chats and the engine its model by then, most often. */
const WARM_AFTER_MS = 10_000;
/** A smaller database is read by the first search in no time; the thread would cost more memory than it is worth. */
const WARM_FROM_BYTES = 128_000_000;

/**
 * Searches of the database of a data folder, which the store has opened. The worker starts with the first one; of a
 * large database it starts with the app, since that takes longer than a search, and after some time it reads ahead until
 * somebody searches.
 */
export function openSearch(options: {
  workerPath: string;
  dataDir: string;
  log: Log;
  warmAfterMs?: number;
  warmFromBytes?: number;
}): Search {
  const { workerPath, dataDir, log, warmAfterMs = WARM_AFTER_MS, warmFromBytes = WARM_FROM_BYTES } = options;
  let connection: Connection<SearchClient> | null = null;
  const client = () => (connection ??= connect<SearchClient>(workerPath, log, { dataDir })).client;

  const warm = async () => {
    const { rows, isWhole } = await client().warm(undefined);
    log('search.warmed', { rows, isWhole });
  };
  const isLarge = (sizeOf(databaseFile(dataDir)) ?? 0) >= warmFromBytes;
  if (isLarge) client();
  // A help: without it the first search takes longer.
  const timer = isLarge ? setTimeout(() => void warm().catch(() => {}), warmAfterMs).unref() : undefined;

  return {
    query(input, signal) {
      clearTimeout(timer);
      return client().query(input, { signal });
    },
    async close() {
      clearTimeout(timer);
      const open = connection;
      connection = null;
      if (!open) return;
      await open.client.close(undefined).catch(() => {});
      await open.end();
    },
  };
}
