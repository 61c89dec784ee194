/** Heights of a list whose rows are all alike, CSS pixels. */
export interface RowSizes {
  row: number;
  /** Heading of a group. */
  head: number;
  /** Between two groups. */
  gap: number;
}

/** What of one group is put into the page. */
export interface GroupWindow {
  group: number;
  /** Place of its first row among all rows, from 0. */
  first: number;
  /** Distance of the group from the start of the list, CSS pixels. */
  top: number;
  height: number;
  /** Places of its rows inside the group, from 0, in order. */
  rows: number[];
}

/** Rows are put in and taken out by this many: a scroll of a few pixels changes nothing. */
const STEP_ROWS = 8;

/**
 * Where the rows of a grouped list lie, computed instead of measured: a list of ten thousand costs as much as
 * one of forty.
 */
export class RowLayout {
  readonly height: number;
  readonly rowCount: number;
  readonly #sizes: RowSizes;
  readonly #groups: readonly { top: number; first: number; count: number; height: number }[];

  /** @param counts rows of each group */
  constructor(counts: readonly number[], sizes: RowSizes) {
    this.#sizes = sizes;
    let top = 0;
    let first = 0;
    this.#groups = counts.map((count, index) => {
      const start = index === 0 ? 0 : top + sizes.gap;
      const height = sizes.head + count * sizes.row;
      const group = { top: start, first, count, height };
      top = start + height;
      first += count;
      return group;
    });
    this.height = top;
    this.rowCount = first;
  }

  /** Distance of a row from the start of the list, CSS pixels. @param row from 0, over all groups */
  topOf(row: number): number {
    const group = this.#groups[this.#last((candidate) => candidate.first <= row)];
    return group === undefined ? 0 : group.top + this.#sizes.head + (row - group.first) * this.#sizes.row;
  }

  /**
   * The groups and rows between two distances from the start, CSS pixels, and a few more.
   * @param keep a row that stays in the page wherever it lies, such as the one with the focus; -1 for none
   */
  between(from: number, to: number, keep = -1): GroupWindow[] {
    const windows: GroupWindow[] = [];
    const keptGroup = keep < 0 ? -1 : this.#last((group) => group.first <= keep);
    const start = Math.max(
      0,
      this.#last((group) => group.top <= from),
    );
    const end = this.#last((group) => group.top <= to);
    const shown = Array.from({ length: Math.max(0, end - start + 1) }, (_, offset) => start + offset);
    if (keptGroup !== -1 && keptGroup < start) shown.unshift(keptGroup);
    else if (keptGroup > end) shown.push(keptGroup);
    for (const index of shown) {
      const group = this.#groups[index];
      if (group === undefined) continue;
      const { top, first, count, height } = group;
      const keptHere = index === keptGroup && keep < first + count;
      const rows = this.#rowsOf(from - top - this.#sizes.head, to - top - this.#sizes.head, count);
      const kept = keep - first;
      if (keptHere && !rows.includes(kept)) {
        rows.push(kept);
        rows.sort((a, b) => a - b);
      }
      windows.push({ group: index, first, top, height, rows });
    }
    return windows;
  }

  /** Place of the last group that this holds for, of which all before it do; -1 for none. */
  #last(holds: (group: { top: number; first: number }) => boolean): number {
    let low = -1;
    let high = this.#groups.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const group = this.#groups[middle];
      if (group !== undefined && holds(group)) low = middle;
      else high = middle;
    }
    return low;
  }

  #rowsOf(from: number, to: number, count: number): number[] {
    const { row } = this.#sizes;
    const start = Math.max(0, Math.floor(from / row / STEP_ROWS) * STEP_ROWS);
    const end = Math.min(count, Math.ceil(to / row / STEP_ROWS) * STEP_ROWS);
    return end <= start ? [] : Array.from({ length: end - start }, (_, offset) => start + offset);
  }
}
