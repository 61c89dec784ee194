import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { urgently, whenIdle } from '../../src-renderer/lib/idle.ts';

/** More than any pause for a quiet moment, and for a page in the background. */
const SOON_MS = 300;
const LATE_MS = 1_300;

describe('work for a quiet moment', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits for what somebody waits for, however that ends', async () => {
    const first = Promise.withResolvers<string>();
    const second = Promise.withResolvers<string>();
    const quiet = vi.fn();
    const shown = urgently(first.promise);
    const failed = urgently(second.promise).catch((error: unknown) => error);
    void whenIdle().then(quiet);
    await vi.advanceTimersByTimeAsync(SOON_MS);
    first.resolve('the chat');
    expect(await shown).toBe('the chat');
    await vi.advanceTimersByTimeAsync(SOON_MS);
    expect(quiet).not.toHaveBeenCalled();
    second.reject(new Error('lost'));
    expect(await failed).toBeInstanceOf(Error);
    await vi.advanceTimersByTimeAsync(SOON_MS);
    expect(quiet).toHaveBeenCalled();
  });

  it('does not wait for ever', async () => {
    const never = Promise.withResolvers<null>();
    const quiet = vi.fn();
    void urgently(never.promise);
    void whenIdle().then(quiet);
    await vi.advanceTimersByTimeAsync(LATE_MS);
    expect(quiet).toHaveBeenCalled();
    never.resolve(null);
    await vi.advanceTimersByTimeAsync(SOON_MS);
    const next = vi.fn();
    void whenIdle().then(next);
    await vi.advanceTimersByTimeAsync(1);
    expect(next).toHaveBeenCalled();
  });
});
