import { SvelteMap } from 'svelte/reactivity';
import type { AppClient, AppEvent, Conversation, Message } from '../../src-main/contract/index.ts';
import { createFrameBatch } from '../lib/frame-batch.ts';
import { branchOf, type Turn } from './branch.ts';
import { failureOf, type Failure } from './failure.ts';
import { LiveAnswer } from './live-answer.svelte.ts';
import { newId } from './new-id.ts';
import { createRefresher } from './refresher.ts';

/** Fields that decide whether a fetched message differs from the one on screen. */
function sameMessage(a: Message, b: Message): boolean {
  return (
    a.status === b.status &&
    a.text === b.text &&
    a.reasoning === b.reasoning &&
    a.errorCode === b.errorCode &&
    (a.stats === null) === (b.stats === null)
  );
}

/** Keeps the objects of unchanged messages, so that their turns are not rendered again. */
export function mergeMessages(shown: readonly Message[], fetched: readonly Message[]): Message[] {
  const byId = new Map(shown.map((message) => [message.id, message]));
  return fetched.map((message) => {
    const old = byId.get(message.id);
    return old && sameMessage(old, message) ? old : message;
  });
}

/** One open conversation: its tree, the branch on screen and every answer that streams in it. */
export class ConversationView {
  readonly id: string;
  conversation = $state.raw<Conversation | null>(null);
  // No `$derived` here: a view outlives the component whose effect opened it, and with that effect its
  // deriveds would die.
  /** The branch on screen, root first. */
  turns = $state.raw<readonly Turn[]>([]);
  /** Why the last fetch failed; null after one that worked. */
  failure = $state.raw<Failure | null>(null);
  readonly #live = new SvelteMap<string, LiveAnswer>();
  /** An answer that was stopped while the connection was lost. */
  #toStop: string | null = null;
  #askedAgain = false;
  readonly #client: AppClient;
  readonly #batch = createFrameBatch(() => {
    for (const answer of this.#live.values()) answer.commit();
  });

  constructor(client: AppClient, id: string) {
    this.#client = client;
    this.id = id;
  }

  /** The answer that runs on the branch on screen. */
  get answering(): Message | null {
    return this.turns.findLast((turn) => turn.message.status === 'streaming')?.message ?? null;
  }

  /** Fetches the conversation; failures end up in `failure`. */
  readonly refresh = createRefresher(async () => {
    try {
      this.#take(await this.#client.conversations.get({ id: this.id }));
      this.failure = null;
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

  /** Answers the same user message again, as a new version of `messageId`. */
  async answerAgain(messageId: string): Promise<void> {
    // A double click would start two answers, one of them out of sight.
    if (this.#askedAgain || this.answering !== null) return;
    this.#askedAgain = true;
    try {
      await this.#client.conversations.answerAgain({ requestId: newId(), messageId });
      await this.refresh();
    } finally {
      this.#askedAgain = false;
    }
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

  #take(fetched: Conversation): void {
    const messages = mergeMessages(this.conversation?.messages ?? [], fetched.messages);
    for (const message of messages) {
      if (message.status === 'streaming') this.#liveFor(message.id).adopt(message);
      else this.#live.delete(message.id);
    }
    this.turns = branchOf(messages, fetched.activeLeafId);
    this.conversation = { ...fetched, messages };
  }
}
