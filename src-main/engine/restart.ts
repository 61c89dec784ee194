/** One end of the sidecar that nobody asked for. */
export interface Crash {
  /** By a clock that nobody sets. */
  atMs: number;
}

/**
 * More crashes than this within {@link CRASH_WINDOW_MS} are no accident: a driver or a file that fails every
 * time would otherwise keep the machine busy for ever.
 */
export const MAX_CRASHES = 3;
/** Longer than a large model takes to load, so that a crash at every answer is seen as one series. */
export const CRASH_WINDOW_MS = 5 * 60_000;

/**
 * Whether the engine starts again by itself after `exit`. Pure.
 * @param history crashes before this one, oldest first
 */
export function shouldRestart(history: readonly Crash[], exit: Crash): boolean {
  const recent = history.filter((crash) => exit.atMs - crash.atMs < CRASH_WINDOW_MS);
  return recent.length < MAX_CRASHES;
}
