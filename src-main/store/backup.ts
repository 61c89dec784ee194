import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { appError } from '../contract/index.ts';
import { ensurePrivateFile, PRIVATE_FOLDER, removeFile, syncToDisk } from './files.ts';
import type { Db } from './sql.ts';

/** Enough to go back over a bad release or two; each is as large as the chats. */
export const KEPT_BACKUPS = 5;

const PARTIAL = '.partial';
const BACKUP_NAME = /^leeward-v\d+-(\d{8}T\d{9}Z)\.db$/;

/** Folder of the backups inside the data folder. */
export const backupFolder = (dataDir: string) => join(dataDir, 'backups');

/** Names of the complete backups, oldest first. */
export function listBackups(dataDir: string): string[] {
  const time = (name: string) => BACKUP_NAME.exec(name)?.[1] ?? '';
  return readdirSync(backupFolder(dataDir))
    .filter((name) => BACKUP_NAME.test(name))
    .sort((a, b) => (time(a) < time(b) ? -1 : 1));
}

function verify(file: string): void {
  const copy = new Database(file, { readonly: true, fileMustExist: true });
  try {
    const result = copy.pragma('integrity_check(1)', { simple: true });
    if (result !== 'ok') throw appError('store_failed', { reason: 'backup_check' });
  } finally {
    copy.close();
  }
}

/**
 * Copies a live database as of now. The copy gets its name only when it is complete, checked and on the disk;
 * older ones are removed after that, down to {@link KEPT_BACKUPS}.
 * @param version schema version of the content, part of the name
 * @returns the file name
 * @throws disk_full, store_failed: the database is as it was and no half copy stays
 */
export function backUp(db: Db, dataDir: string, version: number, now = new Date()): string {
  const folder = backupFolder(dataDir);
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
  for (const name of readdirSync(folder)) if (name.endsWith(PARTIAL)) removeFile(join(folder, name));

  const name = `leeward-v${version}-${now.toISOString().replaceAll(/[-:.]/g, '')}.db`;
  const partial = join(folder, name + PARTIAL);
  try {
    // VACUUM INTO takes an empty file, so the copy is private from its first byte; it does not sync by itself.
    ensurePrivateFile(partial);
    db.prepare('VACUUM INTO ?').run(partial);
    syncToDisk(partial, 'file');
    verify(partial);
  } catch (error) {
    removeFile(partial);
    throw error;
  }
  renameSync(partial, join(folder, name));
  syncToDisk(folder, 'folder');
  for (const old of listBackups(dataDir).slice(0, -KEPT_BACKUPS)) removeFile(join(folder, old));
  return name;
}
