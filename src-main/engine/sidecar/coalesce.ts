/**
 * Least time between two chunks, in ms: 30 a second look continuous, and each costs a message through two
 * processes and a repaint.
 */
export const COALESCE_MS = 33;
/**
 * The same where the processor computes the answer: every chunk takes its time from the model. Measured on 2 cores
 * with a 1.1B file at 45 tok/s: 33 ms cost 2.5 % of the speed more than 100 ms. 12 a second still read as a flow.
 */
export const COALESCE_ON_CPU_MS = 80;
/**
 * Text whose next token does not come is sent after this many intervals. Later than the next token of any model
 * that streams: a chunk goes out with a token, between two decodes, and takes no processor from one that runs.
 */
export const MAX_WAIT_INTERVALS = 2;

export type ChunkKind = 'answer' | 'reasoning';

/** Joins the text of single tokens into chunks. The first goes out at once: it ends the wait for the answer. */
export class Coalescer {
  #kind: ChunkKind = 'answer';
  #text = '';
  #timer: NodeJS.Timeout | null = null;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  readonly #send: (kind: ChunkKind, text: string) => void;
  readonly #intervalMs: number;
  readonly #now: () => number;

  constructor(
    send: (kind: ChunkKind, text: string) => void,
    intervalMs: number,
    now: () => number = () => performance.now(),
  ) {
    this.#send = send;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  add(kind: ChunkKind, text: string): void {
    if (text === '') return;
    if (kind !== this.#kind) this.flush();
    this.#kind = kind;
    this.#text += text;
    const sinceSentMs = this.#now() - this.#lastSentMs;
    if (sinceSentMs >= this.#intervalMs) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), MAX_WAIT_INTERVALS * this.#intervalMs - sinceSentMs);
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
