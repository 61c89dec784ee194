/** Which arrows move: `vertical` for lists and menus, `horizontal` for tabs and toolbars. */
export type RovingOrientation = 'vertical' | 'horizontal' | 'both';

export interface RovingOptions {
  orientation?: RovingOrientation;
  /** From the last item to the first. Menus wrap; long lists do not. */
  wrap?: boolean;
  rtl?: boolean;
}

/**
 * The item that a key moves to.
 *
 * @param current index of the focused item, -1 if none
 * @returns the new index, or undefined if the key does not move
 */
export function nextIndex(
  key: string,
  current: number,
  count: number,
  options: RovingOptions = {},
): number | undefined {
  if (count === 0) return undefined;
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  const orientation = options.orientation ?? 'vertical';
  const forward = options.rtl === true ? 'ArrowLeft' : 'ArrowRight';
  const backward = options.rtl === true ? 'ArrowRight' : 'ArrowLeft';
  const vertical = orientation !== 'horizontal';
  const horizontal = orientation !== 'vertical';
  let step = 0;
  if ((vertical && key === 'ArrowDown') || (horizontal && key === forward)) step = 1;
  if ((vertical && key === 'ArrowUp') || (horizontal && key === backward)) step = -1;
  if (step === 0) return undefined;
  if (current === -1) return step === 1 ? 0 : count - 1;
  const next = current + step;
  if (next >= 0 && next < count) return next;
  return options.wrap === true ? (next + count) % count : current;
}

/** Pause after which typed letters start a new search. */
const TYPE_AHEAD_RESET_MS = 600;

/** Collects typed letters and finds the label that starts with them. */
export class TypeAhead {
  #typed = '';
  #lastAt = Number.NEGATIVE_INFINITY;

  /**
   * @param key `KeyboardEvent.key`
   * @param now milliseconds of a monotonic clock
   * @returns index of the match, or undefined if the key types nothing or nothing matches
   */
  find(key: string, labels: readonly string[], current: number, now: number): number | undefined {
    if ([...key].length !== 1 || (key === ' ' && this.#typed === '')) return undefined;
    if (now - this.#lastAt > TYPE_AHEAD_RESET_MS) this.#typed = '';
    this.#lastAt = now;
    const letter = fold(key);
    // The same letter again goes on to the next item that starts with it.
    const repeated = this.#typed !== '' && [...this.#typed].every((each) => each === letter);
    this.#typed = repeated ? letter : this.#typed + letter;
    const start = this.#typed.length === 1 ? current + 1 : Math.max(current, 0);
    for (let offset = 0; offset < labels.length; offset += 1) {
      const index = (start + offset) % labels.length;
      if (fold(labels[index] ?? '').startsWith(this.#typed)) return index;
    }
    return undefined;
  }
}

function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

export interface RovingHostOptions extends RovingOptions {
  /** CSS selector of the items inside the host. */
  items: string;
  typeAhead?: boolean;
  /** Label for type-ahead; the text of the item without it. */
  labelOf?: (item: HTMLElement) => string;
  onfocus?: (item: HTMLElement, index: number) => void;
}

/**
 * Attachment: one tab stop for a list, tabs or a tree; arrows, Home, End and typed letters move inside it.
 * The tab stop is the item with `aria-selected`, `aria-current` or `aria-checked`, else the one last focused.
 */
export function roving(options: RovingHostOptions): (host: HTMLElement) => () => void {
  return (host) => {
    const typeAhead = new TypeAhead();
    let last: HTMLElement | undefined;
    const items = (): HTMLElement[] => [...host.querySelectorAll<HTMLElement>(options.items)];

    const refresh = (): void => {
      const all = items();
      const marked = all.find((item) =>
        item.matches(
          '[aria-selected="true"], [aria-current]:not([aria-current="false"]), [aria-checked="true"]',
        ),
      );
      const stop =
        (last !== undefined && all.includes(last) && host.contains(host.ownerDocument.activeElement)
          ? last
          : undefined) ??
        marked ??
        (last !== undefined && all.includes(last) ? last : all[0]);
      for (const item of all) {
        const tabIndex = item === stop ? 0 : -1;
        if (item.tabIndex !== tabIndex || !item.hasAttribute('tabindex')) item.tabIndex = tabIndex;
      }
    };

    const move = (all: HTMLElement[], index: number | undefined, event: KeyboardEvent): void => {
      const item = index === undefined ? undefined : all[index];
      if (item === undefined || index === undefined) return;
      event.preventDefault();
      last = item;
      item.focus();
      refresh();
      options.onfocus?.(item, index);
    };

    const onkeydown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target;
      if (
        target instanceof HTMLElement &&
        target.matches('input, textarea, select, [contenteditable="true"]')
      )
        return;
      const all = items();
      const current = all.findIndex((item) => item === target);
      if (current === -1) return;
      const rtl = options.rtl ?? getComputedStyle(host).direction === 'rtl';
      const moved = nextIndex(event.key, current, all.length, { ...options, rtl });
      if (moved !== undefined) move(all, moved, event);
      else if (options.typeAhead !== false) {
        const labels = all.map((item) => options.labelOf?.(item) ?? item.textContent.trim());
        move(all, typeAhead.find(event.key, labels, current, event.timeStamp), event);
      }
    };

    const onfocusin = (event: FocusEvent): void => {
      const item = items().find((candidate) => candidate === event.target);
      if (item === undefined) return;
      last = item;
      refresh();
    };

    const observer = new MutationObserver(refresh);
    observer.observe(host, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ['aria-selected', 'aria-current', 'aria-checked'],
    });
    host.addEventListener('keydown', onkeydown);
    host.addEventListener('focusin', onfocusin);
    host.addEventListener('focusout', refresh);
    refresh();
    return () => {
      observer.disconnect();
      host.removeEventListener('keydown', onkeydown);
      host.removeEventListener('focusin', onfocusin);
      host.removeEventListener('focusout', refresh);
    };
  };
}
