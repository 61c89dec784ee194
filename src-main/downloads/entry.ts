import { appError, isAppError, type Download } from '../contract/index.ts';
import type { DownloadRecord, ReceivedPiece, StoredDownload } from './journal.ts';
import { layoutOf, type Piece } from './pieces.ts';
import { SpeedMeter } from './speed-meter.ts';
import type { PieceBeginning } from './transfer.ts';

/** Why a run was ended from outside. */
export type Interruption = 'user' | 'restart' | 'cancel';

/** States in which something is under way. */
const BUSY: ReadonlySet<Download['state']> = new Set(['running', 'checking', 'repairing']);

/** One download of this run of the app: what the journal keeps, and what only matters while it runs. */
export class Entry {
  readonly record: DownloadRecord;
  readonly layout: readonly Piece[];
  readonly pieces: Map<number, ReceivedPiece>;
  /** Of pieces that were cut off in this run of the app. */
  readonly beginnings = new Map<number, PieceBeginning>();
  /** Bytes of pieces that are coming in. */
  readonly inFlight = new Map<number, number>();
  readonly meter = new SpeedMeter();
  /** Pieces that the current look at the disk has passed. */
  checkedPieces = 0;
  /** The wrong part is looked for when it runs next. */
  wantsSearch = false;
  /** Looked at by searches of this run of the app. */
  readonly searched = new Set<number>();
  /** The user let this one through while offline is on. */
  allowOnce = false;
  /** Counts what the user asked of it: what waited for something finds out that it was overtaken. */
  asked = 0;
  running: { abort: AbortController; ended: Promise<void>; interruption: Interruption | null } | null = null;

  constructor({ record, pieces }: StoredDownload) {
    this.record = record;
    this.pieces = pieces;
    this.layout = layoutOf(record.parts.map(({ sizeBytes }) => sizeBytes));
  }

  get id(): string {
    return this.record.id;
  }

  get sizeBytes(): number {
    return this.record.parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get isBusy(): boolean {
    return BUSY.has(this.record.state);
  }

  /** Whether this piece counts as being on the disk. */
  isHere(number: number): boolean {
    if (this.record.damaged.includes(number)) return false;
    return this.pieces.has(number) || this.isPartVerified(number);
  }

  isPartVerified(number: number): boolean {
    return this.record.parts[this.layout[number]?.part ?? -1]?.isVerified === true;
  }

  receivedBytes(): number {
    const kept = new Map(this.record.beginnings.map(({ number, bytes }) => [number, bytes]));
    const begunBytes = (number: number) =>
      this.inFlight.get(number) ?? this.beginnings.get(number)?.bytes ?? kept.get(number) ?? 0;
    return this.layout.reduce(
      (sum, { length }, number) => sum + (this.isHere(number) ? length : begunBytes(number)),
      0,
    );
  }

  /** What a client sees. `now`: of `performance.now()`. */
  view(now: number): Download {
    const { record } = this;
    const received = this.receivedBytes();
    const isFetching = record.state === 'running' || record.state === 'repairing';
    return {
      id: record.id,
      kind: record.kind,
      repo: record.repo,
      revision: record.revision,
      path: record.path,
      fileName: record.fileName,
      quant: record.quant,
      licence: record.licence,
      state: record.state,
      pauseReason: record.pauseReason,
      sizeBytes: this.sizeBytes,
      receivedBytes: received,
      fetchedBytes: record.fetchedBytes,
      bytesPerSecond: isFetching ? this.meter.bytesPerSecond(now) : null,
      etaMs: record.state === 'running' ? this.meter.etaMs(this.sizeBytes - received, now) : null,
      pieces: this.layout.length,
      checkedPieces: this.checkedPieces,
      damagedPieces: this.#piecesToFetchAgain(),
      error: record.error,
      modelId: record.modelId,
      startedAt: record.startedAt,
    };
  }

  /** While the wrong part is looked for, any piece that was not looked at may be it. */
  #piecesToFetchAgain(): number {
    const isSearching = this.wantsSearch && this.record.state === 'repairing';
    return isSearching ? this.layout.length - this.searched.size : this.record.damaged.length;
  }

  /** How a run ended, written into the record. */
  settle(error: unknown): void {
    const { record } = this;
    const interruption = this.running?.interruption ?? null;
    if (error === null) {
      Object.assign(record, { state: 'done', pauseReason: null, error: null });
      return;
    }
    const reason = interruption === 'cancel' ? 'user' : (interruption ?? pauseReasonOf(error));
    if (reason !== null) {
      Object.assign(record, { state: 'paused', pauseReason: reason, error: null });
      return;
    }
    const { code, data } = isAppError(error) ? error : appError('internal');
    Object.assign(record, { state: 'failed', pauseReason: null, error: { code, data: data.details ?? {} } });
  }
}

/** What passes by itself or by the user's hand pauses; everything else is a failure. */
function pauseReasonOf(error: unknown): Download['pauseReason'] {
  if (!isAppError(error)) return null;
  if (error.code === 'aborted') return 'restart';
  if (error.code === 'disk_full' || error.code === 'offline') return error.code;
  return error.code === 'network_failed' || error.code === 'hub_rate_limited' ? 'network' : null;
}
