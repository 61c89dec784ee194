import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { WebSocket, WebSocketServer } from 'ws';

// An engine replaced by a paced stream: the page believes that the last answer of a chat is being written, and gets
// its chunks from here. This stands between the page and the core as a server of its own, so that the page keeps the
// browser's own socket: one that the test driver replaces costs the page's main thread half a millisecond a frame.

const LOOPBACK = '127.0.0.1';
const Frame = v.looseObject({ i: v.string(), p: v.looseObject({}) });
const Reply = v.looseObject({
  id: v.string(),
  activeLeafId: v.string(),
  messages: v.array(v.looseObject({ id: v.string() })),
});
const SECOND_MS = 1_000;
/** A page that has asked for nothing this long has all that it wants: it fetches a long chat piece by piece. */
const QUIET_MS = 1_000;
const LOOK_INTERVAL_MS = 50;

export class PacedWire {
  readonly #core: URL;
  readonly #conversationId: string;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  #send: (frame: string) => void = () => {};
  /** Number of the subscription that events come on. */
  #events: string | null = null;
  /** Calls of the page that were not answered. */
  readonly #calls = new Set<string>();
  #askedAt = 0;
  #eventId = '';
  #leafId = '';
  #seq = 0;
  /** What the answer holds before the stream goes on; for pages that open the chat from now on. */
  textBefore = '';

  /** @param coreUrl the address that serve prints */
  constructor(coreUrl: string, conversationId: string) {
    this.#core = new URL(coreUrl);
    this.#conversationId = conversationId;
    this.#http = createServer((message, response) => this.#pass(message, response));
    this.#http.on('upgrade', (message: IncomingMessage, socket, head) =>
      this.#sockets.handleUpgrade(message, socket, head, (page) => this.#join(page)),
    );
  }

  /** @returns the address to open instead of the core's */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#http.listen(0, LOOPBACK, resolve));
    const url = new URL(this.#core);
    url.host = this.#authority();
    return url.href;
  }

  async close(): Promise<void> {
    for (const page of this.#sockets.clients) page.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #authority(): string {
    const address = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('the wire does not listen');
    return `${LOOPBACK}:${address.port}`;
  }

  #pass(message: IncomingMessage, response: ServerResponse): void {
    const { host, hostname, port } = this.#core;
    const headers = { ...message.headers, host };
    const onward = request(
      { hostname, port, path: message.url, method: message.method, headers },
      (answer) => {
        // The policy names the socket that the page may open.
        for (const [name, value = ''] of Object.entries(answer.headers))
          response.setHeader(
            name,
            typeof value === 'string' ? value.replaceAll(host, this.#authority()) : value,
          );
        response.writeHead(answer.statusCode ?? 502);
        answer.pipe(response);
      },
    );
    onward.once('error', () => response.destroy());
    message.pipe(onward);
  }

  #join(page: WebSocket): void {
    const core = new WebSocket(`ws://${this.#core.host}/socket`, { origin: this.#core.origin });
    const opened = new Promise((resolve) => core.once('open', resolve));
    this.#send = (frame) => page.send(frame);
    core.on('message', (data, isBinary) =>
      page.send(isBinary ? data : this.#onFrame(String(data)), { binary: isBinary }),
    );
    this.#calls.clear();
    this.#events = null;
    page.on('message', (data, isBinary) => {
      this.#noteCall(String(data));
      void opened.then(() => core.send(data, { binary: isBinary }));
    });
    core.on('close', () => page.close());
    page.on('close', () => core.close());
    for (const socket of [core, page]) socket.on('error', () => socket.terminate());
  }

  #noteCall(text: string): void {
    const id = /^\{"i":"(\w+)"/u.exec(text)?.[1];
    if (id === undefined) return;
    this.#calls.add(id);
    this.#askedAt = performance.now();
  }

  #onFrame(text: string): string {
    this.#calls.delete(/^\{"i":"(\w+)"/u.exec(text)?.[1] ?? '');
    const isEvent = text.includes('"e":"message"');
    if (!isEvent && !text.includes(this.#conversationId)) return text;
    const frame = v.safeParse(Frame, JSON.parse(text));
    if (!frame.success) return text;
    const { p } = frame.output;
    if (isEvent) {
      this.#events = frame.output.i;
      this.#eventId = String((p['m'] as { id?: unknown } | undefined)?.id ?? '');
      return text;
    }
    const body = v.safeParse(v.looseObject({ json: Reply }), p['b']);
    if (!body.success || body.output.json.id !== this.#conversationId) return text;
    const { activeLeafId, messages } = body.output.json;
    this.#leafId = activeLeafId;
    this.#seq = 0;
    const leaf = messages.find(({ id }) => id === activeLeafId);
    if (leaf?.['role'] !== 'assistant') throw new Error('the chat does not end with an answer');
    Object.assign(leaf, { status: 'streaming', text: this.textBefore, chunkSeq: 0, stats: null });
    return JSON.stringify({ ...frame.output, p: { ...p, b: body.output } });
  }

  /** Resolves when the page has all it wants and was told of any event: then chunks can be sent as events too. */
  async ready(): Promise<void> {
    const isQuiet = () => this.#calls.size === 0 && performance.now() - this.#askedAt > QUIET_MS;
    while (this.#leafId === '' || this.#events === null || !isQuiet())
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
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
