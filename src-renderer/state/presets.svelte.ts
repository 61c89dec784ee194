import type {
  AppClient,
  AppEvent,
  Preset,
  PresetImport,
  PresetValues,
} from '../../src-main/contract/index.ts';
import { createRefresher } from './refresher.ts';

/** The library of presets, fetched when something first shows it. */
export class PresetsStore {
  list = $state.raw<readonly Preset[]>([]);
  #wanted = false;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  readonly refresh = createRefresher(async () => {
    this.#wanted = true;
    this.list = await this.#client.presets.list();
  });

  handle(event: AppEvent): void {
    if (this.#wanted && (event.type === 'presets.changed' || event.type === 'gap')) {
      void this.refresh().catch(() => undefined);
    }
  }

  byId(id: string | null): Preset | undefined {
    return id === null ? undefined : this.list.find((preset) => preset.id === id);
  }

  async create(name: string, values: PresetValues): Promise<Preset> {
    const preset = await this.#client.presets.create({ name, ...values });
    await this.refresh();
    return preset;
  }

  async update(id: string, patch: Partial<PresetValues & { name: string }>): Promise<void> {
    await this.#client.presets.update({ id, patch });
    await this.refresh();
  }

  async duplicate(id: string, name: string): Promise<Preset> {
    const preset = await this.#client.presets.duplicate({ id, name });
    await this.refresh();
    return preset;
  }

  async remove(id: string): Promise<void> {
    await this.#client.presets.remove({ id });
    await this.refresh();
  }

  /** Undoes `remove`. */
  async restore(id: string): Promise<void> {
    await this.#client.presets.restore({ id });
    await this.refresh();
  }

  exportFile(ids: readonly string[]): Promise<{ fileName: string; text: string }> {
    return this.#client.presets.exportFile({ ids: [...ids] });
  }

  async importFile(text: string): Promise<PresetImport> {
    const report = await this.#client.presets.importFile({ text });
    await this.refresh();
    return report;
  }
}
