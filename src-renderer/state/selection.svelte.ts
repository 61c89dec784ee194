import { SvelteSet } from 'svelte/reactivity';

/** Chats that are ticked for a step with all of them. */
export class Selection {
  /** Rows show boxes to tick. */
  active = $state(false);
  readonly ids = new SvelteSet<string>();
  /** Where a range begins. */
  #anchor: string | null = null;

  /** Begins with this chat ticked. */
  begin(id: string): void {
    this.active = true;
    this.ids.add(id);
    this.#anchor = id;
  }

  toggle(id: string): void {
    this.active = true;
    if (!this.ids.delete(id)) this.ids.add(id);
    this.#anchor = id;
  }

  /** Ticks everything from the chat that was ticked last to this one. @param order ids as they are listed */
  extendTo(id: string, order: readonly string[]): void {
    this.active = true;
    const to = order.indexOf(id);
    const anchor = this.#anchor === null ? to : order.indexOf(this.#anchor);
    const from = anchor === -1 ? to : anchor;
    for (const each of order.slice(Math.min(from, to), Math.max(from, to) + 1)) this.ids.add(each);
    this.#anchor ??= id;
  }

  addAll(ids: readonly string[]): void {
    this.active = true;
    for (const id of ids) this.ids.add(id);
  }

  /** Drops what is no longer listed. */
  keepOnly(listed: ReadonlySet<string>): void {
    for (const id of this.ids) if (!listed.has(id)) this.ids.delete(id);
  }

  end(): void {
    this.active = false;
    this.ids.clear();
    this.#anchor = null;
  }
}
