// Longer than a module should be: one run of a download is one order of steps, which parts would hide; what a step does
// lies in the modules beside it.

import { stat } from 'node:fs/promises';
import { appError } from '../contract/index.ts';
import { CONNECTIONS } from './api.ts';
import { keepBeginnings, restoreBeginnings } from './beginnings.ts';
import type { Entry } from './entry.ts';
import { Follower } from './follower.ts';
import type { Hasher } from './hasher.ts';
import type { Journal, ReceivedPiece } from './journal.ts';
import { giveName, PartFile, type Disk } from './part-file.ts';
import { PiecePlan } from './pieces.ts';
import type { RangeSource, RemoteFile } from './range-source.ts';
import { Retries } from './retries.ts';
import { searchPart } from './search.ts';
import { PARTIAL } from './target-names.ts';
import { startTransfer } from './transfer.ts';
import { provenPieces, type XetBlock, type XetSource } from './xet.ts';

/** What one run of a download works with. */
export interface JobHost {
  readonly entry: Entry;
  readonly hasher: Hasher;
  readonly journal: Journal;
  readonly disk: Disk;
  readonly source: RangeSource;
  readonly xet: XetSource;
  /** Shorter in tests. */
  readonly retryDelaysMs?: readonly number[] | undefined;
  /** Another file has the final name: chooses others, and takes along what has come. */
  moveTargets(): Promise<void>;
  /** The last pieces are on their way. */
  nearlyHere(): void;
  /** The record could not be written, and nothing depends on it. */
  notWritten(error: unknown): void;
  /** Something that a client sees is different. */
  changed(): void;
}

/** How the pieces of a run are looked at on the disk. */
interface Look {
  /** Pieces whose received hash is compared. */
  checks: (number: number) => boolean;
  /** Damaged pieces are fetched again; false: only noted. */
  repairs: boolean;
}

/** One run of a download or of a second look at a model, from where it stands to its end. */
export class Job {
  readonly #host: JobHost;
  readonly #entry: Entry;
  readonly #signal: AbortSignal;
  readonly #retries: Retries;
  /** By part; null for one that is whole already. */
  #files: (PartFile | null)[] = [];

  constructor(host: JobHost, signal: AbortSignal) {
    this.#host = host;
    this.#entry = host.entry;
    this.#signal = signal;
    this.#retries = new Retries(CONNECTIONS, host.retryDelaysMs);
  }

