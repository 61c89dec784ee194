import { SvelteMap } from 'svelte/reactivity';
import type { AppClient } from '../../src-main/contract/index.ts';

/** A pause in typing this long sends the draft to be saved. */
const SAVE_DELAY_MS = 500;
/** Key of the draft of a chat that does not exist yet. It is kept in memory only. */
const NEW_CHAT = '';

/** What is typed and not sent, per chat. Survives switching chats at once, and a restart after a save. */
export class Drafts {
  readonly #texts = new SvelteMap<string, string>();
  readonly #unsaved = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  get(conversationId: string | null): string {
    return this.#texts.get(conversationId ?? NEW_CHAT) ?? '';
  }

  /** True when something typed exists in this window only. */
  get hasUnsaved(): boolean {
    return this.#unsaved.size > 0 || this.get(null).trim() !== '';
  }

  /** Takes the saved draft of a chat, unless something was typed here already. */
  adopt(conversationId: string, saved: string): void {
    if (!this.#texts.has(conversationId)) this.#texts.set(conversationId, saved);
  }

  set(conversationId: string | null, text: string): void {
    this.#texts.set(conversationId ?? NEW_CHAT, text);
    if (conversationId === null) return;
    this.#unsaved.add(conversationId);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), SAVE_DELAY_MS);
  }

  /** Adds a paragraph below what is typed. */
  append(conversationId: string | null, text: string): void {
    this.set(conversationId, [this.get(conversationId), text].filter((part) => part !== '').join('\n\n'));
  }

  /**
   * A message was sent: the core clears a saved draft in the same transaction. What was typed meanwhile stays.
   * @param restTo the chat that it is for: a new chat has an id now
   */
  sent(conversationId: string | null, text: string, restTo: string | null): void {
    const typed = this.get(conversationId);
    const rest = typed.startsWith(text) ? typed.slice(text.length).trimStart() : typed;
    this.clear(conversationId);
    if (rest !== '') this.append(restTo, rest);
  }

  clear(conversationId: string | null): void {
    this.#texts.set(conversationId ?? NEW_CHAT, '');
    if (conversationId !== null) this.#unsaved.delete(conversationId);
  }

  /** Forgets a chat that went to the trash; its saved draft stays with it. */
  forget(conversationId: string): void {
    this.#texts.delete(conversationId);
    this.#unsaved.delete(conversationId);
  }

  /** Saves now. What cannot be saved stays here and is tried again with the next change. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    const ids = [...this.#unsaved];
    this.#unsaved.clear();
    await Promise.all(
      ids.map(async (id) => {
        try {
          await this.#client.conversations.saveDraft({ id, draft: this.get(id) });
        } catch {
          if (this.#texts.has(id)) this.#unsaved.add(id);
        }
      }),
    );
  }

  /** Saves when the page is left or hidden; returns the dispose. */
  listen(target: Document): () => void {
    const onHide = () => {
      if (target.visibilityState === 'hidden') void this.flush();
    };
    target.addEventListener('visibilitychange', onHide);
    return () => {
      clearTimeout(this.#timer);
      target.removeEventListener('visibilitychange', onHide);
    };
  }
}
