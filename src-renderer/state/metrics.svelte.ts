import {
  MAX_SAMPLES_PAGE,
  type AppClient,
  type AppEvent,
  type GenerationSample,
  type MetricsFilter,
  type MetricsSummary,
} from '../../src-main/contract/index.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

export type Period = 'today' | 'days14' | 'days90' | 'all';
export type MemoryHistory = Awaited<ReturnType<AppClient['metrics']['memory']>>;
/** Everything that can be asked about but the time. */
export type MetricsChoice = Omit<MetricsFilter, 'from'>;

const PERIOD_DAYS = { today: 1, days14: 14, days90: 90 } as const;

/** When a period begins: at midnight of its first day here; null: always. @param now ms since 1970 */
export function startOf(period: Period, now: number): number | null {
  if (period === 'all') return null;
  const day = new Date(now);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - PERIOD_DAYS[period] + 1).getTime();
}

/** What the Performance screen shows. Reads only while the screen is there. */
export class MetricsStore {
  period = $state.raw<Period>('days14');
  choice = $state.raw<MetricsChoice>({});
  summary = $state.raw<MetricsSummary | null>(null);
  failure = $state.raw<Failure | null>(null);
  memory = $state.raw<MemoryHistory | null>(null);
  readonly #client: AppClient;
  readonly #timeZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  #isShown = false;

  /** Reads the figures again. Never rejects: a failure is in `failure`. */
  readonly refresh: () => Promise<void>;

  constructor(client: AppClient) {
    this.#client = client;
    this.refresh = createRefresher(() => this.#read());
  }

  handle(event: AppEvent): void {
    if (this.#isShown && (event.type === 'generation.settled' || event.type === 'gap')) void this.refresh();
  }

  /** The screen stands; returns what ends that. */
  show(): () => void {
    this.#isShown = true;
    void this.refresh();
    return () => void (this.#isShown = false);
  }

  /** Whether something is asked about besides the time. */
  get isNarrowed(): boolean {
    return Object.keys(this.choice).length > 0;
  }

  setPeriod(period: Period): void {
    this.period = period;
    void this.refresh();
  }

  /** Asks about one value; `undefined`: about all. */
  choose<K extends keyof MetricsChoice>(key: K, value: MetricsChoice[K] | undefined): void {
    const { [key]: _before, ...others } = this.choice;
    this.choice = value === undefined ? others : { ...others, [key]: value };
    void this.refresh();
  }

  clearChoice(): void {
    this.choice = {};
    void this.refresh();
  }

  async refreshMemory(): Promise<void> {
    this.memory = await this.#client.metrics.memory();
  }

  /** The raw records that the figures are made of, oldest first. */
  async samples(): Promise<GenerationSample[]> {
    const filter = this.#filter();
    const all: GenerationSample[] = [];
    for (;;) {
      const page = await this.#client.metrics.samples({ filter, afterId: all.at(-1)?.id ?? 0 });
      all.push(...page);
      if (page.length < MAX_SAMPLES_PAGE) return all;
    }
  }

  async forget(): Promise<void> {
    await this.#client.metrics.forget();
    this.choice = {};
    await this.refresh();
  }

  #filter(): MetricsFilter {
    return { ...this.choice, from: startOf(this.period, Date.now()) };
  }

  async #read(): Promise<void> {
    try {
      this.summary = await this.#client.metrics.summary({
        filter: this.#filter(),
        timeZone: this.#timeZone,
      });
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
    }
  }
}