  /**
   * Fetches what is missing, verifies the whole and gives the files their names.
   * @throws checksum_mismatch with `expected`, `actual`, `canSearch` and `searchBytes`; and what fetching throws
   */
  async download(): Promise<void> {
    await this.#adoptExisting();
    await this.#withFiles(async () => {
      await restoreBeginnings(this.#entry, this.#files);
      // After a crash the disk may hold less than the journal says.
      const { isClean } = this.#entry.record;
      const inherited = new Set(isClean ? [] : this.#entry.pieces.keys());
      await this.#note({ isClean: false });
      if (this.#entry.wantsSearch) await this.#search();
      else await this.#fetchAndVerify({ checks: (number) => inherited.has(number), repairs: true });
      this.#state('checking');
      await this.#syncFiles();
    });
    await this.#giveNames();
  }

  /**
   * Looks at every piece of a model in the library, or fetches those that were found damaged.
   * @throws checksum_mismatch with `damagedBytes` when pieces changed on this disk
   */
  async verify(): Promise<void> {
    const { record } = this.#entry;
    if (record.damaged.length === 0) await this.#lookForDamage();
    if (record.damaged.length === 0) return;
    await this.#withFiles(async () => {
      this.#state('repairing');
      await this.#fetchAndVerify({ checks: () => true, repairs: true });
      await this.#syncFiles();
    });
  }

  async #lookForDamage(): Promise<void> {
    const { record } = this.#entry;
    this.#state('checking');
    const hashes = await this.#look({ checks: () => true, repairs: false });
    if (record.damaged.length === 0) return this.#expectWhole(hashes);
    const damagedBytes = record.damaged.reduce((sum, n) => sum + (this.#entry.layout[n]?.length ?? 0), 0);
    const [first] = record.parts;
    throw appError('checksum_mismatch', {
      expected: first?.sha256 ?? '',
      actual: hashes[0] ?? '',
      canSearch: false,
      searchBytes: 0,
      damagedBytes,
    });
  }

  /** Until the whole is right; pieces that changed on this disk are told from those that arrived wrong. */
  async #fetchAndVerify(look: Look): Promise<void> {
    const first = await this.#look(look);
    if (this.#isWhole(first)) return;
    this.#state('checking');
    this.#expectWhole(await this.#look({ checks: () => true, repairs: true }));
  }

  #isWhole(hashes: readonly (string | null)[]): boolean {
    return this.#entry.record.parts.every(({ sha256 }, part) => (hashes[part] ?? sha256) === sha256);
  }

  #expectWhole(hashes: readonly (string | null)[]): void {
    const { kind, parts } = this.#entry.record;
    const isWrong = ({ sha256 }: { sha256: string }, part: number) => (hashes[part] ?? sha256) !== sha256;
    const wrong = parts.findIndex(isWrong);
    if (wrong === -1) return;
    const canSearch = kind === 'download';
    const searchBytes = parts.filter(isWrong).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    throw appError('checksum_mismatch', {
      expected: parts[wrong]?.sha256 ?? '',
      actual: hashes[wrong] ?? '',
      canSearch,
      searchBytes: canSearch ? searchBytes : 0,
    });
  }

  /** Hashes every part in order while its missing pieces come. */
  async #look(look: Look): Promise<(string | null)[]> {
    const { entry, hasher } = this.#host;
    const plan = new PiecePlan(
      entry.layout,
      [...entry.layout.keys()].filter((number) => entry.isHere(number)),
    );
    if (!look.repairs) for (const number of entry.layout.keys()) plan.markHere(number);
    const abort = new AbortController();
    const signal = AbortSignal.any([this.#signal, abort.signal]);
    // Taken as they are: a disk or a server that never gives the right bytes must come to an end.
    const refetched = new Set<number>();
    entry.checkedPieces = 0;
    if (plan.isComplete) this.#state('checking');
    const follower = new Follower({
      plan,
      hasher,
      paths: entry.record.parts.map((_, index) => (this.#isSettled(index) ? null : this.#pathOf(index))),
      ofPieces: !look.repairs,
      expected: (number) => {
        const isChecked = look.repairs && look.checks(number) && !refetched.has(number);
        return isChecked ? (entry.pieces.get(number)?.sha256 ?? null) : null;
      },
      onPiece: (number, sha256) => {
        entry.checkedPieces += 1;
        if (sha256 !== null && sha256 !== entry.pieces.get(number)?.sha256) this.#markDamaged(number);
        this.#host.changed();
      },
      onDamaged: (number) => {
        this.#markDamaged(number);
        if (!look.repairs) return 'skip';
        plan.markMissing(number);
        this.#state('repairing');
        transfer?.wake();
        return 'wait';
      },
    });
    const onPiece = (number: number) => {
      refetched.add(number);
      follower.wake();
    };
    const transfer = look.repairs ? this.#transfer(plan, onPiece) : null;
    try {
      const hashes = follower.run(signal);
      hashes.catch(() => {});
      return await (transfer ? Promise.race([hashes, transfer.failure]) : hashes);
    } finally {
      abort.abort();
      await transfer?.stop();
    }
  }

  /** A part that needs no second look: it was verified under its final name. */
  #isSettled(part: number): boolean {
    const { record } = this.#entry;
    return record.kind === 'download' && record.parts[part]?.isVerified === true;
  }

  #transfer(plan: PiecePlan, onPiece: (number: number) => void) {
    const { entry, source } = this.#host;
    if (plan.missing <= CONNECTIONS) this.#host.nearlyHere();
    if (!plan.isComplete && entry.record.state !== 'repairing') this.#state('running');
    return startTransfer({
      plan,
      files: this.#files,
      source,
      retries: this.#retries,
      connections: CONNECTIONS,
      beginnings: entry.beginnings,
      remoteOf: (part) => this.#remoteOf(part),
      onEtag: (part, etag) => {
        const record = entry.record.parts[part];
        if (record) record.etag = etag;
        this.#note({}).catch((error: unknown) => this.#host.notWritten(error));
      },
      onBytes: (count) => this.#fetched(count),
      onProgress: (number, bytes) => void entry.inFlight.set(number, bytes),
      onPiece: (number, piece) => {
        this.#received(number, piece);
        plan.markHere(number);
        if (plan.missing === CONNECTIONS) this.#host.nearlyHere();
        if (plan.isComplete) this.#state('checking');
        onPiece(number);
      },
    });
  }

  #remoteOf(part: number): RemoteFile {
    const { repo, revision, parts } = this.#entry.record;
    const { path = '', sizeBytes = 0, sha256 = '', etag = null } = parts[part] ?? {};
    return { repo, revision, path, sizeBytes, sha256, etag };
  }

  #fetched(count: number): void {
    const { entry } = this.#host;
    entry.record.fetchedBytes += count;
    entry.meter.add(count, performance.now());
    this.#host.changed();
  }

  #received(number: number, piece: ReceivedPiece): void {
    const { entry, journal } = this.#host;
    entry.beginnings.delete(number);
    entry.inFlight.delete(number);
    const { damaged, kind } = entry.record;
    // A model in the library is proven: a piece that comes otherwise stays damaged.
    if (kind === 'verify' && piece.sha256 !== entry.pieces.get(number)?.sha256) return;
    journal.notePiece(entry.id, number, piece, entry.record.fetchedBytes);
    entry.pieces.set(number, piece);
    if (damaged.includes(number)) damaged.splice(damaged.indexOf(number), 1);
    this.#host.changed();
  }

  #markDamaged(number: number): void {
    const { entry, journal } = this.#host;
    if (!entry.record.damaged.includes(number)) entry.record.damaged.push(number);
    entry.beginnings.delete(number);
    if (entry.record.kind === 'download') {
      journal.notePiece(entry.id, number, null, entry.record.fetchedBytes);
      entry.pieces.delete(number);
    }
    this.#host.changed();
  }

  /** The pieces are as they came and the whole is wrong: fetches them again until it is right. */
  async #search(): Promise<void> {
    const { entry, source } = this.#host;
    this.#state('repairing');
    entry.checkedPieces = entry.searched.size;
    for (const [part, file] of this.#files.entries()) {
      if (!file || (await this.#isPartWhole(part))) continue;
      await this.#leaveOutProven(part);
      const found = await searchPart(
        {
          part,
          layout: entry.layout,
          remote: this.#remoteOf(part),
          file,
          source,
          retries: this.#retries,
          connections: CONNECTIONS,
          searched: entry.searched,
          receivedOf: (number) => entry.pieces.get(number),
          onBytes: (count) => this.#fetched(count),
          onSearched: () => {
            entry.checkedPieces = entry.searched.size;
            this.#host.changed();
          },
          onReplaced: (number, piece) => this.#received(number, piece),
          isWhole: () => this.#isPartWhole(part),
        },
        this.#signal,
      );
      if (!found) throw await this.#notFound(part);
    }
    this.#endSearch();
  }

  /** Pieces whose bytes the Hub's own hashes prove need not come again. */
  async #leaveOutProven(part: number): Promise<void> {
    const { entry, hasher, xet } = this.#host;
    const blocks = await xet.blocksOf(this.#remoteOf(part), this.#signal);
    if (!blocks) return;
    const right: XetBlock[] = [];
    await hasher.open(this.#pathOf(part));
    for (const block of blocks) {
      if (this.#signal.aborted) throw appError('aborted');
      if (await hasher.isBlock(block)) right.push(block);
    }
    await hasher.end();
    for (const number of provenPieces(entry.layout, part, right)) entry.searched.add(number);
    entry.checkedPieces = entry.searched.size;
    this.#host.changed();
  }

  #endSearch(): void {
    this.#entry.wantsSearch = false;
    this.#entry.searched.clear();
  }

  async #notFound(part: number) {
    this.#endSearch();
    return appError('checksum_mismatch', {
      expected: this.#entry.record.parts[part]?.sha256 ?? '',
      actual: await this.#hashPart(part),
      canSearch: false,
      searchBytes: 0,
    });
  }

  async #isPartWhole(part: number): Promise<boolean> {
    return (await this.#hashPart(part)) === this.#entry.record.parts[part]?.sha256;
  }

  async #hashPart(part: number, path = this.#pathOf(part), onPiece?: (n: number, sha256: string) => void) {
    const { hasher } = this.#host;
    await hasher.open(path);
    for (const [number, { part: of, offset, length }] of this.#entry.layout.entries()) {
      if (of !== part) continue;
      if (this.#signal.aborted) throw appError('aborted');
      const { sha256 } = await hasher.piece({ offset, length, ofPiece: true, expected: null });
      if (sha256 !== null) onPiece?.(number, sha256);
    }
    return hasher.end();
  }

  /** A file that lies under the final name already and is the right one needs no download. */
  async #adoptExisting(): Promise<void> {
    const { entry } = this.#host;
    for (const [part, record] of entry.record.parts.entries()) {
      const size = await sizeOf(record.target);
      if (size === null) {
        record.isVerified = false;
        continue;
      }
      if (record.isVerified && this.#hasAllPieces(part)) continue;
      this.#state('checking');
      const pieces = new Map<number, ReceivedPiece>();
      const actual = await this.#hashPart(part, record.target, (number, sha256) =>
        pieces.set(number, { sha256, isSuspect: false }),
      );
      if (size !== record.sizeBytes || actual !== record.sha256) {
        await this.#host.moveTargets();
        return this.#adoptExisting();
      }
      for (const [number, piece] of pieces) this.#received(number, piece);
      record.isVerified = true;
    }
    await this.#note({});
  }

  #hasAllPieces(part: number): boolean {
    const { layout, pieces } = this.#entry;
    return layout.every((piece, number) => piece.part !== part || pieces.has(number));
  }

  async #withFiles(work: () => Promise<void>): Promise<void> {
    try {
      for (const part of this.#entry.record.parts.keys()) this.#files.push(await this.#openPart(part));
      await work();
    } finally {
      keepBeginnings(this.#entry);
      await Promise.allSettled(this.#files.map((file) => file?.close()));
      this.#files = [];
    }
  }

  async #openPart(part: number): Promise<PartFile | null> {
    const { entry, disk } = this.#host;
    const record = entry.record.parts[part];
    if (!record || this.#isSettled(part)) return null;
    // A model of the library that has gone is missing: nothing is put in its place.
    const mayMake = entry.record.kind === 'download';
    const file = await PartFile.open(disk, this.#pathOf(part), { mayMake });
    if (entry.record.kind === 'download') record.isOurs = true;
    // Somebody may have cut or deleted it.
    const size = await file.size();
    for (const [number, piece] of entry.layout.entries()) {
      const isBehind = piece.part === part && piece.offset + piece.length > size;
      if (isBehind && entry.isHere(number)) this.#markDamaged(number);
    }
    return file;
  }

  /** The files are on the disk and closed: Windows renames no open ones. */
  async #giveNames(): Promise<void> {
    const { parts } = this.#entry.record;
    const sizes = await Promise.all(parts.map(({ target }) => sizeOf(target)));
    // A file that came while this was on its way: a rename would replace it.
    if (parts.some(({ isVerified }, part) => !isVerified && sizes[part] !== null)) {
      await this.#host.moveTargets();
    }
    for (const [part, record] of this.#entry.record.parts.entries()) {
      if (record.isVerified) continue;
      await giveName(this.#pathOf(part), record.target);
      record.isVerified = true;
    }
    // Written once more when the run ends; a crash before finds the files under their names.
    this.#note({}).catch((error: unknown) => this.#host.notWritten(error));
  }

  async #syncFiles(): Promise<void> {
    for (const [part, file] of this.#files.entries()) await file?.finish(this.#sizeOf(part));
  }

  #pathOf(part: number): string {
    const { kind, parts } = this.#entry.record;
    const { target = '', isVerified = false } = parts[part] ?? {};
    return kind === 'verify' || isVerified ? target : target + PARTIAL;
  }

  #sizeOf(part: number): number {
    return this.#entry.record.parts[part]?.sizeBytes ?? 0;
  }

  #state(state: Entry['record']['state']): void {
    if (this.#entry.record.state === state) return;
    this.#entry.record.state = state;
    this.#host.changed();
  }

  async #note(patch: Partial<Entry['record']>): Promise<void> {
    Object.assign(this.#entry.record, patch);
    await this.#host.journal.write(this.#entry.record);
  }
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    (stats) => (stats.isFile() ? stats.size : null),
    () => null,
  );
}
