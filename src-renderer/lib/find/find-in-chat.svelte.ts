import { FindCounter, type FindSource } from './source.ts';
import { rangesOf } from './text.ts';

/** Work at a stretch, ms: below a frame, so that typing stays smooth. */
const SLICE_MS = 8;
const ALL = 'find';
const CURRENT = 'find-current';

/** What the log offers to a search: its turns that are in the page, and a way to any other. */
export interface FindPlace {
  sources(): readonly FindSource[];
  /** The text of a turn, if it is in the page. */
  element(messageId: string): Element | null;
  /** Puts a turn into the page. */
  put(messageId: string): Promise<void>;
  /** Place of the turn that the reader sees first, among the sources. */
  firstSeen(): number;
  scrollTo(range: Range): void;
}

interface MatchCount {
  id: string;
  count: number;
}

/** Finds in all turns of a branch and marks in those that are in the page, without changing it. */
export class FindInChat {
  query = $state('');
  total = $state(0);
  /** Place of the current match from 1; 0: none. */
  place = $state(0);
  searching = $state(false);
  readonly #place: FindPlace;
  readonly #counter = new FindCounter();
  #counts: MatchCount[] = [];
  #run = 0;

  constructor(place: FindPlace) {
    this.#place = place;
  }

  /** Counts anew. @param keep stays at the match that is shown, where there is one */
  async search(query: string, keep = false): Promise<void> {
    const run = ++this.#run;
    this.query = query;
    this.searching = query !== '';
    const sources = this.#place.sources();
    const counts: MatchCount[] = [];
    let until = performance.now() + SLICE_MS;
    for (const source of query === '' ? [] : sources) {
      counts.push({ id: source.id, count: this.#counter.count(source, query) });
      if (performance.now() < until) continue;
      await new Promise((resolve) => setTimeout(resolve));
      // Another key was pressed meanwhile.
      if (run !== this.#run) return;
      until = performance.now() + SLICE_MS;
    }
    this.#counts = counts;
    this.total = counts.reduce((sum, { count }) => sum + count, 0);
    this.searching = false;
    if (keep && this.place >= 1 && this.place <= this.total) return this.mark();
    this.place = this.total === 0 ? 0 : this.#firstFrom(this.#place.firstSeen());
    await this.#show();
  }

  /** Goes on to the next or back to the previous match, round the ends. */
  async step(by: 1 | -1): Promise<void> {
    if (this.total === 0) return;
    this.place = ((this.place - 1 + by + this.total) % this.total) + 1;
    await this.#show();
  }

  /** Marks what is in the page now. */
  mark(): void {
    if (!('highlights' in CSS)) return;
    const all = new Highlight();
    for (const { id, count } of this.#counts) {
      const element = count === 0 ? null : this.#place.element(id);
      if (element !== null) for (const range of rangesOf(element, this.query)) all.add(range);
    }
    CSS.highlights.set(ALL, all);
    const current = this.#current();
    const highlight = current === null ? new Highlight() : new Highlight(current);
    highlight.priority = 1;
    CSS.highlights.set(CURRENT, highlight);
  }

  /** Takes every mark away. */
  clear(): void {
    this.#run += 1;
    this.#counts = [];
    this.total = 0;
    this.place = 0;
    if (!('highlights' in CSS)) return;
    CSS.highlights.delete(ALL);
    CSS.highlights.delete(CURRENT);
  }

  #firstFrom(index: number): number {
    const before = this.#counts.slice(0, index).reduce((sum, { count }) => sum + count, 0);
    return before < this.total ? before + 1 : this.total;
  }

  /** The message of the current match, and which one of the message's it is. */
  #target(): { id: string; nth: number } | null {
    let before = 0;
    for (const { id, count } of this.#counts) {
      if (this.place > before && this.place <= before + count) return { id, nth: this.place - before - 1 };
      before += count;
    }
    return null;
  }

  #current(): Range | null {
    const target = this.#target();
    const element = target === null ? null : this.#place.element(target.id);
    if (target === null || element === null) return null;
    const ranges = rangesOf(element, this.query);
    return ranges[Math.min(target.nth, ranges.length - 1)] ?? null;
  }

  async #show(): Promise<void> {
    const target = this.#target();
    const run = this.#run;
    if (target !== null && this.#place.element(target.id) === null) await this.#place.put(target.id);
    if (run !== this.#run) return;
    this.mark();
    const range = this.#current();
    if (range !== null) this.#place.scrollTo(range);
  }
}
