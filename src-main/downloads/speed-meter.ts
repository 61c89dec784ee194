/** Long enough to even out the connections' bursts, short enough to follow a changed network. */
const WINDOW_MS = 8_000;
const BUCKET_MS = 250;
/** A figure from less than this says more about the start of a connection than about the network. */
const MIN_SPAN_MS = 1_000;

/** Bytes a second over the last seconds. Times are any monotonic milliseconds. */
export class SpeedMeter {
  #buckets: { at: number; bytes: number }[] = [];
  #startedAt: number | null = null;

  add(bytes: number, now: number): void {
    this.#startedAt ??= now;
    const last = this.#buckets.at(-1);
    if (last && now - last.at < BUCKET_MS) last.bytes += bytes;
    else this.#buckets.push({ at: now, bytes });
    this.#drop(now);
  }

  /** Null until there is enough to tell. */
  bytesPerSecond(now: number): number | null {
    if (this.#startedAt === null) return null;
    const spanMs = Math.min(WINDOW_MS, now - this.#startedAt);
    if (spanMs < MIN_SPAN_MS) return null;
    this.#drop(now);
    const bytes = this.#buckets.reduce((sum, bucket) => sum + bucket.bytes, 0);
    return (bytes / spanMs) * 1_000;
  }

  /** Time until `leftBytes` have come at this speed; null while it is unknown or nothing comes. */
  etaMs(leftBytes: number, now: number): number | null {
    const speed = this.bytesPerSecond(now);
    return speed === null || speed === 0 ? null : (leftBytes / speed) * 1_000;
  }

  /** After a pause: what came before it says nothing. */
  reset(): void {
    this.#buckets = [];
    this.#startedAt = null;
  }

  #drop(now: number): void {
    while ((this.#buckets[0]?.at ?? now) < now - WINDOW_MS) this.#buckets.shift();
  }
}
