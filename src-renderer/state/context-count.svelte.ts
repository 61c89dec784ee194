import type { AppClient, ContextPreview, NewAttachment } from '../../src-main/contract/index.ts';

/** A pause in typing this long is worth a count: rendering and tokenizing a long chat takes tens of ms. */
const COUNT_DELAY_MS = 350;

/** The send that is asked about. */
export interface NextSend {
  /** null: a new chat. */
  readonly id: string | null;
  /** The end of the branch that it follows. */
  readonly leaf: string | null;
  readonly draft: string;
  readonly attachments: readonly NewAttachment[];
  /** Of a new chat; null: the default. */
  readonly systemPrompt: string | null;
}

export interface ContextUse {
  readonly tokens: number;
  readonly size: number;
  /** Messages that will be left out. */
  readonly leftOut: number;
  /** Some of them were sent until now. */
  readonly asks: boolean;
}

function inputOf({ id, draft, attachments, systemPrompt }: NextSend) {
  return { id, draft, attachments: [...attachments], systemPrompt };
}

/** What the next send would put into the context, counted by the loaded model. */
export class ContextCount {
  /** null while unknown, because nothing was counted yet. */
  preview = $state.raw<ContextPreview | null>(null);
  /** The end of the branch that `preview` was counted for. */
  #leaf: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  /** null while unknown, or when no model is loaded. */
  get use(): ContextUse | null {
    const { preview } = this;
    if (!preview?.counts || preview.contextSize === null) return null;
    const { promptTokens } = preview.counts;
    const { contextSize: size, leftOut, asks } = preview;
    return { tokens: promptTokens, size, leftOut: leftOut.length, asks };
  }

  /** Counts after a pause; a newer request replaces an older one. */
  request(next: NextSend): void {
    this.cancel();
    this.#timer = setTimeout(() => void this.#pause(next), COUNT_DELAY_MS);
  }

  /** The pause that is worth a count is worth more: the model reads what is certain, until the next key. */
  async #pause(next: NextSend): Promise<void> {
    await this.#count(next);
    const abort = this.#running;
    if (!abort || abort.signal.aborted || !this.preview?.counts) return;
    // A help, not a promise, as the count is.
    await this.#client.context.readAhead(inputOf(next), { signal: abort.signal }).catch(() => undefined);
  }

  /** The last count, if it is of this branch. */
  of(leaf: string | null): ContextPreview | null {
    return this.#leaf === leaf ? this.preview : null;
  }

  /** Counts now, for a send. @returns null when it could not be counted */
  async now(next: NextSend): Promise<ContextPreview | null> {
    this.cancel();
    await this.#count(next);
    return this.preview;
  }

  /** Shows nothing, for another chat or when the model is gone. */
  reset(): void {
    this.cancel();
    this.preview = null;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#running = null;
  }

  async #count(next: NextSend): Promise<void> {
    const abort = new AbortController();
    this.#running = abort;
    try {
      const preview = await this.#client.context.preview(inputOf(next), { signal: abort.signal });
      if (abort.signal.aborted) return;
      this.#leaf = next.leaf;
      this.preview = preview;
    } catch {
      // A count is a help, not a promise: without one the gauge is left out.
      if (!abort.signal.aborted) this.preview = null;
    }
  }
}
