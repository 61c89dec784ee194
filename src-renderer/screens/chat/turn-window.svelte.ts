import { tick, untrack } from 'svelte';
import type { Attachment } from 'svelte/attachments';
import { whenIdle } from '../../lib/idle.ts';
import {
  around,
  earlier,
  later,
  moved,
  NEWEST,
  placesOf,
  TURNS_AT_ONCE,
  type TurnRange,
} from '../../lib/turn-range.ts';
import type { Turn } from '../../state/branch.ts';

/** More turns are put in when the reader comes this near to the first or last one, CSS pixels. */
const AHEAD_PX = 800;

/** A turn, as long as none was measured, CSS pixels. */
const USUAL_TURN_PX = 200;
/** A gap that reaches further than so many turns beyond those in the page is not filled step by step. */
const FAR_TURNS = 2 * TURNS_AT_ONCE;

/** Which turns of a long chat are in the page while it is read. Made while a component is. */
export class TurnWindow {
  /** The scroll area. */
  area = $state<HTMLElement>();
  range = $state.raw<TurnRange>(NEWEST);
  readonly places;
  readonly shown;
  /** Room for the turns that are not in the page, so that the scroll bar speaks of the whole chat, CSS pixels. */
  readonly gaps;
  #turnPx = $state(USUAL_TURN_PX);
  #isMeasured = false;
  #last: Promise<void> = Promise.resolve();
  readonly #turns: () => readonly Turn[];
  #firstId: string | undefined;

  constructor(turns: () => readonly Turn[]) {
    this.#turns = turns;
    this.places = $derived(placesOf(this.range, turns().length));
    this.shown = $derived(turns().slice(this.places.from, this.places.to));
    this.gaps = $derived({
      before: this.places.from * this.#turnPx,
      after: (turns().length - this.places.to) * this.#turnPx,
    });
    // Older turns that arrive move the places of those in the page.
    $effect.pre(() => {
      const all = turns();
      untrack(() => this.#follow(all));
    });
  }

  toNewest(): void {
    this.range = NEWEST;
    this.#isMeasured = false;
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

  readonly showEarlier = (): Promise<void> => this.#inTurn(() => this.#move(earlier));
  readonly showLater = (): Promise<void> => this.#inTurn(() => this.#move(later));

  /** Attachment that calls when the reader comes near to an end of what is in the page. */
  near(call: () => Promise<void>): Attachment<HTMLElement> {
    return (element) => {
      const observer = new IntersectionObserver(
        (entries) => {
          const near = entries.find((entry) => entry.isIntersecting);
          if (near) void this.#inTime(near, call);
        },
        { root: element.closest('[role=log]'), rootMargin: `${AHEAD_PX}px 0px` },
      );
      observer.observe(element);
      return () => observer.disconnect();
    };
  }

  /** Attachment of a gap: a reader who has gone right into it, by the scroll bar or a key, is shown what is there. */
  gap(side: 'before' | 'after'): Attachment<HTMLElement> {
    return (element) => {
      untrack(() => {
        if (!this.#isMeasured) this.#measure();
      });
      const observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting))
            void this.#inTurn(() => this.#fill(element, side === 'before'));
        },
        { root: element.closest('[role=log]') },
      );
      observer.observe(element);
      return () => observer.disconnect();
    };
  }

  /** Puts the turns in that are where the reader is. */
  async #fill(gap: HTMLElement, isBefore: boolean): Promise<void> {
    const { area } = this;
    if (!area || !gap.isConnected) return;
    const [seen, room] = [area.getBoundingClientRect(), gap.getBoundingClientRect()];
    const { from, to } = this.places;
    const index = isBefore
      ? Math.max(0, Math.floor((seen.top - room.top) / this.#turnPx))
      : to + Math.floor((seen.bottom - room.top) / this.#turnPx);
    if (room.bottom <= seen.top || room.top >= seen.bottom) return;
    if (isBefore && index > from - FAR_TURNS) return this.#move(earlier);
    if (!isBefore && index < to + FAR_TURNS) return this.#move(later);
    const turns = this.#turns();
    const wanted = turns[Math.min(index, turns.length - 1)]?.message.id;
    if (wanted === undefined) return;
    await this.#holding(() => (this.range = around(Math.min(index, turns.length - 1), turns.length)));
    const turn = area.querySelector(`[data-turn="${wanted}"]`);
    if (turn) area.scrollTop += turn.getBoundingClientRect().top - area.getBoundingClientRect().top;
  }

  /** What is seen is missed at once; what is only near comes when the page has nothing else to do. */
  async #inTime(
    { target, boundingClientRect: { bottom, top } }: IntersectionObserverEntry,
    call: () => Promise<void>,
  ) {
    const seen = this.area?.getBoundingClientRect();
    if (!seen || bottom < seen.top || top > seen.bottom) await whenIdle();
    if (target.isConnected) await call();
  }

  #follow(turns: readonly Turn[]): void {
    const before = this.#firstId;
    this.#firstId = turns[0]?.message.id;
    if (before === undefined || before === this.#firstId) return;
    const added = turns.findIndex(({ message }) => message.id === before);
    if (added > 0) void this.#holding(() => (this.range = moved(this.range, added)));
  }

  /** Puts other turns in, one step further. */
  async #move(step: (range: TurnRange, count: number) => TurnRange): Promise<void> {
    await this.#holding(() => (this.range = step(this.range, this.#turns().length)));
  }

  /** How high a turn is, of those in the page. Kept while a chat is read, or the scroll bar would jump. */
  #measure(): void {
    const turns = [...(this.area?.querySelectorAll('.turn') ?? [])].map((turn) =>
      turn.getBoundingClientRect(),
    );
    const [first, last] = [turns[0], turns.at(-1)];
    if (!first || !last) return;
    this.#turnPx = Math.max(1, (last.bottom - first.top) / turns.length);
    this.#isMeasured = true;
  }

  /** One at a time: two would hold the same turn in its place twice. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    return (this.#last = this.#last.then(change, change));
  }

  /** Changes what is in the page and keeps what the reader looks at where it is. */
  async #holding(change: () => void): Promise<void> {
    const { area } = this;
    if (!area) {
      change();
      return;
    }
    const { top } = area.getBoundingClientRect();
    const seen = [...area.querySelectorAll('.turn')].find(
      (turn) => turn.getBoundingClientRect().bottom > top,
    );
    const before = seen?.getBoundingClientRect().top ?? 0;
    const focused = document.activeElement;
    // The browser's own anchoring would move the same distance a second time.
    area.style.overflowAnchor = 'none';
    change();
    await tick();
    if (seen?.isConnected === true) area.scrollTop += seen.getBoundingClientRect().top - before;
    // The keys that scroll go on working when the turn with the focus has gone.
    if (focused?.isConnected === false) area.focus({ preventScroll: true });
    requestAnimationFrame(() => (area.style.overflowAnchor = ''));
  }
}
