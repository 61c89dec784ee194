import type {
  ErrorCode,
  ErrorData,
  GenerationSettings,
  GenerationStats,
  MessageStatus,
} from '../contract/index.ts';
import { errorCodeOf } from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type { StoreClient } from '../store/api.ts';
import { ThoughtMeter } from './thought-meter.ts';

/** Text of a running answer reaches the disk this often: a kill of the app costs at most this much. */
export const FLUSH_INTERVAL_MS = 500;
/** A final write that met a full disk is tried again this often; the text stays in memory meanwhile. */
const RETRY_INTERVAL_MS = 2_000;

export interface AnswerEnd {
  status: Exclude<MessageStatus, 'streaming'>;
  errorCode: ErrorCode | null;
  errorDetails: NonNullable<ErrorData['details']> | null;
  stats: GenerationStats | null;
}

export interface LiveAnswerDeps {
  store: Pick<StoreClient, 'messages'>;
  bus: EventBus;
  /** Told of every write: null when it worked, else the code of the failure. */
  onWrite(failure: ErrorCode | null): void;
  /** Told once when the answer has ended and that cannot be written yet. */
  onEndDelayed(): void;
}

/**
 * An answer while it streams: owns its text in memory, numbers the chunks, and writes what has arrived.
 * A failed write never loses text; it is written again with the next flush.
 */
export class LiveAnswer {
  readonly conversationId: string;
  readonly messageId: string;
  readonly abort = new AbortController();
  text = '';
  reasoning = '';
  seq = 0;
  /** What it is made with; null until the model is ready. */
  settings: GenerationSettings | null = null;
  readonly thinking = new ThoughtMeter();
  /** Set once the answer has ended; it stays live until that is on disk. */
  end: AnswerEnd | null = null;
  readonly #deps: LiveAnswerDeps;
  #dirty = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param beginning what is there before the model writes; it counts as the first chunk, which clients fetch */
  constructor(
    ids: { conversationId: string; messageId: string },
    deps: LiveAnswerDeps,
    beginning?: { text: string; reasoning: string },
  ) {
    this.conversationId = ids.conversationId;
    this.messageId = ids.messageId;
    this.#deps = deps;
    if (beginning === undefined) return;
    this.text = beginning.text;
    this.reasoning = beginning.reasoning;
    this.seq = 1;
  }

  /** Adds text, tells the clients, and sees to it that it is written within {@link FLUSH_INTERVAL_MS}. */
  append(kind: 'answer' | 'reasoning', text: string, generatedTokens?: number): void {
    if (this.end) return;
    if (kind === 'answer') this.text += text;
    else this.reasoning += text;
    this.seq += 1;
    this.#dirty = true;
    this.thinking.note(kind, generatedTokens);
    const { conversationId, messageId, seq } = this;
    this.#deps.bus.emit({
      type: 'message.chunk',
      conversationId,
      messageId,
      seq,
      kind,
      text,
      ...(generatedTokens === undefined ? {} : { generatedTokens }),
    });
    this.#timer ??= setInterval(() => void this.#flush(), FLUSH_INTERVAL_MS);
  }

  /** Writes the final state; resolves when it is on disk, retrying as long as `signal` allows. */
  async finish(end: AnswerEnd, signal: AbortSignal): Promise<void> {
    this.end = end;
    clearInterval(this.#timer);
    await this.#writing;
    for (let isFirst = true; ; isFirst = false) {
      if (await this.#write(() => this.#writeEnd(end))) return;
      if (signal.aborted) return;
      if (isFirst) this.#deps.onEndDelayed();
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, RETRY_INTERVAL_MS);
        signal.addEventListener('abort', done);
      });
    }
  }

  async #flush(): Promise<void> {
    if (!this.#dirty || this.end) return;
    this.#dirty = false;
    const { messageId, text, reasoning } = this;
    this.#writing = this.#writing.then(async () => {
      const done = await this.#write(() => this.#deps.store.messages.flush({ messageId, text, reasoning }));
      if (!done) this.#dirty = true;
    });
    await this.#writing;
  }

  #writeEnd(end: AnswerEnd): Promise<void> {
    const { messageId, text, reasoning, settings, thinking } = this;
    const { thought } = thinking;
    return this.#deps.store.messages.finish({
      messageId,
      text,
      reasoning,
      settings,
      thought,
      ...end,
      at: Date.now(),
    });
  }

  /** True when the write worked or can never work (the message is gone, or has ended). */
  async #write(write: () => Promise<void>): Promise<boolean> {
    try {
      await write();
      this.#deps.onWrite(null);
      return true;
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === 'not_found' || code === 'conflict') return true;
      this.#deps.onWrite(code);
      return false;
    }
  }
}
