import { tick, untrack } from 'svelte';
import type { Attachment } from 'svelte/attachments';
import { around, earlier, later, moved, NEWEST, placesOf, type TurnRange } from '../../lib/turn-range.ts';
import type { Turn } from '../../state/branch.ts';

/** More turns are put in when the reader comes this near to the first or last one, CSS pixels. */
const AHEAD_PX = 800;

/** Which turns of a long chat are in the page while it is read. Made while a component is. */
export class TurnWindow {
  /** The scroll area. */
  area = $state<HTMLElement>();
  range = $state.raw<TurnRange>(NEWEST);
  readonly places;
  readonly shown;
  readonly #turns: () => readonly Turn[];
  #firstId: string | undefined;

  constructor(turns: () => readonly Turn[]) {
    this.#turns = turns;
    this.places = $derived(placesOf(this.range, turns().length));
    this.shown = $derived(turns().slice(this.places.from, this.places.to));
    // Older turns that arrive move the places of those in the page.
    $effect.pre(() => {
      const all = turns();
      untrack(() => this.#follow(all));
    });
  }

  toNewest(): void {
    this.range = NEWEST;
  }

  /** Puts a turn of the branch into the page, unless it is there. */
  async put(messageId: string): Promise<void> {
    const turns = this.#turns();
    const index = turns.findIndex((turn) => turn.message.id === messageId);
    if (index === -1) return;
    const { from, to } = this.places;
    if (index < from || index >= to) this.range = around(index, turns.length);
    await tick();
  }

  readonly showEarlier = (): Promise<void> => this.#move(earlier(this.range, this.#turns().length));
  readonly showLater = (): Promise<void> => this.#move(later(this.range, this.#turns().length));

  /** Attachment that calls when the reader comes near to an end of what is in the page. */
  near(call: () => Promise<void>): Attachment<HTMLElement> {
    return (element) => {
      const observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting)) void call();
        },
        { root: element.closest('[role=log]'), rootMargin: `${AHEAD_PX}px 0px` },
      );
      observer.observe(element);
      return () => observer.disconnect();
    };
  }

  #follow(turns: readonly Turn[]): void {
    const before = this.#firstId;
    this.#firstId = turns[0]?.message.id;
    if (before === undefined || before === this.#firstId) return;
    const added = turns.findIndex(({ message }) => message.id === before);
    if (added > 0) this.range = moved(this.range, added);
  }

  /** Puts other turns in and keeps what the reader looks at where it is. */
  async #move(next: TurnRange): Promise<void> {
    const { area } = this;
    if (!area) return;
    const { top } = area.getBoundingClientRect();
    const seen = [...area.querySelectorAll('.turn')].find(
      (turn) => turn.getBoundingClientRect().bottom > top,
    );
    const before = seen?.getBoundingClientRect().top ?? 0;
    const focused = document.activeElement;
    // The browser's own anchoring would move the same distance a second time.
    area.style.overflowAnchor = 'none';
    this.range = next;
    await tick();
    if (seen?.isConnected === true) area.scrollTop += seen.getBoundingClientRect().top - before;
    // The keys that scroll go on working when the turn with the focus has gone.
    if (focused?.isConnected === false) area.focus({ preventScroll: true });
    requestAnimationFrame(() => (area.style.overflowAnchor = ''));
  }
}
