/** What a soak gets from the runner. */
export interface SoakContext {
  /** How often to do it. */
  readonly count: number;
  /** Everything random is drawn from this: same seed, same run. */
  readonly seed: number;
  /** Prints a line with the time since the start. */
  log(line: string): void;
  /** Time (ms since 1970) at which to stop, save and return; the next run with the same arguments goes on. */
  readonly deadline: number;
  /** What `save` was given last by a run that was cut off; null at the first. */
  readonly saved: unknown;
  /** Keeps progress, as JSON, for a run that goes on after this one. */
  save(progress: unknown): void;
}

export interface SoakResult {
  /** How many of `count` were done, those of resumed runs included. */
  done: number;
  /** One line each; an empty list is a pass. */
  failures: string[];
  /** Numbers to report, as JSON. */
  figures: Record<string, unknown>;
}

/** A soak is a module `test/soak/soaks/NAME.ts` that exports these three. */
export interface Soak {
  readonly name: string;
  readonly defaultCount: number;
  run(context: SoakContext): Promise<SoakResult>;
}

/** A seed for part `index` of a run, so that a resumed run draws what the whole would have drawn. */
export function partSeed(seed: number, index: number): number {
  return (seed ^ Math.imul(index + 1, 0x9e37_79b1)) >>> 0;
}
