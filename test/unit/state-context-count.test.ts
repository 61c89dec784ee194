import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppClient, ContextPreview } from '../../src-main/contract/index.ts';
import { ContextCount, type NextSend } from '../../src-renderer/state/context-count.svelte.ts';

const counted: ContextPreview = {
  contextSize: 1024,
  reserveTokens: 10,
  counts: { promptTokens: 5, wholeTokens: 5, parts: [], attachments: [] },
  leftOut: [],
  asks: false,
  fits: true,
  fitsWhole: true,
};

function core(preview: ContextPreview = counted) {
  const read: { draft: string; signal: AbortSignal }[] = [];
  const client = {
    context: {
      preview: () => Promise.resolve(preview),
      readAhead: ({ draft }: { draft: string }, { signal }: { signal: AbortSignal }) => {
        read.push({ draft, signal });
        return new Promise(() => {});
      },
    },
  } as unknown as AppClient;
  return { read, count: new ContextCount(client) };
}

const next = (draft: string): NextSend => ({
  id: null,
  leaf: null,
  draft,
  attachments: [],
  systemPrompt: null,
});

/** Longer than any pause that is waited for. */
const pause = () => vi.advanceTimersByTimeAsync(1000);

describe('a pause in typing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('has the model read ahead, until the next key', async () => {
    const { read, count } = core();
    count.request(next('one'));
    count.request(next('one two'));
    await pause();
    expect(read.map(({ draft }) => draft)).toEqual(['one two']);
    expect(read[0]?.signal.aborted).toBe(false);
    count.request(next('one two t'));
    expect(read[0]?.signal.aborted).toBe(true);
    await pause();
    expect(read.map(({ draft }) => draft)).toEqual(['one two', 'one two t']);
    count.reset();
    expect(read[1]?.signal.aborted).toBe(true);
  });

  it('does not when nothing could be counted, nor does a send', async () => {
    const without = core({ ...counted, counts: null });
    without.count.request(next('one'));
    await pause();
    const { read, count } = core();
    expect(await count.now(next('one'))).toEqual(counted);
    await pause();
    expect([...without.read, ...read]).toEqual([]);
  });
});
