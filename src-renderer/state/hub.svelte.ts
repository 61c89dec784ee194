import { SvelteMap } from 'svelte/reactivity';
import type {
  AppClient,
  AppEvent,
  CatalogueEntry,
  Download,
  HubFile,
  HubModel,
} from '../../src-main/contract/index.ts';
import type { DownloadsStore, HubFileTarget } from './downloads.svelte.ts';
import { failureOf, type Failure } from './failure.ts';
import { HubSearch } from './hub-search.svelte.ts';

export interface HubPage {
  readonly model: HubModel | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
}

/** A download that the Offline switch refused, and how to let this one through. */
export interface RefusedDownload {
  readonly name: string;
  readonly allow: () => Promise<void>;
}

/** Key of a file of a page, or of a suggestion, among the steps under way and their failures. */
export function fileKey({ repo, path }: Pick<HubFileTarget, 'repo' | 'path'>): string {
  return `${repo}/${path}`;
}

/** The hub as the screens see it: suggestions, search, pages that were opened, downloads that are asked for. */
export class HubStore {
  readonly search: HubSearch;
  /** Came with the app; empty until asked for. */
  catalogue = $state.raw<readonly CatalogueEntry[]>([]);
  catalogueFailure = $state.raw<Failure | null>(null);
  /** The download that the dialog is about. */
  refused = $state.raw<RefusedDownload | null>(null);
  readonly #pages = new SvelteMap<string, HubPage>();
  readonly #calls = new Map<string, AbortController>();
  /** Steps towards a download, by {@link fileKey} or address. */
  readonly #pending = new SvelteMap<string, true>();
  readonly #failures = new SvelteMap<string, Failure>();
  readonly #client: AppClient;
  readonly #downloads: DownloadsStore;

  constructor(client: AppClient, downloads: DownloadsStore) {
    this.#client = client;
    this.#downloads = downloads;
    this.search = new HubSearch(client);
  }

  handle(event: AppEvent): void {
    if (event.type === 'gap' && this.catalogueFailure !== null) void this.readCatalogue();
  }

  /** Without a request. */
  async readCatalogue(): Promise<void> {
    if (this.catalogue.length > 0) return;
    try {
      this.catalogue = await this.#client.hub.catalogue();
      this.catalogueFailure = null;
    } catch (error) {
      this.catalogueFailure = failureOf(error);
    }
  }

  /** A page that was opened in this window; undefined before. */
  page(address: string): HubPage | undefined {
    return this.#pages.get(address);
  }

  /** Reads a page over the network: only when the user asked for it. */
  async open(address: string, options: { again?: boolean } = {}): Promise<void> {
    const known = this.#pages.get(address);
    if (known !== undefined && known.failure === null && options.again !== true) return;
    this.#calls.get(address)?.abort();
    const abort = new AbortController();
    this.#calls.set(address, abort);
    this.#pages.set(address, { model: known?.model ?? null, failure: null, loading: true });
    try {
      const model = await this.#client.hub.model({ address }, { signal: abort.signal });
      if (!abort.signal.aborted) this.#pages.set(address, { model, failure: null, loading: false });
    } catch (error) {
      if (!abort.signal.aborted)
        this.#pages.set(address, { model: null, failure: failureOf(error), loading: false });
    }
  }

  isPending(key: string): boolean {
    return this.#pending.has(key);
  }

  /** Why the last step towards a download failed. */
  failureOf(key: string): Failure | null {
    return this.#failures.get(key) ?? null;
  }

  forgetFailure(key: string): void {
    this.#failures.delete(key);
  }

  /** Starts the download of a file of a page. @param name for the question that Offline leads to */
  async get(target: HubFileTarget, name: string): Promise<Download | null> {
    return this.#step(fileKey(target), name, (allowOnce) => this.#downloads.start(target, allowOnce));
  }

  /**
   * Starts the download of a suggestion: reads its page, then takes the file that the address names, else the
   * recommended one.
   */
  async getSuggestion(address: string, name: string): Promise<Download | null> {
    return this.#step(address, name, async (allowOnce) => {
      const model = await this.#client.hub.model({ address, allowOnce });
      this.#pages.set(address, { model, failure: null, loading: false });
      const path = model.wantedPath ?? model.recommended?.path ?? firstModel(model.files)?.path;
      if (path === undefined) throw new Error('no model file');
      return this.#downloads.start({ repo: model.repo, revision: model.revision, path }, allowOnce);
    });
  }

  /** Goes on with a download that was paused or failed. @param name for the question that Offline leads to */
  async resume(download: Download, name: string): Promise<void> {
    await this.#step(download.id, name, async (allowOnce) => {
      await this.#downloads.resume(download.id, allowOnce);
      return download;
    });
  }

  /** Looks for the part that arrived wrong. @param name for the question that Offline leads to */
  async lookForWrongPart(download: Download, name: string): Promise<void> {
    await this.#step(download.id, name, async (allowOnce) => {
      await this.#downloads.search(download.id, allowOnce);
      return download;
    });
  }

  async #step(
    key: string,
    name: string,
    start: (allowOnce: boolean) => Promise<Download>,
    allowOnce = false,
  ): Promise<Download | null> {
    if (this.#pending.has(key)) return null;
    this.#pending.set(key, true);
    this.#failures.delete(key);
    try {
      return await start(allowOnce);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.code === 'offline' && !allowOnce) {
        this.refused = { name, allow: async () => void (await this.#step(key, name, start, true)) };
      } else if (failure.code !== 'aborted') {
        this.#failures.set(key, failure);
      }
      return null;
    } finally {
      this.#pending.delete(key);
    }
  }
}

function firstModel(files: readonly HubFile[]): HubFile | undefined {
  return files.find((file) => file.kind === 'model');
}
