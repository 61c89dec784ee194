import { randomUUID } from 'node:crypto';
import { JSONParser } from '@streamparser/json';
import * as v from 'valibot';
import {
  appError,
  Conversation,
  errorCodeOf,
  Id,
  MAX_FOLDER_NAME_LENGTH,
  MAX_MESSAGE_LENGTH,
  MAX_TAG_NAME_LENGTH,
  MAX_TITLE_LENGTH,
  Message,
  NewAttachments,
  TimeMs,
  type ImportProblem,
  type ImportReport,
  type ImportSource,
} from '../../contract/index.ts';
import type { EventBus } from '../../events.ts';
import type { Store, StoredFolder, StoredTag } from '../../store/api.ts';
import { JSON_VERSION, type WholeChat } from './formats.ts';
import { foreignSource, readForeign } from './foreign.ts';
import { chatOf } from './imported.ts';

const FORMAT = 'leeward-chats';
const Text = v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH));
const OwnMessage = v.object({
  ...v.omit(Message, ['conversationId', 'chunkSeq']).entries,
  text: Text,
  attachments: v.optional(NewAttachments, []),
  reasoning: Text,
});
const OwnChat = v.object({
  ...v.omit(Conversation, ['messages', 'messageCount', 'answering', 'trashedAt', 'temporary', 'modelId'])
    .entries,
  title: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TITLE_LENGTH)),
  draft: Text,
  messages: v.array(OwnMessage),
});
const OwnFolder = v.object({
  id: Id,
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_FOLDER_NAME_LENGTH)),
  parentId: v.nullable(Id),
  createdAt: TimeMs,
  modelId: v.nullable(Id),
  systemPrompt: v.nullable(Text),
});
const OwnTag = v.object({
  id: Id,
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TAG_NAME_LENGTH)),
});

/** More than these are not told one by one: clients fetch their lists again. */
const MAX_TOLD = 1_000;
/** Files at once; the oldest of more is given up. */
const MAX_OPEN = 4;

export interface ImporterDeps {
  store: Store;
  bus: EventBus;
  /** Deletes what is marked for it. */
  purge(): Promise<void>;
}

export type Importer = ReturnType<typeof createImporter>;

/**
 * Takes chats from a file, as its text arrives: one chat is in memory at a time. Either the whole file is taken or
 * nothing of it; a chat that is not of its program's form is counted and left out.
 */
export function createImporter({ store, bus, purge }: ImporterDeps) {
  const open = new Map<string, FileImport>();

  const importWith = (id: string): FileImport => {
    const found = open.get(id);
    if (!found) throw appError('not_found');
    return found;
  };

  async function abandon(id: string): Promise<void> {
    const file = open.get(id);
    open.delete(id);
    await file?.end();
    if ((await store.transfer.abandon({ id })) > 0) await purge();
  }

  /** Runs a step; whatever fails takes out what the import has brought. */
  async function step<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // Not waited for by itself: it would wait for the step that failed.
      if (open.has(id)) await abandon(id).catch(() => {});
      throw error;
    }
  }

  return {
    async begin(): Promise<{ importId: string }> {
      // A page that was loaded again has forgotten its import.
      const [oldest] = open.keys();
      if (oldest !== undefined && open.size >= MAX_OPEN) await abandon(oldest);
      const id = randomUUID();
      await store.transfer.begin({ id, at: Date.now() });
      open.set(id, new FileImport(store, id));
      return { importId: id };
    },

    append(id: string, text: string): Promise<{ chats: number }> {
      const file = importWith(id);
      return step(id, () => file.append(text));
    },

    finish(id: string): Promise<ImportReport> {
      const file = importWith(id);
      return step(id, async () => {
        const { report, conversationIds } = await file.finish();
        open.delete(id);
        try {
          await store.transfer.finish({ id, at: Date.now() });
        } catch (error) {
          open.set(id, file);
          throw error;
        }
        bus.emit({
          type: 'history.changed',
          conversationIds: conversationIds.slice(0, MAX_TOLD),
          folders: true,
          tags: true,
        });
        if (conversationIds.length > MAX_TOLD) bus.emit({ type: 'gap' });
        return report;
      });
    },

    async cancel(id: string): Promise<void> {
      if (open.has(id)) await abandon(id);
    },

    async close(): Promise<void> {
      for (const id of [...open.keys()]) await abandon(id).catch(() => {});
    },
  };
}

type Found = { key: string | number | undefined; list: string | undefined; value: unknown };

/** One file on its way in. */
class FileImport {
  readonly #store: Store;
  readonly #id: string;
  readonly #now = Date.now();
  readonly #leftOut = new Map<ImportProblem, number>();
  readonly #added: string[] = [];
  readonly #found: Found[] = [];
  #parser: JSONParser | null = null;
  #source: ImportSource | null = null;
  #isOwnFormat = false;
  #messages = 0;
  #alreadyHere = 0;
  #isEnded = false;
  #hasBegun = false;
  /** Folders come before the chats in them, but not parents before children. */
  readonly #folders: StoredFolder[] = [];
  readonly #tagIds = new Map<string, string>();
  #working: Promise<unknown> = Promise.resolve();

  constructor(store: Store, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** @throws import_unreadable */
  append(text: string): Promise<{ chats: number }> {
    return this.#next(async () => {
      this.#read(text);
      await this.#takeFound();
      return { chats: this.#added.length };
    });
  }

