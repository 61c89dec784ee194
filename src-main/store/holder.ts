import { appError } from '../contract/index.ts';
import { BackgroundIndexer } from './background-indexer.ts';
import { backupsWith, eraseFromBackups } from './backup-erase.ts';
import { closeDatabase, openDatabase, type OpenReport } from './database.ts';
import { storeError } from './errors.ts';
import type { Migration } from './migrate.ts';
import type { Db } from './sql.ts';
import { TemporaryChats } from './temporary-chats.ts';

interface Open {
  db: Db;
  dataDir: string;
  temporary: TemporaryChats;
  indexer: BackgroundIndexer;
}

/**
 * The databases of this worker: the one of the data folder, and one in memory while there are temporary chats.
 * Every call is one transaction on one of them and throws errors of the contract only.
 */
export class Holder {
  readonly #onIndexTrouble: (code: string) => void;
  #open: Open | null = null;

  /** @param onIndexTrouble told once when the search index cannot be filled, with SQLite's code */
  constructor(onIndexTrouble: (code: string) => void) {
    this.#onIndexTrouble = onIndexTrouble;
  }

  open(dataDir: string, migrations: readonly Migration[]): OpenReport {
    if (this.#open) throw appError('conflict');
    try {
      const { db, report } = openDatabase(dataDir, migrations);
      const indexer = new BackgroundIndexer(db, this.#onIndexTrouble);
      this.#open = { db, dataDir, indexer, temporary: new TemporaryChats(migrations) };
      indexer.poke();
      return report;
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  /** Runs `work` as one transaction on the database that `input` names a chat of. */
  run<O>(input: unknown, work: (db: Db) => O): O {
    return this.#guarded(({ db: stored, temporary, indexer }) => {
      const db = temporary.databaseFor(input) ?? stored;
      const result = db.transaction(() => work(db))();
      indexer.poke();
      return result;
    });
  }

  keep(id: string): void {
    this.#guarded(({ db, temporary, indexer }) => {
      temporary.keep(id, db);
      indexer.poke();
    });
  }

  discard(id: string): void {
    this.#guarded(({ temporary }) => temporary.discard(id));
  }

  truncateLog(): boolean {
    return this.#guarded(({ db }) => {
      const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      return result?.busy === 0;
    });
  }

  backupsWith(ids: readonly string[]) {
    return this.#guarded(({ dataDir }) => backupsWith(dataDir, ids));
  }

  eraseFromBackups(ids: readonly string[]) {
    return this.#guarded(({ dataDir }) => eraseFromBackups(dataDir, ids));
  }

  close(): void {
    if (!this.#open) return;
    const { db, dataDir, temporary, indexer } = this.#open;
    this.#open = null;
    indexer.stop();
    temporary.close();
    try {
      closeDatabase(db);
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  #guarded<O>(work: (open: Open) => O): O {
    if (!this.#open) throw appError('store_failed', { reason: 'closed' });
    try {
      return work(this.#open);
    } catch (error) {
      throw storeError(error, this.#open.dataDir);
    }
  }
}
