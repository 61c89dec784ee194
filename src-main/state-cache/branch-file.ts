import { randomUUID } from 'node:crypto';
import type { BranchCopy } from '../engine/api.ts';
import type { Shelf } from './shelf.ts';

/**
 * The file by which the engine copies a branch of a chat, or a chat that begins alike, for one answer or one reading
 * ahead. It is there for a moment only; whoever deletes a chat in that moment waits for its end.
 */
export class BranchFile implements BranchCopy {
  readonly conversationId: string;
  readonly #id = randomUUID();
  readonly #shelf: Pick<Shelf, 'partPath' | 'drop' | 'noteWritten'>;
  readonly #kept: ReadonlySet<string>;
  #maxBytes = 0;
  #isForgotten = false;
  /** Until the engine has said that the file is gone. */
  #attempt: PromiseWithResolvers<void> | null = null;

  /** @param kept chats that may be on the disk; one that is deleted meanwhile is taken out */
  constructor(
    conversationId: string,
    shelf: Pick<Shelf, 'partPath' | 'drop' | 'noteWritten'>,
    kept: ReadonlySet<string> = new Set(),
  ) {
    this.conversationId = conversationId;
    this.#shelf = shelf;
    this.#kept = kept;
  }

  get from(): string[] {
    return [...this.#kept];
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Until then nothing may be written. */
  allow(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  open(): string | null {
    // The attempt before this one has ended, with its process.
    this.#close();
    if (this.#isForgotten || this.#maxBytes <= 0) return null;
    this.#attempt = Promise.withResolvers();
    return this.#shelf.partPath(this.#id);
  }

  closed(bytes: number): void {
    this.#close();
    if (bytes > 0) void this.#shelf.noteWritten(bytes);
  }

  #close(): void {
    this.#attempt?.resolve();
    this.#attempt = null;
  }

  /** Resolves when the engine writes nothing there. */
  async idle(): Promise<void> {
    await this.#attempt?.promise;
  }

  /** The user wants nothing of the chat to stay. Resolves when nothing is there, nor will be. */
  async forget(): Promise<void> {
    this.#isForgotten = true;
    await this.idle();
    await this.#shelf.drop(this.#id);
  }

  /** The engine's call has ended. Resolves when what a crash has left is gone. */
  async end(): Promise<void> {
    this.#isForgotten = true;
    this.#close();
    await this.#shelf.drop(this.#id);
  }
}
