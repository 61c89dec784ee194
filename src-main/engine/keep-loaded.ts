const MINUTE_MS = 60_000;
/** A model that was loaded and not asked yet is about to be: so long it stays, even if only for one answer, in ms. */
export const UNUSED_MS = MINUTE_MS;

/** Tells when a model has been idle for as long as it is to be kept. */
export class KeepLoaded {
  readonly #onIdle: () => void;
  #minutes: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #rounds = 0;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** Grows with every call of {@link idle} and {@link busy}. */
  get rounds(): number {
    return this.#rounds;
  }

  /** @param minutes null: for ever; 0: until its next answer has ended */
  set minutes(minutes: number | null) {
    this.#minutes = minutes;
  }

  /** @param hasAnswered false for a model that was only loaded until now */
  idle(hasAnswered: boolean): void {
    this.busy();
    if (this.#minutes === null) return;
    const waitMs = this.#minutes * MINUTE_MS;
    this.#timer = setTimeout(this.#onIdle, hasAnswered ? waitMs : Math.max(waitMs, UNUSED_MS));
    this.#timer.unref();
  }

  /** Something is asked of the model, or there is none. */
  busy(): void {
    this.#rounds += 1;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
