import type { AppClient, GenerationStats } from '../../src-main/contract/index.ts';

export interface TimedAnswer {
  messageId: string;
  /** From the contract call to the first chunk's arrival at the client, and to the last one's. */
  firstChunkMs: number;
  wholeMs: number;
  text: string;
  stats: GenerationStats;
}

/** A client that times answers by the events it receives, as the interface would. */
export class TimedChat {
  readonly client: AppClient;
  readonly #chunks = new Map<string, { firstAt: number; lastAt: number }>();
  readonly #settled = new Map<string, () => void>();
  readonly #alreadySettled = new Set<string>();

  constructor(client: AppClient) {
    this.client = client;
  }

  async listen(signal: AbortSignal): Promise<void> {
    const stream = await this.client.system.events(undefined, { signal });
    void (async () => {
      for await (const event of stream) {
        const now = performance.now();
        if (event.type === 'message.chunk') {
          const seen = this.#chunks.get(event.messageId);
          if (seen) seen.lastAt = now;
          else this.#chunks.set(event.messageId, { firstAt: now, lastAt: now });
        } else if (event.type === 'generation.settled') {
          this.#alreadySettled.add(event.messageId);
          this.#settled.get(event.messageId)?.();
        }
      }
    })().catch(() => undefined);
  }

  async settled(messageId: string): Promise<void> {
    if (this.#alreadySettled.has(messageId)) return;
    await new Promise<void>((resolve) => this.#settled.set(messageId, resolve));
  }

  /** Times the answer that a call starts. @throws Error when it failed or nothing arrived */
  async time<T extends { assistantMessageId: string }>(
    conversationIdOf: (started: T) => string,
    start: () => Promise<T>,
  ): Promise<TimedAnswer & { started: T }> {
    const startedAt = performance.now();
    const started = await start();
    const messageId = started.assistantMessageId;
    await this.settled(messageId);
    const { messages } = await this.client.conversations.get({ id: conversationIdOf(started) });
    const message = messages.find(({ id }) => id === messageId);
    const times = this.#chunks.get(messageId);
    if (!message?.stats || !times) throw new Error(`no answer: ${message?.errorCode ?? 'nothing arrived'}`);
    return {
      started,
      messageId,
      wholeMs: times.lastAt - startedAt,
      firstChunkMs: times.firstAt - startedAt,
      text: message.text,
      stats: message.stats,
    };
  }
}
