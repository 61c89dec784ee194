import type { AppEvent, Message } from '../../src-main/contract/index.ts';

export type Chunk = Extract<AppEvent, { type: 'message.chunk' }>;
export type Progress = Pick<
  Extract<AppEvent, { type: 'generation.progress' }>,
  'phase' | 'done' | 'total' | 'etaMs'
>;

/** Chunks kept while a hole is being fetched: about half a minute of a fast answer. */
const MAX_WAITING_CHUNKS = 1_000;

/**
 * One answer while it streams. Chunks are taken in as they come and shown by `commit`, which the owner
 * calls at most once a frame.
 */
export class LiveAnswer {
  readonly messageId: string;
  text = $state('');
  reasoning = $state('');
  progress = $state.raw<Progress | null>(null);
  /** When this window saw the thinking start and end, ms since 1970; null when it did not. */
  reasoningStartedAt = $state.raw<number | null>(null);
  reasoningEndedAt = $state.raw<number | null>(null);
  /** Tokens of the thinking so far, as the engine counts them; null where it did not say. */
  reasoningTokens = $state.raw<number | null>(null);
  #seq = 0;
  #newText = '';
  #newReasoning = '';
  #waiting: Chunk[] = [];
  readonly #now: () => number;

  constructor(messageId: string, now: () => number = Date.now) {
    this.messageId = messageId;
    this.#now = now;
  }

  /**
   * Takes a chunk in.
   * @returns false when chunks before it are missing: the owner then fetches and calls `adopt`
   */
  accept(chunk: Chunk): boolean {
    if (chunk.seq <= this.#seq) return true;
    if (chunk.seq > this.#seq + 1) {
      if (this.#waiting.length < MAX_WAITING_CHUNKS) this.#waiting.push(chunk);
      return false;
    }
    this.#seq = chunk.seq;
    if (chunk.kind === 'answer') {
      this.#newText += chunk.text;
      if (this.reasoningStartedAt !== null) this.reasoningEndedAt ??= this.#now();
    } else {
      this.#newReasoning += chunk.text;
      this.reasoningStartedAt ??= this.#now();
      this.reasoningTokens = chunk.generatedTokens ?? this.reasoningTokens;
    }
    return true;
  }

  /** Takes over what was fetched, unless more than that has arrived already. */
  adopt(message: Pick<Message, 'text' | 'reasoning' | 'chunkSeq'>): void {
    if (message.chunkSeq >= this.#seq) {
      this.#seq = message.chunkSeq;
      this.#newText = '';
      this.#newReasoning = '';
      this.text = message.text;
      this.reasoning = message.reasoning;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) this.accept(chunk);
  }

  /** Shows what has arrived since the last call. */
  commit(): void {
    if (this.#newText !== '') this.text += this.#newText;
    if (this.#newReasoning !== '') this.reasoning += this.#newReasoning;
    this.#newText = '';
    this.#newReasoning = '';
  }
}
