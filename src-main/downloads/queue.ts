import type { Download } from '../contract/index.ts';

/** What the queue needs to know of an entry. */
export interface Queued {
  readonly record: Pick<Download, 'kind' | 'state' | 'startedAt'>;
  readonly isBusy: boolean;
}

/**
 * Which entries may begin now, oldest first. A second look at a model in the library does not wait for a
 * download, nor the other way round.
 * @param atOnce of each kind
 */
export function nextToRun<T extends Queued>(entries: readonly T[], atOnce: number): T[] {
  return (['download', 'verify'] as const).flatMap((kind) => {
    const lane = entries.filter(({ record }) => record.kind === kind);
    const free = atOnce - lane.filter(({ isBusy }) => isBusy).length;
    const waiting = lane
      .filter(({ record }) => record.state === 'waiting')
      .sort((a, b) => a.record.startedAt - b.record.startedAt);
    return waiting.slice(0, Math.max(0, free));
  });
}
