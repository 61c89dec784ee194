import { randomUUID } from 'node:crypto';
import { DEFAULT_SAMPLING, type AppClient, type Message } from '../../../src-main/contract/index.ts';
import type { Random } from '../gguf/random.ts';

/** More chats than stay in the engine's memory, so that going to another one is often a way over the disk. */
const CHATS = 12;
/** A chat that is so long is deleted and another one begun: what is kept stays as much as it is. */
const TURNS = 8;
/** Tokens of most answers; the others end by themselves, or are stopped. */
const SHORT_TOKENS = 6;
/** A failure that nobody tells of is a hang. */
const ANSWER_MS = 300_000;
const WORDS = 'sea wind rope sail tide harbour chart lamp north current anchor deck'.split(' ');

/** What leads to an answer; some do something before it that must leave nothing behind. */
export const WAYS = ['new', 'temporary', 'follow-up', 'again', 'edit', 'branch', 'ahead', 'stop'] as const;
export type Way = (typeof WAYS)[number];
const WEIGHTS: Record<Way, number> = {
  new: 12,
  temporary: 3,
  'follow-up': 35,
  again: 12,
  edit: 12,
  branch: 8,
  ahead: 8,
  stop: 10,
};

interface Chat {
  readonly id: string;
  readonly isShort: boolean;
  readonly isTemporary: boolean;
  questions: string[];
}

interface Waiting {
  firstChunk: () => void;
  settled: () => void;
}

interface Started {
  chat: Chat;
  messageId: string;
}

/** Someone who asks, goes elsewhere, asks again, edits, stops and deletes; every choice is drawn. */
export class Talker {
  readonly #client: AppClient;
  readonly #modelId: string;
  readonly #script: string;
  readonly #chats: Chat[] = [];
  readonly #ended = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly deleted = { chats: 0 };

  constructor(client: AppClient, modelId: string, script: string) {
    this.#client = client;
    this.#modelId = modelId;
    this.#script = script;
  }

  /** Must be called first; ends with the connection. */
  async listen(): Promise<void> {
    const stream = await this.#client.system.events(undefined);
    void (async () => {
      for await (const event of stream) {
        if (event.type === 'message.chunk') this.#waiting.get(event.messageId)?.firstChunk();
        if (event.type !== 'generation.settled') continue;
        this.#ended.add(event.messageId);
        this.#waiting.get(event.messageId)?.settled();
      }
    })().catch(() => {});
  }

  get chats(): number {
    return this.#chats.length;
  }

  /** One answer, looked at when it has ended. @throws Error when it is not what the model says */
  async one(random: Random): Promise<Way> {
    const way = this.#draw(random);
    const { chat, messageId } = await this.#start(way, random);
    const ended = this.#untilEnd(messageId, way);
    if (way === 'stop') {
      if (random.uniform() < 0.5) await ended.firstChunk;
      await this.#client.conversations.stop({ messageId });
    }
    await ended.settled;
    this.#waiting.delete(messageId);
    this.#ended.delete(messageId);
    const [message] = await this.#client.tree.messages({ conversationId: chat.id, ids: [messageId] });
    this.#check(message, chat, way);
    await this.#tidy(chat);
    return way;
  }

  #draw(random: Random): Way {
    if (this.#chats.length === 0) return 'new';
    const total = WAYS.reduce((sum, way) => sum + WEIGHTS[way], 0);
    let left = random.uniform() * total;
    for (const way of WAYS) {
      left -= WEIGHTS[way];
      if (left < 0) return way;
    }
    return 'follow-up';
  }

