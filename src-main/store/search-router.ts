import { setImmediate as nextTurn } from 'node:timers/promises';
import { os, type } from '@orpc/server';
import Database from 'better-sqlite3';
import { appError, type SearchResult } from '../contract/index.ts';
import { storeError } from './errors.ts';
import { databaseFile } from './files.ts';
import { searchSteps, type SearchInput } from './queries/search.ts';
import type { Db } from './sql.ts';

/** Of the index and the newest messages, in KiB: the same prefixes are asked for again and again. */
const CACHE_KIB = 64 * 1024;
/** The writer's checkpoint may hold the file for a moment. */
const BUSY_TIMEOUT_MS = 2_000;

/** What the worker's router is called as. */
export type SearchClient = {
  query: (input: SearchInput, options?: { signal?: AbortSignal | undefined }) => Promise<SearchResult>;
  close: (input: undefined) => Promise<void>;
};

function openReader(dataDir: string): Db {
  const db = new Database(databaseFile(dataDir), {
    readonly: true,
    fileMustExist: true,
    timeout: BUSY_TIMEOUT_MS,
  });
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('temp_store = MEMORY');
  db.pragma('trusted_schema = OFF');
  return db;
}

/** Searches on a connection of their own that only reads: the store's calls never wait for one. */
export function createSearchRouter(dataDir: string) {
  let reader: Db | null = null;
  let queue: Promise<unknown> = Promise.resolve();

  /** Between two slices the port is read, so an abort arrives and ends the search. */
  async function search(input: SearchInput, signal: AbortSignal | undefined): Promise<SearchResult> {
    try {
      reader ??= openReader(dataDir);
      const steps = searchSteps(reader, input);
      for (;;) {
        await nextTurn();
        // Thrown inside, so that the statement it has open is closed.
        if (signal?.aborted) steps.throw(appError('aborted'));
        const step = steps.next();
        if (step.done) return step.value;
      }
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  return {
    query: os.input(type<SearchInput>()).handler(({ input, signal }) => {
      const result = queue.then(() => search(input, signal));
      queue = result.catch(() => {});
      return result;
    }),
    close: os.handler(async () => {
      await queue;
      reader?.close();
      reader = null;
    }),
  };
}
