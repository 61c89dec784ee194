import { createHash } from 'node:crypto';
import type { Entry } from './entry.ts';
import type { PartFile } from './part-file.ts';
import type { PieceBeginning } from './transfer.ts';

const READ_BYTES = 1024 * 1024;

/** Notes in the record what has come of single pieces; written with it by whoever ends the run. */
export function keepBeginnings(entry: Entry): void {
  entry.inFlight.clear();
  entry.record.beginnings = [...entry.beginnings].map(([number, { bytes, hash }]) => ({
    number,
    bytes,
    sha256: hash.copy().digest('hex'),
  }));
}

/** What the last pause left of single pieces is read once, checked and gone on with. */
export async function restoreBeginnings(entry: Entry, files: readonly (PartFile | null)[]): Promise<void> {
  for (const { number, bytes, sha256 } of entry.record.beginnings) {
    if (entry.isHere(number) || entry.beginnings.has(number)) continue;
    const piece = entry.layout[number];
    const file = piece && files[piece.part];
    if (!piece || !file) continue;
    const beginning = await readBeginning(file, piece.offset, bytes);
    if (beginning?.hash.copy().digest('hex') === sha256) entry.beginnings.set(number, beginning);
  }
  entry.record.beginnings = [];
}

/** Null when the file ends before. */
async function readBeginning(file: PartFile, offset: number, bytes: number): Promise<PieceBeginning | null> {
  const hash = createHash('sha256');
  for (let done = 0; done < bytes;) {
    const read = await file.read(offset + done, Math.min(READ_BYTES, bytes - done));
    if (read.length === 0) return null;
    hash.update(read);
    done += read.length;
  }
  return { bytes, hash };
}
