import { SvelteSet } from 'svelte/reactivity';
import type {
  AppClient,
  AppEvent,
  ConversationSummary,
  NewAttachment,
} from '../../src-main/contract/index.ts';
import { urgently } from '../lib/idle.ts';
import { ChatList } from './chat-list.svelte.ts';
import type { NewChatSettings } from './chat-settings.svelte.ts';
import { ConversationView } from './conversation-view.svelte.ts';
import type { Failure } from './failure.ts';
import { createRefresher } from './refresher.ts';

/** Conversations kept in memory besides the one on screen, so that going back shows them at once. */
const KEPT_VIEWS = 6;

export interface ListListeners {
  /** A chat went to the trash or is gone, here or in another window. */
  onRemoved(id: string): void;
  /** Chats as they are now, and those that are gone. */
  onChanged(fresh: readonly ConversationSummary[], gone: readonly string[]): void;
}

export interface SendInput {
  /** The same for every try of the same message. */
  readonly requestId: string;
  /** null starts a new conversation. */
  readonly conversationId: string | null;
  readonly text: string;
  readonly attachments?: readonly NewAttachment[];
  /** For a new conversation; null: the default model. */
  readonly modelId: string | null;
  /** For a new conversation. */
  readonly settings?: NewChatSettings;
  /** Old messages that do not fit are left out. */
  readonly leaveOut?: boolean;
}

/** How a new chat begins. */
export interface NewChat {
  readonly folderId: string | null;
  /** In memory only. */
  readonly temporary: boolean;
}
/** Where {@link ConversationsStore.fresh} comes back to after a send: an object of its own. */
export const ORDINARY_CHAT: NewChat = { folderId: null, temporary: false };

/** The list of chats, and the open ones. */
export class ConversationsStore {
  readonly chats: ChatList;
  /** Temporary chats that this window knows: the core lists them nowhere. */
  temporary = $state.raw<readonly ConversationSummary[]>([]);
  /** Where the next new chat begins. */
  fresh = $state.raw<NewChat>(ORDINARY_CHAT);
  /** Chats with an answer that ended while another chat was on screen. */
  readonly unread = new SvelteSet<string>();
  /** Set by the chat screen: what is on screen is read. */
  #shownId: string | null = null;
  readonly #views = new Map<string, ConversationView>();
  /** The newest progress of each answer that runs, by conversation. */
  readonly #early = new Map<string, AppEvent>();
  /** Chats that changed and were not fetched yet. */
  readonly #changed = new Set<string>();
  readonly #client: AppClient;
  readonly #told: ListListeners;

  constructor(client: AppClient, told: ListListeners) {
    this.#client = client;
    this.#told = told;
    this.chats = new ChatList(client, 'chats');
  }

  get list(): readonly ConversationSummary[] {
    return this.chats.items;
  }

  get status(): 'loading' | 'ready' | 'failed' {
    return this.chats.status === 'idle' ? 'loading' : this.chats.status;
  }

  get failure(): Failure | null {
    return this.chats.failure;
  }

  refresh(): Promise<void> {
    return this.chats.refresh();
  }

