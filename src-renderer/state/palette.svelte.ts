/** Commands that were used last come first; more than these no one remembers. */
const KEPT = 8;

/** The command palette of this window. */
export class PaletteState {
  open = $state(false);
  /** Ids of entries that were chosen, the last one first. */
  recent = $state.raw<readonly string[]>([]);

  /** Remembers that an entry was chosen. */
  used(id: string): void {
    this.recent = [id, ...this.recent.filter((each) => each !== id)].slice(0, KEPT);
  }
}
