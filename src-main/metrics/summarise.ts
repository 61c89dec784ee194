import type {
  DayMetrics,
  FirstTokenKind,
  FirstTokenMetrics,
  MetricsFilter,
  MetricsSummary,
  SampleFigures,
  SampleSetup,
} from '../contract/index.ts';
import { compare } from './compare.ts';
import { dayNames } from './days.ts';
import { changesOf, optionsOf } from './environment.ts';
import { SLOWDOWN_WINDOW_MS, slowdownsOf } from './slowdowns.ts';
import { percentile, spreadOf } from './spread.ts';

/** Answers shorter than this are timed too coarsely to say how fast a model is. */
export const LEAST_TIMED_TOKENS = 16;
/** A prompt that is read in less says nothing about reading. */
export const LEAST_READ_TOKENS = 64;
/** Steps of the distribution of waits to a factor of ten. */
const BINS_PER_DECADE = 20;

const KINDS: readonly FirstTokenKind[] = ['follow_up', 'warm', 'cold'];

/** What a summary needs of an answer. */
export type SampleRow = { setupId: number } & Pick<
  SampleFigures,
  | 'at'
  | 'kind'
  | 'reusedTokens'
  | 'restoreMs'
  | 'promptTokens'
  | 'readTokens'
  | 'generatedTokens'
  | 'prefillMs'
  | 'firstTokenMs'
  | 'tokensPerSecond'
>;

/** A row with what it was made with. */
export type Sample = SampleRow & { setup: SampleSetup };

export interface SummaryInput {
  filter: MetricsFilter;
  timeZone: string;
  /** ms since 1970. */
  now: number;
}

/** The oldest answer that a summary looks at: the time before is compared with. ms since 1970 */
export function oldestOf({ filter: { from }, now }: SummaryInput): number {
  if (from === null) return 0;
  return Math.max(0, Math.min(from - Math.max(0, now - from), now - SLOWDOWN_WINDOW_MS));
}

/** Whether a setup is one of those that are asked for. Pure. */
export function matches(setup: SampleSetup, filter: MetricsFilter): boolean {
  const { modelKey, quant, backend, threads, contextSize } = filter;
  return (
    (modelKey === undefined || setup.modelKey === modelKey) &&
    (quant === undefined || setup.quant === quant) &&
    (backend === undefined || setup.backend === backend) &&
    (threads === undefined || setup.threads === threads) &&
    (contextSize === undefined || setup.contextSize === contextSize)
  );
}

/**
 * The figures of the Performance screen. Pure.
 * @param rows answers in order of time, from {@link oldestOf} on; each is given its setup
 */
