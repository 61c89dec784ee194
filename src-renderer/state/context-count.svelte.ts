import type { AppClient } from '../../src-main/contract/index.ts';

/** A pause in typing this long is worth a count: rendering and tokenizing a long chat takes tens of ms. */
const COUNT_DELAY_MS = 350;

export interface ContextUse {
  readonly tokens: number;
  readonly size: number;
}

/** Tokens that the next send would put into the context, counted by the loaded model. */
export class ContextCount {
  /** null while unknown, because no model is loaded or nothing was counted yet. */
  use = $state.raw<ContextUse | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;
  readonly #client: AppClient;

  constructor(client: AppClient) {
    this.#client = client;
  }

  /** Counts after a pause; a newer request replaces an older one. */
  request(conversationId: string | null, draft: string): void {
    this.cancel();
    this.#timer = setTimeout(() => void this.#count(conversationId, draft), COUNT_DELAY_MS);
  }

  /** Shows nothing, for another chat or when the model is gone. */
  reset(): void {
    this.cancel();
    this.use = null;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#running = null;
  }

  async #count(id: string | null, draft: string): Promise<void> {
    const abort = new AbortController();
    this.#running = abort;
    try {
      const count = await this.#client.conversations.countTokens({ id, draft }, { signal: abort.signal });
      if (abort.signal.aborted) return;
      const { promptTokens, contextSize } = count;
      this.use =
        promptTokens === null || contextSize === null ? null : { tokens: promptTokens, size: contextSize };
    } catch {
      // A count is a help, not a promise: without one the gauge is left out.
      if (!abort.signal.aborted) this.use = null;
    }
  }
}
