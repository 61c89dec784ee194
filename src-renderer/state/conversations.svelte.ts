import { SvelteSet } from 'svelte/reactivity';
import type { AppClient, AppEvent, ConversationSummary } from '../../src-main/contract/index.ts';
import { ConversationView } from './conversation-view.svelte.ts';
import { failureOf, type Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** Conversations kept in memory besides the one on screen, so that going back shows them at once. */
const KEPT_VIEWS = 6;

export interface SendInput {
  /** The same for every try of the same message. */
  readonly requestId: string;
  /** null starts a new conversation. */
  readonly conversationId: string | null;
  readonly text: string;
  /** For a new conversation; null: the default model. */
  readonly modelId: string | null;
}

/** The list of chats, and the open ones. */
export class ConversationsStore {
  list = $state.raw<readonly ConversationSummary[]>([]);
  status = $state<'loading' | 'ready' | 'failed'>('loading');
  failure = $state.raw<Failure | null>(null);
  /** Chats with an answer that ended while another chat was on screen. */
  readonly unread = new SvelteSet<string>();
  /** Set by the chat screen: what is on screen is read. */
  #shownId: string | null = null;
  readonly #views = new Map<string, ConversationView>();
  /** The newest progress of each answer that runs, by conversation. */
  readonly #early = new Map<string, AppEvent>();
  readonly #client: AppClient;
  readonly #onRemoved: (id: string) => void;

  /** @param onRemoved told when a chat went to the trash, here or in another window */
  constructor(client: AppClient, onRemoved: (id: string) => void) {
    this.#client = client;
    this.#onRemoved = onRemoved;
  }

  readonly refresh = createRefresher(async () => {
    try {
      this.list = await this.#client.conversations.list();
      this.status = 'ready';
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
      // A list that was fetched before is still worth showing.
      if (this.status !== 'ready') this.status = 'failed';
    }
  });

  handle(event: AppEvent): void {
    for (const view of this.#views.values()) view.handle(event);
    this.#keepEarly(event);
    switch (event.type) {
      case 'generation.settled':
        if (event.conversationId !== this.#shownId) this.unread.add(event.conversationId);
        void this.refresh();
        break;
      case 'conversation.removed':
        this.#drop(event.conversationId);
        void this.refresh();
        break;
      case 'conversation.changed':
      case 'gap':
        void this.refresh();
        break;
    }
  }

  byId(id: string): ConversationSummary | undefined {
    return this.list.find((conversation) => conversation.id === id);
  }

  /** Marks a chat as the one on screen; null when another screen is. */
  setShown(id: string | null): void {
    this.#shownId = id;
    if (id !== null) this.unread.delete(id);
  }

  /** The open conversation `id`, fetched when it was not open. */
  open(id: string): ConversationView {
    const known = this.#views.get(id);
    const view = known ?? new ConversationView(this.#client, id);
    this.#views.delete(id);
    this.#views.set(id, view);
    this.#closeOldest(id);
    if (!known) {
      const early = this.#early.get(id);
      if (early) view.handle(early);
      void view.refresh();
    }
    return view;
  }

  /** Saves the message and starts the answer. Throws the contract's errors; nothing is saved then. */
  async send(input: SendInput): Promise<string> {
    const { conversationId } = await this.#client.conversations.send({ ...input, parentId: null });
    await Promise.all([this.refresh(), this.#views.get(conversationId)?.refresh()]);
    return conversationId;
  }

  async rename(id: string, title: string): Promise<void> {
    await this.#client.conversations.rename({ id, title });
    await this.refresh();
  }

  async remove(id: string): Promise<void> {
    await this.#client.conversations.remove({ id });
    this.#drop(id);
    await this.refresh();
  }

  /** Undoes `remove`. */
  async restore(id: string): Promise<void> {
    await this.#client.conversations.restore({ id });
    await this.refresh();
  }

  /** Does what could not be done while the connection was lost: fetching, and stopping an answer. */
  async resume(): Promise<void> {
    if (this.failure !== null) void this.refresh();
    await Promise.all([...this.#views.values()].map((view) => view.resume()));
  }

  dispose(): void {
    for (const view of this.#views.values()) view.dispose();
    this.#views.clear();
  }

  /** A new chat may be told its place in the queue before its view is open; it is not told again. */
  #keepEarly(event: AppEvent): void {
    if (event.type === 'generation.progress') this.#early.set(event.conversationId, event);
    else if (event.type === 'generation.settled') this.#early.delete(event.conversationId);
  }

  #drop(id: string): void {
    this.#early.delete(id);
    this.#views.get(id)?.dispose();
    this.#views.delete(id);
    this.unread.delete(id);
    this.list = this.list.filter((conversation) => conversation.id !== id);
    this.#onRemoved(id);
  }

  #closeOldest(openId: string): void {
    for (const [id, view] of this.#views) {
      if (this.#views.size <= KEPT_VIEWS) return;
      if (id === openId || id === this.#shownId) continue;
      view.dispose();
      this.#views.delete(id);
    }
  }
}
