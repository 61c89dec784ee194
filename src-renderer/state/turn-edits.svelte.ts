import { SvelteMap } from 'svelte/reactivity';
import type { AppClient } from '../../src-main/contract/index.ts';

/** A pause in typing this long sends what is typed to be saved, as with drafts. */
const SAVE_DELAY_MS = 500;

/** What is typed at a turn: another version of it, or how an answer to it begins. */
export type EditKind = 'question' | 'answer' | 'beginning';

export interface TurnEdit {
  readonly kind: EditKind;
  readonly text: string;
  /** It was there when the chat was opened: its editor leaves the focus where it is. */
  readonly restored?: true;
}

/**
 * The editors that are open in one conversation, by message: a turn that scrolls far away leaves the page. What is
 * typed survives a reload as drafts do.
 */
export class TurnEdits extends SvelteMap<string, TurnEdit> {
  readonly #unsaved = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRestored = false;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    super();
    this.#client = client;
  }

  /** Opens what was typed here before, once. */
  async restore(conversationId: string): Promise<void> {
    if (this.#isRestored) return;
    this.#isRestored = true;
    try {
      for (const { messageId, kind, text } of await this.#client.tree.edits({ conversationId }))
        if (!this.has(messageId)) super.set(messageId, { kind, text, restored: true });
    } catch {
      // With the next fetch of the chat.
      this.#isRestored = false;
    }
  }

  override set(messageId: string, edit: TurnEdit): this {
    super.set(messageId, edit);
    this.#saveSoon(messageId);
    return this;
  }

  override delete(messageId: string): boolean {
    const wasThere = super.delete(messageId);
    if (wasThere) this.#saveSoon(messageId);
    return wasThere;
  }

  /** Saves now. What cannot be saved stays here and is tried again with the next change. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    const ids = [...this.#unsaved];
    this.#unsaved.clear();
    await Promise.all(
      ids.map(async (messageId) => {
        const typed = this.get(messageId);
        const edit = typed === undefined ? null : { kind: typed.kind, text: typed.text };
        try {
          await this.#client.tree.saveEdit({ messageId, edit });
        } catch {
          this.#unsaved.add(messageId);
        }
      }),
    );
  }

  #saveSoon(messageId: string): void {
    this.#unsaved.add(messageId);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), SAVE_DELAY_MS);
  }
}
