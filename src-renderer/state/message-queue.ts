import type { AppClient, QueuedMessage } from '../../src-main/contract/index.ts';
import { newId } from './new-id.ts';

/** The messages of one conversation that wait for the answer before them. */
export class MessageQueue {
  readonly #client: AppClient;
  readonly #conversationId: string;
  readonly #refresh: () => Promise<void>;

  constructor(client: AppClient, conversationId: string, refresh: () => Promise<void>) {
    this.#client = client;
    this.#conversationId = conversationId;
    this.#refresh = refresh;
  }

  /** @param afterId the answer that it waits for */
  async add(text: string, afterId: string): Promise<void> {
    const conversationId = this.#conversationId;
    await this.#client.queue.add({ conversationId, id: newId(), text, place: null, afterId });
    await this.#refresh();
  }

  async update(id: string, text: string): Promise<void> {
    if (text.trim() === '') return;
    await this.#client.queue.update({ id, text });
    await this.#refresh();
  }

  async move(id: string, place: number): Promise<void> {
    await this.#client.queue.move({ id, place });
    await this.#refresh();
  }

  /** Takes one off. @returns the way back */
  async remove({ id, text }: QueuedMessage, place: number): Promise<() => Promise<void>> {
    await this.#client.queue.remove({ id });
    await this.#refresh();
    return async () => {
      const conversationId = this.#conversationId;
      await this.#client.queue.add({ conversationId, id, text, place, afterId: null });
      await this.#refresh();
    };
  }

  /** Sends the first one now. */
  async sendNext(): Promise<void> {
    await this.#client.queue.sendNext({ conversationId: this.#conversationId });
    await this.#refresh();
  }
}
