import type { Connection, ConnectionState } from '../client/index.ts';

/**
 * - `connecting`: the first connection is being made
 * - `open`: calls and events work
 * - `lost`: it broke, or never came about, and is tried again
 * - `unauthorized`: the token is missing or wrong; trying again cannot help
 * - `outdated`: the page is older or newer than the app and has to be loaded again
 */
export type ConnectionStatus = 'connecting' | 'open' | 'lost' | 'unauthorized' | 'outdated';

function statusOf(state: ConnectionState): ConnectionStatus {
  if (state.status !== 'refused') return state.status;
  return state.reason === 'unauthorized' ? 'unauthorized' : 'outdated';
}

/** The connection to the core as the interface shows it. */
export class ConnectionStore {
  status: ConnectionStatus;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.status = $state(statusOf(connection.state));
  }

  /** True when calls can be made. */
  get usable(): boolean {
    return this.status === 'open';
  }

  /** Follows the connection; `onopen` is told each time that it is open. Returns the dispose. */
  listen(onopen: () => void): () => void {
    const dispose = this.#connection.subscribe((state) => this.#take(state, onopen));
    if (this.status === 'open') onopen();
    return dispose;
  }

  /** Tries at once instead of waiting for the next attempt. */
  retry(): void {
    this.#connection.retry();
  }

  #take(state: ConnectionState, onopen: () => void): void {
    // A retry of a lost connection is still a lost one to whoever looks at it.
    if (state.status === 'connecting' && this.status === 'lost') return;
    const wasOpen = this.status === 'open';
    this.status = statusOf(state);
    if (this.status === 'open' && !wasOpen) onopen();
  }
}
