import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { appError, type BackupReason } from '../contract/index.ts';
import {
  backupFolder,
  ensurePrivateFile,
  makeBackupFolder,
  removeFile,
  sizeOf,
  syncToDisk,
} from './files.ts';
import type { Db } from './sql.ts';

/** Of each reason but daily: enough to go back over a bad release or two; each is as large as the chats. */
export const KEPT_BACKUPS = 5;
/** The newest daily one of each of so many days, and of each of so many weeks, stays. */
const KEPT_DAYS = 7;
const KEPT_WEEKS = 4;
const DAY_MS = 24 * 3_600_000;
/** 1 January 1970 was a Thursday: weeks are counted from Monday. */
const MONDAY_OFFSET_DAYS = 3;

/** End of the name of a copy that is being written. */
export const PARTIAL = '.partial';
const BACKUP_NAME = /^leeward-v(\d+)-(\d{8}T\d{9}Z)(?:-(daily|manual|restore))?\.db$/;
const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/;

/** What the name of a backup says. */
export interface BackupFacts {
  version: number;
  /** ms since 1970. */
  createdAt: number;
  reason: BackupReason;
}

const isReason = (text: string | undefined): text is Exclude<BackupReason, 'upgrade'> =>
  text === 'daily' || text === 'manual' || text === 'restore';

/** Time of a stamp as {@link stampOf} makes it, in ms since 1970; NaN for anything else. Pure. */
export const timeOf = (stamp: string) => Date.parse(stamp.replace(STAMP, '$1-$2-$3T$4:$5:$6.$7Z'));

/** Facts of a backup's file name; null for any other name. Pure. */
export function backupFacts(name: string): BackupFacts | null {
  const [, version, stamp = '', reason] = BACKUP_NAME.exec(name) ?? [];
  const createdAt = timeOf(stamp);
  if (version === undefined || Number.isNaN(createdAt)) return null;
  return { version: Number(version), createdAt, reason: isReason(reason) ? reason : 'upgrade' };
}

/**
 * Which backups have had their time, of names oldest first. Days and weeks are those of UTC, and only those in which
 * there is one count, so that a computer that was off for a month keeps what it has. Pure.
 */
export function expiredBackups(names: readonly string[]): string[] {
  const [days, weeks] = [new Set<number>(), new Set<number>()];
  const counts = { manual: 0, restore: 0, upgrade: 0 };
  const isKept = (name: string): boolean => {
    const facts = backupFacts(name);
    if (facts === null) return true;
    if (facts.reason !== 'daily') return (counts[facts.reason] += 1) <= KEPT_BACKUPS;
    const day = Math.floor(facts.createdAt / DAY_MS);
    const week = Math.floor((day + MONDAY_OFFSET_DAYS) / 7);
    const isNewest =
      (!days.has(day) && days.size < KEPT_DAYS) || (!weeks.has(week) && weeks.size < KEPT_WEEKS);
    days.add(day);
    weeks.add(week);
    return isNewest;
  };
  return names.toReversed().filter((name) => !isKept(name));
}

/** Names of the complete backups, oldest first. */
export function listBackups(dataDir: string): string[] {
  if (sizeOf(backupFolder(dataDir)) === null) return [];
  const time = (name: string) => BACKUP_NAME.exec(name)?.[2] ?? '';
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
 * Writes a database into a file of its own that holds its rows and nothing else, private from its first byte and not
 * yet synced.
 * @param to a file that is empty or not there
 */
export function writeCopy(db: Db, to: string): void {
  // Pages that are split while the copy is written keep what moved away, and no later deletion finds it there.
  db.pragma('secure_delete = ON');
  ensurePrivateFile(to);
  db.prepare('VACUUM INTO ?').run(to);
}

/** `20261123T200501123Z`: sorts by time and is a file name everywhere. */
export const stampOf = (time: Date) => time.toISOString().replaceAll(/[-:.]/g, '');

/** File name of a backup; {@link backupFacts} reads it. Pure. */
export function nameOfBackup(version: number, at: Date, reason: BackupReason): string {
  return `leeward-v${version}-${stampOf(at)}${reason === 'upgrade' ? '' : `-${reason}`}.db`;
}

/** Removes the backups that have had their time. */
export function removeExpired(dataDir: string): void {
  const folder = backupFolder(dataDir);
  for (const old of expiredBackups(listBackups(dataDir))) removeFile(join(folder, old));
}

/** Removes what a kill in the middle of a backup left. */
export function removePartialBackups(dataDir: string): void {
  const folder = backupFolder(dataDir);
  if (sizeOf(folder) === null) return;
  for (const name of readdirSync(folder)) if (name.includes(PARTIAL)) removeFile(join(folder, name));
}

/**
 * Copies a live database as of now; writers on other connections go on. The copy gets its name only when it is
 * complete, checked and on the disk; those that have had their time are removed after that.
 * @param version schema version of the content, part of the name
 * @returns the file name
 * @throws disk_full, store_failed: the database is as it was and no half copy stays
 */
export function backUp(
  db: Db,
  dataDir: string,
  version: number,
  now = new Date(),
  reason: BackupReason = 'upgrade',
): string {
  const folder = backupFolder(dataDir);
  makeBackupFolder(dataDir);
  removePartialBackups(dataDir);

  const name = nameOfBackup(version, now, reason);
  const partial = join(folder, name + PARTIAL);
  try {
    writeCopy(db, partial);
    syncToDisk(partial, 'file');
    verify(partial);
  } catch (error) {
    removeFile(partial);
    throw error;
  }
  renameSync(partial, join(folder, name));
  syncToDisk(folder, 'folder');
  removeExpired(dataDir);
  return name;
}
