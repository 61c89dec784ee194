/** Longer than the store and the engine take to close; a hang must not keep the data folder for ever. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Closes in order on SIGTERM, SIGINT and SIGHUP and ends with code 0. A second signal, or a close that takes
 * longer than 10 s, ends the process at once with code 1.
 */
export function onStopRequest(close: () => Promise<void>): void {
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
}
