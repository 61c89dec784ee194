import { createHash } from 'node:crypto';
import {
  MAX_MESSAGE_LENGTH,
  MAX_TITLE_LENGTH,
  type ImportProblem,
  type ImportSource,
  type Message,
} from '../../contract/index.ts';
import type { StoredMessage } from '../../store/api.ts';
import { titleFrom } from '../title.ts';
import type { WholeChat } from './formats.ts';

/** What another program's file says of a message; ids are its own. */
export interface ForeignMessage {
  id: string;
  /** null: it begins the chat. */
  parentId: string | null;
  role: 'user' | 'assistant';
  text: string;
  reasoning?: string;
  modelName?: string | null;
  /** How the answer ended; default `complete`. */
  status?: 'complete' | 'stopped' | 'interrupted';
  /** ms since 1970; null: unknown. */
  createdAt: number | null;
}

/** A chat of another program, its messages with parents before their children. */
export interface ForeignChat {
  id: string;
  title: string | null;
  createdAt: number | null;
  updatedAt: number | null;
  systemPrompt: string;
  /** The message at the end of the branch that was on screen; null: the newest. */
  activeId: string | null;
  archived: boolean;
  pinned?: boolean;
  messages: ForeignMessage[];
}

/** Counts what was left out. */
export type LeaveOut = (problem: ImportProblem) => void;

/**
 * An id that the same thing of the same program always gets, so that a file that is imported twice adds nothing: the
 * first 128 bits of a SHA-256, marked as a name-based UUID (RFC 9562, version 8).
 */
export function stableId(source: ImportSource, ...names: string[]): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([source, ...names]))
    .digest();
  hash[6] = (hash.readUInt8(6) & 0x0f) | 0x80;
  hash[8] = (hash.readUInt8(8) & 0x3f) | 0x80;
  const hex = hash.toString('hex').slice(0, 32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, '$1-$2-$3-$4-$5');
}

const NOTHING_KNOWN = {
  attachments: [],
  errorCode: null,
  errorDetails: null,
  modelId: null,
  quant: null,
  stats: null,
  settings: null,
  thought: null,
  pinned: false,
  edited: false,
  prefixLength: 0,
} satisfies Partial<Message>;

/**
 * A chat as ours; null when nothing of it can be shown.
 * @param now stands for times that the file does not tell
 */
export function chatOf(
  source: ImportSource,
  chat: ForeignChat,
  { leaveOut, now }: { leaveOut: LeaveOut; now: number },
): WholeChat | null {
  const conversationId = stableId(source, chat.id);
  const idOf = (id: string) => stableId(source, chat.id, id);
  const taken = new Map<string, string>();
  /** Where what hangs on a message goes that was left out. */
  const instead = new Map<string, string | null>();
  const messages: StoredMessage[] = [];
  let lastAt = chat.createdAt ?? now;
  for (const message of chat.messages) {
    const parent = message.parentId;
    const parentId =
      parent === null ? null : taken.has(parent) ? idOf(parent) : (instead.get(parent) ?? null);
    const isTooLong = message.text.length > MAX_MESSAGE_LENGTH;
    const isEmpty = message.text.trim() === '' && (message.reasoning ?? '') === '';
    if (isTooLong || isEmpty || taken.has(message.id)) {
      if (isTooLong) leaveOut('too_long');
      if (!taken.has(message.id)) instead.set(message.id, parentId);
      continue;
    }
    lastAt = message.createdAt ?? lastAt;
    taken.set(message.id, message.id);
    messages.push({
      ...NOTHING_KNOWN,
      id: idOf(message.id),
      conversationId,
      parentId,
      role: message.role,
      text: message.text,
      reasoning: message.reasoning ?? '',
      status: message.role === 'assistant' ? (message.status ?? 'complete') : 'complete',
      modelName: message.role === 'assistant' ? (message.modelName ?? null) : null,
      createdAt: lastAt,
    });
  }
  const [first] = messages;
  if (!first) {
    leaveOut('empty');
    return null;
  }
  const title = (chat.title ?? '').trim().slice(0, MAX_TITLE_LENGTH);
  const newest = messages.reduce((latest, { createdAt }) => Math.max(latest, createdAt), 0);
  const createdAt = chat.createdAt ?? first.createdAt;
  const activeId = chat.activeId;
  const activeLeafId =
    activeId === null ? null : taken.has(activeId) ? idOf(activeId) : (instead.get(activeId) ?? null);
  return {
    conversation: {
      id: conversationId,
      title: title === '' ? titleFrom(first.text) : title,
      titleSource: title === '' ? 'auto' : 'user',
      createdAt,
      updatedAt: Math.max(chat.updatedAt ?? newest, createdAt),
      messageCount: messages.length,
      folderId: null,
      tags: [],
      pinnedAt: chat.pinned === true ? now : null,
      archivedAt: chat.archived ? now : null,
      trashedAt: null,
      temporary: false,
      modelId: null,
      activeLeafId: activeLeafId ?? messages.at(-1)?.id ?? null,
      settings: {
        modelId: null,
        systemPrompt: chat.systemPrompt.slice(0, MAX_MESSAGE_LENGTH),
        sampling: null,
        reasoning: null,
        presetId: null,
      },
      draft: '',
    },
    messages,
    files: [],
    queue: [],
    queueFiles: [],
  };
}
