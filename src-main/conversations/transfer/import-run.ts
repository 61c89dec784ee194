import * as v from 'valibot';
import {
  appError,
  errorCodeOf,
  ImportFailure,
  isAppError,
  type ImportProblem,
  type ImportReport,
  type ImportSource,
} from '../../contract/index.ts';
import type { RoomGuard } from '../../free-space.ts';
import type { Store, StoredFolder, StoredTag } from '../../store/api.ts';
import type { WholeChat } from './formats.ts';
import { foreignSource, readForeign } from './foreign.ts';
import { ImportFile, type Found } from './import-file.ts';
import { chatOf, type ForeignChat } from './imported.ts';
import { isJanMessage, isJanThread, janFolder, JanFolders, type JanFiles } from './jan.ts';
import { ownChat, OwnFolder, OwnTag } from './own-file.ts';

/** What is found room for at once while more arrives than the files have, which are packed then; in bytes. */
const ROOM_STEP_BYTES = 16_000_000;
/** Files that are named in the report; of more, only how many. */
const MAX_NAMED = 20;

const noChats = () => appError('import_unreadable', { reason: 'no_chats' });

interface ImportRunOptions {
  store: Store;
  id: string;
  several: boolean;
  sizeBytes: number;
  room: RoomGuard;
}

/** One import on its way in: a file, or several. */
export class ImportRun {
  readonly #store: Store;
  readonly #id: string;
  readonly #isSeveral: boolean;
  readonly #room: RoomGuard;
  /** There was room for this much more text, in bytes. */
  #roomBytes: number;
  readonly #now = Date.now();
  readonly #leftOut = new Map<ImportProblem, number>();
  readonly #unreadable: ImportReport['unreadable'] = [];
  readonly #added: string[] = [];
  readonly #jan = new JanFolders();
  #file: ImportFile | null = null;
  /** The rest of the file that is read is not looked at. */
  #isSkipping = false;
  /** Chats that the file has brought so far, new ones or not. */
  #ofFile = 0;
  #source: ImportSource | null = null;
  #failure: unknown = null;
  #messages = 0;
  #alreadyHere = 0;
  #isEnded = false;
  /** Folders come before the chats in them, but not parents before children. */
  readonly #folders: StoredFolder[] = [];
  readonly #tagIds = new Map<string, string>();
  #working: Promise<unknown> = Promise.resolve();

  /**
   * @param from.several of more files than one, some may hold no chats
   * @param from.sizeBytes of the files as they were chosen: room for these has been found
   */
  constructor({ store, id, several, sizeBytes, room }: ImportRunOptions) {
    this.#store = store;
    this.#id = id;
    this.#isSeveral = several;
    this.#room = room;
    this.#roomBytes = sizeBytes;
  }

