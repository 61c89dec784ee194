import type { AppEvent } from '../contract/index.ts';

export interface RunningAnswer {
  readonly messageId: string;
  readonly conversationId: string;
}

export interface EndedAnswer extends RunningAnswer {
  readonly tookMs: number;
}

export interface RunningAnswers {
  /** Oldest first, those that wait for their turn included. */
  readonly list: readonly RunningAnswer[];
  /** Takes an event of the core; returns the answer that has just ended, if one has. */
  handle(event: AppEvent): EndedAnswer | null;
}

/** Follows which answers are under way. Pure but for its own state. @param now a clock in ms */
export function createRunningAnswers(now: () => number): RunningAnswers {
  const running = new Map<string, RunningAnswer & { startedAtMs: number }>();
  return {
    get list() {
      return [...running.values()];
    },
    handle(event) {
      if (event.type === 'generation.progress' || event.type === 'message.chunk') {
        const { messageId, conversationId } = event;
        if (!running.has(messageId))
          running.set(messageId, { messageId, conversationId, startedAtMs: now() });
        return null;
      }
      if (event.type !== 'generation.settled') return null;
      const answer = running.get(event.messageId);
      running.delete(event.messageId);
      if (answer === undefined) return null;
      const { messageId, conversationId, startedAtMs } = answer;
      return { messageId, conversationId, tookMs: now() - startedAtMs };
    },
  };
}
