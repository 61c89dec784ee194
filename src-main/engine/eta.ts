/** Before this share of the work a guess is worse than none. */
const MIN_PROGRESS = 0.05;
/** Shorter waits need no prediction, and their first samples are noise. */
const MIN_ELAPSED_MS = 300;

/**
 * Time left at the speed so far, in ms; null while too little is known.
 * @param progress 0 to 1
 */
export function predictEtaMs(elapsedMs: number, progress: number): number | null {
  if (progress < MIN_PROGRESS || elapsedMs < MIN_ELAPSED_MS) return null;
  return Math.max(0, (elapsedMs * (1 - Math.min(1, progress))) / progress);
}
