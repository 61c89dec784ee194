import { readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { backupFacts, listBackups, PARTIAL, removePartialBackups, writeCopy } from './backup.ts';
import { storeError } from './errors.ts';
import { backupFolder, removeFile, syncToDisk } from './files.ts';
import { settleIndex } from './queries/trash.ts';
import { isPutAside, putAsideAt } from './restore.ts';
import { all } from './sql.ts';
import type { Db } from './sql.ts';

const FOUND = 'SELECT id FROM conversations WHERE id IN (SELECT value FROM json_each(@ids))';

/** Above this many messages, taking each out of the index by itself takes seconds for every backup. */
const MAX_EXACT = 50;

function backupFiles(dataDir: string): string[] {
  const folder = backupFolder(dataDir);
  return listBackups(dataDir).map((name) => join(folder, name));
}

/** Databases that could not be opened and were kept when a backup took their place. */
function copiesAside(dataDir: string): string[] {
  return readdirSync(dataDir)
    .filter(isPutAside)
    .map((name) => join(dataDir, name));
}

/** The chats of `ids` that a backup holds; null when it cannot be read. */
function heldIn(file: string, ids: string): string[] | null {
  let db: Db | null = null;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    return all<{ id: string }>(db, FOUND, { ids }).map(({ id }) => id);
  } catch {
    return null;
  } finally {
    db?.close();
  }
}

/**
 * How many backups, or databases that were put aside, hold one of the chats, and when the newest of them was made, in
 * ms since 1970. One that cannot be read counts: it may hold them.
 */
export function backupsWith(
  dataDir: string,
  chatIds: readonly string[],
): { backups: number; newestAt: number | null } {
  const ids = JSON.stringify(chatIds);
  const files = [...copiesAside(dataDir), ...backupFiles(dataDir)];
  const holding = files.filter((file) => heldIn(file, ids)?.length !== 0).map((file) => basename(file));
  const times = holding.map((name) => backupFacts(name)?.createdAt ?? putAsideAt(name) ?? 0);
  return { backups: holding.length, newestAt: times.length === 0 ? null : Math.max(...times) };
}

const OF_CHATS = `SELECT 1 FROM messages WHERE conversation_id IN (${FOUND}) LIMIT ${MAX_EXACT + 1}`;

/** One of a first version has none. */
const hasIndex = (db: Db) =>
  db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'search_documents'`).get() !== undefined;

/**
 * Empties the index of the messages if taking each out by itself would be too long. What is left waits to be put in
 * again by the indexer, should the backup ever be opened.
 */
function emptyIndexIfMany(db: Db, ids: string): void {
  if (!hasIndex(db) || db.prepare(OF_CHATS).all({ ids }).length <= MAX_EXACT) return;
  db.exec(`INSERT INTO search_messages (search_messages) VALUES ('delete-all');
    DELETE FROM search_documents;
    INSERT OR IGNORE INTO search_pending_messages SELECT seq FROM messages;`);
}

/** Deletes from a copy that nobody misses after a kill. */
function eraseFromCopy(file: string, ids: string): void {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.pragma('journal_mode = MEMORY');
    db.pragma('synchronous = OFF');
    db.pragma('secure_delete = ON');
    db.pragma('foreign_keys = ON');
    db.transaction(() => {
      emptyIndexIfMany(db, ids);
      db.prepare(`DELETE FROM messages WHERE conversation_id IN (${FOUND})`).run({ ids });
      db.prepare(`DELETE FROM conversations WHERE id IN (${FOUND})`).run({ ids });
      if (hasIndex(db)) settleIndex(db);
    })();
    if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') throw new Error('backup_check');
  } finally {
    db.close();
  }
  syncToDisk(file, 'file');
}

/**
 * Writes the rows into a file of their own, deletes there, and puts it in the place of the first: whole or nothing,
 * and what pages of before kept beside their rows is gone too.
 */
function eraseFrom(file: string, ids: string): void {
  const partial = file + PARTIAL;
  try {
    const db = new Database(file, { fileMustExist: true });
    try {
      // What was put aside may have a log.
      db.pragma('journal_mode = DELETE');
      writeCopy(db, partial);
    } finally {
      db.close();
    }
    eraseFromCopy(partial, ids);
    renameSync(partial, file);
  } catch (error) {
    removeFile(partial);
    throw error;
  }
  syncToDisk(dirname(file), 'folder');
}

/**
 * Takes chats out of every backup. One that cannot be read or rewritten is removed with its side files: it may hold
 * what must go.
 * @throws disk_full: the backup that there was no room for stays as it was
 */
export function eraseFromBackups(
  dataDir: string,
  chatIds: readonly string[],
): { rewritten: number; removed: number } {
  const ids = JSON.stringify(chatIds);
  const done = { rewritten: 0, removed: 0 };
  removePartialBackups(dataDir);
  for (const name of readdirSync(dataDir)) {
    if (name.endsWith(PARTIAL) && isPutAside(name.slice(0, -PARTIAL.length))) removeFile(join(dataDir, name));
  }
  for (const file of [...copiesAside(dataDir), ...backupFiles(dataDir)]) {
    const held = heldIn(file, ids);
    if (held?.length === 0) continue;
    try {
      eraseFrom(file, ids);
      done.rewritten += 1;
    } catch (error) {
      const failure = storeError(error, dataDir);
      if (failure.code === 'disk_full') throw failure;
      for (const path of [`${file}-journal`, `${file}-wal`, `${file}-shm`, file]) removeFile(path);
      done.removed += 1;
    }
  }
  return done;
}