export function summarise(
  rows: Iterable<SampleRow>,
  setups: ReadonlyMap<number, SampleSetup>,
  input: SummaryInput,
): Omit<MetricsSummary, 'hasAny'> {
  const { filter, now } = input;
  const from = filter.from ?? 0;
  const wanted = new Set([...setups].filter(([, setup]) => matches(setup, filter)).map(([id]) => id));
  const known: Sample[] = [];
  for (const row of rows) {
    const setup = setups.get(row.setupId);
    // The row is ours: a copy of each would take longer than the rest.
    if (setup) known.push(Object.assign(row, { setup }));
  }
  const inTime = known.filter(({ at }) => at >= from);
  const chosen = inTime.filter(({ setupId }) => wanted.has(setupId));
  const before = known.filter(
    ({ at, setupId }) => at < from && at >= from - (now - from) && wanted.has(setupId),
  );
  const saved = savingOf(chosen);
  const dayOf = dayNames(input.timeZone);
  const savings = chosen.map(saved).filter((ms) => ms !== null);
  return {
    from: chosen[0]?.at ?? null,
    to: chosen.at(-1)?.at ?? null,
    answers: chosen.length,
    promptTokens: sum(chosen, ({ promptTokens }) => promptTokens),
    reusedTokens: sum(chosen, ({ reusedTokens }) => reusedTokens),
    readTokens: sum(chosen, ({ readTokens }) => readTokens),
    generatedTokens: sum(chosen, ({ generatedTokens }) => generatedTokens),
    savedMs: savings.length === 0 ? null : sum(savings, (ms) => ms),
    firstTokens: KINDS.map((kind) => firstTokens(kind, chosen)),
    models: modelsOf(chosen, before, saved),
    days: daysOf(chosen, dayOf, saved),
    changes: changesOf(known, from, dayOf),
    slowdowns: slowdownsOf(
      known.filter((sample) => sample.at >= now - SLOWDOWN_WINDOW_MS).flatMap(timedAnswer),
    ),
    options: optionsOf(inTime),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}

/** Tokens a second of an answer that is long enough to tell; null for others. */
export function decodeSpeed({ generatedTokens, tokensPerSecond }: SampleRow): number | null {
  const isTimed = tokensPerSecond !== null && tokensPerSecond > 0 && generatedTokens >= LEAST_TIMED_TOKENS;
  return isTimed ? tokensPerSecond : null;
}

/** Tokens a second of a prompt that is long enough to tell; null for others. */
export function prefillSpeed({ readTokens, prefillMs, restoreMs }: SampleRow): number | null {
  const readMs = prefillMs - restoreMs;
  return readTokens >= LEAST_READ_TOKENS && readMs > 0 ? (readTokens / readMs) * 1000 : null;
}

const isNumber = (value: number | null): value is number => value !== null;

function timedAnswer(sample: Sample): { at: number; setup: SampleSetup; tokensPerSecond: number }[] {
  const speed = decodeSpeed(sample);
  return speed === null ? [] : [{ at: sample.at, setup: sample.setup, tokensPerSecond: speed }];
}

/**
 * What reuse saved an answer: its reused tokens at the median speed at which that model reads on that backend, less
 * the time of reading them from the disk. Null where that model was never timed.
 */
function savingOf(samples: readonly Sample[]): (sample: Sample) => number | null {
  const priceKey = ({ setup }: Sample) => `${setup.modelKey} ${setup.backend}`;
  const prices = new Map<string, number>();
  for (const [key, group] of Map.groupBy(samples, priceKey)) {
    const speeds = group.map(prefillSpeed).filter(isNumber);
    if (speeds.length > 0)
      prices.set(
        key,
        percentile(
          speeds.toSorted((a, b) => a - b),
          0.5,
        ),
      );
  }
  return (sample) => {
    const speed = prices.get(priceKey(sample));
    return speed === undefined ? null : (sample.reusedTokens / speed) * 1000 - sample.restoreMs;
  };
}

function firstTokens(kind: FirstTokenKind, samples: readonly Sample[]): FirstTokenMetrics {
  const waits = samples.flatMap((sample) =>
    sample.kind === kind && sample.firstTokenMs !== null ? [sample.firstTokenMs] : [],
  );
  const counts = new Map<number, number>();
  for (const wait of waits) {
    // Nothing is shorter than a tick of the clock, and zero has no logarithm.
    const bin = Math.floor(Math.log10(Math.max(wait, 1)) * BINS_PER_DECADE);
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  const edge = (bin: number) => 10 ** (bin / BINS_PER_DECADE);
  return {
    kind,
    waits: spreadOf(waits),
    bins: [...counts]
      .toSorted(([a], [b]) => a - b)
      .map(([bin, count]) => ({ fromMs: edge(bin), toMs: edge(bin + 1), count })),
  };
}

function modelsOf(
  samples: readonly Sample[],
  before: readonly Sample[],
  saved: (sample: Sample) => number | null,
): MetricsSummary['models'] {
  const earlier = Map.groupBy(before, ({ setup }) => setup.modelKey);
  return [...Map.groupBy(samples, ({ setup }) => setup.modelKey)]
    .map(([modelKey, group]) => {
      const speeds = group.map(decodeSpeed).filter(isNumber);
      const savings = group.map(saved).filter(isNumber);
      const old = (earlier.get(modelKey) ?? []).map(decodeSpeed).filter(isNumber);
      // It may have been renamed: the newest name is the one that the library shows.
      const { modelName: name, quant } = (group.at(-1) ?? group[0])?.setup ?? { modelName: '', quant: null };
      return {
        modelKey,
        name,
        quant,
        answers: group.length,
        decode: spreadOf(speeds),
        prefill: spreadOf(group.map(prefillSpeed).filter(isNumber)),
        change: compare(old, speeds, { better: 'more' }),
        generatedTokens: sum(group, ({ generatedTokens }) => generatedTokens),
        reusedTokens: sum(group, ({ reusedTokens }) => reusedTokens),
        savedMs: savings.length === 0 ? null : sum(savings, (ms) => ms),
      };
    })
    .toSorted((a, b) => b.answers - a.answers || a.name.localeCompare(b.name));
}

function daysOf(
  samples: readonly Sample[],
  dayOf: (at: number) => string,
  saved: (sample: Sample) => number | null,
): DayMetrics[] {
  return [...Map.groupBy(samples, ({ at }) => dayOf(at))].map(([day, group]) => ({
    day,
    answers: group.length,
    generatedTokens: sum(group, ({ generatedTokens }) => generatedTokens),
    readTokens: sum(group, ({ readTokens }) => readTokens),
    reusedTokens: sum(group, ({ reusedTokens }) => reusedTokens),
    savedMs: sum(group, (sample) => saved(sample) ?? 0),
    models: [...Map.groupBy(group, ({ setup }) => setup.modelKey)].flatMap(([modelKey, ofModel]) => {
      const decode = spreadOf(ofModel.map(decodeSpeed).filter(isNumber));
      return decode ? [{ modelKey, decode }] : [];
    }),
  }));
}
