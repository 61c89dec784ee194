import type { Summary } from './stats.ts';

/** What one round measured: a number for each arm, all in one unit or as the arm's name says. */
export type Round = Readonly<Record<string, number>>;

/** What the figures were measured under; goes into the report. */
export type Conditions = Readonly<Record<string, string | number>>;

export interface Figure extends Summary {
  name: string;
  unit: string;
  /** The target, where there is one. */
  target?: { atLeast: number } | { atMost: number };
}

export interface RowContext {
  /** Scratch folder of the benchmarks, outside the repository; kept between runs. */
  folder: string;
  report(line: string): void;
  /**
   * Measures `count` rounds, each saved when it is done. A run that was cut off goes on after its last round,
   * provided that the conditions are the same.
   */
  rounds(count: number, conditions: Conditions, measure: (round: number) => Promise<Round>): Promise<Round[]>;
}

export interface BenchRow {
  title: string;
  /** Measures the row; conditions are those given to `rounds` and what was learned on the way. */
  measure(context: RowContext): Promise<{ figures: Figure[]; conditions: Conditions }>;
}

/** Numbers of one arm over all rounds. @throws RangeError if a round lacks it */
export function arm(rounds: readonly Round[], name: string): number[] {
  return rounds.map((round) => {
    const value = round[name];
    if (value === undefined) throw new RangeError(`a round without ${name}`);
    return value;
  });
}

/** Ratio of two arms within each round, so that what slows the machine for a while slows both. */
export function ratios(rounds: readonly Round[], numerator: string, denominator: string): number[] {
  const below = arm(rounds, denominator);
  return arm(rounds, numerator).map((value, index) => value / (below[index] ?? Number.NaN));
}

/** Whether a figure's median meets its target; undefined when there is none. */
export function meetsTarget(figure: Figure): boolean | undefined {
  if (!figure.target) return undefined;
  return 'atLeast' in figure.target
    ? figure.median >= figure.target.atLeast
    : figure.median <= figure.target.atMost;
}
