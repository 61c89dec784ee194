const FOCUSABLE =
  'button:not([disabled]):not([tabindex="-1"]), a[href], input:not([disabled]), textarea:not([disabled]), select:not([disabled]), [tabindex="0"]';

function isShown(element: HTMLElement): boolean {
  return element.checkVisibility();
}

/**
 * Moves the focus to the next or previous region of the window, in document order. A region is marked with
 * `data-region`; what it focuses is its `data-region-focus`, else its first control, else itself.
 */
export function cycleRegion(document: Document, step: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter(isShown);
  if (regions.length === 0) return;
  const active = document.activeElement;
  const current = regions.findLastIndex((region) => region.contains(active));
  const start = current === -1 ? (step === 1 ? -1 : 0) : current;
  const region = regions[(start + step + regions.length) % regions.length];
  if (!region) return;
  const marked = region.querySelector<HTMLElement>('[data-region-focus]');
  const inside = [...region.querySelectorAll<HTMLElement>(FOCUSABLE)].find(isShown);
  // A region that takes the focus itself, such as the log, would else be scrolled to its first control.
  const own = region.tabIndex === 0 ? region : (inside ?? region);
  (marked && isShown(marked) ? marked : own).focus();
}
