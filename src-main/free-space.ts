import { statfs } from 'node:fs/promises';
import { appError, type Attachment, type NewAttachment } from './contract/index.ts';

/** Left free by what a person adds in one go, so that messages can still be saved after it. */
const SPARE_BYTES = 50_000_000;
/** A text lies in the database once, its search index takes about as much, and the log holds the last of both. */
const STORED_FACTOR = 3;
/** UTF-8 of the largest script. */
const BYTES_PER_UNIT = 3;

/** Looks for room before something large is begun: it is refused whole, and not when half of it is there. */
export interface RoomGuard {
  /** @throws disk_full with `needBytes` and `freeBytes` */
  forImport(sizeBytes: number): Promise<void>;
  /** @throws disk_full with `needBytes` and `freeBytes` */
  forFiles(files: readonly Pick<NewAttachment, 'text'>[]): Promise<void>;
  /** For files that are stored once more. @throws disk_full with `needBytes` and `freeBytes` */
  forCopies(files: readonly Pick<Attachment, 'characters'>[]): Promise<void>;
}

/** Room is always there: what is in memory only, and tests that are about something else. */
export const noGuard: RoomGuard = {
  forImport: () => Promise.resolve(),
  forFiles: () => Promise.resolve(),
  forCopies: () => Promise.resolve(),
};

/** @param freeBytesOf free space on the volume of a folder, in bytes */
export function createRoomGuard(
  dataDir: string,
  freeBytesOf: (folder: string) => Promise<number> = async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
): RoomGuard {
  async function demand(bytes: number): Promise<void> {
    const [needBytes, freeBytes] = [bytes + SPARE_BYTES, await freeBytesOf(dataDir)];
    if (freeBytes < needBytes) throw appError('disk_full', { needBytes, freeBytes });
  }
  async function forUnits(lengths: readonly number[]): Promise<void> {
    const units = lengths.reduce((sum, length) => sum + length, 0);
    if (units > 0) await demand(units * BYTES_PER_UNIT * STORED_FACTOR);
  }
  return {
    forImport: (sizeBytes) => demand(sizeBytes * STORED_FACTOR),
    forFiles: (files) => forUnits(files.map(({ text }) => text.length)),
    forCopies: (files) => forUnits(files.map(({ characters }) => characters)),
  };
}
