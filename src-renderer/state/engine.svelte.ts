import type { AppClient, AppEvent, EngineState, Machine } from '../../src-main/contract/index.ts';

/** What the engine does now. */
export class EngineStore {
  state: EngineState;
  machine = $state.raw<Machine | null>(null);
  readonly #client: AppClient;

  constructor(client: AppClient, state: EngineState) {
    this.#client = client;
    this.state = $state.raw(state);
  }

  handle(event: AppEvent): void {
    if (event.type === 'engine.changed') this.state = event.state;
    else if (event.type === 'gap') void this.refresh();
  }

  async refresh(): Promise<void> {
    this.state = await this.#client.engine.state();
  }

  /** Processor, memory and disk of the computer that runs the core, measured now. */
  async refreshMachine(): Promise<void> {
    this.machine = await this.#client.system.machine();
  }

  /** Starts the engine again after it gave up. */
  async restart(): Promise<void> {
    await this.#client.engine.restart();
  }
}
