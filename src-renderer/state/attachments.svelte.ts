import { SvelteMap } from 'svelte/reactivity';
import {
  MAX_ATTACHED_CHARACTERS,
  MAX_ATTACHMENTS,
  type NewAttachment,
} from '../../src-main/contract/index.ts';
import { UnreadFile, type FileProblem } from '../lib/attachments/problem.ts';
import { readFile } from '../lib/attachments/read.ts';
import { newId } from './new-id.ts';

const NEW_CHAT = '';
const NONE: readonly NewAttachment[] = [];

/** Files that go with the next message, per chat. They live in this window only. */
export class AttachedFiles {
  readonly #files = new SvelteMap<string, readonly NewAttachment[]>();
  /** Files that are being read, per chat. */
  readonly #reading = new SvelteMap<string, number>();
  /** Why files were not taken, per chat, the newest last. */
  readonly #problems = new SvelteMap<string, readonly { name: string; problem: FileProblem }[]>();

  of(chatId: string | null): readonly NewAttachment[] {
    return this.#files.get(chatId ?? NEW_CHAT) ?? NONE;
  }

  isReading(chatId: string | null): boolean {
    return (this.#reading.get(chatId ?? NEW_CHAT) ?? 0) > 0;
  }

  problems(chatId: string | null): readonly { name: string; problem: FileProblem }[] {
    return this.#problems.get(chatId ?? NEW_CHAT) ?? [];
  }

  /** Takes the text out of files, one after the other. */
  async add(chatId: string | null, files: readonly File[]): Promise<void> {
    const key = chatId ?? NEW_CHAT;
    this.#problems.delete(key);
    this.#reading.set(key, (this.#reading.get(key) ?? 0) + 1);
    try {
      for (const file of files) await this.#take(key, file);
    } finally {
      this.#reading.set(key, (this.#reading.get(key) ?? 1) - 1);
    }
  }

  /** Says why the files stay where they are. */
  refuse(chatId: string | null, problem: FileProblem): void {
    this.#problems.set(chatId ?? NEW_CHAT, [{ name: '', problem }]);
  }

  remove(chatId: string | null, fileId: string): void {
    const key = chatId ?? NEW_CHAT;
    this.#problems.delete(key);
    this.#files.set(
      key,
      this.of(chatId).filter(({ id }) => id !== fileId),
    );
  }

  /** The chat is gone. */
  clear(chatId: string): void {
    this.#files.delete(chatId);
    this.#problems.delete(chatId);
  }

  /**
   * They were sent; those that came meanwhile stay.
   * @param restTo the chat that the rest belongs to: a new one has an id by now
   */
  sent(chatId: string | null, files: readonly NewAttachment[], restTo: string | null): void {
    const rest = this.of(chatId).filter((file) => !files.includes(file));
    this.#files.delete(chatId ?? NEW_CHAT);
    this.#problems.delete(chatId ?? NEW_CHAT);
    if (rest.length > 0) this.#files.set(restTo ?? NEW_CHAT, rest);
  }

  async #take(key: string, file: File): Promise<void> {
    try {
      const read = await readFile(file, newId());
      const files = this.#files.get(key) ?? NONE;
      if (files.length >= MAX_ATTACHMENTS) throw new UnreadFile('too_many');
      const characters = files.reduce((sum, { text }) => sum + text.length, read.text.length);
      if (characters > MAX_ATTACHED_CHARACTERS) throw new UnreadFile('too_long');
      this.#files.set(key, [...files, read]);
    } catch (error) {
      const problem = error instanceof UnreadFile ? error.problem : 'unreadable';
      this.#problems.set(key, [...(this.#problems.get(key) ?? []), { name: file.name, problem }]);
    }
  }
}