  /** Fetches what changed, all of it in one call. */
  readonly #fetchChanged = createRefresher(async () => {
    const ids = [...this.#changed];
    this.#changed.clear();
    if (ids.length === 0) return;
    try {
      const fresh = await this.#client.history.summaries({ ids });
      const there = new Set(fresh.map(({ id }) => id));
      const gone = ids.filter((id) => !there.has(id));
      this.chats.take(fresh, gone);
      this.#takeTemporary(fresh, new Set(ids));
      this.#told.onChanged(fresh, gone);
    } catch {
      // What was told is told once: the whole list says it too.
      await this.refresh();
    }
  });

  handle(event: AppEvent): void {
    for (const view of this.#views.values()) view.handle(event);
    this.#keepEarly(event);
    switch (event.type) {
      case 'generation.settled':
        if (event.conversationId !== this.#shownId) this.unread.add(event.conversationId);
        void this.refetch([event.conversationId]);
        break;
      case 'conversation.removed':
        this.#drop(event.conversationId);
        void this.refetch([event.conversationId]);
        break;
      case 'conversation.changed':
        void this.refetch([event.conversationId]);
        break;
      case 'history.changed':
        for (const id of event.conversationIds) void this.#views.get(id)?.refresh();
        void this.refetch(event.conversationIds);
        break;
      case 'gap':
        void this.refresh();
        void this.refetch(this.temporary.map(({ id }) => id));
        break;
    }
  }

  byId(id: string): ConversationSummary | undefined {
    return (
      this.list.find((conversation) => conversation.id === id) ??
      this.temporary.find((conversation) => conversation.id === id)
    );
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
      void urgently(view.refresh());
      // A temporary chat is in no list: after a reload of the page it is found here.
      if (!this.byId(id)) void this.refetch([id]);
    }
    return view;
  }

  /** Saves the message and starts the answer. Throws the contract's errors; nothing is saved then. */
  async send(input: SendInput): Promise<string> {
    const fresh = input.conversationId === null ? this.fresh : ORDINARY_CHAT;
    const { conversationId } = await this.#client.conversations.send({
      ...input,
      ...fresh,
      attachments: [...(input.attachments ?? [])],
      parentId: null,
    });
    // Another new chat may have been begun meanwhile.
    if (input.conversationId === null && this.fresh === fresh) this.fresh = ORDINARY_CHAT;
    await Promise.all([this.refetch([conversationId]), this.#views.get(conversationId)?.refresh()]);
    return conversationId;
  }

  async rename(id: string, title: string): Promise<void> {
    await this.#client.conversations.rename({ id, title });
    await this.refetch([id]);
  }

  async remove(id: string): Promise<void> {
    await this.#client.conversations.remove({ id });
    this.#drop(id);
    await this.refetch([id]);
  }

  /** Undoes `remove`. */
  async restore(id: string): Promise<void> {
    await this.#client.conversations.restore({ id });
    await this.refetch([id]);
  }

  /** Ends a temporary chat: nothing of it is left. */
  async discard(id: string): Promise<void> {
    await this.#client.history.discard({ id });
    this.#drop(id);
  }

  /** Makes a temporary chat an ordinary one. */
  async keep(id: string): Promise<void> {
    await this.#client.history.keep({ id });
    await Promise.all([this.refetch([id]), this.#views.get(id)?.refresh()]);
  }

  /** Does what could not be done while the connection was lost: fetching, and stopping an answer. */
  async resume(): Promise<void> {
    if (this.failure !== null) void this.refresh();
    await Promise.all([...this.#views.values()].map((view) => view.resume()));
  }

  /** Saves what is typed at turns when the page is left or hidden; returns the dispose. */
  listen(target: Document): () => void {
    const onHide = () => {
      if (target.visibilityState !== 'hidden') return;
      for (const view of this.#views.values()) void view.actions.edits.flush();
    };
    target.addEventListener('visibilitychange', onHide);
    return () => target.removeEventListener('visibilitychange', onHide);
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
    this.chats.take([], [id]);
    this.temporary = this.temporary.filter((chat) => chat.id !== id);
    this.#told.onRemoved(id);
  }

  /** Fetches these chats as they are now into every list. */
  refetch(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#changed.add(id);
    return this.#fetchChanged();
  }

  #takeTemporary(fresh: readonly ConversationSummary[], asked: ReadonlySet<string>): void {
    const others = this.temporary.filter(({ id }) => !asked.has(id));
    const ours = fresh.filter(({ temporary }) => temporary);
    if (ours.length > 0 || others.length < this.temporary.length) this.temporary = [...ours, ...others];
  }

  #closeOldest(openId: string): void {
    for (const [id, view] of this.#views) {
      if (this.#views.size <= KEPT_VIEWS) return;
      if (id === openId || id === this.#shownId || view.hasEdits) continue;
      view.dispose();
      this.#views.delete(id);
    }
  }
}
