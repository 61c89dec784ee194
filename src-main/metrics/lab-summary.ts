import type {
  BenchCell,
  BenchFacts,
  BenchFigure,
  BenchLine,
  BenchQuantity,
  BenchRow,
  BenchRun,
  Comparison,
  Slowdown,
} from '../contract/index.ts';
import { compare } from './compare.ts';
import { ENVIRONMENT } from './environment.ts';
import { percentile } from './spread.ts';

/**
 * Repeats of one run share a moment. Two runs of the same differ by the temperature of the computer and by what else
 * runs, which no repeat shows: below this a difference is called noise however close the repeats lie.
 */
export const LEAST_CHANGE = 0.01;
/** Tokens in a batch where nothing else was asked for: the library's, up to its context. */
const USUAL_BATCH = 512;
/** As in the notice about answers: nobody asked for it. */
const LEAST_NOTICED = 0.03;

/**
 * Median, and half of the interquartile range as plus-minus: the span in which the middle half of the values lies,
 * which one repeat that was slow for another reason does not move (Tukey, Exploratory Data Analysis, 1977; quartiles
 * of R's type 7). Pure; null without values.
 */
export function figureOf(values: readonly number[]): BenchFigure | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const plusMinus = (percentile(sorted, 0.75) - percentile(sorted, 0.25)) / 2;
  return {
    count: sorted.length,
    median: percentile(sorted, 0.5),
    plusMinus: sorted.length < 2 ? null : plusMinus,
  };
}

/**
 * Whether a run differs from another beyond noise: the rank-sum test of {@link compare}, which needs five repeats on
 * either side and no overlap between five and five, and more than {@link LEAST_CHANGE}. Pure.
 */
export function changeOf(
  before: readonly number[],
  after: readonly number[],
  quantity: BenchQuantity,
): Comparison | null {
  if (before.length === 0 || after.length === 0) return null;
  const isSpeed = quantity === 'prefill' || quantity === 'decode';
  const found = compare(before, after, { better: isSpeed ? 'more' : 'less' });
  const isSmall = found.change !== null && Math.abs(found.change) < LEAST_CHANGE;
  return isSmall ? { ...found, verdict: 'noise' } : found;
}

type Values = Pick<BenchFacts, 'figures'>;

const OF_DEPTH = [
  ['prefill', 'prefill'],
  ['decode', 'decode'],
  ['warm', 'warmMs'],
  ['follow_up', 'followUpMs'],
] as const;

/** The values of every line that one of the runs has: load and cold first, then by depth. */
function linesOf(
  runs: readonly Values[],
): { quantity: BenchQuantity; depth: number | null; of: (run: Values) => readonly number[] }[] {
  const depths = [...new Set(runs.flatMap(({ figures }) => figures.depths.map(({ depth }) => depth)))];
  return [
    { quantity: 'load', depth: null, of: ({ figures }) => figures.loadMs },
    { quantity: 'cold', depth: null, of: ({ figures }) => figures.coldMs },
    ...depths
      .toSorted((a, b) => a - b)
      .flatMap((depth) =>
        OF_DEPTH.map(([quantity, key]) => ({
          quantity,
          depth,
          of: ({ figures }: Values) => figures.depths.find((at) => at.depth === depth)?.[key] ?? [],
        })),
      ),
  ];
}

/** Runs side by side, each against the first. Pure. */
export function comparedLines(runs: readonly Values[]): BenchLine[] {
  const [first] = runs;
  return linesOf(runs).map(({ quantity, depth, of }) => ({
    quantity,
    depth,
    cells: runs.map((run, place): BenchCell => {
      const change = first && place > 0 ? changeOf(of(first), of(run), quantity) : null;
      return { figure: figureOf(of(run)), change };
    }),
  }));
}

/** What the user sets, and which file: only runs that agree in it tell of anything else. */
function comparable({ model, settings, protocol: { depths, decodeTokens } }: BenchFacts): string {
  const { batchTokens, ...others } = settings;
  // What the engine takes by itself is what it took before it told.
  const own = batchTokens === Math.min(USUAL_BATCH, settings.contextSize) ? null : batchTokens;
  return JSON.stringify([model.sha256 ?? model.key, model.key, others, own, depths, decodeTokens]);
}

/** The newest run before it that is the same but for its moment; partial and imported ones do not count. */
function previousOf(run: BenchRun, older: readonly BenchRun[]): BenchRun | null {
  if (run.imported) return null;
  const wanted = comparable(run);
  return older.find((other) => !other.imported && !other.isPartial && comparable(other) === wanted) ?? null;
}

/** The list with what changed from run to run. Pure. @param runs newest first */
export function rowsOf(runs: readonly BenchRun[]): BenchRow[] {
  return runs.map((run, place) => {
    const previous = previousOf(run, runs.slice(place + 1));
    const pair = previous ? [previous, run] : [run];
    const lines = comparedLines(pair).map((line) => ({ ...line, cells: line.cells.slice(-1) }));
    return { run, lines, previousId: previous?.id ?? null };
  });
}

/**
 * Models whose newest run decodes slower than the one before it, with another engine, device or app in between: the
 * first of these that explains it, at the depth with the greatest loss. Pure. @param runs newest first
 */
export function benchSlowdowns(runs: readonly BenchRun[]): Slowdown[] {
  const newest = new Map<string, BenchRun>();
  for (const run of runs) if (!run.imported && !newest.has(run.model.key)) newest.set(run.model.key, run);
  return [...newest.values()].flatMap((run): Slowdown[] => {
    const previous = previousOf(run, runs.slice(runs.indexOf(run) + 1));
    const cause = previous && ENVIRONMENT.find(({ of }) => of(previous.environment) !== of(run.environment));
    if (!previous || !cause) return [];
    const losses = comparedLines([previous, run]).flatMap(({ quantity, cells }) => {
      const change = cells[1]?.change;
      const isLoss = quantity === 'decode' && change?.verdict === 'worse' && change.change !== null;
      return isLoss ? [change.change ?? 0] : [];
    });
    const change = Math.min(0, ...losses);
    if (-change < LEAST_NOTICED) return [];
    const { key: modelKey, name } = run.model;
    return [{ modelKey, name, since: cause.kind, value: cause.of(run.environment), at: run.at, change }];
  });
}
