/** Work that waits for a quiet moment is done after this long all the same. */
const PATIENCE_MS = 200;

/** Resolves when the page has nothing else to do: between frames, not while somebody types or scrolls. */
export function whenIdle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari has no idle callbacks.
    if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve(), { timeout: PATIENCE_MS });
    else setTimeout(resolve);
  });
}
