import type { Message } from '../contract/index.ts';

/** Measures the thinking of one answer: from its first chunk to the first one of the answer. */
export class ThoughtMeter {
  readonly #now: () => number;
  #startedAt: number | null = null;
  #endedAt: number | null = null;
  #tokens: number | null = null;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param generatedTokens sampled until now, as the engine counts them; undefined where it did not say */
  note(kind: 'answer' | 'reasoning', generatedTokens: number | undefined): void {
    if (kind === 'answer') {
      if (this.#startedAt !== null) this.#endedAt ??= this.#now();
      return;
    }
    this.#startedAt ??= this.#now();
    if (this.#endedAt === null) this.#tokens = generatedTokens ?? this.#tokens;
  }

  /** null while nothing was thought. */
  get thought(): Message['thought'] {
    if (this.#startedAt === null) return null;
    return { ms: (this.#endedAt ?? this.#now()) - this.#startedAt, tokens: this.#tokens };
  }
}
