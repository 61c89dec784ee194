import { hasPending, indexSlice } from './queries/search-index.ts';
import type { Db } from './sql.ts';

/** A call of the store waits at most this long for a slice, and its commit. */
const SLICE_MS = 12;
/** Calls that have arrived are answered in between, and the disk gets some rest. */
const PAUSE_MS = 8;

/** Puts settled messages and new titles into the search index, between the calls of the store. */
export class BackgroundIndexer {
  readonly #db: Db;
  #timer: NodeJS.Timeout | null = null;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Starts unless it runs or nothing waits. */
  poke(): void {
    if (this.#timer === null && hasPending(this.#db)) this.#schedule(0);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#slice()) this.#schedule(PAUSE_MS);
    }, delayMs);
  }

  /** On a full disk it stops; what waits stays in the database, and the next call starts it again. */
  #slice(): boolean {
    try {
      return this.#db.transaction(() => indexSlice(this.#db, SLICE_MS))();
    } catch {
      return false;
    }
  }
}
