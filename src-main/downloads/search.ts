import { createHash } from 'node:crypto';
import { appError } from '../contract/index.ts';
import type { ReceivedPiece } from './journal.ts';
import type { PartFile } from './part-file.ts';
import type { Piece } from './pieces.ts';
import { LinkExpired, type RangeSource, type RemoteFile } from './range-source.ts';
import { PROGRESS_BYTES, type Retries } from './retries.ts';
import { isTransient } from './transfer.ts';

/** Pieces of one part whose whole hash is wrong although each is as it was received. */
export interface SearchHost {
  readonly part: number;
  readonly layout: readonly Piece[];
  readonly remote: RemoteFile;
  readonly file: PartFile;
  readonly source: RangeSource;
  readonly retries: Retries;
  readonly connections: number;
  receivedOf(number: number): ReceivedPiece | undefined;
  /** Looked at since the search began, in an earlier call too. */
  readonly searched: Set<number>;
  onBytes(count: number): void;
  onSearched(): void;
  /** Differs from what was received first, and has been written. */
  onReplaced(number: number, piece: ReceivedPiece): void;
  /** Hashes the part as it is now. */
  isWhole(): Promise<boolean>;
}

/**
 * Numbers of a part's pieces in the order in which they are looked at, `atOnce` together: those first that had
 * trouble on their way, and alone, for it is most likely one of them.
 */
export function searchBatches(
  layout: readonly Piece[],
  part: number,
  receivedOf: (number: number) => ReceivedPiece | undefined,
  atOnce: number,
): number[][] {
  const numbers = [...layout.keys()].filter((number) => layout[number]?.part === part);
  const isSuspect = (number: number) => receivedOf(number)?.isSuspect === true;
  const groups = [numbers.filter(isSuspect), numbers.filter((number) => !isSuspect(number))];
  return groups.flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / atOnce) }, (_, index) =>
      group.slice(index * atOnce, (index + 1) * atOnce),
    ),
  );
}

/**
 * Fetches pieces again over fresh connections and rewrites those that differ, until the whole is right.
 * @returns whether it is; false when all pieces were looked at
 * @throws offline, aborted, disk_full and what a request throws
 */
export async function searchPart(host: SearchHost, signal: AbortSignal): Promise<boolean> {
  const { layout, part, connections, searched } = host;
  const batches = searchBatches(layout, part, (number) => host.receivedOf(number), connections);
  for (const whole of batches) {
    const batch = whole.filter((number) => !searched.has(number));
    const replaced = await together(batch, (number, ended) => lookAt(host, number, ended), signal);
    for (const number of batch) searched.add(number);
    host.onSearched();
    if (replaced.some(Boolean) && (await host.isWhole())) return true;
  }
  return false;
}

/** All at once; one that fails ends the others, and nothing goes on behind the caller's back. */
async function together<T, R>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal,
): Promise<R[]> {
  const abort = new AbortController();
  const working = items.map((item) => work(item, AbortSignal.any([signal, abort.signal])));
  try {
    return await Promise.all(working);
  } finally {
    abort.abort();
    await Promise.allSettled(working);
  }
}

/** Whether the piece came differently this time. */
async function lookAt(host: SearchHost, number: number, signal: AbortSignal): Promise<boolean> {
  const piece = host.layout[number];
  if (!piece) return false;
  const { chunks, sha256 } = await fetchPiece(host, piece, signal);
  if (sha256 === host.receivedOf(number)?.sha256) return false;
  await host.file.write(chunks, piece.offset);
  host.onReplaced(number, { sha256, isSuspect: true });
  return true;
}

async function fetchPiece(host: SearchHost, piece: Piece, signal: AbortSignal) {
  for (let inARow = 1; ; inARow += 1) {
    try {
      await host.retries.ready(signal);
      return await fetchOnce(host, piece, signal);
    } catch (error) {
      const reason = error instanceof LinkExpired ? appError('network_failed', { reason: 'link' }) : error;
      if (!isTransient(reason)) throw reason;
      await host.retries.after(reason, inARow, signal);
    }
  }
}

async function fetchOnce(host: SearchHost, { offset, length }: Piece, signal: AbortSignal) {
  const answer = await host.source.open(host.remote, offset, offset + length, { signal, fresh: true });
  const chunks: Uint8Array[] = [];
  const hash = createHash('sha256');
  let toSkip = offset - answer.offset;
  let received = 0;
  for await (const bytes of answer.body) {
    host.onBytes(bytes.length);
    const mine = bytes.subarray(Math.min(toSkip, bytes.length)).subarray(0, length - received);
    toSkip -= Math.min(toSkip, bytes.length);
    if (mine.length === 0) continue;
    hash.update(mine);
    chunks.push(mine);
    received += mine.length;
    if (received === length) break;
  }
  if (received < length) throw appError('network_failed', { reason: 'short' });
  host.retries.progress(Math.max(received, PROGRESS_BYTES));
  return { chunks, sha256: hash.digest('hex') };
}
