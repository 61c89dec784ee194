/**
 * Makes an area a tab stop with a name while its content is wider than it is, so that the keyboard can scroll
 * it sideways; without that it stays out of the tab order.
 *
 * @returns stops watching
 */
export function focusableWhileOverflowing(area: HTMLElement, label: string | undefined): () => void {
  const update = (): void => {
    const overflows = area.scrollWidth > area.clientWidth + 1;
    if (overflows === area.hasAttribute('tabindex')) return;
    if (overflows) {
      area.setAttribute('tabindex', '0');
      area.setAttribute('role', 'group');
      if (label !== undefined) area.setAttribute('aria-label', label);
    } else {
      area.removeAttribute('tabindex');
      area.removeAttribute('role');
      area.removeAttribute('aria-label');
    }
  };
  const observer = new ResizeObserver(update);
  observer.observe(area);
  if (area.firstElementChild !== null) observer.observe(area.firstElementChild);
  update();
  return () => observer.disconnect();
}
