import type { Comparison } from '../contract/index.ts';
import { percentile } from './spread.ts';

/** With fewer on a side nothing can be said (guide section 5). */
export const LEAST_SAMPLES = 5;
/** More do not change the verdict, and ranking them takes time: the nearest to the change count. */
const MAX_SAMPLES = 400;
/**
 * Beyond so many standard deviations of the rank sum, a difference is no chance: about 1 in 80. Five samples that
 * are all above five others are just beyond it.
 */
const NOISE_DEVIATIONS = 2.5;

export interface CompareOptions {
  /** Speeds: more is better. Times: less is. */
  better: 'more' | 'less';
  /** Default {@link LEAST_SAMPLES}. */
  leastSamples?: number;
}

/**
 * Whether samples differ from those before beyond noise: the rank-sum test of Wilcoxon, Mann and Whitney with its
 * normal approximation, corrected for ties and continuity. It asks only how often one is above the other, so a few
 * answers that were slow because the computer was busy decide nothing. Pure.
 * @param before, after in order of time: the last of `before` and the first of `after` count
 */
export function compare(
  before: readonly number[],
  after: readonly number[],
  { better, leastSamples = LEAST_SAMPLES }: CompareOptions,
): Comparison {
  const old = before.slice(-MAX_SAMPLES);
  const fresh = after.slice(0, MAX_SAMPLES);
  if (Math.min(old.length, fresh.length) < leastSamples) return { verdict: 'too_few', change: null };
  const medianBefore = median(old);
  const change = medianBefore === 0 ? 0 : median(fresh) / medianBefore - 1;
  const deviations = rankDeviations(old, fresh);
  // Ranks and medians can point apart where both are small; then it is noise too.
  const isNoise = Math.abs(deviations) < NOISE_DEVIATIONS || Math.sign(deviations) !== Math.sign(change);
  if (isNoise) return { verdict: 'noise', change };
  return { verdict: change > 0 === (better === 'more') ? 'better' : 'worse', change };
}

function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** By how many standard deviations the ranks of `fresh` are above chance; below 0: below it. */
function rankDeviations(old: readonly number[], fresh: readonly number[]): number {
  const all = [
    ...old.map((value) => ({ value, isFresh: false })),
    ...fresh.map((value) => ({ value, isFresh: true })),
  ].sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let start = 0; start < all.length;) {
    let end = start;
    while (end < all.length && all[end]?.value === all[start]?.value) end += 1;
    // Equal values share the mean of their ranks, which count from 1.
    const rank = (start + 1 + end) / 2;
    for (let index = start; index < end; index += 1) if (all[index]?.isFresh) rankSum += rank;
    ties += (end - start) ** 3 - (end - start);
    start = end;
  }
  const [n, m, total] = [old.length, fresh.length, all.length];
  const above = rankSum - (m * (m + 1)) / 2 - (n * m) / 2;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (variance <= 0) return 0;
  return (Math.sign(above) * Math.max(0, Math.abs(above) - 0.5)) / Math.sqrt(variance);
}
