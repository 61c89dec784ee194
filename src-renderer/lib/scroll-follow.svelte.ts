/** Nearer than this to the end counts as being there: half a line, so that rounding and zoom do no harm. */
const END_TOLERANCE_PX = 12;

/**
 * Keeps a scroll area at its end while it grows, as long as the reader is there. Any move upwards by the
 * reader stops it; coming back to the end, or {@link jumpToNewest}, starts it again.
 *
 * Use: `const follow = new ScrollFollow()`, then `<div {@attach follow.attach}>` on the scroll area, whose
 * only child is the content that grows.
 */
export class ScrollFollow {
  /** The reader is at the end: nothing newer is below. */
  atEnd = $state(true);
  /** Something newer is not in the area yet: its end is not the end, and nothing is followed. */
  partial = $state(false);
  #area: HTMLElement | undefined;
  #following = true;
  #lastTop = 0;
  #lastHeight = 0;

  /** Attachment for the scroll area. */
  readonly attach = (area: HTMLElement): (() => void) => {
    this.#area = area;
    const onscroll = (): void => this.#onScroll();
    area.addEventListener('scroll', onscroll, { passive: true });
    // Observers run after layout and before paint: the move to the end is never seen as a jump.
    const observer = new ResizeObserver(() => this.#onResize());
    observer.observe(area);
    for (const child of area.children) observer.observe(child);
    const children = new MutationObserver(() => {
      observer.disconnect();
      observer.observe(area);
      for (const child of area.children) observer.observe(child);
    });
    children.observe(area, { childList: true });
    this.#onResize();
    return () => {
      area.removeEventListener('scroll', onscroll);
      observer.disconnect();
      children.disconnect();
      this.#area = undefined;
    };
  };

  /** Moves to the end at once and follows from there on; call it after sending, too. */
  jumpToNewest(): void {
    this.#following = true;
    this.#toEnd();
  }

  /** The reader is led to another place: what grows stays below. */
  letGo(): void {
    this.#following = false;
  }

  #isAtEnd(area: HTMLElement): boolean {
    return !this.partial && this.#distance(area) <= END_TOLERANCE_PX;
  }

  #distance(area: HTMLElement): number {
    return area.scrollHeight - area.clientHeight - area.scrollTop;
  }

  #onScroll(): void {
    const area = this.#area;
    if (area === undefined) return;
    const atEnd = this.#isAtEnd(area);
    // A shrinking area moves the position up by itself: that is no wish of the reader.
    const shrank = area.scrollHeight < this.#lastHeight;
    const movedUp = area.scrollTop < this.#lastTop - 1;
    if (movedUp && !shrank) this.#following = false;
    else if (atEnd) this.#following = true;
    this.#remember(area);
    this.atEnd = atEnd;
  }

  #onResize(): void {
    const area = this.#area;
    if (area === undefined) return;
    if (this.#following && !this.partial) this.#toEnd();
    else {
      this.#remember(area);
      this.atEnd = this.#isAtEnd(area);
    }
  }

  #toEnd(): void {
    const area = this.#area;
    if (area === undefined) return;
    area.scrollTop = area.scrollHeight;
    this.#remember(area);
    this.atEnd = true;
  }

  #remember(area: HTMLElement): void {
    this.#lastTop = area.scrollTop;
    this.#lastHeight = area.scrollHeight;
  }
}
