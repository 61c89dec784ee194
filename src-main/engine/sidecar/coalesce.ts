/**
 * Least time between two chunks, in ms: 30 a second look continuous, and each costs a message through two
 * processes and a repaint.
 */
export const COALESCE_MS = 33;
/**
 * Text whose next token does not come is sent after this, in ms. Later than the next token of any model that
 * streams: a chunk goes out with a token, between two decodes, and takes no processor from one that runs.
 */
export const MAX_WAIT_MS = 2 * COALESCE_MS;

export type ChunkKind = 'answer' | 'reasoning';

/** Joins the text of single tokens into chunks. The first goes out at once: it ends the wait for the answer. */
export class Coalescer {
  #kind: ChunkKind = 'answer';
  #text = '';
  #timer: NodeJS.Timeout | null = null;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  readonly #send: (kind: ChunkKind, text: string) => void;
  readonly #now: () => number;

  constructor(send: (kind: ChunkKind, text: string) => void, now: () => number = () => performance.now()) {
    this.#send = send;
    this.#now = now;
  }

  add(kind: ChunkKind, text: string): void {
    if (text === '') return;
    if (kind !== this.#kind) this.flush();
    this.#kind = kind;
    this.#text += text;
    const sinceSentMs = this.#now() - this.#lastSentMs;
    if (sinceSentMs >= COALESCE_MS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), MAX_WAIT_MS - sinceSentMs);
  }

  /** Sends what waits. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#lastSentMs = this.#now();
    this.#send(this.#kind, text);
  }
}