  /** @throws import_unreadable */
  nextFile(name: string): Promise<void> {
    return this.#next(async () => {
      await this.#endFile();
      this.#file = new ImportFile(name);
    });
  }

  /** @throws import_unreadable, disk_full */
  append(text: string): Promise<{ chats: number }> {
    return this.#next(async () => {
      const file = (this.#file ??= new ImportFile(''));
      await this.#findRoom(Buffer.byteLength(text));
      if (!this.#isSkipping) await this.#attempt(file, () => file.read(text));
      return { chats: this.#added.length };
    });
  }

  /** @throws import_unreadable when a file ends too early or none holds chats */
  finish(): Promise<{ report: ImportReport; conversationIds: readonly string[] }> {
    return this.#next(async () => {
      this.#file ??= new ImportFile('');
      await this.#endFile();
      for (const files of this.#jan.takeRest()) await this.#putJan(files);
      await this.#putFolders();
      if (this.#source === null) throw this.#failure ?? noChats();
      return { conversationIds: this.#added, report: this.#report(this.#source) };
    });
  }

  /** Nothing is taken any more; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#working;
  }

  async #findRoom(bytes: number): Promise<void> {
    this.#roomBytes -= bytes;
    if (this.#roomBytes >= 0) return;
    await this.#room.forImport(ROOM_STEP_BYTES);
    this.#roomBytes += ROOM_STEP_BYTES;
  }

  #report(source: ImportSource): ImportReport {
    return {
      source,
      chats: this.#added.length,
      messages: this.#messages,
      alreadyHere: this.#alreadyHere,
      leftOut: [...this.#leftOut].map(([problem, count]) => ({ problem, count })),
      unreadable: this.#unreadable,
    };
  }

  /** Pieces are taken one after the other, however they arrive. */
  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#working.then(() => {
      if (this.#isEnded) throw appError('aborted');
      return work();
    });
    this.#working = result.catch(() => {});
    return result;
  }

  async #endFile(): Promise<void> {
    const file = this.#file;
    if (file && !this.#isSkipping) await this.#attempt(file, () => file.end());
    this.#file = null;
    this.#isSkipping = false;
    this.#ofFile = 0;
  }

  /** Of several files, one that breaks before it brought a chat is named in the report, and the others are taken. */
  async #attempt(file: ImportFile, read: () => Found[]): Promise<void> {
    try {
      for (const found of read()) {
        if (this.#isEnded) throw appError('aborted');
        await this.#take(file, found);
      }
    } catch (error) {
      const reason = isAppError(error) ? error.data.details?.['reason'] : undefined;
      if (errorCodeOf(error) !== 'import_unreadable' || !this.#isSeveral || this.#ofFile > 0) throw error;
      this.#isSkipping = true;
      this.#failure ??= error;
      this.#leave('unreadable');
      if (this.#unreadable.length < MAX_NAMED && v.is(ImportFailure, reason))
        this.#unreadable.push({ fileName: file.name, reason });
    }
  }

  async #take(file: ImportFile, found: Found): Promise<void> {
    if (found.type === 'entry') await this.#takeForeign(found.value, file);
    else if (found.type === 'object') await this.#takeObject(found.value, file);
    else if (found.type === 'lines') await this.#takeLines(found.values, file);
    else if (found.type === 'own') this.#source ??= 'leeward';
    else await this.#takeOwn(found.type, found.value);
  }

  async #takeForeign(value: unknown, { name }: ImportFile): Promise<void> {
    const leaveOut = (problem: ImportProblem) => this.#leave(problem);
    const source = foreignSource(value);
    const chat = source && readForeign(source, value, { leaveOut, fileName: name });
    if (source && chat) await this.#putForeign(source, chat);
    else this.#leave('not_a_chat');
  }

  async #takeObject(value: unknown, file: ImportFile): Promise<void> {
    if (foreignSource(value) !== null) return this.#takeForeign(value, file);
    if (!isJanThread(value)) throw noChats();
    await this.#putJan(this.#jan.add(file.name, { thread: value }));
  }

  async #takeLines(messages: readonly unknown[], file: ImportFile): Promise<void> {
    if (!messages.every(isJanMessage)) throw noChats();
    await this.#putJan(this.#jan.add(file.name, { messages }));
  }

  /** A chat of Jan, when its files are there. */
  async #putJan(files: JanFiles | null): Promise<void> {
    if (!files) return;
    const chat = janFolder(files, (problem) => this.#leave(problem));
    if (chat) await this.#putForeign('jan', chat);
    else this.#leave('not_a_chat');
  }

  async #putForeign(source: ImportSource, chat: ForeignChat): Promise<void> {
    this.#source ??= source;
    const leaveOut = (problem: ImportProblem) => this.#leave(problem);
    const whole = chatOf(source, chat, { leaveOut, now: this.#now });
    if (whole) await this.#put(whole);
  }

  async #takeOwn(type: 'folder' | 'tag' | 'chat', value: unknown): Promise<void> {
    if (type === 'folder') {
      const folder = v.safeParse(OwnFolder, value);
      if (folder.success) this.#folders.push(folder.output);
    } else if (type === 'tag') {
      const tag = v.safeParse(OwnTag, value);
      if (!tag.success) return;
      const ids = await this.#store.transfer.putTags({ tags: [tag.output satisfies StoredTag] });
      for (const [id, here] of Object.entries(ids)) this.#tagIds.set(id, here);
    } else {
      await this.#putFolders();
      const whole = ownChat(value);
      if (!whole) {
        this.#leave('damaged');
        return;
      }
      const tags = whole.conversation.tags.map((id) => this.#tagIds.get(id) ?? id);
      await this.#put({ ...whole, conversation: { ...whole.conversation, tags } });
    }
  }

  async #putFolders(): Promise<void> {
    const folders = this.#folders.splice(0);
    if (folders.length > 0) await this.#store.transfer.putFolders({ folders });
  }

  async #put(chat: WholeChat): Promise<void> {
    try {
      this.#ofFile += 1;
      if (await this.#store.transfer.put({ importId: this.#id, ...chat })) {
        this.#added.push(chat.conversation.id);
        this.#messages += chat.messages.length;
      } else this.#alreadyHere += 1;
    } catch (error) {
      // Two things with one id, a parent that is not there: the chat is left out, the file goes on.
      if (errorCodeOf(error) !== 'conflict' && errorCodeOf(error) !== 'store_failed') throw error;
      this.#leave('damaged');
    }
  }

  #leave(problem: ImportProblem): void {
    this.#leftOut.set(problem, (this.#leftOut.get(problem) ?? 0) + 1);
  }
}
