import { withEventMeta } from '@orpc/server';
import type { AppEvent } from './contract/index.ts';

/** Events kept for a client that comes back: about a minute of a streaming answer at 30 chunks a second. */
const KEPT_EVENTS = 2_000;
/** A subscriber that has not taken this many events is told of a gap instead of growing the queue. */
const MAX_QUEUED_EVENTS = 4_000;

export interface EventBus {
  emit(event: AppEvent): void;
  /** Emits, at once or when the first client listens: what a person asked for while no window was open. */
  emitWhenHeard(event: AppEvent): void;
  /** Listens inside the core; returns the dispose. */
  on(listener: (event: AppEvent) => void): () => void;
  /**
   * The stream for a client. With the id of the last event it saw, it gets what came after;
   * a `gap` event first when that is no longer kept or belongs to an earlier run of the app.
   */
  subscribe(options: {
    lastEventId?: string | undefined;
    signal?: AbortSignal | undefined;
  }): AsyncGenerator<AppEvent, void>;
}

/** Makes the bus of one run of the app. Event ids are `run:sequence`. */
export function createEventBus(runId: string): EventBus {
  const kept: { seq: number; event: AppEvent }[] = [];
  const listeners = new Set<(event: AppEvent, seq: number) => void>();
  /** The last wish counts: a person who asks again has changed their mind. */
  let unheard: AppEvent | null = null;
  let clients = 0;
  let lastSeq = 0;

  const since = (lastEventId: string | undefined): { seq: number; event: AppEvent }[] => {
    if (lastEventId === undefined) return [];
    const [run, seqText] = lastEventId.split(':');
    const seq = Number(seqText);
    const oldestKept = kept[0]?.seq ?? lastSeq + 1;
    if (run !== runId || !Number.isInteger(seq) || seq > lastSeq || seq + 1 < oldestKept) {
      return [{ seq: lastSeq, event: { type: 'gap' } }];
    }
    return kept.slice(seq + 1 - oldestKept);
  };

  const emit = (event: AppEvent) => {
    lastSeq += 1;
    kept.push({ seq: lastSeq, event });
    if (kept.length > KEPT_EVENTS) kept.shift();
    for (const listener of [...listeners]) listener(event, lastSeq);
  };

  return {
    emit,
    emitWhenHeard(event) {
      if (clients > 0) emit(event);
      else unheard = event;
    },
    on(listener) {
      const wrapped = (event: AppEvent) => listener(event);
      listeners.add(wrapped);
      return () => void listeners.delete(wrapped);
    },
    async *subscribe({ lastEventId, signal }) {
      let queue = since(lastEventId);
      let wake = () => {};
      const listener = (event: AppEvent, seq: number) => {
        if (queue.length >= MAX_QUEUED_EVENTS) queue = [{ seq, event: { type: 'gap' } }];
        else queue.push({ seq, event });
        wake();
      };
      listeners.add(listener);
      clients += 1;
      if (unheard !== null) emit(unheard);
      unheard = null;
      const onAbort = () => wake();
      signal?.addEventListener('abort', onAbort);
      try {
        while (!signal?.aborted) {
          const next = queue.shift();
          if (next) yield withEventMeta({ ...next.event }, { id: `${runId}:${next.seq}` });
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        clients -= 1;
        listeners.delete(listener);
        signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
