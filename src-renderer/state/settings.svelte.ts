import type { AppClient, AppEvent, Settings } from '../../src-main/contract/index.ts';

export type SettingsPatch = Parameters<AppClient['settings']['update']>[0];

/**
 * The settings of this installation, the same in every window. A change of our own shows at once; while it
 * is on its way, the answer to an earlier change, which does not know of it yet, must not turn it back.
 */
export class SettingsStore {
  value: Settings;
  readonly #client: AppClient;
  /** What the core last said. */
  #saved: Settings;
  readonly #underWay: SettingsPatch[] = [];

  constructor(client: AppClient, value: Settings) {
    this.#client = client;
    this.#saved = value;
    this.value = $state.raw(value);
  }

  handle(event: AppEvent): void {
    if (event.type === 'settings.changed') this.#take(event.settings);
    else if (event.type === 'gap') void this.refresh();
  }

  async refresh(): Promise<void> {
    this.#take(await this.#client.settings.get());
  }

  /** Changes settings. @throws what the core refused; the earlier values show again then */
  async update(patch: SettingsPatch): Promise<void> {
    this.#underWay.push(patch);
    this.#take(this.#saved);
    try {
      this.#saved = await this.#client.settings.update(patch);
    } finally {
      this.#underWay.splice(this.#underWay.indexOf(patch), 1);
      this.#take(this.#saved);
    }
  }

  #take(saved: Settings): void {
    this.#saved = saved;
    const changed = this.#underWay.map((patch) =>
      Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)),
    );
    this.value = Object.assign({}, saved, ...changed) as Settings;
  }
}
