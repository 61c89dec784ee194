import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOAST_MS, ToastQueue } from '../../src-renderer/components/toasts.svelte.ts';

const input = (onaction = vi.fn()) => ({ text: 'Moved to trash', actionLabel: 'Undo', onaction });

describe('ToastQueue', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('takes a toast away after 8 seconds, each by its own clock', () => {
    const queue = new ToastQueue();
    queue.show(input());
    vi.advanceTimersByTime(5000);
    queue.show(input());
    vi.advanceTimersByTime(3000);
    expect(queue.list.map((toast) => toast.id)).toEqual([2]);
    vi.advanceTimersByTime(5000);
    expect(queue.list).toEqual([]);
  });

  it('keeps it while held and starts the clock anew after that', () => {
    const queue = new ToastQueue();
    queue.show(input());
    vi.advanceTimersByTime(TOAST_MS - 1);
    queue.hold();
    queue.show(input());
    vi.advanceTimersByTime(10 * TOAST_MS);
    expect(queue.list).toHaveLength(2);
    queue.release();
    vi.advanceTimersByTime(TOAST_MS - 1);
    expect(queue.list).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(queue.list).toHaveLength(0);
  });

  it('runs the action once and removes the toast', () => {
    const queue = new ToastQueue();
    const onaction = vi.fn();
    const id = queue.show(input(onaction));
    queue.act(id);
    queue.act(id);
    expect(onaction).toHaveBeenCalledTimes(1);
    expect(queue.list).toEqual([]);
  });

  it('leaves no clock behind', () => {
    const queue = new ToastQueue();
    queue.dismiss(queue.show(input()));
    queue.show(input());
    queue.dispose();
    expect(vi.getTimerCount()).toBe(0);
    expect(queue.list).toEqual([]);
  });
});
