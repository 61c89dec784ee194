import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { appError, errorCodeOf, isAppError, type Download, type Provenance } from '../contract/index.ts';
import { entries as entryFiles } from '../entries.ts';
import type { EventBus } from '../events.ts';
import type { Platform } from '../platform.ts';
import type { StoreClient } from '../store/api.ts';
import { createAnnouncer } from './announcer.ts';
import {
  RUNNING_AT_ONCE,
  type DownloadLibrary,
  type DownloadNetwork,
  type Downloads,
  type HubSource,
} from './api.ts';
import { addToLibrary } from './arrival.ts';
import { Entry, type Interruption } from './entry.ts';
import { createHasher } from './hasher.ts';
import { Job } from './job.ts';
import { openJournal, type DownloadRecord } from './journal.ts';
import { deleteFiles, systemDisk, type Disk } from './part-file.ts';
import { nextToRun } from './queue.ts';
import { createRangeSource, resolveUrl } from './range-source.ts';
import { recordOfFile, recordOfModel, receivedOf } from './records.ts';
import { PARTIAL } from './target-names.ts';
import { chooseTargets, moveTargets } from './targets.ts';
import { isTransient } from './transfer.ts';
import { createXetSource } from './xet.ts';

interface DownloadsOptions {
  network: DownloadNetwork;
  hub: HubSource;
  store: Pick<StoreClient, 'provenance'>;
  models: DownloadLibrary;
  bus: EventBus;
  log: Platform['log'];
  dataDir: string;
  /** Where models go; null when the host has no folder for them. */
  folder: string | null;
  /** Of the Hub or a mirror, without a slash at its end. */
  endpoint: () => string;
  isOffline: () => boolean;
  hubToken: () => Promise<string | null>;
  /** For tests. */
  disk?: Disk;
  retryDelaysMs?: readonly number[];
}

/** Makes the downloads of one data folder. What the last run left is there, paused. */
export function createDownloads(options: DownloadsOptions): Downloads {
  return new DownloadService(options);
}

class DownloadService implements Downloads {
  readonly #options: DownloadsOptions;
  readonly #disk: Disk;
  readonly #journal;
  readonly #announcer;
  readonly #entries = new Map<string, Entry>();
  /** By content: two calls at once are one. */
  readonly #starting = new Map<string, Promise<Download>>();
  readonly #loaded: Promise<void>;
  #closed = false;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#disk = options.disk ?? systemDisk;
    this.#journal = openJournal(options.dataDir);
    this.#announcer = createAnnouncer(() =>
      options.bus.emit({ type: 'downloads.changed', downloads: this.#views() }),
    );
    this.#loaded = this.#load();
  }

