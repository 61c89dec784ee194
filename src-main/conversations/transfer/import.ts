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

/** Files at once; a page that was closed leaves its import open until the next start. */
const MAX_OPEN = 4;

export interface ImporterDeps {
  store: Store;
  bus: EventBus;
}

export type Importer = ReturnType<typeof createImporter>;

/**
 * Takes chats from a file, as its text arrives: one chat is in memory at a time. Either the whole file is taken or
 * nothing of it; a chat that is not of its program's form is counted and left out.
 */
export function createImporter({ store, bus }: ImporterDeps) {
  const open = new Map<string, FileImport>();

  const importWith = (id: string): FileImport => {
    const found = open.get(id);
    if (!found) throw appError('not_found');
    return found;
  };

  async function abandon(id: string): Promise<void> {
    open.delete(id);
    for (const conversationId of await store.transfer.abandon({ id }))
      bus.emit({ type: 'conversation.removed', conversationId });
  }

  /** Runs a step; whatever fails takes out what the import has brought. */
  async function step<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await abandon(id).catch(() => {});
      throw error;
    }
  }

  return {
    async begin(): Promise<{ importId: string }> {
      if (open.size >= MAX_OPEN) throw appError('conflict');
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
        await store.transfer.finish({ id, at: Date.now() });
        open.delete(id);
        for (const conversationId of conversationIds)
          bus.emit({ type: 'conversation.changed', conversationId });
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

  /** Pieces are taken one after the other, however they arrive. */
  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#working.then(work);
    this.#working = result.catch(() => {});
    return result;
  }

  #read(text: string): void {
    const start = text.replace(/^\uFEFF/u, '').trimStart();
    if (!this.#parser && start === '') return;
    this.#parser ??= this.#parserFor(start);
    try {
      this.#parser.write(this.#parser.isEnded ? '' : text.replace(/^\uFEFF/u, ''));
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
    for (const found of this.#found.splice(0)) await this.#take(found);
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
      if (folder.success)
        await this.#store.transfer.putFolders({ folders: [folder.output satisfies StoredFolder] });
    } else if (list === 'tags') {
      const tag = v.safeParse(OwnTag, value);
      if (tag.success) await this.#store.transfer.putTags({ tags: [tag.output satisfies StoredTag] });
    } else {
      const chat = v.safeParse(OwnChat, value);
      const whole = chat.success ? ownChat(chat.output) : null;
      if (whole) await this.#put(whole);
      else this.#leave('damaged');
    }
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
