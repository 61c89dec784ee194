import { describe, expect, it } from 'vitest';
import { place } from '../../src-renderer/lib/placement.ts';

const VIEWPORT = { width: 1000, height: 600 };
const anchor = (x: number, y: number) => ({ x, y, width: 100, height: 30 });
const MENU = { width: 200, height: 150 };

describe('place', () => {
  it('lies below, at the start, mirrored in right-to-left', () => {
    expect(place(anchor(400, 100), MENU, VIEWPORT, 'below-start')).toEqual({
      x: 400,
      y: 134,
      maxHeight: 458,
    });
    expect(place(anchor(400, 100), MENU, VIEWPORT, 'below-start', { rtl: true }).x).toBe(300);
    expect(place(anchor(400, 100), MENU, VIEWPORT, 'below-end').x).toBe(300);
    expect(place(anchor(400, 100), MENU, VIEWPORT, 'below').x).toBe(350);
  });

  it('turns to the other side where it fits, and stays inside the window', () => {
    expect(place(anchor(400, 550), MENU, VIEWPORT, 'below-start').y).toBe(396);
    expect(place(anchor(400, 20), MENU, VIEWPORT, 'above').y).toBe(54);
    expect(place(anchor(950, 100), MENU, VIEWPORT, 'below-start').x).toBe(792);
    expect(place(anchor(-50, 100), MENU, VIEWPORT, 'below-end').x).toBe(8);
  });

  it('takes the larger side and limits the height where neither fits', () => {
    const tall = { width: 200, height: 900 };
    expect(place(anchor(400, 200), tall, VIEWPORT, 'below-start')).toMatchObject({ y: 234, maxHeight: 358 });
    expect(place(anchor(400, 400), tall, VIEWPORT, 'below-start')).toMatchObject({ y: 8, maxHeight: 388 });
  });

  it('lies beside, on the side with room', () => {
    expect(place(anchor(400, 300), MENU, VIEWPORT, 'end')).toMatchObject({ x: 504, y: 240 });
    expect(place(anchor(880, 300), MENU, VIEWPORT, 'end').x).toBe(676);
    expect(place(anchor(400, 300), MENU, VIEWPORT, 'end', { rtl: true }).x).toBe(196);
  });
});
