import { nextIndex, TypeAhead } from '../../lib/roving.ts';
import type { ChatRow } from './chat-rows.ts';

/** Keys that move through a long list: arrows, pages, ends, and the first letters of a title. */
export class ListKeys {
  readonly #typeAhead = new TypeAhead();

  /**
   * @param index place of the row with the focus
   * @param page rows that a page key moves by
   * @param typing letters look for a title
   * @returns the place that a key leads to; undefined when it does not move
   */
  target(
    event: KeyboardEvent,
    rows: readonly ChatRow[],
    index: number,
    { page, typing }: { page: number; typing: boolean },
  ): number | undefined {
    if (event.key === 'PageDown') return Math.min(rows.length - 1, index + page);
    if (event.key === 'PageUp') return Math.max(0, index - page);
    const moved = nextIndex(event.key, index, rows.length);
    if (moved !== undefined || event.shiftKey || !typing) return moved;
    const titles = rows.map(({ title }) => title);
    return this.#typeAhead.find(event.key, titles, index, event.timeStamp);
  }
}