  async #load(): Promise<void> {
    const { store, log } = this.#options;
    for (const stored of this.#journal.readAll()) {
      const entry = new Entry(stored);
      const { record } = entry;
      if (entry.isBusy || record.state === 'waiting') {
        Object.assign(record, { state: 'paused', pauseReason: 'restart', error: null });
      }
      if (record.kind === 'verify') {
        const known = await store.provenance.get({ modelId: record.modelId ?? '' }).catch(() => null);
        if (!known) {
          await this.#journal.remove(entry.id);
          continue;
        }
        for (const [number, piece] of receivedOf(known)) entry.pieces.set(number, piece);
      }
      this.#entries.set(entry.id, entry);
    }
    log('downloads.loaded', { count: this.#entries.size });
    if (this.#entries.size > 0) this.#announcer.soon();
  }

  async list(): Promise<Download[]> {
    await this.#loaded;
    return this.#views();
  }

  #views(): Download[] {
    const now = performance.now();
    return [...this.#entries.values()]
      .filter(({ record }) => !record.isKept)
      .sort((a, b) => a.record.startedAt - b.record.startedAt)
      .map((entry) => entry.view(now));
  }

  async #entryOf(id: string): Promise<Entry> {
    await this.#loaded;
    const entry = this.#entries.get(id);
    if (!entry || entry.record.isKept) throw appError('not_found');
    return entry;
  }

  async start(wanted: Parameters<Downloads['start']>[0]): Promise<Download> {
    await this.#loaded;
    const { repo, revision, path, allowOnce = false } = wanted;
    const { hub, folder } = this.#options;
    if (folder === null) throw appError('invalid_input', { reason: 'no_model_folder' });
    await this.#refuseWhenOffline({ repo, revision, path }, allowOnce);
    const facts = await hub.filesOf(repo, revision, { mayPassOffline: allowOnce });
    const file = facts.files.find((candidate) => candidate.path === path);
    if (!file) throw appError('not_found');
    const record = recordOfFile({ repo, revision }, facts, file);
    const key = keyOf(record);
    const starting =
      this.#starting.get(key) ??
      this.#startRecord(record, folder, allowOnce).finally(() => this.#starting.delete(key));
    this.#starting.set(key, starting);
    return starting;
  }

  async #startRecord(record: DownloadRecord, folder: string, allowOnce: boolean): Promise<Download> {
    const known = await this.#sameAs(record);
    if (known) return this.#startAgain(known, allowOnce);
    const entry = new Entry({ record, pieces: new Map() });
    entry.allowOnce = allowOnce;
    chooseTargets(entry, folder, this.#entries.values());
    await this.#expectSpace(entry);
    await this.#probe(entry);
    // Another download may have taken the names meanwhile.
    chooseTargets(entry, folder, this.#entries.values());
    this.#entries.set(entry.id, entry);
    return this.#enqueue(entry);
  }

  /** A download of the same content, unless its model has left the library since. */
  async #sameAs(record: DownloadRecord): Promise<Entry | null> {
    const key = keyOf(record);
    for (const entry of this.#entries.values()) {
      if (entry.record.kind !== 'download' || keyOf(entry.record) !== key) continue;
      if (entry.record.state !== 'done' || (await this.#isInLibrary(entry))) return entry;
      await this.#forget(entry);
    }
    return null;
  }

  async #isInLibrary({ record }: Entry): Promise<boolean> {
    if (record.modelId === null) return record.parts.every(({ target }) => existsSync(target));
    return this.#options.models.partPathsOf(record.modelId).then(
      () => true,
      () => false,
    );
  }

  async #startAgain(entry: Entry, allowOnce: boolean): Promise<Download> {
    const { record } = entry;
    if (record.isKept) Object.assign(record, { isKept: false, startedAt: Date.now() });
    if (record.state === 'paused' || record.state === 'failed') await this.resume(entry.id, { allowOnce });
    return entry.view(performance.now());
  }