  /** @throws import_unreadable when the file ends too early or holds no chats at all */
  finish(): Promise<{ report: ImportReport; conversationIds: readonly string[] }> {
    return this.#next(async () => {
      if (!this.#parser) throw appError('import_unreadable', { reason: 'empty' });
      if (!this.#parser.isEnded) throw appError('import_unreadable', { reason: 'truncated' });
      await this.#takeFound();
      await this.#putFolders();
      if (this.#source === null) throw appError('import_unreadable', { reason: 'no_chats' });
      return { conversationIds: this.#added, report: this.#report(this.#source) };
    });
  }

  #report(source: ImportSource): ImportReport {
    return {
      source,
      chats: this.#added.length,
      messages: this.#messages,
      alreadyHere: this.#alreadyHere,
      leftOut: [...this.#leftOut].map(([problem, count]) => ({ problem, count })),
    };
  }

  /** Nothing is taken any more; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#working;
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

  #read(text: string): void {
    // A mark of the encoding, at the very start only.
    const plain = this.#hasBegun ? text : text.replace(/^\uFEFF/u, '');
    this.#hasBegun ||= text !== '';
    if (!this.#parser && plain.trim() === '') return;
    this.#parser ??= this.#parserFor(plain.trimStart());
    try {
      if (!this.#parser.isEnded) this.#parser.write(plain);
      else if (plain.trim() !== '') throw new Error('text behind the end');
    } catch (cause) {
      throw appError('import_unreadable', { reason: 'not_json' }, { cause });
    }
  }

  #parserFor(start: string): JSONParser {
    const isList = start.startsWith('[');
    if (!isList && !start.startsWith('{')) throw appError('import_unreadable', { reason: 'not_json' });
    const paths = isList
      ? ['$.*']
      : ['$.format', '$.version', '$.folders.*', '$.tags.*', '$.conversations.*'];
    const parser = new JSONParser({ paths, keepStack: false });
    parser.onValue = ({ key, value, stack }) => {
      const list = stack.at(-1)?.key;
      this.#found.push({ key, value, list: typeof list === 'string' ? list : undefined });
    };
    return parser;
  }

  async #takeFound(): Promise<void> {
    for (const found of this.#found.splice(0)) {
      if (this.#isEnded) throw appError('aborted');
      await this.#take(found);
    }
  }

  async #take({ key, list, value }: Found): Promise<void> {
    if (key === 'format' && list === undefined) {
      if (value !== FORMAT) throw appError('import_unreadable', { reason: 'no_chats' });
      this.#isOwnFormat = true;
      this.#source = 'leeward';
    } else if (key === 'version' && list === undefined) {
      if (typeof value !== 'number' || value > JSON_VERSION)
        throw appError('import_unreadable', { reason: 'newer' });
    } else if (typeof key === 'number' && list === undefined) await this.#takeForeign(value);
    else await this.#takeOwn(list, value);
  }

  async #takeForeign(value: unknown): Promise<void> {
    const source = foreignSource(value);
    const chat = source && readForeign(source, value, (problem) => this.#leave(problem));
    if (!source || !chat) {
      this.#leave('not_a_chat');
      return;
    }
    this.#source ??= source;
    const leaveOut = (problem: ImportProblem) => this.#leave(problem);
    const whole = chatOf(source, chat, { leaveOut, now: this.#now });
    if (whole) await this.#put(whole);
  }

  async #takeOwn(list: string | undefined, value: unknown): Promise<void> {
    if (!this.#isOwnFormat) throw appError('import_unreadable', { reason: 'no_chats' });
    if (list === 'folders') {
      const folder = v.safeParse(OwnFolder, value);
      if (folder.success) this.#folders.push(folder.output);
    } else if (list === 'tags') {
      const tag = v.safeParse(OwnTag, value);
      if (!tag.success) return;
      const ids = await this.#store.transfer.putTags({ tags: [tag.output satisfies StoredTag] });
      for (const [id, here] of Object.entries(ids)) this.#tagIds.set(id, here);
    } else {
      await this.#putFolders();
      const chat = v.safeParse(OwnChat, value);
      const whole = chat.success ? ownChat(chat.output) : null;
      if (!whole) this.#leave('damaged');
      else {
        const tags = whole.conversation.tags.map((id) => this.#tagIds.get(id) ?? id);
        await this.#put({ ...whole, conversation: { ...whole.conversation, tags } });
      }
    }
  }

  async #putFolders(): Promise<void> {
    const folders = this.#folders.splice(0);
    if (folders.length > 0) await this.#store.transfer.putFolders({ folders });
  }

  async #put(chat: WholeChat): Promise<void> {
    try {
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

/** A chat of our own file; null when its tree cannot be one: a parent that is missing or comes later. */
function ownChat({ messages, queue, ...chat }: v.InferOutput<typeof OwnChat>): WholeChat | null {
  const known = new Set<string>();
  for (const { id, parentId } of messages) {
    if (known.has(id) || (parentId !== null && !known.has(parentId))) return null;
    known.add(id);
  }
  if (chat.activeLeafId !== null && !known.has(chat.activeLeafId)) return null;
  return {
    conversation: {
      ...chat,
      messageCount: messages.length,
      trashedAt: null,
      temporary: false,
      modelId: chat.settings.modelId,
    },
    messages: messages.map((message) => ({
      ...message,
      // The store tells what it holds.
      attachments: [],
      conversationId: chat.id,
      // It was being written when the file was.
      status: message.status === 'streaming' ? 'interrupted' : message.status,
    })),
    files: messages.flatMap(({ id, attachments }) => attachments.map((file) => ({ ...file, messageId: id }))),
    queue,
  };
}
