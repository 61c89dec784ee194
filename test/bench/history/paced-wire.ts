import type { Page } from 'playwright-core';
import * as v from 'valibot';

// An engine replaced by a paced stream: the page believes that the last answer of a chat is being written, and gets
// its chunks from here, over its own socket.

const Frame = v.looseObject({ i: v.string(), p: v.looseObject({}) });
const Reply = v.looseObject({
  id: v.string(),
  activeLeafId: v.string(),
  messageCount: v.number(),
  messages: v.array(v.looseObject({ id: v.string() })),
});
const SECOND_MS = 1_000;

export class PacedWire {
  readonly #conversationId: string;
  #send: (frame: string) => void = () => {};
  /** Number of the subscription that events come on. */
  #events: string | null = null;
  #onNews: () => void = () => {};
  #isWhole = false;
  #eventId = '';
  #leafId = '';
  #seq = 0;
  /** What the answer holds before the stream goes on. */
  textBefore = '';

  constructor(conversationId: string) {
    this.#conversationId = conversationId;
  }

  /** From the next load of the page on. */
  async take(page: Page): Promise<void> {
    await page.routeWebSocket(/\/socket$/, (socket) => {
      const core = socket.connectToServer();
      this.#send = (frame) => socket.send(frame);
      core.onMessage((message) =>
        socket.send(typeof message === 'string' ? this.#onFrame(message) : message),
      );
    });
  }

  #onFrame(text: string): string {
    const isEvent = text.includes('"e":"message"');
    if (!isEvent && !text.includes(this.#conversationId)) return text;
    const frame = v.safeParse(Frame, JSON.parse(text));
    if (!frame.success) return text;
    const { p } = frame.output;
    if (isEvent) {
      this.#events = frame.output.i;
      this.#onNews();
      this.#eventId = String((p['m'] as { id?: unknown } | undefined)?.id ?? '');
      return text;
    }
    const body = v.safeParse(v.looseObject({ json: Reply }), p['b']);
    if (!body.success || body.output.json.id !== this.#conversationId) return text;
    const { activeLeafId, messages, messageCount } = body.output.json;
    this.#leafId = activeLeafId;
    this.#seq = 0;
    this.#isWhole = messages.length === messageCount;
    this.#onNews();
    const leaf = messages.find(({ id }) => id === activeLeafId);
    if (leaf?.['role'] !== 'assistant') throw new Error('the chat does not end with an answer');
    Object.assign(leaf, { status: 'streaming', text: this.textBefore, chunkSeq: 0, stats: null });
    return JSON.stringify({ ...frame.output, p: { ...p, b: body.output } });
  }

  /** Resolves when the page has the whole chat and was told of any event: then chunks can be sent as events too. */
  async ready(): Promise<void> {
    while (!this.#isWhole || this.#events === null)
      await new Promise<void>((resolve) => (this.#onNews = resolve));
  }

  /** Sends words one at a time at a pace. @returns when the last one is sent */
  async stream(words: readonly string[], perSecond: number): Promise<void> {
    const startedAt = performance.now();
    for (const [index, word] of words.entries()) {
      const dueMs = startedAt + (index * SECOND_MS) / perSecond - performance.now();
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
      this.#seq += 1;
      const event = {
        type: 'message.chunk',
        conversationId: this.#conversationId,
        messageId: this.#leafId,
        seq: this.#seq,
        kind: 'answer',
        text: word,
        generatedTokens: this.#seq,
      };
      this.#send(
        JSON.stringify({
          i: this.#events,
          t: 3,
          p: { e: 'message', d: { json: event }, m: { id: this.#eventId } },
        }),
      );
    }
  }
}