  /** Errors that the server would give, told at once; nothing of the file is kept. */
  async #probe(entry: Entry): Promise<void> {
    const [first] = entry.record.parts;
    if (!first || first.sizeBytes === 0) return;
    const { repo, revision } = entry.record;
    const source = this.#sourceOf(entry);
    const remote = { ...first, repo, revision };
    try {
      const answer = await source.open(remote, 0, 1, { signal: new AbortController().signal });
      await answer.cancel();
    } catch (error) {
      // What may pass is tried again by the run itself.
      if (isAppError(error) && !isTransient(error)) throw error;
    }
  }

  #sourceOf(entry: Entry) {
    const { network, endpoint, hubToken } = this.#options;
    return createRangeSource({ network, endpoint, hubToken, mayPassOffline: () => entry.allowOnce });
  }

  /** The refusal is in the ledger like every other. */
  async #refuseWhenOffline(
    file: { repo: string; revision: string; path: string },
    allowOnce: boolean,
  ): Promise<void> {
    const { isOffline, network, endpoint } = this.#options;
    if (allowOnce || !isOffline()) return;
    const url = resolveUrl(endpoint(), file);
    const answer = await network.request({ url, purpose: 'models.download', method: 'HEAD' });
    await answer.cancel();
  }

  /** @throws disk_full with `needBytes` and `freeBytes`, what other downloads still need taken off */
  async #expectSpace(entry: Entry): Promise<void> {
    const [first] = entry.record.parts;
    if (!first || entry.record.kind === 'verify') return;
    const here = entry.record.parts.filter(({ target }) => existsSync(target));
    const needBytes = entry.sizeBytes - Math.max(entry.receivedBytes(), sum(here));
    const promised = [...this.#entries.values()]
      .filter((other) => other !== entry && (other.isBusy || other.record.state === 'waiting'))
      .reduce((total, other) => total + other.sizeBytes - other.receivedBytes(), 0);
    const freeBytes = Math.max(0, (await this.#disk.freeBytes(dirname(first.target))) - promised);
    if (needBytes > freeBytes) throw appError('disk_full', { needBytes, freeBytes });
  }

  async #enqueue(entry: Entry): Promise<Download> {
    Object.assign(entry.record, { state: 'waiting', pauseReason: null, error: null });
    this.#schedule();
    await this.#writeQuietly(entry);
    return entry.view(performance.now());
  }

  #schedule(): void {
    this.#announcer.soon();
    if (this.#closed) return;
    const listed = [...this.#entries.values()].filter(({ record }) => !record.isKept);
    for (const entry of nextToRun(listed, RUNNING_AT_ONCE)) this.#run(entry);
  }

  #run(entry: Entry): void {
    const abort = new AbortController();
    entry.record.state = entry.record.kind === 'download' ? 'running' : 'checking';
    entry.meter.reset();
    const ended = this.#work(entry, abort.signal).then(
      () => this.#settle(entry, null),
      (error: unknown) => this.#settle(entry, error),
    );
    entry.running = { abort, ended, interruption: null };
    this.#announcer.soon();
  }

  async #work(entry: Entry, signal: AbortSignal): Promise<void> {
    const { retryDelaysMs } = this.#options;
    const startedAt = performance.now();
    const hasher = createHasher(entryFiles.hashWorker);
    const job = new Job(
      {
        entry,
        hasher,
        journal: this.#journal,
        disk: this.#disk,
        source: this.#sourceOf(entry),
        xet: createXetSource({ ...this.#options, mayPassOffline: () => entry.allowOnce }),
        retryDelaysMs,
        moveTargets: () => moveTargets(entry, this.#options.folder ?? ''),
        nearlyHere: () => this.#options.models.expectDownload(),
        notWritten: (error) => this.#notWritten(error),
        changed: () => this.#announcer.soon(),
      },
      signal,
    );
    try {
      if (entry.record.kind === 'verify') {
        await job.verify();
        await this.#noteVerified(entry, performance.now() - startedAt);
      } else {
        await job.download();
        await addToLibrary(entry, this.#options);
      }
    } finally {
      await hasher.close();
    }
  }

  async #noteVerified({ record }: Entry, verifyMs: number): Promise<void> {
    const { modelId } = record;
    if (modelId !== null) {
      await this.#options.store.provenance.setVerified({ modelId, at: Date.now(), verifyMs });
    }
  }

  async #settle(entry: Entry, error: unknown): Promise<void> {
    const { log } = this.#options;
    entry.settle(error);
    entry.record.isClean = true;
    entry.allowOnce = false;
    entry.running = null;
    const { state, pauseReason } = entry.record;
    log('downloads.ended', { state, pauseReason, code: error === null ? null : errorCodeOf(error) });
    this.#schedule();
    await this.#writeQuietly(entry);
  }

  /** On a full disk the older record stays: its pieces are checked when it goes on. */
  async #writeQuietly(entry: Entry): Promise<void> {
    await this.#journal.write(entry.record).catch((error: unknown) => this.#notWritten(error));
  }

  #notWritten(error: unknown): void {
    this.#options.log('downloads.not_written', { code: errorCodeOf(error) });
  }

  /** Ends what runs of an entry, and waits. */
  async #interrupt(entry: Entry, interruption: Interruption): Promise<void> {
    const { running } = entry;
    if (!running) return;
    running.interruption ??= interruption;
    running.abort.abort();
    await running.ended;
  }

  async pause(id: string): Promise<void> {
    const entry = await this.#entryOf(id);
    entry.asked += 1;
    await this.#interrupt(entry, 'user');
    if (entry.record.state !== 'waiting') return;
    Object.assign(entry.record, { state: 'paused', pauseReason: 'user' });
    this.#schedule();
    await this.#writeQuietly(entry);
  }

  async resume(id: string, { allowOnce = false }: { allowOnce?: boolean | undefined } = {}): Promise<void> {
    const entry = await this.#entryOf(id);
    if (entry.record.state !== 'paused' && entry.record.state !== 'failed') return;
    const asked = (entry.asked += 1);
    const isMissingSome = entry.layout.some((_, number) => !entry.isHere(number));
    if (isMissingSome || entry.wantsSearch) await this.#refuseWhenOffline(entry.record, allowOnce);
    await this.#expectSpace(entry);
    if (!this.#mayGoOn(entry, asked)) return;
    entry.allowOnce = allowOnce;
    await this.#enqueue(entry);
  }

  /** False when something else was asked of it meanwhile: it was paused, cancelled, or resumed already. */
  #mayGoOn(entry: Entry, asked: number): boolean {
    const isStopped = entry.record.state === 'paused' || entry.record.state === 'failed';
    return (
      isStopped && entry.asked === asked && this.#entries.get(entry.id) === entry && !entry.record.isKept
    );
  }

  async search(id: string, { allowOnce = false }: { allowOnce?: boolean | undefined } = {}): Promise<void> {
    const entry = await this.#entryOf(id);
    const { state, error } = entry.record;
    if (state !== 'failed' || error?.data['canSearch'] !== true) throw appError('conflict');
    const asked = (entry.asked += 1);
    await this.#refuseWhenOffline(entry.record, allowOnce);
    if (!this.#mayGoOn(entry, asked)) return;
    entry.allowOnce = allowOnce;
    entry.wantsSearch = true;
    await this.#enqueue(entry);
  }

  async cancel(id: string, { keep }: { keep: boolean }): Promise<void> {
    const entry = await this.#entryOf(id);
    entry.asked += 1;
    const { record } = entry;
    const wasDone = record.state === 'done';
    await this.#interrupt(entry, 'cancel');
    const isHere = wasDone || (keep && record.state === 'done');
    if (record.kind === 'verify' || isHere) return this.#forget(entry);
    if (keep) {
      Object.assign(record, { state: 'paused', pauseReason: 'user', error: null, isKept: true });
      this.#schedule();
      return this.#writeQuietly(entry);
    }
    await this.#forget(entry);
    const ours = record.parts.filter(({ isOurs }) => isOurs);
    // It ended while it was being stopped: what the user wants gone is in the library by now.
    if (record.modelId !== null && ours.length > 0) await this.#options.models.takeBack(record.modelId);
    await deleteFiles(ours.map(({ target, isVerified }) => (isVerified ? target : target + PARTIAL)));
  }

  async clear(id: string): Promise<void> {
    const entry = await this.#entryOf(id);
    const { kind, state } = entry.record;
    if (entry.running || (kind === 'download' && state !== 'done')) throw appError('conflict');
    await this.#forget(entry);
  }

  async #forget(entry: Entry): Promise<void> {
    this.#entries.delete(entry.id);
    this.#schedule();
    await this.#journal.remove(entry.id);
  }

  async verify(modelId: string): Promise<Download> {
    await this.#loaded;
    const { store, models } = this.#options;
    const known = await store.provenance.get({ modelId });
    if (!known) throw appError('not_found');
    const targets = await models.partPathsOf(modelId);
    for (const entry of [...this.#entries.values()]) {
      if (entry.record.kind !== 'verify' || entry.record.modelId !== modelId) continue;
      if (entry.running || entry.record.state === 'waiting') return entry.view(performance.now());
      await this.#forget(entry);
    }
    const record = recordOfModel(known, targets);
    const entry = new Entry({ record, pieces: receivedOf(known) });
    this.#entries.set(entry.id, entry);
    return this.#enqueue(entry);
  }

  async provenance(modelId: string): Promise<Provenance | null> {
    const known = await this.#options.store.provenance.get({ modelId });
    if (!known) return null;
    const { repo, revision, licence, baseModels, downloadedAt, verifiedAt, verifyMs } = known;
    const files = known.files.map(({ path, sizeBytes, sha256 }) => ({ path, sizeBytes, sha256 }));
    return { repo, revision, files, licence, baseModels, downloadedAt, verifiedAt, verifyMs };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#loaded;
    await Promise.all([...this.#entries.values()].map((entry) => this.#interrupt(entry, 'restart')));
    this.#announcer.stop();
    await this.#journal.close();
  }
}

/** The content of a download, whatever its name: equal for the same file of two repositories. */
function keyOf(record: DownloadRecord): string {
  return record.parts.map(({ sha256 }) => sha256).join(' ');
}

function sum(parts: readonly { sizeBytes: number }[]): number {
  return parts.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}
