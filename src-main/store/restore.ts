import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { appError, type Backup, type RestoreStep } from '../contract/index.ts';
import {
  backupFacts,
  backUp,
  listBackups,
  nameOfBackup,
  removeExpired,
  stampOf,
  timeOf,
  writeCopy,
} from './backup.ts';
import {
  backupFolder,
  databaseBytes,
  databaseFile,
  demandSpace,
  ensurePrivateFile,
  makeBackupFolder,
  removeFile,
  syncToDisk,
} from './files.ts';
import { inspectDatabase } from './inspect.ts';
import { latestVersion, migrate, type Migration } from './migrate.ts';
import { readableDeletions } from './salvage.ts';
import { first, type Db } from './sql.ts';

const SIDE_FILES = ['-wal', '-shm', '-journal'];
const ASIDE_NAME = /^leeward-(?:damaged|newer)-(\d{8}T\d{9}Z)\.db$/;
/** Long enough to be fast, short enough that progress and a cancel come in between. */
const COPY_BYTES = 4 * 1024 * 1024;

/** A backup on its way to be the database, checked and of this version's schema when it is complete. */
export const candidateFile = (dataDir: string) => `${databaseFile(dataDir)}.restoring`;

/** The same while it is written anew. */
const rewrittenFile = (dataDir: string) => `${candidateFile(dataDir)}.rewritten`;

/** A database that was put aside because it could not be opened. Pure. */
export const isPutAside = (name: string) => ASIDE_NAME.test(name);

/** When that was, in ms since 1970; null for any other name. Pure. */
export function putAsideAt(name: string): number | null {
  const [, stamp] = ASIDE_NAME.exec(name) ?? [];
  return stamp === undefined ? null : timeOf(stamp);
}

function removeWithSideFiles(file: string): void {
  for (const path of [file, ...SIDE_FILES.map((suffix) => file + suffix)]) removeFile(path);
}

