import { SvelteMap } from 'svelte/reactivity';
import {
  MAX_ATTACHED_CHARACTERS,
  MAX_ATTACHMENTS,
  type NewAttachment,
  type TextPart,
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
  /** The newest that are being read, per chat: a short file does not overtake a long one. */
  readonly #adding = new Map<string, Promise<void>>();
  /** Why files were not taken, per chat, the newest last. */
  readonly #problems = new SvelteMap<string, readonly { name: string; problem: FileProblem }[]>();

  /** The file whose parts are being chosen. */
  choosing = $state.raw<{ readonly chatId: string | null; readonly fileId: string } | null>(null);

  of(chatId: string | null): readonly NewAttachment[] {
    return this.#files.get(chatId ?? NEW_CHAT) ?? NONE;
  }

  isReading(chatId: string | null): boolean {
    return (this.#reading.get(chatId ?? NEW_CHAT) ?? 0) > 0;
  }

  problems(chatId: string | null): readonly { name: string; problem: FileProblem }[] {
    return this.#problems.get(chatId ?? NEW_CHAT) ?? [];
  }

  /** Takes the text out of files, one after the other, behind those that were added before. */
  async add(chatId: string | null, files: readonly File[]): Promise<void> {
    const key = chatId ?? NEW_CHAT;
    this.#problems.delete(key);
    this.#reading.set(key, (this.#reading.get(key) ?? 0) + 1);
    const before = this.#adding.get(key);
    const adding = (async () => {
      await before;
      for (const file of files) await this.#take(key, file);
    })();
    this.#adding.set(key, adding);
    await adding;
    this.#reading.set(key, (this.#reading.get(key) ?? 1) - 1);
  }

  /** Puts files back that could not go on. */
  putBack(chatId: string | null, files: readonly NewAttachment[]): void {
    const ids = new Set(files.map(({ id }) => id));
    const since = this.of(chatId).filter(({ id }) => !ids.has(id));
    this.#files.set(chatId ?? NEW_CHAT, [...files, ...since]);
  }

  /** What of a file goes with the message; null: all of it. */
  setParts(chatId: string | null, fileId: string, parts: readonly TextPart[] | null): void {
    const files = this.of(chatId).map((file) =>
      file.id === fileId ? { ...file, parts: parts && [...parts] } : file,
    );
    this.#files.set(chatId ?? NEW_CHAT, files);
  }

  /** Asks which parts of a file go with the message. */
  choose(chatId: string | null, fileId: string): void {
    this.choosing = { chatId, fileId };
  }

  /** @returns the way back */
  remove(chatId: string | null, fileId: string): () => void {
    const key = chatId ?? NEW_CHAT;
    this.#problems.delete(key);
    const before = this.of(chatId);
    const place = before.findIndex(({ id }) => id === fileId);
    const removed = before.slice(place, place + 1);
    this.#files.set(
      key,
      before.filter(({ id }) => id !== fileId),
    );
    return () => {
      const now = this.of(chatId);
      if (place >= 0 && !now.some(({ id }) => id === fileId))
        this.#files.set(key, now.toSpliced(place, 0, ...removed));
    };
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

  /** Takes a file of an earlier message, and asks which parts of it go with the next one. */
  addAgain(chatId: string, file: NewAttachment): void {
    this.#problems.delete(chatId);
    try {
      this.#put(chatId, file);
      this.choose(chatId, file.id);
    } catch (error) {
      this.#refuse(chatId, file.name, error);
    }
  }

  async #take(key: string, file: File): Promise<void> {
    try {
      this.#put(key, await readFile(file, newId()));
    } catch (error) {
      this.#refuse(key, file.name, error);
    }
  }

  /** @throws UnreadFile when the message has no room for it */
  #put(key: string, read: NewAttachment): void {
    const files = this.#files.get(key) ?? NONE;
    if (files.length >= MAX_ATTACHMENTS) throw new UnreadFile('too_many');
    const characters = files.reduce((sum, { text }) => sum + text.length, read.text.length);
    if (characters > MAX_ATTACHED_CHARACTERS) throw new UnreadFile('too_long');
    this.#files.set(key, [...files, read]);
  }

  #refuse(key: string, name: string, error: unknown): void {
    const problem = error instanceof UnreadFile ? error.problem : 'unreadable';
    this.#problems.set(key, [...(this.#problems.get(key) ?? []), { name, problem }]);
  }
}
