import { statfsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { appError, isAppError, type AppError, type ErrorCode } from '../contract/index.ts';

/** Below this much free space an I/O error of SQLite is read as a full disk: its smallest files need more. */
const FULL_DISK_BYTES = 256 * 1024;

const codesOfConstraints: Record<string, ErrorCode> = {
  SQLITE_CONSTRAINT_FOREIGNKEY: 'not_found',
  SQLITE_CONSTRAINT_PRIMARYKEY: 'conflict',
  SQLITE_CONSTRAINT_TRIGGER: 'conflict',
  SQLITE_CONSTRAINT_UNIQUE: 'conflict',
};

function systemCodeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function codeOf(reason: string | null, dataDir: string): ErrorCode {
  if (reason === null) return 'store_failed';
  if (reason.startsWith('SQLITE_READONLY')) return 'store_read_only';
  if (['SQLITE_FULL', 'ENOSPC', 'EDQUOT'].includes(reason)) return 'disk_full';
  if (reason.startsWith('SQLITE_CORRUPT') || reason === 'SQLITE_NOTADB') return 'store_damaged';
  if (reason.startsWith('SQLITE_IOERR') && freeBytes(dataDir) < FULL_DISK_BYTES) return 'disk_full';
  return codesOfConstraints[reason] ?? 'store_failed';
}

/**
 * Turns anything thrown in the store into an error of the contract. The SQLite or system code goes along as
 * `reason`; SQLite's message does not, because it can quote values.
 * @param dataDir the volume asked for its free space when SQLite reports only an I/O error
 */
export function storeError(error: unknown, dataDir: string): AppError {
  if (isAppError(error)) return error;
  const reason = error instanceof Database.SqliteError ? error.code : systemCodeOf(error);
  return appError(codeOf(reason, dataDir), reason === null ? undefined : { reason }, { cause: error });
}
