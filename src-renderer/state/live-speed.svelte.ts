import type { AppEvent } from '../../src-main/contract/index.ts';

/** What the chart shows, seconds. */
export const LIVE_SECONDS = 60;

interface Sample {
  readonly at: number;
  readonly tokens: number;
}

/** Speed of the answers of one conversation second by second, from the engine's token counts. */
export class LiveSpeed {
  /** Changes with every count that came in. */
  version = $state(0);
  /** By conversation; each count as it came, the newest answer only. */
  readonly #samples = new Map<string, { messageId: string; samples: Sample[] }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  handle(event: AppEvent): void {
    if (event.type !== 'message.chunk' || event.generatedTokens === undefined) return;
    const at = this.#now();
    const known = this.#samples.get(event.conversationId);
    const entry =
      known?.messageId === event.messageId ? known : { messageId: event.messageId, samples: [] as Sample[] };
    entry.samples.push({ at, tokens: event.generatedTokens });
    while ((entry.samples[0]?.at ?? at) < at - (LIVE_SECONDS + 1) * 1_000) entry.samples.shift();
    this.#samples.set(event.conversationId, entry);
    this.version += 1;
  }

  /**
   * Tokens a second for each of the last {@link LIVE_SECONDS} seconds, oldest first; null where none came.
   */
  series(conversationId: string): (number | null)[] {
    const samples = this.#samples.get(conversationId)?.samples ?? [];
    const end = this.#now();
    return Array.from({ length: LIVE_SECONDS }, (_, index) => {
      const from = end - (LIVE_SECONDS - index) * 1_000;
      return rateBetween(samples, from, from + 1_000);
    });
  }
}

/** Rate between the last count before `from` and the last one before `to`; null when there are not two counts. */
function rateBetween(samples: readonly Sample[], from: number, to: number): number | null {
  const last = samples.findLast((sample) => sample.at < to);
  const before = samples.findLast((sample) => sample.at < from) ?? samples[0];
  if (!last || !before || last.at < from || last.at <= before.at) return null;
  return ((last.tokens - before.tokens) / (last.at - before.at)) * 1_000;
}
