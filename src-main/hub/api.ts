import type { CatalogueEntry, Fit, HubFile, HubModel, HubModelSummary, HubSort } from '../contract/index.ts';
import type { GgufHeader } from '../models/gguf-summary.ts';

/** How a call to the hub may go out, and what ends it. */
export interface HubCallOptions {
  /** For a download that the user allowed while offline is on. */
  mayPassOffline?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface HubSearchQuery {
  query: string;
  author: string | null;
  licence: string | null;
  maxParameters: number | null;
  sort: HubSort;
  cursor: string | null;
  /** Only quantised builds of this repository's model. */
  base?: string | undefined;
}

/** One file of one commit. */
export interface HubFileId {
  repo: string;
  revision: string;
  path: string;
}

/** What never changes of a commit. */
export type HubFacts = Pick<HubModel, 'licence' | 'baseModels'> & { files: readonly HubFile[] };

/** A model file on the hub with the headers of all its parts, in their order. */
export interface RemoteHeader {
  file: HubFile;
  parts: readonly GgufHeader[];
}

/** The hub of the settings' endpoint. Every request goes through privacy. */
export interface Hub {
  /** Without a request. */
  catalogue(): CatalogueEntry[];
  /** @throws offline, network_failed, hub_rate_limited with `retryAfterMs` */
  search(
    query: HubSearchQuery,
    options?: HubCallOptions,
  ): Promise<{ models: HubModelSummary[]; cursor: string | null }>;
  /**
   * A page by `owner/name`, web address or `hf:owner/name[:quant]`.
   * @throws invalid_input, not_found, hub_gated, offline, network_failed, hub_rate_limited
   */
  model(address: string, options?: HubCallOptions): Promise<HubModel>;
  /**
   * Licence, bases and files with sizes and hashes at one commit; kept for this run.
   * @throws not_found, hub_gated, offline, network_failed, hub_rate_limited
   */
  filesOf(repo: string, revision: string, options?: HubCallOptions): Promise<HubFacts>;
  /**
   * Reads the header of every part by ranges, kept for this run. `path` is that of the first part.
   * @throws what `filesOf` throws, file_changed, and the header's errors
   */
  headerOf(file: HubFileId, options?: Pick<HubCallOptions, 'mayPassOffline'>): Promise<RemoteHeader>;
  close(): Promise<void>;
}

/** What the hub asks of the fit of one file with the app's own choices. */
export type FitOf = (file: HubFileId) => Promise<Fit>;
/** The model of the library with exactly these contents; null for none. */
export type ModelIdOf = (sha256s: readonly string[]) => Promise<string | null>;
