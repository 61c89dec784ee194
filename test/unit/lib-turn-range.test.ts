import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  around,
  earlier,
  later,
  MAX_TURNS,
  moved,
  NEWEST,
  placesOf,
  TURNS_AT_ONCE,
} from '../../src-renderer/lib/turn-range.ts';

describe('the turns in the page', () => {
  it('are the newest at first, and follow what comes', () => {
    expect(placesOf(NEWEST, 2000)).toEqual({ from: 2000 - TURNS_AT_ONCE, to: 2000 });
    expect(placesOf(NEWEST, 2001)).toEqual({ from: 2001 - TURNS_AT_ONCE, to: 2001 });
    expect(placesOf(NEWEST, 3)).toEqual({ from: 0, to: 3 });
    expect(placesOf(NEWEST, 0)).toEqual({ from: 0, to: 0 });
  });

  it('reach the first and the newest step by step, and are never too many', () => {
    let range = NEWEST;
    for (let step = 0; step < 200 && placesOf(range, 2000).from > 0; step += 1) {
      const before = placesOf(range, 2000);
      range = earlier(range, 2000);
      const after = placesOf(range, 2000);
      expect(after.from).toBe(Math.max(0, before.from - TURNS_AT_ONCE));
      expect(after.to - after.from).toBeLessThanOrEqual(MAX_TURNS);
      // What the reader looks at, near the first one, stays.
      expect(after.to).toBeGreaterThan(before.from);
    }
    expect(placesOf(range, 2000)).toEqual({ from: 0, to: MAX_TURNS });
    for (let step = 0; step < 200 && range.to !== null; step += 1) range = later(range, 2000);
    expect(placesOf(range, 2000)).toEqual({ from: 2000 - MAX_TURNS, to: 2000 });
  });

  it('are those around a turn that was jumped to', () => {
    const half = TURNS_AT_ONCE / 2;
    expect(around(1000, 2000)).toEqual({ from: 1000 - half, to: 1000 + half });
    expect(around(0, 2000)).toEqual({ from: 0, to: half });
    expect(around(1999, 2000)).toEqual({ from: 1999 - half, to: null });
  });

  it('stay the same turns when older ones come before them', () => {
    expect(moved({ from: 3, to: 20 }, 1960)).toEqual({ from: 1963, to: 1980 });
    expect(moved(NEWEST, 1960)).toEqual(NEWEST);
    expect(placesOf(moved({ from: 3, to: null }, 5), 45)).toEqual({ from: 8, to: 45 });
  });

  it('are always inside the chat, whatever is done in whatever order', () => {
    const step = fc.oneof(
      fc.constantFrom('earlier' as const, 'later' as const, 'newest' as const),
      fc.integer({ min: 0, max: 400 }),
    );
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 400 }), (steps, shorter) => {
        let range = NEWEST;
        for (const one of steps) {
          if (one === 'earlier') range = earlier(range, 401);
          else if (one === 'later') range = later(range, 401);
          else range = one === 'newest' ? NEWEST : around(one, 401);
          const { from, to } = placesOf(range, 401);
          expect(from).toBeGreaterThanOrEqual(0);
          expect(to).toBeLessThanOrEqual(401);
          expect(to).toBeGreaterThan(from);
          if (typeof one === 'number') expect(from <= one && one < to).toBe(true);
          // Another version of the branch may be shorter.
          const short = placesOf(range, shorter);
          expect(short.to).toBeGreaterThan(short.from);
        }
      }),
    );
  });
});
