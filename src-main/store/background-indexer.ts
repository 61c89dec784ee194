import Database from 'better-sqlite3';
import { hasPending, indexSlice } from './queries/search-index.ts';
import type { Db } from './sql.ts';

/** A call of the store waits at most this long for a slice, and its commit. */
const SLICE_MS = 12;
/** Calls that have arrived are answered in between, and the disk gets some rest. */
const PAUSE_MS = 8;

/** Puts settled messages and new titles into the search index, between the calls of the store. */
export class BackgroundIndexer {
  readonly #db: Db;
  readonly #onTrouble: (code: string) => void;
  #timer: NodeJS.Timeout | null = null;
  #hasTold = false;

  /** @param onTrouble told once of a row that cannot be indexed, or of an index that cannot be written */
  constructor(db: Db, onTrouble: (code: string) => void) {
    this.#db = db;
    this.#onTrouble = onTrouble;
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
      return this.#db.transaction(() => indexSlice(this.#db, SLICE_MS, (code) => this.#tell(code)))();
    } catch (error) {
      this.#tell(error instanceof Database.SqliteError ? error.code : 'unknown');
      return false;
    }
  }

  #tell(code: string): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    this.#onTrouble(code);
  }
}
