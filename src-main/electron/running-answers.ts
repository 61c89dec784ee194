import type { AppEvent } from '../contract/index.ts';

/** Whoever waits longer than this has turned to something else. */
export const LONG_ANSWER_MS = 20_000;

export interface RunningAnswers {
  readonly count: number;
  /** Takes an event of the core; returns how long an answer took that has just ended, in ms, else null. */
  handle(event: AppEvent): number | null;
}

/** Follows which answers are under way. Pure but for its own state. @param now a clock in ms */
export function createRunningAnswers(now: () => number): RunningAnswers {
  const startedAtMs = new Map<string, number>();
  return {
    get count() {
      return startedAtMs.size;
    },
    handle(event) {
      if (event.type === 'generation.progress' || event.type === 'message.chunk') {
        if (!startedAtMs.has(event.messageId)) startedAtMs.set(event.messageId, now());
        return null;
      }
      if (event.type !== 'generation.settled') return null;
      const startedAt = startedAtMs.get(event.messageId);
      startedAtMs.delete(event.messageId);
      return startedAt === undefined ? null : now() - startedAt;
    },
  };
}