/** Removes what a restore that was cut off has left; the database itself is whole at any moment. */
export function discardCandidate(dataDir: string): void {
  removeWithSideFiles(candidateFile(dataDir));
  removeWithSideFiles(rewrittenFile(dataDir));
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

/** Copies a file in pieces; in between others have their turn, and whoever waits can leave. */
async function* copied(from: string, to: string): AsyncGenerator<RestoreStep> {
  const total = statSync(from).size;
  const piece = Buffer.allocUnsafe(COPY_BYTES);
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')];
  try {
    for (let done = 0; done < total;) {
      const read = readSync(source, piece, 0, COPY_BYTES, done);
      if (read === 0) throw appError('store_failed', { reason: 'backup_changed' });
      for (let written = 0; written < read;)
        written += writeSync(target, piece, written, read - written, done + written);
      done += read;
      yield { step: 'copy', done, total };
      await nextTurn();
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/**
 * Copies a backup beside the database, checks it and brings it to the schema of this version. Leaving it in between
 * leaves nothing behind.
 * @throws not_found, store_damaged, store_newer, disk_full, store_failed: no copy stays
 */
export async function* prepareCandidate(
  dataDir: string,
  id: string,
  migrations: readonly Migration[],
): AsyncGenerator<RestoreStep> {
  const name = listBackups(dataDir).find((listed) => listed === `${id}.db`);
  if (name === undefined) throw appError('not_found');
  const file = join(backupFolder(dataDir), name);
  // The copy, and the same written anew.
  demandSpace(dataDir, 2 * statSync(file).size);
  const candidate = candidateFile(dataDir);
  discardCandidate(dataDir);
  let isComplete = false;
  try {
    ensurePrivateFile(candidate);
    yield* copied(file, candidate);
    const { version } = inspectDatabase(candidate, latestVersion(migrations), 'version');
    if (version === null) throw appError('store_damaged', { reason: 'empty' });
    yield { step: 'check', done: 0, total: 1 };
    await nextTurn();
    const db = new Database(candidate);
    try {
      if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') {
        throw appError('store_damaged', { reason: 'quick_check' });
      }
      yield { step: 'update', done: 0, total: 1 };
      await nextTurn();
      // Pages of a backup may keep text beside their rows, where no deletion would find it.
      writeCopy(db, rewrittenFile(dataDir));
    } finally {
      db.close();
    }
    renameSync(rewrittenFile(dataDir), candidate);
    migrateCandidate(candidate, migrations, version);
    syncToDisk(candidate, 'file');
    isComplete = true;
  } finally {
    if (!isComplete) discardCandidate(dataDir);
  }
}

function migrateCandidate(candidate: string, migrations: readonly Migration[], version: number): void {
  const db = new Database(candidate);
  try {
    db.pragma('secure_delete = ON');
    migrate(db, migrations, version);
  } finally {
    db.close();
  }
}

/**
 * What is no chat and stays when a backup takes the place of the present chats: the record of connections, and until
 * when backups may hold chats that were deleted. Chats that come back with the backup are not among those.
 */
export function keepRecords(dataDir: string): void {
  const candidate = candidateFile(dataDir);
  const db = new Database(candidate);
  try {
    db.prepare('ATTACH ? AS present').run(databaseFile(dataDir));
    db.exec('INSERT OR REPLACE INTO main.ledger SELECT * FROM present.ledger');
    db.exec(`INSERT OR REPLACE INTO main.deleted_chats SELECT * FROM present.deleted_chats
      WHERE id NOT IN (SELECT id FROM main.conversations)`);
    db.exec('DETACH present');
  } finally {
    db.close();
  }
  syncToDisk(candidate, 'file');
}

/**
 * Gives the prepared copy the place of a database that is closed and whose log is empty; that one becomes a backup.
 * A second name takes no time, however large it is, and the database is whole under its own name at any moment.
 */
export function exchange(dataDir: string, version: number): void {
  makeBackupFolder(dataDir);
  const backup = nameOfBackup(version, new Date(), 'restore');
  keepAs(databaseFile(dataDir), join(backupFolder(dataDir), backup));
  syncToDisk(backupFolder(dataDir), 'folder');
  putInPlace(dataDir);
  removeExpired(dataDir);
}

/** Takes away the second name that an {@link exchange} which was cut off has given to the database. */
export function dropSecondName(dataDir: string): void {
  const live = statSync(databaseFile(dataDir), { throwIfNoEntry: false });
  if (live === undefined || live.nlink < 2) return;
  for (const name of listBackups(dataDir)) {
    const backup = join(backupFolder(dataDir), name);
    const { ino, dev } = statSync(backup);
    if (ino === live.ino && dev === live.dev) removeFile(backup);
  }
}

function putInPlace(dataDir: string): void {
  const candidate = candidateFile(dataDir);
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
 * Carries over until when backups may hold chats that were deleted, as far as the database that cannot be opened
 * tells it.
 * @param hasCandidate false: one without chats is made, when there is anything to carry
 * @returns whether there is a candidate
 */
function keepDeletions(dataDir: string, migrations: readonly Migration[], hasCandidate: boolean): boolean {
  const deletions = readableDeletions(dataDir);
  if (deletions.length === 0) return hasCandidate;
  const candidate = candidateFile(dataDir);
  if (!hasCandidate) {
    discardCandidate(dataDir);
    ensurePrivateFile(candidate);
    migrateCandidate(candidate, migrations, 0);
  }
  const db = new Database(candidate);
  try {
    const insert = db.prepare(`INSERT OR REPLACE INTO deleted_chats (id, erase_at) SELECT @id, @eraseAt
      WHERE @id NOT IN (SELECT id FROM conversations)`);
    db.transaction(() => deletions.forEach((deletion) => insert.run(deletion)))();
  } finally {
    db.close();
  }
  syncToDisk(candidate, 'file');
  return true;
}

/**
 * Puts a backup in the place of a database that cannot be opened; null: there are no chats afterwards. Its files stay
 * beside it under a name of their own, and are all there whenever this is cut off.
 * @param why part of that name
 * @throws as {@link prepareCandidate}
 */
export async function replaceUnopened(
  dataDir: string,
  id: string | null,
  why: 'damaged' | 'newer',
  migrations: readonly Migration[],
): Promise<void> {
  const file = databaseFile(dataDir);
  // Nobody waits for its steps: there is no app yet.
  if (id !== null) for await (const _step of prepareCandidate(dataDir, id, migrations));
  const hasCandidate = keepDeletions(dataDir, migrations, id !== null);
  const kept = join(dataDir, `leeward-${why}-${stampOf(new Date())}.db`);
  keepAs(file, kept);
  if (existsSync(`${file}-wal`)) keepAs(`${file}-wal`, `${kept}-wal`);
  syncToDisk(dataDir, 'folder');
  if (hasCandidate) return putInPlace(dataDir);
  removeWithSideFiles(file);
  syncToDisk(dataDir, 'folder');
}
