import type { ShortcutId } from '../lib/shortcuts.ts';

type Command = () => void;

/** What the shortcuts do on the screen that is shown. Components register what they offer. */
export class Commands {
  readonly #commands = new Map<ShortcutId, Command[]>();

  /** Offers a command as long as the returned dispose is not called; the newest offer wins. */
  register(id: ShortcutId, command: Command): () => void {
    const offers = this.#commands.get(id) ?? [];
    this.#commands.set(id, [...offers, command]);
    return () => {
      this.#commands.set(
        id,
        (this.#commands.get(id) ?? []).filter((offer) => offer !== command),
      );
    };
  }

  /** Whether something on screen offers it. */
  has(id: ShortcutId): boolean {
    return (this.#commands.get(id)?.length ?? 0) > 0;
  }

  /** @returns false when nothing on screen offers it; the key then keeps its usual meaning */
  run(id: ShortcutId): boolean {
    const command = this.#commands.get(id)?.at(-1);
    command?.();
    return command !== undefined;
  }
}
