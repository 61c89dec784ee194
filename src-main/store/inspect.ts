import Database from 'better-sqlite3';
import { appError } from '../contract/index.ts';
import { removeFile, sizeOf } from './files.ts';
import type { Db } from './sql.ts';

/** Marks our databases (`PRAGMA application_id`): "LWRD". */
export const APPLICATION_ID = 0x4c57_5244;

/** Larger files are checked only after a hard end or before a migration: reading 1 GB takes seconds. */
const ALWAYS_CHECKED_BYTES = 256 * 1024 * 1024;

export interface DatabaseState {
  /** Schema version, 0 when nothing was migrated yet; null when there is no database. */
  version: number | null;
  /** The last run ended without closing the store. */
  endedHard: boolean;
}

const numberOf = (db: Db, pragma: string) => Number(db.pragma(pragma, { simple: true }));

function checkVersion(db: Db, latest: number): number {
  const applicationId = numberOf(db, 'application_id');
  if (applicationId !== 0 && applicationId !== APPLICATION_ID) {
    throw appError('store_damaged', { reason: 'foreign' });
  }
  const version = numberOf(db, 'user_version');
  if (version > latest) throw appError('store_newer', { databaseVersion: version, appVersion: latest });
  return version;
}

function checkPages(db: Db): void {
  if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') {
    throw appError('store_damaged', { reason: 'quick_check' });
  }
}

/**
 * Looks at a database without changing a byte of it or of its WAL.
 * @param latest the newest schema version that this app knows
 * @param looksAt `version` where the pages were checked just before
 * @throws store_newer, store_damaged; SQLite's error when the file is no database
 */
export function inspectDatabase(
  file: string,
  latest: number,
  looksAt: 'pages' | 'version' = 'pages',
): DatabaseState {
  const sizeBytes = sizeOf(file);
  if (!sizeBytes) return { version: null, endedHard: false };
  const endedHard = (sizeOf(`${file}-wal`) ?? 0) > 0;
  const sideFiles = [`${file}-wal`, `${file}-shm`].filter((path) => sizeOf(path) === null);
  let db: Db | null = null;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    const version = checkVersion(db, latest);
    const isDue = endedHard || version < latest || sizeBytes <= ALWAYS_CHECKED_BYTES;
    if (looksAt === 'pages' && isDue) checkPages(db);
    return { version, endedHard };
  } catch (error) {
    // A hot rollback journal (killed while the file was being made) needs a writer to roll it back.
    const isHot = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_READONLY');
    if (isHot) return { version: 0, endedHard: true };
    throw error;
  } finally {
    db?.close();
    // A reader makes these for a database in WAL mode and cannot remove them.
    sideFiles.forEach(removeFile);
  }
}
