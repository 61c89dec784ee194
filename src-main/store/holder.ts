import Database from 'better-sqlite3';
import { appError } from '../contract/index.ts';
import { BackgroundIndexer } from './background-indexer.ts';
import { backupsWith } from './backup-erase.ts';
import { closeDatabase, openDatabase, openReadOnly, type OpenReport } from './database.ts';
import { storeError } from './errors.ts';
import { sizeOf } from './files.ts';
import { latestVersion, type Migration } from './migrate.ts';
import { candidateFile, discardCandidate, exchange, keepRecords } from './restore.ts';
import { trashed } from './queries/trash.ts';
import type { Db } from './sql.ts';
import { TemporaryChats } from './temporary-chats.ts';

interface Open {
  db: Db;
  dataDir: string;
  migrations: readonly Migration[];
  temporary: TemporaryChats;
  indexer: BackgroundIndexer;
  isReadOnly: boolean;
}

/** Writes the log into the database and goes on without one; false while another connection reads. */
function isWithoutLog(db: Db): boolean {
  try {
    return db.pragma('journal_mode = DELETE', { simple: true }) === 'delete';
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false;
    throw error;
  }
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

  /** Opens a database that is only read: it is of this version, and every change fails with `store_read_only`. */
  openReadOnly(dataDir: string, migrations: readonly Migration[]): void {
    if (this.#open) throw appError('conflict');
    try {
      const db = openReadOnly(dataDir);
      const temporary = new TemporaryChats(migrations);
      const indexer = new BackgroundIndexer(db, this.#onIndexTrouble);
      this.#open = { db, dataDir, migrations, indexer, temporary, isReadOnly: true };
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  /** Runs `work` as one transaction on the database that `input` names a chat of. */
  run<O>(input: unknown, work: (db: Db) => O): O {
    return this.#guarded(({ db: stored, temporary, indexer, isReadOnly }) => {
      const db = temporary.databaseFor(input) ?? stored;
      const result = db.transaction(() => work(db))();
      if (!isReadOnly) indexer.poke();
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

  backupsWith(ids: readonly string[] | null) {
    return this.#guarded(({ db, dataDir }) => backupsWith(dataDir, ids ?? trashed(db)));
  }

  /**
   * Puts the prepared backup in the place of the database, which becomes a backup. Temporary chats stay. Takes no
   * longer for a large database than for a small one.
   * @throws conflict while a search reads, or when nothing is prepared; disk_full: nothing was changed
   */
  exchange(): void {
    const { db, dataDir, migrations, temporary, indexer } = this.#guarded((open) => open);
    this.#guarded(() => {
      if (sizeOf(candidateFile(dataDir)) === null) throw appError('conflict');
      keepRecords(dataDir);
      // One file, which can be a backup as it is.
      if (!isWithoutLog(db)) throw appError('conflict');
      indexer.stop();
      this.#open = null;
      db.close();
      try {
        exchange(dataDir, latestVersion(migrations));
      } finally {
        // Whatever failed, there is a whole database under its name.
        this.#openWith(dataDir, migrations, temporary, 'version');
      }
    });
  }

  discardCandidate(): void {
    this.#guarded(({ dataDir }) => discardCandidate(dataDir));
  }

  close(): void {
    if (!this.#open) return;
    const { db, dataDir, temporary, indexer, isReadOnly } = this.#open;
    this.#open = null;
    indexer.stop();
    temporary.close();
    try {
      if (isReadOnly) db.close();
      else closeDatabase(db);
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  #openWith(
    dataDir: string,
    migrations: readonly Migration[],
    temporary: TemporaryChats,
    looksAt: 'pages' | 'version' = 'pages',
  ): OpenReport {
    const { db, report } = openDatabase(dataDir, migrations, looksAt);
    const indexer = new BackgroundIndexer(db, this.#onIndexTrouble);
    this.#open = { db, dataDir, migrations, indexer, temporary, isReadOnly: false };
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
