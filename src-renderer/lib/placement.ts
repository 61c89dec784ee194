/** A box in CSS pixels of the viewport. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where a floating box goes in relation to its anchor. `start` and `end` follow the writing direction. */
export type Placement = 'below-start' | 'below-end' | 'below' | 'above' | 'above-start' | 'above-end' | 'end';

/** Space that a floating box keeps from the window's edge, CSS pixels. */
const EDGE = 8;

/**
 * Places a floating box beside its anchor inside the viewport: on the wished side if it fits there, else
 * on the other side, else where there is more room.
 *
 * @param gap distance between anchor and box, CSS pixels
 * @returns the top left corner and the height that is free there, CSS pixels
 */
export function place(
  anchor: Box,
  size: { width: number; height: number },
  viewport: { width: number; height: number },
  placement: Placement,
  options: { gap?: number; rtl?: boolean } = {},
): { x: number; y: number; maxHeight: number } {
  const gap = options.gap ?? 4;
  const rtl = options.rtl ?? false;
  if (placement === 'end') return placeBeside(anchor, size, viewport, gap, rtl);

  const roomBelow = viewport.height - EDGE - (anchor.y + anchor.height + gap);
  const roomAbove = anchor.y - gap - EDGE;
  const wantsBelow = placement.startsWith('below');
  const fits = (wantsBelow ? roomBelow : roomAbove) >= size.height;
  const otherFits = (wantsBelow ? roomAbove : roomBelow) >= size.height;
  const below = fits ? wantsBelow : otherFits ? !wantsBelow : roomBelow >= roomAbove;
  const maxHeight = Math.max(0, below ? roomBelow : roomAbove);
  const height = Math.min(size.height, maxHeight);
  const y = below ? anchor.y + anchor.height + gap : anchor.y - gap - height;

  const alignsLeft = placement.endsWith('-start') ? !rtl : placement.endsWith('-end') ? rtl : undefined;
  const x =
    alignsLeft === undefined
      ? anchor.x + (anchor.width - size.width) / 2
      : alignsLeft
        ? anchor.x
        : anchor.x + anchor.width - size.width;
  return { x: clamp(x, EDGE, viewport.width - EDGE - size.width), y: Math.max(EDGE, y), maxHeight };
}

function placeBeside(
  anchor: Box,
  size: { width: number; height: number },
  viewport: { width: number; height: number },
  gap: number,
  rtl: boolean,
): { x: number; y: number; maxHeight: number } {
  const right = anchor.x + anchor.width + gap;
  const left = anchor.x - gap - size.width;
  const rightFits = right + size.width <= viewport.width - EDGE;
  const leftFits = left >= EDGE;
  const x = rtl ? (leftFits ? left : right) : rightFits ? right : left;
  const y = clamp(anchor.y + (anchor.height - size.height) / 2, EDGE, viewport.height - EDGE - size.height);
  return {
    x: clamp(x, EDGE, viewport.width - EDGE - size.width),
    y,
    maxHeight: viewport.height - 2 * EDGE,
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}

/**
 * Moves a floating element, already in the top layer, beside its anchor. Sizes are set on `element.style`:
 * the content policy refuses style attributes in markup.
 */
export function moveBeside(
  floating: HTMLElement,
  anchor: Element | Box,
  placement: Placement,
  gap?: number,
): void {
  const window = floating.ownerDocument.defaultView;
  if (window === null) return;
  const box = anchor instanceof window.Element ? anchor.getBoundingClientRect() : anchor;
  const origin = anchor instanceof window.Element ? anchor : floating;
  const rtl = window.getComputedStyle(origin).direction === 'rtl';
  floating.style.maxHeight = '';
  const size = floating.getBoundingClientRect();
  const root = floating.ownerDocument.documentElement;
  const at = place(
    { x: box.x, y: box.y, width: box.width, height: box.height },
    // offset sizes, because an entry animation may scale the box while it is measured
    { width: floating.offsetWidth || size.width, height: floating.offsetHeight || size.height },
    { width: root.clientWidth, height: root.clientHeight },
    placement,
    gap === undefined ? { rtl } : { rtl, gap },
  );
  floating.style.left = `${Math.round(at.x)}px`;
  floating.style.top = `${Math.round(at.y)}px`;
  floating.style.maxHeight = `${Math.floor(at.maxHeight)}px`;
}
