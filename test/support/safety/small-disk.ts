import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Above what a backup wants to stay free: the guard lets it begin, and the disk fills while it runs. */
const ROOM_BYTES = 1_000_000_000;
/** What is written between the look and the change makes a change fail; then it is tried again. */
const FILL_TRIES = 50;

/** A disk of its own that can be full from one moment to the next. */
export interface SmallDisk {
  readonly path: string;
  /** From now on no more than `leftBytes` can be written. */
  fill(leftBytes: number): void;
  /** There is room again. */
  free(): void;
  dispose(): void;
}

const mount = (...args: string[]): boolean => spawnSync('mount', args, { stdio: 'ignore' }).status === 0;

/** A file system in memory, whose size is its fill level; null where none can be mounted (Linux, as root). */
export function mountSmallDisk(): SmallDisk | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const path = mkdtempSync(join(tmpdir(), 'leeward-disk-'));
  if (!mount('-t', 'tmpfs', '-o', `size=${ROOM_BYTES},mode=700`, 'leeward-test', path)) {
    rmSync(path, { recursive: true });
    return null;
  }
  return {
    path,
    fill(leftBytes) {
      for (let tries = 0; tries < FILL_TRIES; tries += 1) {
        const { blocks, bfree, bsize } = statfsSync(path);
        const usedBytes = (blocks - bfree) * bsize;
        if (mount('-o', `remount,size=${usedBytes + leftBytes}`, path)) return;
      }
      throw new Error('the disk could not be filled');
    },
    free() {
      if (!mount('-o', `remount,size=${ROOM_BYTES}`, path)) throw new Error('the disk could not be freed');
    },
    dispose() {
      // Lazy: a process that ends still holds it for a moment.
      spawnSync('umount', ['-l', path], { stdio: 'ignore' });
      rmSync(path, { recursive: true, force: true });
    },
  };
}
