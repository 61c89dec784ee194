import { chmodSync, mkdirSync } from 'node:fs';
import Database from 'better-sqlite3';
import { backUp } from './backup.ts';
import { databaseFile, ensurePrivateFile, PRIVATE_FOLDER } from './files.ts';
import { inspectDatabase } from './inspect.ts';
import { latestVersion, migrate, type Migration } from './migrate.ts';
import { discardCandidate, dropSecondName } from './restore.ts';
import { discardSalvaged } from './salvage-folder.ts';
import type { Db } from './sql.ts';

/** Nobody else writes; a virus scanner or a backup tool may hold the file for a moment. */
const BUSY_TIMEOUT_MS = 5_000;
/** The WAL is cut back to this after a checkpoint, or one large import would keep its space for ever. */
const WAL_LIMIT_BYTES = 16 * 1024 * 1024;

export interface OpenReport {
  /** Schema version before and after; null when the database is new. */
  fromVersion: number | null;
  toVersion: number;
  /** A backup was made before the migration. */
  backedUp: boolean;
  /** The run before did not close the store. */
  endedHard: boolean;
  openMs: number;
}

function configure(db: Db): void {
  db.pragma('journal_mode = WAL');
  // A commit is on the disk when the call returns, power cuts included.
  db.pragma('synchronous = FULL');
  db.pragma('secure_delete = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma(`journal_size_limit = ${WAL_LIMIT_BYTES}`);
  if (process.platform === 'darwin') {
    // There fsync leaves data in the drive's cache.
    db.pragma('fullfsync = ON');
    db.pragma('checkpoint_fullfsync = ON');
  }
}

/**
 * Opens the database of a data folder, making or migrating it. What cannot be opened stays as it is.
 * @param looksAt `version` for a file whose pages were checked just before
 * @throws store_newer, store_damaged, disk_full (through `storeError` for SQLite's own errors)
 */
export function openDatabase(
  dataDir: string,
  migrations: readonly Migration[],
  looksAt: 'pages' | 'version' = 'pages',
): { db: Db; report: OpenReport } {
  const startedAt = performance.now();
  const latest = latestVersion(migrations);
  mkdirSync(dataDir, { recursive: true, mode: PRIVATE_FOLDER });
  const file = databaseFile(dataDir);
  const { version, endedHard } = inspectDatabase(file, latest, looksAt);
  chmodSync(dataDir, PRIVATE_FOLDER);
  discardCandidate(dataDir);
  discardSalvaged(dataDir);
  dropSecondName(dataDir);
  ensurePrivateFile(file);

  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    configure(db);
    const backedUp = version !== null && version < latest;
    if (backedUp) backUp(db, dataDir, version);
    migrate(db, migrations, version ?? 0);
    const openMs = performance.now() - startedAt;
    return { db, report: { fromVersion: version, toVersion: latest, backedUp, endedHard, openMs } };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens a database that nobody writes: every change is refused with SQLITE_READONLY. */
export function openReadOnly(dataDir: string): Db {
  const db = new Database(databaseFile(dataDir), { readonly: true, fileMustExist: true });
  db.pragma('trusted_schema = OFF');
  return db;
}

/** Writes the WAL into the database and closes it; both side files are gone afterwards. */
export function closeDatabase(db: Db): void {
  try {
    db.pragma('optimize');
    db.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    // On a full disk the WAL stays, with everything in it, and is read at the next start.
    if (!(error instanceof Database.SqliteError)) throw error;
  } finally {
    db.close();
  }
}
