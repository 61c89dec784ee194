import type { AppClient, AppEvent, Settings } from '../../src-main/contract/index.ts';

export type SettingsPatch = Parameters<AppClient['settings']['update']>[0];

/** The settings of this installation, the same in every window. */
export class SettingsStore {
  value: Settings;
  readonly #client: AppClient;

  constructor(client: AppClient, value: Settings) {
    this.#client = client;
    this.value = $state.raw(value);
  }

  handle(event: AppEvent): void {
    if (event.type === 'settings.changed') this.value = event.settings;
    else if (event.type === 'gap') void this.refresh();
  }

  async refresh(): Promise<void> {
    this.value = await this.#client.settings.get();
  }

  /** Changes settings; shown when the core has saved them. */
  async update(patch: SettingsPatch): Promise<void> {
    this.value = await this.#client.settings.update(patch);
  }
}
