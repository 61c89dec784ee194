import { createHash, type Hash } from 'node:crypto';
import { appError, errorCodeOf, isAppError, type AppError } from '../contract/index.ts';
import type { ReceivedPiece } from './journal.ts';
import type { PartFile } from './part-file.ts';
import type { PiecePlan, Run } from './pieces.ts';
import { LinkExpired, type RangeAnswer, type RangeSource, type RemoteFile } from './range-source.ts';
import { PROGRESS_BYTES, RateLimited, type Retries } from './retries.ts';

/** Written at once: few system calls, and little memory with two of them a connection. */
const WRITE_BYTES = 1024 * 1024;
/** Fresh links that are asked for without a byte between them. */
const MAX_EXPIRED = 3;

/** The first bytes of a piece, on the disk, and their hash so far. */
export interface PieceBeginning {
  bytes: number;
  hash: Hash;
}

/** What a transfer reads and tells. */
export interface TransferHost {
  readonly plan: PiecePlan;
  /** By part; null for one that is here already. */
  readonly files: readonly (PartFile | null)[];
  readonly source: RangeSource;
  readonly retries: Retries;
  readonly connections: number;
  /** Of pieces that were cut off; kept up to date. */
  readonly beginnings: Map<number, PieceBeginning>;
  remoteOf(part: number): RemoteFile;
  /** The server's first answer for a part. */
  onEtag(part: number, etag: string): void;
  /** Came over the network. */
  onBytes(count: number): void;
  /** So many bytes of a piece have come. */
  onProgress(number: number, bytes: number): void;
  /** Is on the disk. May throw: the transfer fails then. */
  onPiece(number: number, piece: ReceivedPiece): void;
}

export interface Transfer {
  /** Rejects when it cannot go on; otherwise stays open. */
  readonly failure: Promise<never>;
  /** A piece went missing: looks for something to fetch. */
  wake(): void;
  /** Ends every connection and waits until what has come is on the disk. */
  stop(): Promise<void>;
}

/** Fetches what the plan misses over several connections, until it is stopped. */
export function startTransfer(host: TransferHost): Transfer {
  const { plan, connections } = host;
  const abort = new AbortController();
  const failure = Promise.withResolvers<never>();
  // Looked at by whoever waits for the pieces.
  failure.promise.catch(() => {});
  const active = new Set<Promise<void>>();
  /** Unknown until the first answer; then either many connections or one. */
  let hasRanges: boolean | null = null;

  const pump = () => {
    const limit = hasRanges === true ? connections : 1;
    while (!abort.signal.aborted && active.size < limit) {
      const run = plan.take(connections);
      if (!run) return;
      const fetching = fetchRun(run).then(
        () => void active.delete(fetching),
        (error: unknown) => {
          active.delete(fetching);
          plan.release(run);
          abort.abort();
          failure.reject(error);
        },
      );
      active.add(fetching);
      void fetching.then(pump);
    }
  };

  const fetchRun = async (run: Run): Promise<void> => {
    let inARow = 0;
    let expired = 0;
    let bytes = 0;
    for (let number = nextMissing(run); number !== null; number = nextMissing(run)) {
      try {
        await host.retries.ready(abort.signal);
        await receive(run, number, (count) => {
          bytes += count;
          host.retries.progress(count);
        });
      } catch (error) {
        if (bytes >= PROGRESS_BYTES) [inARow, expired, bytes] = [0, 0, 0];
        if (error instanceof LinkExpired && ++expired <= MAX_EXPIRED) continue;
        const reason = error instanceof LinkExpired ? appError('network_failed', { reason: 'link' }) : error;
        if (!isTransient(reason)) throw reason;
        inARow += 1;
        await host.retries.after(reason, inARow, abort.signal);
      }
    }
    plan.release(run);
  };

  const nextMissing = ({ first, end }: Run): number | null => {
    for (let number = first; number < end; number += 1) if (!plan.isHere(number)) return number;
    return null;
  };

  /** One request: the rest of a range from the first byte that is missing. */
  const receive = async (run: Run, number: number, onProgress: (count: number) => void): Promise<void> => {
    const [piece, last] = [plan.layout[number], plan.layout[run.end - 1]];
    if (!piece || !last) return;
    const start = piece.offset + (host.beginnings.get(number)?.bytes ?? 0);
    const remote = host.remoteOf(piece.part);
    const answer = await host.source.open(remote, start, last.offset + last.length, { signal: abort.signal });
    if (answer.etag !== null && remote.etag === null) host.onEtag(piece.part, answer.etag);
    await settleRanges(answer, run, piece.part);
    const sink = new PieceSink(host, answer.isRange ? number : run.first, run.end, answer.isRange);
    try {
      for await (const bytes of answer.body) {
        host.onBytes(bytes.length);
        onProgress(bytes.length);
        await sink.take(bytes);
        if (sink.isAtEnd) break;
      }
      await sink.drain();
    } finally {
      await sink.keepBeginning();
    }
    if (!sink.isAtEnd) throw appError('network_failed', { reason: 'short' });
  };

  /** The first answer decides how many connections are of use. */
  const settleRanges = async (answer: RangeAnswer, run: Run, part: number): Promise<void> => {
    if (answer.isRange) {
      if (hasRanges !== null) return;
      hasRanges = true;
      return pump();
    }
    if (hasRanges === true) {
      await answer.cancel();
      throw appError('network_failed', { reason: 'ranges' });
    }
    hasRanges = false;
    plan.release(run);
    Object.assign(run, plan.takePart(part));
  };

  pump();
  return {
    failure: failure.promise,
    wake: pump,
    async stop() {
      abort.abort();
      await Promise.all(active);
    },
  };
}

