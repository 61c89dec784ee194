/** What a person can follow, and what the contract promises. */
const INTERVAL_MS = 250;

/** Calls at once, then at most once an interval, always once after the last `soon`. */
export function createAnnouncer(call: () => void): { soon(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let isWanted = false;
  const fire = () => {
    isWanted = false;
    timer = setTimeout(tick, INTERVAL_MS).unref();
    call();
  };
  const tick = () => {
    timer = undefined;
    if (isWanted) fire();
  };
  return {
    soon() {
      isWanted = true;
      if (timer === undefined) fire();
    },
    stop: () => clearTimeout(timer),
  };
}
