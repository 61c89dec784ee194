import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { backupFacts, listBackups, removePartialBackups } from './backup.ts';
import { backupFolder, removeFile, syncToDisk } from './files.ts';
import { isPutAside } from './restore.ts';
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

/** How many backups hold one of the chats, and when the newest of them was made, in ms since 1970. */
export function backupsWith(
  dataDir: string,
  chatIds: readonly string[],
): { backups: number; newestAt: number | null } {
  const ids = JSON.stringify(chatIds);
  const holding = backupFiles(dataDir).filter((file) => (heldIn(file, ids)?.length ?? 0) > 0);
  const newest = backupFacts(basename(holding.at(-1) ?? ''));
  return { backups: holding.length, newestAt: newest?.createdAt ?? null };
}

const OF_CHATS = `SELECT 1 FROM messages WHERE conversation_id IN (${FOUND}) LIMIT ${MAX_EXACT + 1}`;

/**
 * Empties the index of the messages if taking each out by itself would be too long. What is left waits to be put in
 * again by the indexer, should the backup ever be opened.
 */
function emptyIndexIfMany(db: Db, ids: string): void {
  const hasIndex = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'search_documents'`).get();
  if (hasIndex === undefined || db.prepare(OF_CHATS).all({ ids }).length <= MAX_EXACT) return;
  db.exec(`INSERT INTO search_messages (search_messages) VALUES ('delete-all');
    DELETE FROM search_documents;
    INSERT OR IGNORE INTO search_pending_messages SELECT seq FROM messages;`);
}

/** Deletes in place: a journal makes it whole or nothing, and what was there is overwritten. */
function eraseFrom(file: string, ids: string): void {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.pragma('journal_mode = DELETE');
    db.pragma('secure_delete = ON');
    db.pragma('foreign_keys = ON');
    db.transaction(() => {
      emptyIndexIfMany(db, ids);
      db.prepare(`DELETE FROM messages WHERE conversation_id IN (${FOUND})`).run({ ids });
      db.prepare(`DELETE FROM conversations WHERE id IN (${FOUND})`).run({ ids });
    })();
    if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') throw new Error('backup_check');
  } finally {
    db.close();
  }
  syncToDisk(file, 'file');
}

/**
 * Takes chats out of every backup. One that cannot be read or rewritten is removed with its side files: it may hold
 * what must go.
 */
export function eraseFromBackups(
  dataDir: string,
  chatIds: readonly string[],
): { rewritten: number; removed: number } {
  const ids = JSON.stringify(chatIds);
  const done = { rewritten: 0, removed: 0 };
  removePartialBackups(dataDir);
  for (const file of [...copiesAside(dataDir), ...backupFiles(dataDir)]) {
    const held = heldIn(file, ids);
    if (held?.length === 0) continue;
    try {
      eraseFrom(file, ids);
      done.rewritten += 1;
    } catch {
      for (const path of [`${file}-journal`, `${file}-wal`, `${file}-shm`, file]) removeFile(path);
      done.removed += 1;
    }
  }
  return done;
}
