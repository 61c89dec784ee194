/**
 * A token bucket: takes `burst` at once and `perSecond` in the long run.
 * @param now a clock in ms that never goes back
 */
export function createRateLimit(limits: { burst: number; perSecond: number }, now: () => number) {
  let left = limits.burst;
  let last = now();
  return {
    /** False when the cost is over the limit; nothing is taken then. */
    take(cost: number): boolean {
      const at = now();
      left = Math.min(limits.burst, left + ((at - last) / 1000) * limits.perSecond);
      last = at;
      if (cost > left) return false;
      left -= cost;
      return true;
    },
  };
}
