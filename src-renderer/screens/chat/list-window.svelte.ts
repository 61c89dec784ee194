import { RowLayout, type GroupWindow } from '../../lib/row-window.ts';
import type { ChatGroup } from './chat-groups.ts';
import { placesOf, type ChatRow } from './chat-rows.ts';

/** Heights at a text size of 16 px, CSS pixels; ConversationRow.svelte and the headings have the same in rem. */
const SIZES = { row: 30, head: 28, gap: 10 };
const USUAL_TEXT_PX = 16;
/** Rows this far outside of what is seen are in the page, so that none is missed while scrolling. */
const AHEAD_PX = 240;
/** The window moves in steps: a scroll of a few pixels computes nothing. */
const STEP_PX = 120;

/** Which rows of a long list are in the page while it is scrolled. */
export class ListWindow<Row extends ChatRow> {
  readonly sizes;
  /** The scroll area, and what is known of it. */
  area = $state<HTMLElement>();
  viewport = $state(0);
  scrollTop = $state(0);
  /** Of what is scrolled above the rows. */
  headHeight = $state(0);
  readonly #groups: () => readonly ChatGroup<Row>[];
  readonly rows = $derived.by(() => this.#groups().flatMap((group) => group.items));
  readonly placeById = $derived.by(() => placesOf(this.rows));
  readonly layout = $derived.by(
    () =>
      new RowLayout(
        this.#groups().map(({ items }) => items.length),
        this.sizes,
      ),
  );
  readonly #from = $derived(Math.floor((this.scrollTop - this.headHeight - AHEAD_PX) / STEP_PX) * STEP_PX);

  constructor(groups: () => readonly ChatGroup<Row>[]) {
    this.#groups = groups;
    const textSize = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const scale = textSize / USUAL_TEXT_PX || 1;
    this.sizes = { row: SIZES.row * scale, head: SIZES.head * scale, gap: SIZES.gap };
  }

  /** Rows that a page key moves by. */
  get rowsInSight(): number {
    return Math.max(1, Math.floor(this.viewport / this.sizes.row) - 1);
  }

  /** @param keep place of a row that stays in the page */
  windows(keep: number): GroupWindow[] {
    return this.layout.between(this.#from, this.#from + this.viewport + 2 * AHEAD_PX + STEP_PX, keep);
  }

  /** Scrolls as little as needed to show a row; the first of a group with its heading. */
  bringIntoSight(index: number): void {
    if (!this.area || index < 0) return;
    const top = this.headHeight + this.layout.topOf(index);
    const bottom = top + this.sizes.row;
    if (top < this.area.scrollTop) this.area.scrollTop = Math.max(0, top - this.sizes.head);
    else if (bottom > this.area.scrollTop + this.viewport) this.area.scrollTop = bottom - this.viewport;
  }
}
