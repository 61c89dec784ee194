import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFrameBatch, type FrameClock } from '../../src-renderer/lib/frame-batch.ts';

/** A screen with a fixed rate, driven by hand. */
class Screen implements FrameClock {
  time = 0;
  #callbacks = new Map<number, () => void>();
  #next = 1;
  now(): number {
    return this.time;
  }
  requestFrame(callback: () => void): number {
    this.#callbacks.set(this.#next, callback);
    return this.#next++;
  }
  cancelFrame(handle: number): void {
    this.#callbacks.delete(handle);
  }
  frame(ms: number): void {
    this.time += ms;
    vi.advanceTimersByTime(ms);
    const due = [...this.#callbacks.values()];
    this.#callbacks.clear();
    for (const callback of due) callback();
  }
}

describe('createFrameBatch', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('makes one commit of many calls', () => {
    const screen = new Screen();
    const commit = vi.fn();
    const batch = createFrameBatch(commit, screen);
    for (let call = 0; call < 50; call += 1) batch.schedule();
    expect(commit).not.toHaveBeenCalled();
    screen.frame(16);
    expect(commit).toHaveBeenCalledTimes(1);
    screen.frame(16);
    expect(commit).toHaveBeenCalledTimes(1);
  });

  it.each([60, 75, 120, 144])('commits at most 30 times a second at %d Hz', (rate) => {
    const screen = new Screen();
    const commit = vi.fn();
    const batch = createFrameBatch(commit, screen);
    for (let frame = 0; frame < rate; frame += 1) {
      batch.schedule();
      screen.frame(1000 / rate);
    }
    expect(commit.mock.calls.length).toBeLessThanOrEqual(31);
    expect(commit.mock.calls.length).toBeGreaterThanOrEqual(24);
  });

  it('commits in a hidden window too, where no frames come', () => {
    const commit = vi.fn();
    const batch = createFrameBatch(commit, new Screen());
    batch.schedule();
    vi.advanceTimersByTime(1000);
    expect(commit).toHaveBeenCalledTimes(1);
  });

  it('flushes what is waiting and nothing else', () => {
    const commit = vi.fn();
    const batch = createFrameBatch(commit, new Screen());
    batch.flush();
    expect(commit).not.toHaveBeenCalled();
    batch.schedule();
    batch.flush();
    batch.flush();
    vi.advanceTimersByTime(5000);
    expect(commit).toHaveBeenCalledTimes(1);
  });

  it('does nothing after it was disposed of', () => {
    const screen = new Screen();
    const commit = vi.fn();
    const batch = createFrameBatch(commit, screen);
    batch.schedule();
    batch.dispose();
    batch.schedule();
    screen.frame(50);
    vi.advanceTimersByTime(5000);
    expect(commit).not.toHaveBeenCalled();
  });
});
