import { SvelteMap } from 'svelte/reactivity';
import type { AppClient, AppEvent, Conversation, Message } from '../../src-main/contract/index.ts';
import { createFrameBatch } from '../lib/frame-batch.ts';
import { branchOf, type Turn } from './branch.ts';
import { ChatMessages } from './chat-messages.ts';
import { failureOf, type Failure } from './failure.ts';
import { LiveAnswer } from './live-answer.svelte.ts';
import { MessageQueue } from './message-queue.svelte.ts';
import { createRefresher } from './refresher.ts';
import { TurnActions } from './turn-actions.svelte.ts';

/**
 * Turns at the end that every fetch brings, more than a screen shows: a chat of 2,000 messages is 2.7 MB and costs
 * 115 ms of computing on its way here, these cost 5.
 */
const NEWEST_TURNS = 40;

/** One open conversation: its tree, the branch on screen and every answer that streams in it. */
export class ConversationView {
  readonly id: string;
  conversation = $state.raw<Conversation | null>(null);
  // No `$derived` here: a view outlives the component whose effect opened it, and with that effect its
  // deriveds would die.
  /** The branch on screen, root first. */
  turns = $state.raw<readonly Turn[]>([]);
  /** All messages are here: until then `turns` are the newest of the branch. */
  isWhole = $state.raw(false);
  /** Messages of it that the newest answer was made without. */
  leftOut = $state.raw<ReadonlySet<string>>(new Set());
  /** Why the last fetch failed; null after one that worked. */
  failure = $state.raw<Failure | null>(null);
  readonly #live = new SvelteMap<string, LiveAnswer>();
  /** An answer that was stopped while the connection was lost. */
  #toStop: string | null = null;
  /** Versions and branches. */
  readonly actions: TurnActions;
  /** Messages that wait. */
  readonly queue: MessageQueue;
  readonly #client: AppClient;
  readonly #messages: ChatMessages;
  readonly #batch = createFrameBatch(() => {
    for (const answer of this.#live.values()) answer.commit();
  });

  constructor(client: AppClient, id: string) {
    this.#client = client;
    this.id = id;
    this.#messages = new ChatMessages(client, id);
    this.actions = new TurnActions(client, this);
    this.queue = new MessageQueue(client, id, () => this.refresh());
  }

  /** Something is typed here that is nowhere else. */
  get hasEdits(): boolean {
    return this.actions.edits.size > 0 || this.queue.editing !== null;
  }

  /** The answer that runs on the branch on screen. */
  get answering(): Message | null {
    return this.turns.findLast((turn) => turn.message.status === 'streaming')?.message ?? null;
  }

  /** Fetches the conversation; failures end up in `failure`. */
  readonly refresh = createRefresher(async () => {
    try {
      const fetched = await this.#client.conversations.get({ id: this.id, newest: NEWEST_TURNS });
      this.#messages.take(fetched.messages, fetched.messageCount);
      this.#show(fetched, fetched.messages);
      void this.actions.edits.restore(this.id);
      if (fetched.messages.length < fetched.messageCount) void this.#complete();
      this.failure = null;
    } catch (error) {
      this.failure = failureOf(error);
    }
  });

  /** Fetches what the end of a long chat came without. */
  readonly #complete = createRefresher(async () => {
    try {
      const fetched = await this.#messages.complete();
      if (fetched !== null && this.conversation !== null) this.#show(this.conversation, fetched);
      this.isWhole = this.#messages.isWhole;
    } catch (error) {
      this.failure = failureOf(error);
    }
  });

  /** The streaming state of a message; undefined when it does not stream. */
  live(messageId: string): LiveAnswer | undefined {
    return this.#live.get(messageId);
  }

  handle(event: AppEvent): void {
    if (event.type === 'gap') void this.refresh();
    if (!('conversationId' in event) || event.conversationId !== this.id) return;
    if (event.type === 'message.chunk') {
      if (!this.#liveFor(event.messageId).accept(event)) void this.refresh();
      this.#batch.schedule();
    } else if (event.type === 'generation.progress') {
      this.#liveFor(event.messageId).progress = event;
    } else if (event.type === 'conversation.changed' || event.type === 'generation.settled') {
      void this.refresh();
    }
  }

  /** Stops the answer that runs on the branch on screen; once the connection is back, when it is lost. */
  async stop(): Promise<void> {
    const message = this.answering;
    if (message) await this.#stop(message.id);
  }

  /** The connection is back: does what could not be done without it. */
  async resume(): Promise<void> {
    if (this.failure !== null) void this.refresh();
    const messageId = this.#toStop;
    this.#toStop = null;
    if (messageId !== null) await this.#stop(messageId);
  }

  async showVersion(messageId: string): Promise<void> {
    await this.#client.conversations.showBranch({ conversationId: this.id, messageId });
    await this.refresh();
  }

  async setModel(modelId: string): Promise<void> {
    await this.#client.conversations.updateSettings({ id: this.id, settings: { modelId } });
    await this.refresh();
  }

  dispose(): void {
    void this.actions.edits.flush();
    this.#batch.dispose();
    this.#live.clear();
  }

  async #stop(messageId: string): Promise<void> {
    try {
      await this.#client.conversations.stop({ messageId });
    } catch (error) {
      if (failureOf(error).code !== 'connection_lost') throw error;
      this.#toStop = messageId;
    }
  }

  #liveFor(messageId: string): LiveAnswer {
    const known = this.#live.get(messageId);
    if (known) return known;
    const created = new LiveAnswer(messageId);
    this.#live.set(messageId, created);
    return created;
  }

  #show(conversation: Conversation, fetched: readonly Message[]): void {
    for (const message of fetched) {
      if (message.status === 'streaming') this.#liveFor(message.id).adopt(message);
      else this.#live.delete(message.id);
    }
    const messages = [...this.#messages.all];
    this.turns = branchOf(messages, conversation.activeLeafId);
    const newest = this.turns.findLast((turn) => turn.message.settings !== null)?.message;
    this.leftOut = new Set(newest?.settings?.leftOut);
    this.isWhole = this.#messages.isWhole;
    this.conversation = { ...conversation, messages };
  }
}
