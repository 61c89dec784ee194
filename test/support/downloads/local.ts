import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppEvent, Download } from '../../../src-main/contract/index.ts';
import type { DownloadLibrary, Downloads } from '../../../src-main/downloads/api.ts';
import { createDownloads } from '../../../src-main/downloads/downloads.ts';
import type { Disk } from '../../../src-main/downloads/part-file.ts';
import { entries } from '../../../src-main/entries.ts';
import { createEventBus } from '../../../src-main/events.ts';
import { createHub } from '../../../src-main/hub/hub.ts';
import { createHeaderReader } from '../../../src-main/models/gguf-header.ts';
import { createPrivacy } from '../../../src-main/privacy/privacy.ts';
import { createSettings } from '../../../src-main/settings/settings.ts';
import { openStore } from '../../../src-main/store/open-store.ts';
import { newModel } from '../store/fixtures.ts';

export interface LocalDownloads {
  downloads: Downloads;
  folder: string;
  dataDir: string;
  events: AppEvent[];
  setOffline(offline: boolean): Promise<void>;
  /** Paths of the files on the list. */
  library(): Promise<string[]>;
  until(id: string, isWanted: (download: Download) => boolean): Promise<Download>;
  close(): Promise<void>;
}

export interface LocalOptions {
  endpoint: string;
  disk?: Disk;
  retryDelaysMs?: readonly number[];
  hubToken?: string;
  root?: string;
  /** Before the library takes a file. */
  beforeAdd?: () => Promise<void>;
}

/**
 * The downloads with the real store, network and hub client, without an engine: for a disk, a clock or a token
 * of the test's own. The library takes every file.
 */
export async function startLocal(options: LocalOptions): Promise<LocalDownloads> {
  const root = options.root ?? (await realpath(await mkdtemp(join(tmpdir(), 'leeward-downloads-'))));
  const [dataDir, folder] = [join(root, 'data'), join(root, 'models')];
  await mkdir(dataDir, { recursive: true });
  const log = () => {};
  const store = await openStore({ workerPath: entries.storeWorker, dataDir, log });
  const bus = createEventBus('run');
  const events: AppEvent[] = [];
  bus.on((event) => events.push(event));
  const file = { read: () => ({ hubEndpoint: options.endpoint }), write: () => {} };
  const settings = createSettings({ file, bus, log });
  const privacy = createPrivacy({ store, settings, bus, sessionId: randomUUID(), log });
  const hubToken = async () => options.hubToken ?? null;
  const headers = createHeaderReader(entries.ggufWorker);
  const hub = createHub({ privacy, settings, hubToken, headers });
  const models: DownloadLibrary = {
    async addDownloaded(path) {
      await options.beforeAdd?.();
      return store.models.upsert(newModel({ path }));
    },
    takeBack: async (id) => void (await store.models.remove({ id })),
    expectDownload: () => {},
    partPathsOf: async (id) => [(await store.models.get({ id })).path],
  };
  const downloads = createDownloads({
    network: privacy,
    hub,
    store,
    models,
    bus,
    log,
    dataDir,
    folder,
    endpoint: () => options.endpoint,
    isOffline: () => privacy.state().offline,
    hubToken,
    ...(options.disk ? { disk: options.disk } : {}),
    ...(options.retryDelaysMs ? { retryDelaysMs: options.retryDelaysMs } : {}),
  });

  return {
    downloads,
    folder,
    dataDir,
    events,
    setOffline: (offline) => privacy.setOffline(offline),
    library: async () => (await store.models.list(undefined)).map(({ path }) => path),
    until: (id, isWanted) =>
      new Promise((resolve, reject) => {
        const look = (list: readonly Download[]) => {
          const found = list.find((download) => download.id === id && isWanted(download));
          if (!found) return;
          stop();
          resolve(found);
        };
        const stop = bus.on((event) => event.type === 'downloads.changed' && look(event.downloads));
        downloads.list().then(look, reject);
      }),
    async close() {
      await downloads.close();
      await hub.close();
      await privacy.close();
      await store.close();
      if (options.root === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}
