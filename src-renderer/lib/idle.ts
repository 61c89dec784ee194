/** Work that waits for a quiet moment is done after this long all the same. */
const PATIENCE_MS = 200;
/** Nothing waits longer than this for what somebody waits for: a connection may be lost. */
const LONGEST_WAIT_MS = 1_000;
/** A page in the background paints nothing. */
const LONGEST_PAINT_MS = 100;

const urgent = new Set<Promise<unknown>>();

/** Resolves when the page has nothing else to do: between frames, not while somebody types, scrolls or waits. */
export async function whenIdle(): Promise<void> {
  if (urgent.size > 0) await Promise.race([Promise.all(urgent), passed(LONGEST_WAIT_MS)]);
  await new Promise<void>((resolve) => {
    // Safari has no idle callbacks.
    if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve(), { timeout: PATIENCE_MS });
    else setTimeout(resolve);
  });
}

/**
 * Somebody waits for this work: until it is on the screen {@link whenIdle} waits too. A page that waits for an answer
 * looks idle, and what it fetched then would come before that answer.
 */
export function urgently<T>(work: Promise<T>): Promise<T> {
  const done = work.then(painted, painted).then(() => void urgent.delete(done));
  urgent.add(done);
  return work;
}

const passed = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Resolves when what was changed before is on the screen. */
function painted(): Promise<void> {
  if (!('requestAnimationFrame' in globalThis)) return Promise.resolve();
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  return Promise.race([frame().then(frame), passed(LONGEST_PAINT_MS)]).then(() => {});
}
