import type { AppClient, ChatPlace, ConversationSummary } from '../../src-main/contract/index.ts';
import { whenIdle } from '../lib/idle.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** Rows of a page, more than any window shows: a frame of 190 KB, which keeps neither the page nor the core long. */
const PAGE = 500;

function placeOf(chat: ConversationSummary): ChatPlace | null {
  if (chat.temporary) return null;
  if (chat.trashedAt !== null) return 'trash';
  return chat.archivedAt !== null ? 'archive' : 'chats';
}

/** Chats of one place, newest first: pages one after the other, then only what changes. */
export class ChatList {
  readonly place: ChatPlace;
  items = $state.raw<readonly ConversationSummary[]>([]);
  status = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle');
  failure = $state.raw<Failure | null>(null);
  /** As the core counts them, also while pages are still coming. */
  total = $state(0);
  /** Told while pages were coming, which may hold an older state of these; null: gone. */
  #meanwhile: Map<string, ConversationSummary | null> | null = null;
  readonly #client: AppClient;

  constructor(client: AppClient, place: ChatPlace) {
    this.#client = client;
    this.place = place;
  }

  /** When a chat came to where it is, ms since 1970. */
  readonly timeOf = (chat: ConversationSummary): number =>
    this.place === 'trash' ? (chat.trashedAt ?? chat.updatedAt) : chat.updatedAt;

  /** Fetches every page; failures end up in `failure`. */
  readonly refresh = createRefresher(async () => {
    if (this.status === 'idle') this.status = 'loading';
    this.#meanwhile = new Map();
    try {
      await this.#fetchPages();
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
      // A list that was fetched before is still worth showing.
      if (this.status !== 'ready') this.status = 'failed';
    }
    this.#meanwhile = null;
  });

  /** Takes chats as they are now; `gone` are no more. */
  take(fresh: readonly ConversationSummary[], gone: readonly string[]): void {
    for (const chat of fresh) this.#meanwhile?.set(chat.id, chat);
    for (const id of gone) this.#meanwhile?.set(id, null);
    const away = new Set([...gone, ...fresh.map(({ id }) => id)]);
    const kept = this.items.filter(({ id }) => !away.has(id));
    const added = fresh.filter((chat) => placeOf(chat) === this.place);
    if (added.length === 0 && kept.length === this.items.length) return;
    this.total = Math.max(0, this.total + added.length + kept.length - this.items.length);
    this.items = this.#merge(kept, added);
  }

  async #fetchPages(): Promise<void> {
    const byId = new Map<string, ConversationSummary>();
    let cursor: string | null = null;
    let shown = 0;
    do {
      if (cursor !== null) await whenIdle();
      const page: Awaited<ReturnType<AppClient['history']['list']>> = await this.#client.history.list({
        place: this.place,
        cursor,
        limit: PAGE,
      });
      for (const chat of page.conversations) byId.set(chat.id, chat);
      cursor = page.cursor;
      this.total = page.total;
      // A first page is shown at once, and then whenever there is twice as much: each time all of it is put in order.
      // A list that is there already is not cut short.
      if (cursor === null || (this.items.length <= byId.size && byId.size >= 2 * shown)) {
        this.#show(byId);
        shown = byId.size;
      }
      this.status = 'ready';
    } while (cursor !== null);
  }

  #show(byId: ReadonlyMap<string, ConversationSummary>): void {
    const all = new Map(byId);
    for (const [id, chat] of this.#meanwhile ?? []) {
      if (chat !== null && placeOf(chat) === this.place) all.set(id, chat);
      else all.delete(id);
    }
    this.items = this.#merge([], [...all.values()]);
  }

  #merge(kept: readonly ConversationSummary[], added: readonly ConversationSummary[]): ConversationSummary[] {
    return [...kept, ...added].sort((a, b) => this.timeOf(b) - this.timeOf(a));
  }
}
