import type {
  AppClient,
  ContextPreview,
  NewAttachment,
  QueuedMessage,
} from '../../src-main/contract/index.ts';
import { newId } from './new-id.ts';

/** A waiting message that is being changed. */
export interface QueueEdit {
  readonly id: string;
  /** As it was when the editor opened. */
  readonly before: string;
  readonly text: string;
}

/** What is to wait. */
export interface WaitingMessage {
  readonly text: string;
  readonly files: readonly NewAttachment[];
}

const isSame = (a: WaitingMessage, b: WaitingMessage): boolean =>
  a.text === b.text &&
  a.files.length === b.files.length &&
  a.files.every(({ id, parts }, index) => {
    const other = b.files[index];
    return id === other?.id && JSON.stringify(parts) === JSON.stringify(other.parts);
  });

/** The messages of one conversation that wait for the answer before them. */
export class MessageQueue {
  /** Kept here, because another chat may be shown meanwhile. */
  editing = $state.raw<QueueEdit | null>(null);
  #isSaving = $state(false);
  /** What may have arrived although its answer did not. */
  #unsure: { readonly id: string; readonly message: WaitingMessage } | null = null;
  readonly #client: AppClient;
  readonly #conversationId: string;
  readonly #refresh: () => Promise<void>;

  constructor(client: AppClient, conversationId: string, refresh: () => Promise<void>) {
    this.#client = client;
    this.#conversationId = conversationId;
    this.#refresh = refresh;
  }

  /** @param afterId the answer that it waits for */
  async add(message: WaitingMessage, afterId: string): Promise<void> {
    const conversationId = this.#conversationId;
    const id = this.#unsure && isSame(this.#unsure.message, message) ? this.#unsure.id : newId();
    this.#unsure = { id, message };
    const { text, files } = message;
    await this.#client.queue.add({
      ...{ conversationId, id, text, afterId },
      attachments: [...files],
      place: null,
    });
    this.#unsure = null;
    await this.#refresh();
  }

  edit({ id, text }: QueuedMessage): void {
    this.editing = { id, before: text, text };
  }

  change(text: string): void {
    if (this.editing !== null) this.editing = { ...this.editing, text };
  }

  /** Saves what is being edited. @returns the id of the message whose editor closed, if it did */
  async save(): Promise<string | null> {
    const edited = this.editing;
    if (edited === null || edited.text.trim() === '' || this.#isSaving) return null;
    this.#isSaving = true;
    try {
      await this.#client.queue.update({ id: edited.id, text: edited.text });
      // Before the editor closes: the row behind it must not show, or take back, what it said before.
      await this.#refresh();
      const closes = this.editing === edited;
      if (closes) this.editing = null;
      else if (this.editing?.id === edited.id) this.editing = { ...this.editing, before: edited.text };
      return closes ? edited.id : null;
    } finally {
      this.#isSaving = false;
    }
  }

  /**
   * Closes the editor of a message that waits no longer: its turn came, or it was taken off elsewhere.
   * @returns what was typed in it and would be lost; null: nothing
   */
  takeLost(waiting: readonly QueuedMessage[]): string | null {
    const edited = this.editing;
    // A save under way says by itself whether it came in time.
    if (edited === null || this.#isSaving || waiting.some(({ id }) => id === edited.id)) return null;
    this.editing = null;
    return edited.text.trim() === '' || edited.text === edited.before ? null : edited.text;
  }

  async move(id: string, place: number): Promise<void> {
    await this.#client.queue.move({ id, place });
    await this.#refresh();
  }

  /** Takes one off. @returns the way back */
  async remove(entry: QueuedMessage, place: number): Promise<() => Promise<void>> {
    const { id, text } = entry;
    // With its texts, which are gone when it is.
    const attachments = await this.#filesOf(entry);
    await this.#client.queue.remove({ id });
    await this.#refresh();
    return async () => {
      const conversationId = this.#conversationId;
      await this.#client.queue.add({ conversationId, id, text, attachments, place, afterId: null });
      await this.#refresh();
    };
  }

  /** What the user is to be asked about a message before it is sent; null: nothing. */
  async questionOf(entry: QueuedMessage): Promise<ContextPreview | null> {
    const preview = await this.#client.context.preview({
      ...{ id: this.#conversationId, draft: entry.text, systemPrompt: null },
      attachments: await this.#filesOf(entry),
    });
    // Without a model nothing is counted, and the answer tells. With one, what it does not count is far too long.
    if (preview.contextSize === null) return null;
    return preview.counts === null || !preview.fits || preview.asks ? preview : null;
  }

  /** Sends the first one now. @param leaveOut old messages that do not fit are left out */
  async sendNext(leaveOut = false): Promise<void> {
    await this.#client.queue.sendNext({ conversationId: this.#conversationId, leaveOut });
    await this.#refresh();
  }

  #filesOf({ attachments }: QueuedMessage): Promise<NewAttachment[]> {
    return Promise.all(
      attachments.map(async ({ id, name, kind, sizeBytes }) => ({
        ...{ id, name, kind, sizeBytes },
        ...(await this.#client.attachments.read({ id })),
      })),
    );
  }
}
