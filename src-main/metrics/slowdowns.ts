import type { SampleSetup, Slowdown } from '../contract/index.ts';
import { compare } from './compare.ts';
import { ENVIRONMENT } from './environment.ts';

/** What is looked at: a change of longer ago is history. */
export const SLOWDOWN_WINDOW_MS = 90 * 24 * 60 * 60 * 1000;
/** A notice needs more than a comparison that was asked for: nobody asked for it. */
const LEAST_SAMPLES = 10;
/** Nobody notices less, and other programs alone make such a difference for hours. */
const LEAST_CHANGE = 0.03;

/** One timed answer. */
export interface TimedAnswer {
  at: number;
  setup: SampleSetup;
  tokensPerSecond: number;
}

/** What the user sets: only answers that agree in it can tell of anything else. */
function comparable(setup: SampleSetup): string {
  const { contextSize, gpuLayers, threads, flashAttention, cacheType } = setup;
  return JSON.stringify([contextSize, gpuLayers, threads, flashAttention, cacheType]);
}

/**
 * Models that answer slower since the engine, the device or the app changed last: the first of these that explains
 * it. Only answers with the settings of the newest one are compared. Pure.
 * @param answers in order of time
 */
export function slowdownsOf(answers: readonly TimedAnswer[]): Slowdown[] {
  const models = Map.groupBy(answers, ({ setup }) => setup.modelKey);
  return [...models.values()].flatMap((ofModel) => {
    const newest = ofModel.at(-1);
    if (!newest) return [];
    const settings = comparable(newest.setup);
    const alike = ofModel.filter(({ setup }) => comparable(setup) === settings);
    for (const { kind: since, of } of ENVIRONMENT) {
      const found = sinceLastChange(alike, of);
      if (found) {
        const { modelKey, modelName: name } = newest.setup;
        return [{ modelKey, name, since, ...found }];
      }
    }
    return [];
  });
}

function sinceLastChange(
  answers: readonly TimedAnswer[],
  of: (setup: SampleSetup) => string,
): Pick<Slowdown, 'value' | 'at' | 'change'> | null {
  const newest = answers.at(-1);
  if (!newest) return null;
  const value = of(newest.setup);
  const lastOther = answers.findLastIndex(({ setup }) => of(setup) !== value);
  const first = answers[lastOther + 1];
  const other = answers[lastOther];
  if (!first || !other) return null;
  const valueBefore = of(other.setup);
  const start = answers.slice(0, lastOther).findLastIndex(({ setup }) => of(setup) !== valueBefore) + 1;
  const speeds = (from: number, to?: number) =>
    answers.slice(from, to).map(({ tokensPerSecond }) => tokensPerSecond);
  const { verdict, change } = compare(speeds(start, lastOther + 1), speeds(lastOther + 1), {
    better: 'more',
    leastSamples: LEAST_SAMPLES,
  });
  const isSlower = verdict === 'worse' && change !== null && -change >= LEAST_CHANGE;
  return isSlower ? { value, at: first.at, change } : null;
}
