import { MAX_MESSAGES_AT_ONCE, type AppClient, type Message } from '../../src-main/contract/index.ts';
import { whenIdle } from '../lib/idle.ts';

/** Messages of one frame while the rest of a long chat is fetched: about 75 KB, read in two or three milliseconds. */
const PIECE = Math.min(100, MAX_MESSAGES_AT_ONCE);

/** Fields that decide whether a fetched message differs from the one on screen. */
function sameMessage(a: Message, b: Message): boolean {
  return (
    a.status === b.status &&
    a.text === b.text &&
    a.reasoning === b.reasoning &&
    a.errorCode === b.errorCode &&
    a.pinned === b.pinned &&
    (a.settings === null) === (b.settings === null) &&
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

/**
 * What a window knows of the messages of one chat. The end of the branch on screen comes with every fetch of the
 * chat; the others are fetched once, in pieces while the page is idle, and again only when they have changed.
 */
export class ChatMessages {
  /** Every message of the chat is here, as far as the last look told. */
  isWhole = false;
  /** Oldest first. */
  #all: readonly Message[] = [];
  readonly #stamps = new Map<string, number | null>();
  /** What the last fetch of the chat brought. */
  #fresh: ReadonlySet<string> = new Set();
  /** Fetches of the chat so far. */
  #round = 0;
  readonly #client: AppClient;
  readonly #conversationId: string;

  constructor(client: AppClient, conversationId: string) {
    this.#client = client;
    this.#conversationId = conversationId;
  }

  /** Oldest first. */
  get all(): readonly Message[] {
    return this.#all;
  }

  /** Takes what a fetch of the chat brought. @param count messages that the chat has */
  take(fetched: readonly Message[], count: number): void {
    this.#round += 1;
    this.#fresh = new Set(fetched.map(({ id }) => id));
    const merged = mergeMessages(this.#all, fetched);
    if (fetched.length === count) {
      this.isWhole = true;
      this.#all = merged;
      return;
    }
    const byId = new Map(merged.map((message) => [message.id, message]));
    const known = new Set(this.#all.map(({ id }) => id));
    // What is new was made last.
    this.#all = [
      ...this.#all.map((message) => byId.get(message.id) ?? message),
      ...merged.filter(({ id }) => !known.has(id)),
    ];
  }

  /**
   * Fetches what is missing or has changed, the newest first, and forgets what is gone.
   * @returns what was fetched; null when nothing is different
   */
  async complete(): Promise<readonly Message[] | null> {
    await whenIdle();
    const round = this.#round;
    const { ids, stamps } = await this.#client.tree.outline({ conversationId: this.#conversationId });
    // A fetch that came between is newer, and another look follows it.
    if (round !== this.#round) return null;
    const wanted = this.#wanted(ids, stamps).reverse();
    const fetched: Message[] = [];
    for (let from = 0; from < wanted.length; from += PIECE) {
      await whenIdle();
      const piece = wanted.slice(from, from + PIECE);
      fetched.push(
        ...(await this.#client.tree.messages({ conversationId: this.#conversationId, ids: piece })),
      );
    }
    this.#stamps.clear();
    for (const [index, id] of ids.entries()) this.#stamps.set(id, stamps[index] ?? null);
    const isDifferent = fetched.length > 0 || !this.isWhole || this.#all.length !== ids.length;
    this.isWhole = true;
    if (!isDifferent) return null;
    this.#put(ids, fetched);
    return fetched;
  }

  #wanted(ids: readonly string[], stamps: readonly (number | null)[]): string[] {
    const known = new Set(this.#all.map(({ id }) => id));
    return ids.filter((id, index) => {
      if (this.#fresh.has(id)) return false;
      const stamp = stamps[index] ?? null;
      return !known.has(id) || stamp === null || this.#stamps.get(id) !== stamp;
    });
  }

  #put(ids: readonly string[], fetched: readonly Message[]): void {
    const byId = new Map(this.#all.map((message) => [message.id, message]));
    for (const message of mergeMessages(this.#all, fetched))
      // What came with a fetch of the chat meanwhile is newer.
      if (!this.#fresh.has(message.id)) byId.set(message.id, message);
    const there = new Set(ids);
    const later = this.#all.filter(({ id }) => !there.has(id) && this.#fresh.has(id));
    this.#all = [...ids.flatMap((id) => byId.get(id) ?? []), ...later];
  }
}
