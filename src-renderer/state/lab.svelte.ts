import type {
  AppClient,
  AppEvent,
  BenchImport,
  BenchPlan,
  BenchRow,
  LabState,
  Slowdown,
} from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** Benchmarks: the one that runs, and the runs that are kept. */
export class LabStore {
  state = $state.raw<LabState>({ progress: null, failures: [] });
  /** Newest first; null before they were read. */
  rows = $state.raw<readonly BenchRow[] | null>(null);
  slowdowns = $state.raw<readonly Slowdown[]>([]);
  failure = $state.raw<Failure | null>(null);
  readonly #client: AppClient;
  #isShown = false;

  /** Reads the runs again. Never rejects: a failure is in `failure`. */
  readonly refresh: () => Promise<void>;

  constructor(client: AppClient) {
    this.#client = client;
    this.refresh = createRefresher(() => this.#read());
  }

  handle(event: AppEvent): void {
    if (event.type === 'lab.changed') {
      this.state = event.state;
      if (event.runs && this.#isShown) void this.refresh();
    } else if (event.type === 'gap' && this.#isShown) void this.refresh();
  }

  /** The screen stands; returns what ends that. */
  show(): () => void {
    this.#isShown = true;
    void this.refresh();
    return () => void (this.#isShown = false);
  }

  async start(plan: BenchPlan): Promise<void> {
    await this.#client.lab.start(plan);
  }

  estimate(plan: BenchPlan): Promise<Awaited<ReturnType<AppClient['lab']['estimate']>>> {
    return this.#client.lab.estimate(plan);
  }

  async cancel(keep: boolean): Promise<void> {
    await this.#client.lab.cancel({ keep });
  }

  compare(ids: readonly string[]): Promise<Awaited<ReturnType<AppClient['lab']['compare']>>> {
    return this.#client.lab.compare({ ids: [...ids] });
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#client.lab.rename({ id, name });
  }

  async remove(id: string): Promise<void> {
    await this.#client.lab.remove({ id });
  }

  async restore(id: string): Promise<void> {
    await this.#client.lab.restore({ id });
  }

  exportFile(ids: readonly string[]): Promise<{ fileName: string; text: string }> {
    return this.#client.lab.exportFile({ ids: [...ids] });
  }

  importFile(text: string): Promise<BenchImport> {
    return this.#client.lab.importFile({ text });
  }

  async #read(): Promise<void> {
    try {
      const [state, list] = await Promise.all([this.#client.lab.state(), this.#client.lab.list()]);
      this.state = state;
      this.rows = list.rows;
      this.slowdowns = list.slowdowns;
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
    }
  }
}
