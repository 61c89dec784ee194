import type { AppClient, OtherApp, OtherAppModels } from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';

/** Models of other apps, and which of them the user wants; one for each card that shows them. */
export class OtherAppsChoice {
  list = $state.raw<readonly OtherAppModels[]>([]);
  status = $state<'loading' | 'ready' | 'failed'>('loading');
  /** What is ticked now, saved or not. */
  chosen = $state.raw<ReadonlySet<OtherApp>>(new Set());
  isBusy = $state(false);
  refused = $state(0);
  failure = $state.raw<Failure | null>(null);
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  /** Looks for them. @param preselect ticks all when none is in use yet */
  async refresh(preselect = false): Promise<void> {
    try {
      this.list = await this.#client.models.otherApps();
      const used = this.list.filter(({ inUse }) => inUse);
      const ticked = used.length === 0 && preselect ? this.list : used;
      this.chosen = new Set(ticked.map(({ app }) => app));
      this.status = 'ready';
    } catch (error) {
      this.failure = failureOf(error);
      this.status = 'failed';
    }
  }

  toggle(app: OtherApp): void {
    const next = new Set(this.chosen);
    if (!next.delete(app)) next.add(app);
    this.chosen = next;
  }

  get chosenModels(): number {
    return this.list
      .filter(({ app }) => this.chosen.has(app))
      .reduce((sum, { modelCount }) => sum + modelCount, 0);
  }

  /** What is ticked is not what is in use. */
  get isChanged(): boolean {
    return this.list.some(({ app, inUse }) => this.chosen.has(app) !== inUse);
  }

  /** Brings the models of the ticked apps into the library. Never throws: see `failure`. */
  async use(): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.failure = null;
    try {
      const { refused } = await this.#client.models.useOtherApps({ apps: [...this.chosen] });
      this.refused = refused;
      await this.refresh();
      return true;
    } catch (error) {
      this.failure = failureOf(error);
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
