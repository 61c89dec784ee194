/** Median and spread of a set of samples. */
export interface Summary {
  median: number;
  /** Ends of the interval that holds the true median with at least 95 % probability, if the samples suffice. */
  low: number;
  high: number;
  min: number;
  max: number;
  samples: number;
  /** Probability that the interval holds the true median; below 0.95 with fewer than six samples. */
  coverage: number;
}

const WANTED_COVERAGE = 0.95;

/** Middle value; the mean of the two middle ones for an even count. NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Probability of at most `k` heads in `n` throws of a fair coin. */
function binomialAtMost(k: number, n: number): number {
  let term = 0.5 ** n;
  let sum = 0;
  for (let i = 0; i <= k; i++) {
    sum += term;
    term *= (n - i) / (i + 1);
  }
  return sum;
}

/**
 * Summarises samples without assuming a distribution: the interval runs between two order statistics, and its
 * coverage follows from the binomial distribution (a sample lies below the median with probability 1/2).
 */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  let cut = 0;
  while (2 * (cut + 1) < n && 1 - 2 * binomialAtMost(cut + 1, n) >= WANTED_COVERAGE) cut++;
  return {
    median: median(sorted),
    low: at(cut),
    high: at(n - 1 - cut),
    min: at(0),
    max: at(n - 1),
    samples: n,
    coverage: n === 0 ? 0 : 1 - 2 * binomialAtMost(cut, n),
  };
}
