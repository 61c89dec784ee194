/**
 * - `connecting`: the first connection is being made
 * - `open`: calls and events work
 * - `lost`: it broke and is being made again
 * - `unauthorized`: the token is missing or wrong; trying again cannot help
 * - `outdated`: the page is older or newer than the app and has to be loaded again
 */
export type ConnectionStatus = 'connecting' | 'open' | 'lost' | 'unauthorized' | 'outdated';

/** The connection to the core as the interface shows it. */
export class ConnectionStore {
  status = $state<ConnectionStatus>('connecting');
  /** True when calls can be made. */
  readonly usable = $derived(this.status === 'open');
}
