import { constants, copyFileSync, existsSync, linkSync, renameSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { appError, type Backup } from '../contract/index.ts';
import { backupFacts, backUp, listBackups, stampOf } from './backup.ts';
import {
  backupFolder,
  databaseBytes,
  databaseFile,
  ensurePrivateFile,
  removeFile,
  SPARE_BYTES,
  syncToDisk,
} from './files.ts';
import { inspectDatabase } from './inspect.ts';
import { latestVersion, migrate, type Migration } from './migrate.ts';
import { first, type Db } from './sql.ts';

const SIDE_FILES = ['-wal', '-shm', '-journal'];
const DAMAGED_NAME = /^leeward-damaged-\d{8}T\d{9}Z\.db$/;

const candidateFile = (dataDir: string) => `${databaseFile(dataDir)}.restoring`;

/** A damaged database that was put aside. Pure. */
export const isDamagedCopy = (name: string) => DAMAGED_NAME.test(name);

function removeWithSideFiles(file: string): void {
  for (const path of [file, ...SIDE_FILES.map((suffix) => file + suffix)]) removeFile(path);
}

/** Removes what a restore that was cut off has left; the database itself is whole at any moment. */
export function discardCandidate(dataDir: string): void {
  removeWithSideFiles(candidateFile(dataDir));
}

/** @throws disk_full with `needBytes` and `freeBytes` when `bytes` and {@link SPARE_BYTES} are not free */
function demandSpace(dataDir: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const [needBytes, freeBytes] = [bytes + SPARE_BYTES, bavail * bsize];
  if (freeBytes < needBytes) throw appError('disk_full', { needBytes, freeBytes });
}

/** Calls `work` with a backup, or any closed database, that nobody else writes. */
function reading<T>(file: string, work: (db: Db) => T): T {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/**
 * The backups that this version can open, newest first.
 * @param checked every page is read, and only those that are whole come back
 */
export function describeBackups(dataDir: string, latest: number, checked: boolean): Backup[] {
  const described = listBackups(dataDir).map((name): Backup | null => {
    const facts = backupFacts(name);
    if (facts === null || facts.version > latest || facts.version === 0) return null;
    const file = join(backupFolder(dataDir), name);
    try {
      const chats = reading(file, (db) => {
        if (checked && db.pragma('integrity_check(1)', { simple: true }) !== 'ok') return null;
        const count = 'SELECT count(*) AS chats FROM conversations WHERE trashed_at IS NULL';
        return first<{ chats: number }>(db, count, {})?.chats ?? 0;
      });
      if (chats === null) return null;
      const { createdAt, reason } = facts;
      return { id: name.slice(0, -'.db'.length), createdAt, reason, chats, sizeBytes: statSync(file).size };
    } catch {
      return null;
    }
  });
  return described.filter((backup) => backup !== null).toReversed();
}

/**
 * Makes a backup beside a database that another connection writes.
 * @throws disk_full with `needBytes` and `freeBytes`, when there would be too little left
 */
export function backUpBeside(dataDir: string, version: number, reason: 'daily' | 'manual'): void {
  demandSpace(dataDir, databaseBytes(dataDir));
  reading(databaseFile(dataDir), (db) => backUp(db, dataDir, version, new Date(), reason));
}

/**
 * Copies a backup beside the database, checks it and brings it to the schema of this version.
 * @returns the path of the copy
 * @throws not_found, store_damaged, store_newer, disk_full, store_failed: no copy stays
 */
export function prepareCandidate(dataDir: string, id: string, migrations: readonly Migration[]): string {
  const name = listBackups(dataDir).find((listed) => listed === `${id}.db`);
  if (name === undefined) throw appError('not_found');
  const file = join(backupFolder(dataDir), name);
  // The copy, and the backup of what is there now.
  demandSpace(dataDir, statSync(file).size + databaseBytes(dataDir));
  const candidate = candidateFile(dataDir);
  discardCandidate(dataDir);
  try {
    ensurePrivateFile(candidate);
    copyFileSync(file, candidate, constants.COPYFILE_FICLONE);
    const { version } = inspectDatabase(candidate, latestVersion(migrations));
    if (version === null) throw appError('store_damaged', { reason: 'empty' });
    const db = new Database(candidate);
    try {
      if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') {
        throw appError('store_damaged', { reason: 'quick_check' });
      }
      db.pragma('secure_delete = ON');
      migrate(db, migrations, version);
    } finally {
      db.close();
    }
    syncToDisk(candidate, 'file');
    return candidate;
  } catch (error) {
    discardCandidate(dataDir);
    throw error;
  }
}

/** Connections went to hosts after the backup was made: the record of them is not a chat and stays. */
export function keepLedger(candidate: string, dataDir: string): void {
  const db = new Database(candidate);
  try {
    db.prepare('ATTACH ? AS present').run(databaseFile(dataDir));
    db.exec('INSERT OR REPLACE INTO main.ledger SELECT * FROM present.ledger');
    db.exec('DETACH present');
  } finally {
    db.close();
  }
  syncToDisk(candidate, 'file');
}

/** Gives the prepared copy the place of a database that is closed and whose log is empty. */
export function putInPlace(dataDir: string, candidate: string): void {
  const file = databaseFile(dataDir);
  for (const suffix of SIDE_FILES) removeFile(file + suffix);
  renameSync(candidate, file);
  syncToDisk(dataDir, 'folder');
}

/** A second name for a file, or a copy where the file system has no links. */
function keepAs(file: string, kept: string): void {
  try {
    linkSync(file, kept);
  } catch {
    copyFileSync(file, kept, constants.COPYFILE_EXCL);
    syncToDisk(kept, 'file');
  }
}

/**
 * Puts a backup in the place of a damaged database that nobody has open; null: there is none afterwards. The damaged
 * files stay beside it under a name of their own, and are all there whenever this is cut off.
 * @throws as {@link prepareCandidate}
 */
export function replaceDamaged(dataDir: string, id: string | null, migrations: readonly Migration[]): void {
  const file = databaseFile(dataDir);
  const candidate = id === null ? null : prepareCandidate(dataDir, id, migrations);
  const kept = join(dataDir, `leeward-damaged-${stampOf(new Date())}.db`);
  keepAs(file, kept);
  if (existsSync(`${file}-wal`)) keepAs(`${file}-wal`, `${kept}-wal`);
  syncToDisk(dataDir, 'folder');
  if (candidate !== null) return putInPlace(dataDir, candidate);
  removeWithSideFiles(file);
  syncToDisk(dataDir, 'folder');
}
