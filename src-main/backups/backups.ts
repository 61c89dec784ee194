import { statfs } from 'node:fs/promises';
import { appError, errorCodeOf, type Backup, type RestoreStep } from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type { Platform } from '../platform.ts';
import type { Store } from '../store/api.ts';
import { backupBytes, databaseBytes, SPARE_BYTES } from '../store/files.ts';
import type { Search } from '../store/open-search.ts';

const DAY_MS = 24 * 3_600_000;
/** The first minute of a run belongs to the person. */
const FIRST_LOOK_MS = 60_000;
/** Progress is looked at, not measured. */
const STEP_INTERVAL_MS = 100;
/** A computer that slept is noticed within this time. */
const LOOK_INTERVAL_MS = 3_600_000;

export interface BackupsDeps {
  store: Pick<Store, 'files' | 'history'>;
  search: Pick<Search, 'close'>;
  bus: Pick<EventBus, 'emit'>;
  log: Platform['log'];
  dataDir: string;
  /** Ends what is being written, before the database is exchanged. */
  stopAnswers(): Promise<void>;
  /** What a start does to a database: ends what it says is under way. */
  tidy(): Promise<void>;
  now?: () => number;
  firstLookMs?: number;
  /** None is made by itself. */
  isReadOnly?: boolean;
}

export interface Backups {
  list(): Promise<Backup[]>;
  space(): Promise<{ freeBytes: number; neededBytes: number; backupBytes: number; trashChats: number }>;
  /** @throws disk_full with `needBytes` and `freeBytes` */
  make(): Promise<void>;
  /** @throws not_found, aborted, conflict, store_damaged, store_newer, disk_full: the present chats stay */
  restore(id: string, signal?: AbortSignal): Promise<void>;
  /** Makes the day's backup when it is due. A failure is in the log, and the next look tries again. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Backups of the chats: once a day by itself, by hand, and back again. */
export function createBackups(deps: BackupsDeps): Backups {
  const {
    store,
    search,
    bus,
    log,
    dataDir,
    now = Date.now,
    firstLookMs = FIRST_LOOK_MS,
    isReadOnly = false,
  } = deps;
  let restoring: Promise<void> | null = null;
  let looking: Promise<void> = Promise.resolve();
  const closing = new AbortController();

  async function isDue(): Promise<boolean> {
    const [newest] = await store.files.backups(undefined);
    if (newest && now() - newest.createdAt < DAY_MS) return false;
    // An app without chats has nothing to lose.
    const pages = await Promise.all(
      (['chats', 'archive', 'trash'] as const).map((place) =>
        store.history.list({ place, after: null, limit: 1 }),
      ),
    );
    return pages.some(({ total }) => total > 0);
  }

  async function look(): Promise<void> {
    try {
      if (await isDue()) await store.files.backUp({ reason: 'daily' });
    } catch (error) {
      log('backups.failed', { code: errorCodeOf(error) });
    }
  }

  async function exchange(id: string, signal: AbortSignal | undefined): Promise<void> {
    let toldAt = Number.NEGATIVE_INFINITY;
    let told: RestoreStep['step'] | null = null;
    try {
      await store.files.restoreBackup(
        { id },
        {
          signal,
          onStep(step) {
            if (step.step === told && now() - toldAt < STEP_INTERVAL_MS) return;
            [told, toldAt] = [step.step, now()];
            bus.emit({ type: 'backups.restoring', step });
          },
          async prepared() {
            bus.emit({ type: 'backups.restoring', step: null });
            await deps.stopAnswers();
            // Its reader holds the old file; it starts again with the next search.
            await search.close();
          },
        },
      );
    } finally {
      bus.emit({ type: 'backups.restoring', step: null });
    }
    await search.close();
    await deps.tidy();
    log('backups.restored');
    bus.emit({ type: 'gap' });
  }

  const timers = isReadOnly
    ? []
    : [
        setTimeout(() => (looking = look()), firstLookMs),
        setInterval(() => (looking = look()), LOOK_INTERVAL_MS),
      ];
  for (const timer of timers) timer.unref();

  return {
    list: () => store.files.backups(undefined),
    async space() {
      const [{ bavail, bsize }, trash] = await Promise.all([
        statfs(dataDir),
        store.history.list({ place: 'trash', after: null, limit: 1 }),
      ]);
      return {
        freeBytes: bavail * bsize,
        neededBytes: databaseBytes(dataDir) + SPARE_BYTES,
        backupBytes: backupBytes(dataDir),
        trashChats: trash.total,
      };
    },
    make: () => store.files.backUp({ reason: 'manual' }),
    restore(id, signal) {
      if (restoring !== null) throw appError('conflict');
      const any = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      restoring = exchange(id, any).finally(() => (restoring = null));
      return restoring;
    },
    look,
    async close() {
      for (const timer of timers) clearTimeout(timer);
      closing.abort();
      await Promise.all([looking, restoring?.catch(() => {})]);
    },
  };
}
