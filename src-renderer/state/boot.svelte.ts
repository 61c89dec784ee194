import type { Connected } from '../client/index.ts';
import { AppState } from './app.svelte.ts';
import { ConnectionStore } from './connection.svelte.ts';
import { failureOf, type Failure } from './failure.ts';

/** From the page's start to the first screen: connects, fetches what all screens need, pumps the events. */
export class Boot {
  readonly connection: ConnectionStore;
  /** null until everything is there. */
  app = $state.raw<AppState | null>(null);
  /** Why the first fetch failed. */
  failure = $state.raw<Failure | null>(null);
  readonly #connected: Connected;
  #starting = false;

  constructor(connected: Connected) {
    this.#connected = connected;
    this.connection = new ConnectionStore(connected.connection);
  }

  /** For what comes before there is an app. */
  get client() {
    return this.#connected.client;
  }

  /** Starts to follow the connection and its events; returns the dispose. */
  listen(): () => void {
    const disposeEvents = this.#connected.onEvent((event) => this.app?.handle(event));
    const disposeConnection = this.connection.listen(() => void this.start());
    return () => {
      disposeConnection();
      disposeEvents();
      this.app?.dispose();
    };
  }

  /** Fetches what the screens need, or again what could not be fetched while the connection was lost. */
  async start(): Promise<void> {
    if (this.app !== null) {
      this.app.resume();
      return;
    }
    if (this.#starting) return;
    this.#starting = true;
    this.failure = null;
    try {
      this.app = await AppState.create(this.#connected.client, this.connection);
    } catch (error) {
      // A connection that broke again starts this anew by itself.
      if (this.connection.usable) this.failure = failureOf(error);
    } finally {
      this.#starting = false;
    }
  }
}
