import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appError, type AppEvent } from '../../src-main/contract/index.ts';
import { FLUSH_INTERVAL_MS, LiveAnswer, type AnswerEnd } from '../../src-main/conversations/live-answer.ts';
import { createEventBus } from '../../src-main/events.ts';

const complete: AnswerEnd = { status: 'complete', errorCode: null, errorDetails: null, stats: null };

function setUp() {
  const flush = vi.fn(async (_input: { text: string; reasoning: string }) => {});
  const finish = vi.fn(async (_input: { text: string; status: string }) => {});
  const onWrite = vi.fn();
  const onEndDelayed = vi.fn();
  const bus = createEventBus('run');
  const events: AppEvent[] = [];
  bus.on((event) => events.push(event));
  const store = { messages: { flush, finish } };
  const answer = new LiveAnswer(
    { conversationId: 'c', messageId: 'm' },
    {
      store: store as unknown as ConstructorParameters<typeof LiveAnswer>[1]['store'],
      bus,
      onWrite,
      onEndDelayed,
    },
  );
  return { answer, flush, finish, onWrite, onEndDelayed, events };
}

describe('LiveAnswer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('numbers the chunks and keeps answer and reasoning apart', () => {
    const { answer, events } = setUp();
    answer.append('reasoning', 'hm');
    answer.append('answer', 'yes');
    expect(answer).toMatchObject({ text: 'yes', reasoning: 'hm', seq: 2 });
    expect(events).toMatchObject([
      { seq: 1, kind: 'reasoning', text: 'hm' },
      { seq: 2, kind: 'answer', text: 'yes' },
    ]);
  });

  it('writes what arrived once an interval, and nothing when nothing arrived', async () => {
    const { answer, flush } = setUp();
    answer.append('answer', 'a');
    answer.append('answer', 'b');
    expect(flush).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(FLUSH_INTERVAL_MS);
    expect(flush).toHaveBeenCalledExactlyOnceWith({ messageId: 'm', text: 'ab', reasoning: '' });
    await vi.advanceTimersByTimeAsync(5 * FLUSH_INTERVAL_MS);
    expect(flush).toHaveBeenCalledTimes(1);
  });

  it('writes again what a full disk refused', async () => {
    const { answer, flush, onWrite } = setUp();
    flush.mockRejectedValueOnce(appError('disk_full'));
    answer.append('answer', 'kept');
    await vi.advanceTimersByTimeAsync(FLUSH_INTERVAL_MS);
    expect(onWrite).toHaveBeenLastCalledWith('disk_full');
    await vi.advanceTimersByTimeAsync(FLUSH_INTERVAL_MS);
    expect(flush).toHaveBeenLastCalledWith({ messageId: 'm', text: 'kept', reasoning: '' });
    expect(onWrite).toHaveBeenLastCalledWith(null);
  });

  it('retries the final write until the disk has room, and takes no text after its end', async () => {
    const { answer, finish, onEndDelayed } = setUp();
    finish.mockRejectedValueOnce(appError('disk_full')).mockRejectedValueOnce(appError('disk_full'));
    answer.append('answer', 'all of it');
    const done = answer.finish(complete, new AbortController().signal);
    answer.append('answer', ' late');
    await vi.advanceTimersByTimeAsync(10_000);
    await done;
    expect(finish).toHaveBeenCalledTimes(3);
    // Clients learn that the answer has ended although that is not on disk yet.
    expect(onEndDelayed).toHaveBeenCalledTimes(1);
    expect(finish.mock.lastCall?.[0]).toMatchObject({ text: 'all of it', status: 'complete' });
  });

  it('tries once more when the app closes, then gives up', async () => {
    const { answer, finish } = setUp();
    finish.mockRejectedValue(appError('disk_full'));
    const closing = new AbortController();
    const done = answer.finish(complete, closing.signal);
    await vi.advanceTimersByTimeAsync(100);
    closing.abort();
    await done;
    expect(finish).toHaveBeenCalledTimes(2);
  });

  it.each(['not_found', 'conflict'] as const)(
    'ends when the final write can never work: %s',
    async (code) => {
      const { answer, finish } = setUp();
      finish.mockRejectedValue(appError(code));
      await answer.finish(complete, new AbortController().signal);
      expect(finish).toHaveBeenCalledTimes(1);
    },
  );
});
