import type { Download, HubFile, HubModel, Model, Provenance } from '../contract/index.ts';
import type { OutboundRequest, OutboundResponse } from '../privacy/outbound.ts';

/** The first is what the user sees as running; the rest wait their turn. */
export const RUNNING_AT_ONCE = 1;
/** More gain little, and the Hub's hosts count connections of one address. */
export const CONNECTIONS = 4;

/** What the downloads ask of the hub service. */
export interface HubSource {
  /**
   * Facts of a repository at one commit, with sizes and hashes from the Hub.
   * @throws not_found, hub_gated, offline, network_failed, hub_rate_limited
   */
  filesOf(
    repo: string,
    revision: string,
    options?: { mayPassOffline?: boolean },
  ): Promise<Pick<HubModel, 'licence' | 'baseModels'> & { files: readonly HubFile[] }>;
}

/** What the downloads ask of the model library. */
export interface DownloadLibrary {
  /** Puts a file that was verified into the list; the first model becomes the default one. */
  addDownloaded(path: string): Promise<Pick<Model, 'id'>>;
  /** Takes a download off the list that was cancelled at the moment of its end; its files are deleted next. */
  takeBack(id: string): Promise<void>;
  /** A file will come soon: gets ready to read it. */
  expectDownload(): void;
  /** Absolute paths of a model's parts, in order. @throws not_found, model_file_missing */
  partPathsOf(id: string): Promise<readonly string[]>;
}

/** The only way to the network. */
export interface DownloadNetwork {
  request(request: OutboundRequest): Promise<OutboundResponse>;
}

/** Models on their way into the library, and those that are checked again. */
export interface Downloads {
  /** Oldest first. */
  list(): Promise<Download[]>;
  /**
   * Queues a file with all its parts. The same content twice is the first; what was kept of a cancelled one
   * goes on.
   * @throws offline, disk_full with `needBytes` and `freeBytes`, hub_gated, not_found, network_failed,
   * hub_rate_limited, file_changed; invalid_input when the Hub states no hash
   */
  start(wanted: {
    repo: string;
    revision: string;
    path: string;
    allowOnce?: boolean | undefined;
  }): Promise<Download>;
  pause(id: string): Promise<void>;
  /** @throws not_found, offline, disk_full */
  resume(id: string, options?: { allowOnce?: boolean | undefined }): Promise<void>;
  cancel(id: string, options: { keep: boolean }): Promise<void>;
  /** @throws not_found; conflict unless it failed with something to look for; offline */
  search(id: string, options?: { allowOnce?: boolean | undefined }): Promise<void>;
  /** @throws not_found; conflict unless it ended */
  clear(id: string): Promise<void>;
  /** @throws not_found for a model that the app did not download, model_file_missing */
  verify(modelId: string): Promise<Download>;
  provenance(modelId: string): Promise<Provenance | null>;
  /** Pauses what runs and writes where it is. Before the store and the network end. */
  close(): Promise<void>;
}
