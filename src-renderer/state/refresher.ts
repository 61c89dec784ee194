/**
 * Wraps a fetch so that it never runs twice at once: calls made while it runs lead to exactly one more
 * run, and resolve with that one.
 */
export function createRefresher(fetch: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  const run = async (): Promise<void> => {
    try {
      await fetch();
    } finally {
      running = null;
    }
  };

  return () => {
    if (running === null) {
      running = run();
      return running;
    }
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = null;
        running = run();
        return running;
      });
    return next;
  };
}