/** Whether the same request may succeed a little later. */
export function isTransient(error: unknown): error is RateLimited | AppError {
  return error instanceof RateLimited || (isAppError(error) && errorCodeOf(error) === 'network_failed');
}

/** Takes the bytes of one answer apart into pieces: hashes each as it comes, writes, and tells when it is there. */
class PieceSink {
  readonly #host: TransferHost;
  readonly #end: number;
  #number: number;
  /** Bytes into the piece. */
  #done = 0;
  #hash = createHash('sha256');
  #isSuspect = false;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** One write at a time while the next bytes come. */
  #writing: Promise<void> = Promise.resolve();

  /** @param resumes false for an answer from the file's beginning: no piece is gone on with */
  constructor(host: TransferHost, number: number, end: number, resumes: boolean) {
    this.#host = host;
    this.#number = number;
    this.#end = end;
    const beginning = host.beginnings.get(number);
    host.beginnings.delete(number);
    if (!beginning || !resumes) return;
    this.#done = beginning.bytes;
    this.#hash = beginning.hash;
    this.#isSuspect = true;
  }

  get isAtEnd(): boolean {
    return this.#number >= this.#end;
  }

  async take(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0 && !this.isAtEnd;) {
      const piece = this.#host.plan.layout[this.#number];
      if (!piece) return;
      const mine = rest.subarray(0, piece.length - this.#done);
      rest = rest.subarray(mine.length);
      if (!this.#host.plan.isHere(this.#number)) {
        this.#hash.update(mine);
        this.#pending.push(mine);
        this.#pendingBytes += mine.length;
      }
      this.#done += mine.length;
      this.#host.onProgress(this.#number, this.#done);
      const isWhole = this.#done === piece.length;
      if (isWhole || this.#pendingBytes >= WRITE_BYTES) await this.#flush();
      if (isWhole) this.#next();
    }
  }

  /** Waits for the last write. @throws disk_full and what recording a piece throws */
  async drain(): Promise<void> {
    await this.#writing;
  }

  /** Leaves what has come of a piece to the next request; a piece that could not be written comes again. */
  async keepBeginning(): Promise<void> {
    try {
      await this.#flush();
      await this.#writing;
    } catch {
      return;
    }
    const isHere = this.isAtEnd || this.#host.plan.isHere(this.#number);
    if (this.#done > 0 && !isHere) {
      this.#host.beginnings.set(this.#number, { bytes: this.#done, hash: this.#hash });
    }
  }

  async #flush(): Promise<void> {
    const piece = this.#host.plan.layout[this.#number];
    const file = piece && this.#host.files[piece.part];
    if (!piece || !file || this.#pendingBytes === 0) return;
    const buffers = this.#pending;
    const position = piece.offset + this.#done - this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#writing;
    this.#writing = file.write(buffers, position);
    // Thrown where it is waited for.
    this.#writing.catch(() => {});
  }

  #next(): void {
    const number = this.#number;
    if (!this.#host.plan.isHere(number)) {
      const piece = { sha256: this.#hash.digest('hex'), isSuspect: this.#isSuspect };
      this.#writing = this.#writing.then(() => this.#host.onPiece(number, piece));
      this.#writing.catch(() => {});
    }
    this.#number += 1;
    this.#done = 0;
    this.#hash = createHash('sha256');
    this.#isSuspect = false;
  }
}