  async #start(way: Way, random: Random): Promise<Started> {
    const text = words(random);
    if (way === 'new' || way === 'temporary') return this.#begin(text, way === 'temporary', random);
    const chat = pick(this.#chats, random);
    const question = pick(chat.questions, random);
    if (way === 'again') {
      const { assistantMessageId } = await this.#client.conversations.answerAgain({
        requestId: randomUUID(),
        messageId: question,
      });
      return { chat, messageId: assistantMessageId };
    }
    if (way === 'edit') {
      const edited = await this.#client.tree.editQuestion({
        requestId: randomUUID(),
        messageId: question,
        text,
      });
      chat.questions.push(edited.userMessageId);
      return { chat, messageId: edited.assistantMessageId };
    }
    if (way === 'branch')
      await this.#client.conversations.showBranch({ conversationId: chat.id, messageId: question });
    // As a pause in typing does: what is sent then is longer.
    if (way === 'ahead')
      await this.#client.context.readAhead({ id: chat.id, draft: text.slice(0, text.length / 2) });
    return this.#send(chat, text);
  }

  async #begin(text: string, isTemporary: boolean, random: Random): Promise<Started> {
    const isShort = random.uniform() < 0.9;
    const sampling = { ...DEFAULT_SAMPLING, maxTokens: isShort ? SHORT_TOKENS : null };
    const sent = await this.#client.conversations.send({
      requestId: randomUUID(),
      conversationId: null,
      parentId: null,
      text,
      modelId: this.#modelId,
      temporary: isTemporary,
      settings: { sampling },
    });
    const chat = { id: sent.conversationId, isShort, isTemporary, questions: [sent.userMessageId] };
    this.#chats.push(chat);
    return { chat, messageId: sent.assistantMessageId };
  }

  async #send(chat: Chat, text: string): Promise<Started> {
    const sent = await this.#client.conversations.send({
      requestId: randomUUID(),
      conversationId: chat.id,
      parentId: null,
      text,
      modelId: null,
      leaveOut: true,
    });
    chat.questions.push(sent.userMessageId);
    return { chat, messageId: sent.assistantMessageId };
  }

  #untilEnd(messageId: string, way: Way): { firstChunk: Promise<void>; settled: Promise<void> } {
    if (this.#ended.has(messageId)) return { firstChunk: Promise.resolve(), settled: Promise.resolve() };
    let firstChunk = () => {};
    const first = new Promise<void>((resolve) => (firstChunk = resolve));
    const settled = new Promise<void>((resolve, reject) => {
      const hang = setTimeout(() => reject(new Error(`${way}: no end after ${ANSWER_MS} ms`)), ANSWER_MS);
      this.#waiting.set(messageId, {
        firstChunk,
        settled: () => {
          clearTimeout(hang);
          firstChunk();
          resolve();
        },
      });
    });
    return { firstChunk: first, settled };
  }

  #check(message: Message | undefined, chat: Chat, way: Way): void {
    const told = `${way}: ${message?.status ?? 'gone'}, ${message?.errorCode ?? 'no error'}`;
    if (!message || !this.#script.startsWith(message.text)) throw new Error(`other words, ${told}`);
    if (way === 'stop' && message.status === 'stopped') return;
    const isWhole = chat.isShort ? message.text !== '' : message.text === this.#script;
    if (message.status !== 'complete' || !isWhole) throw new Error(`not to its end, ${told}`);
  }

  /** Deletes a chat for good that is long enough, or the oldest of too many. */
  async #tidy(answered: Chat): Promise<void> {
    const [oldest] = this.#chats;
    if (answered.questions.length >= TURNS) await this.#delete(answered);
    else if (this.#chats.length > CHATS && oldest) await this.#delete(oldest);
  }

  async #delete(chat: Chat): Promise<void> {
    this.#chats.splice(this.#chats.indexOf(chat), 1);
    await this.#client.conversations.remove({ id: chat.id });
    if (!chat.isTemporary) await this.#client.history.deleteForever({ ids: [chat.id] });
    this.deleted.chats += 1;
  }
}

function words(random: Random): string {
  return Array.from({ length: 3 + Math.floor(random.uniform() * 20) }, () => pick(WORDS, random)).join(' ');
}

/** @throws RangeError when there is nothing to pick from */
function pick<T>(from: readonly T[], random: Random): T {
  const found = from[Math.floor(random.uniform() * from.length)];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
}
