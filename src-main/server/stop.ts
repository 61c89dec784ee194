/** Longer than the store and the engine take to close; a hang must not keep the data folder for ever. */
const CLOSE_TIMEOUT_MS = 10_000;
/**
 * One request can arrive twice: `when-exit`, which comes with `conf`, sends each signal on once more, and npm
 * hands on the Ctrl+C that the terminal has sent already. A person's second one comes later.
 */
const ECHO_MS = 500;
/** npm ends on a signal without handing it on: what it started must notice by itself. */
const PARENT_CHECK_MS = 500;

/**
 * Closes in order on SIGTERM, SIGINT, SIGHUP and the end of the npm that started this, and ends with code 0. A
 * second signal, or a close that takes longer than 10 s, ends the process at once with code 1; so does a close
 * that fails, after `onFailed`.
 */
export function onStopRequest(close: () => Promise<void>, onFailed: (error: unknown) => void): void {
  let askedAtMs: number | null = null;
  const stop = () => {
    const now = performance.now();
    if (askedAtMs !== null && now - askedAtMs > ECHO_MS) process.exit(1);
    if (askedAtMs !== null) return;
    askedAtMs = now;
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        onFailed(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  if (process.env['npm_lifecycle_event'] !== undefined) onParentGone(stop);
}

/** An orphan gets another parent; on Windows it keeps the number of the old one, and nothing happens here. */
function onParentGone(stop: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, PARENT_CHECK_MS);
  timer.unref();
}
