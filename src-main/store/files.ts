import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { appError } from '../contract/index.ts';

/** Only the user's own account reads what the app writes. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/** Left free by a backup or a restore: chats go on being written, and the system needs some. */
export const SPARE_BYTES = 200_000_000;

/** Path of the database inside the data folder. */
export const databaseFile = (dataDir: string) => join(dataDir, 'leeward.db');

/** Size in bytes, null when there is no such file. */
export function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

/** Folder of the backups inside the data folder. */
export const backupFolder = (dataDir: string) => join(dataDir, 'backups');

/** Makes it unless it is there. */
export function makeBackupFolder(dataDir: string): void {
  mkdirSync(backupFolder(dataDir), { recursive: true, mode: PRIVATE_FOLDER });
}

/** Size of the database with its log; what a copy of it takes at most. */
export const databaseBytes = (dataDir: string) =>
  (sizeOf(databaseFile(dataDir)) ?? 0) + (sizeOf(`${databaseFile(dataDir)}-wal`) ?? 0);

/** @throws disk_full with `needBytes` and `freeBytes` when `bytes` and {@link SPARE_BYTES} are not free */
export function demandSpace(dataDir: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const [needBytes, freeBytes] = [bytes + SPARE_BYTES, bavail * bsize];
  if (freeBytes < needBytes) throw appError('disk_full', { needBytes, freeBytes });
}

/** What all that lies in the folder of backups takes. */
export function backupBytes(dataDir: string): number {
  const folder = backupFolder(dataDir);
  if (sizeOf(folder) === null) return 0;
  return readdirSync(folder).reduce((sum, name) => sum + (sizeOf(join(folder, name)) ?? 0), 0);
}

/** Makes sure that the file exists and only its owner reads it. SQLite gives its side files the same mode. */
export function ensurePrivateFile(path: string): void {
  closeSync(openSync(path, 'a', PRIVATE_FILE));
  chmodSync(path, PRIVATE_FILE);
}

/** Writes a file's content, or a folder's entries, through to the disk. */
export function syncToDisk(path: string, kind: 'file' | 'folder'): void {
  // Windows neither opens folders nor needs it: NTFS journals its entries.
  if (kind === 'folder' && process.platform === 'win32') return;
  const descriptor = openSync(path, kind === 'file' ? 'r+' : 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes a file if it is there. */
export function removeFile(path: string): void {
  rmSync(path, { force: true });
}
