import { appError } from '../contract/index.ts';
import { BackgroundIndexer } from './background-indexer.ts';
import { backUp } from './backup.ts';
import { backupsWith, eraseFromBackups } from './backup-erase.ts';
import { closeDatabase, openDatabase, type OpenReport } from './database.ts';
import { storeError } from './errors.ts';
import { latestVersion, type Migration } from './migrate.ts';
import { discardCandidate, keepLedger, prepareCandidate, putInPlace } from './restore.ts';
import type { Db } from './sql.ts';
import { TemporaryChats } from './temporary-chats.ts';

interface Open {
  db: Db;
  dataDir: string;
  migrations: readonly Migration[];
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
      return this.#openWith(dataDir, migrations, new TemporaryChats(migrations));
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

  /**
   * Puts a backup in the place of the database, which is kept as a backup first. Temporary chats stay.
   * @throws conflict while a search reads; not_found, store_damaged, store_newer, disk_full: nothing was changed
   */
  restore(id: string): void {
    const { db, dataDir, migrations, temporary, indexer } = this.#guarded((open) => open);
    this.#guarded(() => {
      const candidate = prepareCandidate(dataDir, id, migrations);
      try {
        backUp(db, dataDir, latestVersion(migrations), new Date(), 'restore');
        keepLedger(candidate, dataDir);
        if (!this.truncateLog()) throw appError('conflict');
      } catch (error) {
        discardCandidate(dataDir);
        throw error;
      }
      indexer.stop();
      this.#open = null;
      db.close();
      try {
        putInPlace(dataDir, candidate);
      } finally {
        // Whatever failed, there is a whole database under its name.
        this.#openWith(dataDir, migrations, temporary);
      }
    });
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

  #openWith(dataDir: string, migrations: readonly Migration[], temporary: TemporaryChats): OpenReport {
    const { db, report } = openDatabase(dataDir, migrations);
    const indexer = new BackgroundIndexer(db, this.#onIndexTrouble);
    this.#open = { db, dataDir, migrations, indexer, temporary };
    indexer.poke();
    return report;
  }

  #guarded<O>(work: (open: Open) => O): O {
    if (!this.#open) throw appError('store_failed', { reason: 'closed' });
    const { dataDir } = this.#open;
    try {
      return work(this.#open);
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }
}
