import { chmodSync, closeSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';

/** Only the user's own account reads what the app writes. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/** Size in bytes, null when there is no such file. */
export function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
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
