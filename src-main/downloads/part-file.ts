import { mkdirSync } from 'node:fs';
import { open, rename, rm, rmdir, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { appError, isAppError, type AppError } from '../contract/index.ts';

/**
 * Written since the last sync after which the next begins: the system then never holds much that is not on the
 * disk, and the end of a download does not wait for it.
 */
const SYNC_BYTES = 16 * 1024 * 1024;

/** The disk operations of a download; tests put a full disk in their place. */
export interface Disk {
  /** Opens for reading and writing, made with its folders when it is not there and `mayMake` is set. */
  open(path: string, options: { mayMake: boolean }): Promise<FileHandle>;
  /** Free for this account on the volume of a folder that exists or will. */
  freeBytes(folder: string): Promise<number>;
}

/** The real disk. */
export const systemDisk: Disk = {
  async open(path, { mayMake }) {
    if (!mayMake) return open(path, 'r+');
    mkdirSync(dirname(path), { recursive: true });
    // `r+` does not make a file and `w+` empties one.
    return open(path, 'r+').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return open(path, 'w+', 0o600);
      throw error;
    });
  },
  async freeBytes(folder) {
    for (let path = folder; ; path = dirname(path)) {
      try {
        const { bavail, bsize } = await statfs(path);
        return bavail * bsize;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
      }
    }
  },
};

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

/** Turns what a write threw into an error of the contract. */
export function diskError(error: unknown): AppError {
  if (isAppError(error)) return error;
  const reason = codeOf(error) ?? 'unknown';
  const isFull = reason === 'ENOSPC' || reason === 'EDQUOT';
  if (isFull) return appError('disk_full', undefined, { cause: error });
  return appError('model_file_missing', { reason }, { cause: error });
}

/** One file that is being written in any order. */
export class PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | null = null;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** @throws disk_full, model_file_missing with the system's `reason` */
  static async open(disk: Disk, path: string, options: { mayMake: boolean }): Promise<PartFile> {
    const handle = disk.open(path, options);
    return new PartFile(path, await handle.catch((error: unknown) => Promise.reject(diskError(error))));
  }

  /** @throws disk_full, model_file_missing with the system's `reason` */
  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    try {
      await this.#writeAll(buffers, position);
    } catch (error) {
      throw diskError(error);
    }
    if (this.#unsyncedBytes >= SYNC_BYTES && !this.#syncing) {
      this.#unsyncedBytes = 0;
      // A failure shows at the last sync too.
      this.#syncing = this.#handle
        .datasync()
        .catch(() => {})
        .finally(() => (this.#syncing = null));
    }
  }

  async #writeAll(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const total = buffers.reduce((sum, { length }) => sum + length, 0);
    const { bytesWritten } = await this.#handle.writev(buffers, position);
    this.#unsyncedBytes += bytesWritten;
    if (bytesWritten === total) return;
    // A disk that is nearly full takes a part; the rest then tells why.
    const rest = Buffer.concat(buffers).subarray(bytesWritten);
    for (let done = 0; done < rest.length;) {
      const written = await this.#handle.write(
        rest,
        done,
        rest.length - done,
        position + bytesWritten + done,
      );
      if (written.bytesWritten === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      done += written.bytesWritten;
    }
  }

  /** Bytes of the file; fewer when it ends before. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  }

  /** Cuts off what is behind `sizeBytes`, and waits until everything is on the disk. */
  async finish(sizeBytes: number): Promise<void> {
    try {
      await this.#syncing;
      if ((await this.#handle.stat()).size > sizeBytes) await this.#handle.truncate(sizeBytes);
      await this.#handle.sync();
    } catch (error) {
      throw diskError(error);
    }
  }

  /** Size as it is now, bytes. */
  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  /** What was written is on the disk then, as far as the disk takes it. */
  async close(): Promise<void> {
    await this.#syncing;
    await this.#handle.datasync().catch(() => {});
    await this.#handle.close();
  }
}

/** Gives a whole file its name; on the disk when it resolves. */
export async function giveName(partial: string, target: string): Promise<void> {
  try {
    await rename(partial, target);
  } catch (error) {
    throw diskError(error);
  }
  // Windows neither opens folders nor needs it.
  if (process.platform === 'win32') return;
  const folder = await open(dirname(target), 'r');
  await folder.sync().finally(() => folder.close());
}

/** Deletes files, and their folder when nothing is left in it. */
export async function deleteFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
  for (const folder of new Set(paths.map((path) => dirname(path)))) await rmdir(folder).catch(() => {});
}
