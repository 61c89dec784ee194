/** A restart of the core takes about a second; sooner than this is lost effort. */
const FIRST_DELAY_MS = 250;
/** A person who started the app again must not wait long for the page to notice. */
const LONGEST_DELAY_MS = 5_000;
/** Spreads the tabs of one browser. */
const JITTER = 0.2;

/** Pause before attempt 1, 2, 3 … in ms. @param random 0 to 1 */
export function backoffMs(attempt: number, random: number): number {
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return Math.round(delay * (1 - JITTER + 2 * JITTER * random));
}
