import type { AppClient, AppEvent, Download } from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** A file on the hub, all its parts together. */
export interface HubFileTarget {
  readonly repo: string;
  readonly revision: string;
  readonly path: string;
}

/** True while bytes come or are checked; a waiting one is under way too. */
export function isUnderWay({ state }: Download): boolean {
  return state === 'waiting' || state === 'running' || state === 'checking' || state === 'repairing';
}

/** True while it uses the network. */
function isOnline({ kind, state }: Download): boolean {
  return (kind === 'download' && state === 'running') || state === 'repairing';
}

/** Everything that is downloaded or checked again, as the core tells it. */
export class DownloadsStore {
  list = $state.raw<readonly Download[]>([]);
  failure = $state.raw<Failure | null>(null);
  /** False until the list is what the core has. */
  known = $state(false);
  readonly online = $derived(this.list.filter(isOnline));
  readonly underWay = $derived(this.list.filter(isUnderWay));
  /** Of all together; null while none runs. */
  readonly bytesPerSecond = $derived.by(() => {
    const speeds = this.online.map((download) => download.bytesPerSecond).filter((speed) => speed !== null);
    return speeds.length === 0 ? null : speeds.reduce((sum, speed) => sum + speed, 0);
  });
  readonly #client: AppClient;
  /** Counts what the events brought: an answer asked for earlier must not turn it back. */
  #events = 0;

  constructor(client: AppClient) {
    this.#client = client;
  }

  readonly refresh = createRefresher(async () => {
    const before = this.#events;
    try {
      const list = await this.#client.downloads.list();
      if (before === this.#events) this.list = list;
      this.known = true;
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
    }
  });

  handle(event: AppEvent): void {
    if (event.type === 'gap') void this.refresh();
    if (event.type !== 'downloads.changed') return;
    this.#events += 1;
    this.list = event.downloads;
    this.known = true;
    this.failure = null;
  }

  /** The download of a file, whatever revision it is of. */
  of(repo: string, path: string): Download | undefined {
    return this.list.find(
      (download) => download.kind === 'download' && download.repo === repo && download.path === path,
    );
  }

  /** The newest one of any file of a repository. */
  ofRepo(repo: string): Download | undefined {
    return this.list.findLast((download) => download.kind === 'download' && download.repo === repo);
  }

  /** The check of a model of the library. */
  verifyOf(modelId: string): Download | undefined {
    return this.list.findLast((download) => download.kind === 'verify' && download.modelId === modelId);
  }

  /** @throws offline, disk_full, hub_gated, not_found, network_failed */
  async start(target: HubFileTarget, allowOnce = false): Promise<Download> {
    const { repo, revision, path } = target;
    return this.#put(await this.#client.downloads.start({ repo, revision, path, allowOnce }));
  }

  /** Hashes a model of the library again. */
  async verify(modelId: string): Promise<Download> {
    return this.#put(await this.#client.models.verify({ id: modelId }));
  }

  async pause(id: string): Promise<void> {
    await this.#client.downloads.pause({ id });
  }

  /** @throws offline unless `allowOnce` */
  async resume(id: string, allowOnce = false): Promise<void> {
    await this.#client.downloads.resume({ id, allowOnce });
  }

  /** @param keep what has arrived stays on the disk for a later start */
  async cancel(id: string, keep: boolean): Promise<void> {
    await this.#client.downloads.cancel({ id, keep });
    this.#forget(id);
  }

  /** Looks for the part that arrived wrong. @throws offline unless `allowOnce` */
  async search(id: string, allowOnce = false): Promise<void> {
    await this.#client.downloads.search({ id, allowOnce });
  }

  async clear(id: string): Promise<void> {
    await this.#client.downloads.clear({ id });
    this.#forget(id);
  }

  // Shows at once what was started or ended; the next event says the same.
  #put(download: Download): Download {
    if (!this.list.some((known) => known.id === download.id)) this.list = [...this.list, download];
    return download;
  }

  #forget(id: string): void {
    this.list = this.list.filter((download) => download.id !== id);
  }
}
