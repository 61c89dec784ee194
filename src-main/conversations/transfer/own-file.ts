import * as v from 'valibot';
import {
  Conversation,
  Id,
  MAX_FOLDER_NAME_LENGTH,
  MAX_MESSAGE_LENGTH,
  MAX_TAG_NAME_LENGTH,
  MAX_TITLE_LENGTH,
  Message,
  NewAttachments,
  QueuedMessage,
  TimeMs,
  type NewAttachment,
} from '../../contract/index.ts';
import { GUIDE_ID } from '../../models/guide.ts';
import type { StoredFile } from '../../store/api.ts';
import type { WholeChat } from './formats.ts';

// What a file of Leeward's own holds, checked: it may have been changed by hand.

/** What the file says it is. */
export const FORMAT = 'leeward-chats';
const Text = v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH));
const OwnMessage = v.object({
  ...v.omit(Message, ['conversationId', 'chunkSeq']).entries,
  text: Text,
  attachments: v.optional(NewAttachments, []),
  reasoning: Text,
});
const OwnQueued = v.object({
  ...QueuedMessage.entries,
  attachments: v.optional(NewAttachments, []),
});
const OwnChat = v.object({
  ...v.omit(Conversation, ['messages', 'messageCount', 'answering', 'trashedAt', 'temporary', 'modelId'])
    .entries,
  title: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TITLE_LENGTH)),
  draft: Text,
  queue: v.array(OwnQueued),
  messages: v.array(OwnMessage),
});
export const OwnFolder = v.object({
  id: Id,
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_FOLDER_NAME_LENGTH)),
  parentId: v.nullable(Id),
  createdAt: TimeMs,
  modelId: v.nullable(Id),
  systemPrompt: v.nullable(Text),
});
export const OwnTag = v.object({
  id: Id,
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TAG_NAME_LENGTH)),
});

/** A chat of our own file; null when its tree cannot be one: a parent that is missing or comes later. */
export function ownChat(value: unknown): WholeChat | null {
  const parsed = v.safeParse(OwnChat, value);
  if (!parsed.success) return null;
  const { messages, queue, ...chat } = parsed.output;
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
      // What the guide has said can press buttons: only what was made here has.
      modelId: message.modelId === GUIDE_ID ? null : message.modelId,
      // It was being written when the file was.
      status: message.status === 'streaming' ? 'interrupted' : message.status,
    })),
    files: filesOf(messages),
    queue: queue.map((entry) => ({ ...entry, attachments: [] })),
    queueFiles: filesOf(queue),
  };
}

function filesOf(owners: readonly { id: string; attachments: NewAttachment[] }[]): StoredFile[] {
  return owners.flatMap(({ id, attachments }) => attachments.map((file) => ({ ...file, messageId: id })));
}
