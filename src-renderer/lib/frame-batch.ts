/** Shortest time between two commits: 30 a second is as fast as anyone reads and half the layout work of 60. */
export const MIN_COMMIT_INTERVAL_MS = 1000 / 30;
/** A hidden tab gets no animation frames; what arrives there is still committed now and then. */
const HIDDEN_COMMIT_MS = 1000;
/** A frame is asked for this long before a commit is due: one that is asked for and does nothing costs half of one. */
const FRAME_AHEAD_MS = 12;

export interface FrameBatch {
  /** Asks for a commit. Any number of calls before it lead to one. */
  schedule(): void;
  /** Commits what is waiting, now. */
  flush(): void;
  /** Drops what is waiting and ignores later calls. */
  dispose(): void;
}

/** What a batch needs from its host, for tests. */
export interface FrameClock {
  now(): number;
  requestFrame(callback: () => void): number;
  cancelFrame(handle: number): void;
}

const windowClock: FrameClock = {
  now: () => performance.now(),
  requestFrame: (callback) => requestAnimationFrame(callback),
  cancelFrame: (handle) => cancelAnimationFrame(handle),
};

/**
 * Calls `commit` at most once a frame and at most 30 times a second, however often `schedule` is called.
 * The first call after a pause is committed with the next frame.
 */
export function createFrameBatch(commit: () => void, clock: FrameClock = windowClock): FrameBatch {
  let lastCommit = Number.NEGATIVE_INFINITY;
  let frame: number | undefined;
  let pause: ReturnType<typeof setTimeout> | undefined;
  let fallback: ReturnType<typeof setTimeout> | undefined;
  let disposed = false;

  const clear = (): void => {
    if (frame !== undefined) clock.cancelFrame(frame);
    clearTimeout(pause);
    clearTimeout(fallback);
    frame = undefined;
    fallback = undefined;
  };
  const run = (): void => {
    clear();
    lastCommit = clock.now();
    commit();
  };
  const onFrame = (): void => {
    // One millisecond of tolerance: frames at 60 Hz come 33.3 ms apart only on average.
    if (clock.now() - lastCommit >= MIN_COMMIT_INTERVAL_MS - 1) run();
    else askForFrame();
  };
  const askForFrame = (): void => {
    const waitMs = lastCommit + MIN_COMMIT_INTERVAL_MS - FRAME_AHEAD_MS - clock.now();
    if (waitMs > 0) pause = setTimeout(() => (frame = clock.requestFrame(onFrame)), waitMs);
    else frame = clock.requestFrame(onFrame);
  };

  return {
    schedule() {
      if (disposed || fallback !== undefined) return;
      fallback = setTimeout(run, HIDDEN_COMMIT_MS);
      askForFrame();
    },
    flush() {
      if (fallback !== undefined) run();
    },
    dispose() {
      disposed = true;
      clear();
    },
  };
}
