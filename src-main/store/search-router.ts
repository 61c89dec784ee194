import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { os, type } from '@orpc/server';
import Database from 'better-sqlite3';
import { appError, type SearchResult } from '../contract/index.ts';
import { storeError } from './errors.ts';
import { databaseFile } from './files.ts';
import { searchSteps, type SearchInput } from './queries/search.ts';
import { warmSteps } from './queries/search-warm.ts';
import type { Db } from './sql.ts';

/** Of the index and the newest messages, in KiB: the same prefixes are asked for again and again. */
const CACHE_KIB = 64 * 1024;
/** What is read ahead goes to the system's memory, not to ours. */
const WARM_CACHE_KIB = 1_024;
/** Between two steps of reading ahead, in ms: the disk is free for others half of the time. */
const WARM_PAUSE_MS = 5;
/** The writer's checkpoint may hold the file for a moment. */
const BUSY_TIMEOUT_MS = 2_000;

/** What the worker's router is called as. */
export type SearchClient = {
  query: (input: SearchInput, options?: { signal?: AbortSignal | undefined }) => Promise<SearchResult>;
  warm: (input: undefined) => Promise<Warmed>;
  close: (input: undefined) => Promise<void>;
};

export interface Warmed {
  /** Rows of the index and of messages that were read. */
  rows: number;
  /** False when a search or the end came first. */
  isWhole: boolean;
}

function openReader(dataDir: string, cacheKib = CACHE_KIB): Db {
  const db = new Database(databaseFile(dataDir), {
    readonly: true,
    fileMustExist: true,
    timeout: BUSY_TIMEOUT_MS,
  });
  db.pragma(`cache_size = -${cacheKib}`);
  db.pragma('temp_store = MEMORY');
  db.pragma('trusted_schema = OFF');
  return db;
}

/** Searches on a connection of their own that only reads: the store's calls never wait for one. */
export function createSearchRouter(dataDir: string) {
  let reader: Db | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  /** Nothing is read ahead once somebody searches. */
  let mayWarm = true;

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

  async function warm(): Promise<Warmed> {
    const db = openReader(dataDir, WARM_CACHE_KIB);
    try {
      const steps = warmSteps(db);
      let rows = 0;
      while (mayWarm) {
        const step = steps.next();
        if (step.done) return { rows, isWhole: true };
        rows += step.value;
        await delay(WARM_PAUSE_MS);
      }
      return { rows, isWhole: false };
    } catch (error) {
      throw storeError(error, dataDir);
    } finally {
      db.close();
    }
  }

  return {
    query: os.input(type<SearchInput>()).handler(({ input, signal }) => {
      mayWarm = false;
      const result = queue.then(() => search(input, signal));
      queue = result.catch(() => {});
      return result;
    }),
    warm: os.handler(() => {
      const warmed = queue.then(warm);
      queue = warmed.catch(() => {});
      return warmed;
    }),
    close: os.handler(async () => {
      mayWarm = false;
      await queue;
      reader?.close();
      reader = null;
    }),
  };
}
