import { randomUUID } from 'node:crypto';
import {
  appError,
  errorCodeOf,
  type ExportFormat,
  type ExportPiece,
  type TrainingFilters,
} from '../../contract/index.ts';
import type { Store } from '../../store/api.ts';
import {
  fileNameOf,
  HTML_HEAD,
  HTML_TAIL,
  JSON_TAIL,
  jsonHead,
  toHtml,
  toJson,
  toMarkdown,
  type WholeChat,
} from './formats.ts';
import { toTrainingLine } from './training.ts';

/** One a tab is usual; more than this are forgotten ones. */
const MAX_OPEN = 8;
/** Small chats travel together: a piece has at least this many UTF-16 units, where there are so many. */
const PIECE_UNITS = 256 * 1024;

interface Request {
  conversationIds: readonly string[] | null;
  format: ExportFormat;
  training: TrainingFilters;
}

type Written = Omit<ExportPiece, 'total'>;
export type Exporter = ReturnType<typeof createExporter>;

/** null when it was deleted meanwhile. */
export async function wholeChat(store: Store, id: string): Promise<WholeChat | null> {
  try {
    return {
      ...(await store.conversations.get({ id })),
      files: await store.attachments.ofConversation({ id }),
      queueFiles: await store.attachments.ofQueue({ id }),
    };
  } catch (error) {
    if (errorCodeOf(error) === 'not_found') return null;
    throw error;
  }
}

/** Chats that go out as lines for training, oldest first, as far as the store can tell. */
export async function trainingIds(
  store: Store,
  conversationIds: readonly string[] | null,
  { folderId, tagId, modelId, from, to }: TrainingFilters,
): Promise<readonly string[]> {
  const isFiltered = [folderId, tagId, modelId, from, to].some((filter) => filter !== null);
  if (!isFiltered && conversationIds !== null) return conversationIds;
  const ids = await store.transfer.ids(isFiltered ? { folderId, tagId, modelId, from, to } : undefined);
  if (conversationIds === null) return ids;
  const passing = new Set(ids);
  return conversationIds.filter((id) => passing.has(id));
}

/** Chats as files, read piece by piece: one chat is in memory at a time. Temporary chats go out when they are named. */
export function createExporter({ store }: { store: Store }) {
  const open = new Map<string, { pieces: AsyncGenerator<Written>; total: number }>();

  const chat = (id: string) => wholeChat(store, id);

  async function* markdown(ids: readonly string[]): AsyncGenerator<Written> {
    const taken = new Set<string>();
    for (const [index, id] of ids.entries()) {
      const whole = await chat(id);
      const name = whole ? freeName(fileNameOf(whole.conversation.title), taken) : '';
      const text = whole ? toMarkdown(whole) : '';
      yield { fileName: `${name}.md`, text, done: index + 1, isLast: index + 1 === ids.length };
    }
  }

  async function* oneFile(
    ids: readonly string[],
    fileName: string,
    { head, tail, between, write }: Frame,
  ): AsyncGenerator<Written> {
    let text = head;
    let isFirst = true;
    for (const [index, id] of ids.entries()) {
      const whole = await chat(id);
      const part = whole ? write(whole) : '';
      if (part !== '') {
        text += isFirst ? part.trimStart() : between + part;
        isFirst = false;
      }
      if (text.length < PIECE_UNITS) continue;
      yield { fileName, text, done: index + 1, isLast: false };
      text = '';
    }
    yield { fileName, text: text + tail, done: ids.length, isLast: true };
  }

  async function pieces(
    ids: readonly string[],
    { format, training }: Request,
  ): Promise<AsyncGenerator<Written>> {
    const [first] = ids;
    const only = ids.length === 1 && first !== undefined ? await chat(first) : null;
    const name = only ? fileNameOf(only.conversation.title) : 'chats';
    if (format === 'markdown') return markdown(ids);
    if (format === 'html')
      return oneFile(ids, `${name}.html`, { head: HTML_HEAD, tail: HTML_TAIL, between: '', write: toHtml });
    if (format === 'jsonl') {
      const write = (whole: WholeChat) => toTrainingLine(whole, training);
      return oneFile(ids, `${name}.jsonl`, { head: '', tail: '', between: '', write });
    }
    const head = `${jsonHead(await store.folders.list(undefined), await store.tags.list(undefined))}\n`;
    return oneFile(ids, `${name}.json`, { head, tail: JSON_TAIL, between: ',\n', write: toJson });
  }

  return {
    async begin(request: Request): Promise<{ exportId: string; total: number }> {
      const { conversationIds, format, training } = request;
      const ids =
        format === 'jsonl'
          ? await trainingIds(store, conversationIds, training)
          : (conversationIds ?? (await store.transfer.ids(undefined)));
      if (open.size >= MAX_OPEN) {
        const [oldest] = open.keys();
        if (oldest !== undefined) open.delete(oldest);
      }
      const exportId = randomUUID();
      open.set(exportId, { pieces: await pieces(ids, request), total: ids.length });
      return { exportId, total: ids.length };
    },

    async read(exportId: string): Promise<ExportPiece> {
      const running = open.get(exportId);
      const next = await running?.pieces.next();
      if (!running || !next || next.done) throw appError('not_found');
      if (next.value.isLast) open.delete(exportId);
      return { ...next.value, total: running.total };
    },

    end(exportId: string): void {
      open.delete(exportId);
    },
  };
}

interface Frame {
  head: string;
  tail: string;
  between: string;
  write(chat: WholeChat): string;
}

/** `name`, or with a number behind it: two chats of one title are two files, also where case does not count. */
function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let number = 2; taken.has(free.toLowerCase()); number += 1) free = `${name} (${number})`;
  taken.add(free.toLowerCase());
  return free;
}
