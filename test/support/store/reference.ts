import type Database from 'better-sqlite3';
import type { Operation } from './journal.ts';

interface ConversationState {
  title: string;
  titleSource: string;
  trashedAt: number | null;
  updatedAt: number;
  activeLeafId: string | null;
  messageCount: number;
}

interface MessageState {
  conversationId: string;
  parentId: string | null;
  role: string;
  text: string;
  reasoning: string;
  status: string;
  requestId: string | null;
  generatedTokens: number | null;
}

/** What the store should hold, kept by plain maps: the reference that the database is compared with. */
export interface Reference {
  conversations: Record<string, ConversationState>;
  messages: Record<string, MessageState>;
}

function begin(to: Reference, input: Extract<Operation, { kind: 'begin' }>['input']): void {
  const { conversationId, newConversation, requestId, user, assistant, at } = input;
  if (Object.values(to.messages).some((message) => message.requestId === requestId)) return;
  const conversation = (to.conversations[conversationId] ??= {
    title: newConversation?.title ?? '',
    titleSource: 'auto',
    trashedAt: null,
    updatedAt: at,
    activeLeafId: null,
    messageCount: 0,
  });
  const plain = { conversationId, reasoning: '', generatedTokens: null };
  if (user) {
    const { parentId, text } = user;
    to.messages[user.id] = { ...plain, parentId, text, role: 'user', status: 'complete', requestId: null };
    conversation.messageCount += 1;
  }
  to.messages[assistant.id] = {
    ...plain,
    parentId: assistant.parentId,
    text: '',
    role: 'assistant',
    status: 'streaming',
    requestId,
  };
  conversation.messageCount += 1;
  conversation.activeLeafId = assistant.id;
  conversation.updatedAt = Math.max(conversation.updatedAt, at);
}

function conversationOf(to: Reference, id: string): ConversationState {
  const conversation = to.conversations[id];
  if (!conversation) throw new Error('The journal names a conversation that never was');
  return conversation;
}

function messageOf(to: Reference, id: string): MessageState {
  const message = to.messages[id];
  if (!message) throw new Error('The journal names a message that never was');
  return message;
}

/** Does to the reference what the store should do. */
export function apply(to: Reference, operation: Operation): void {
  const { kind, input } = operation;
  if (kind === 'begin') begin(to, input);
  else if (kind === 'rename')
    Object.assign(conversationOf(to, input.id), { title: input.title, titleSource: 'user' });
  else if (kind === 'trash') conversationOf(to, input.id).trashedAt ??= input.at;
  else if (kind === 'interrupt') {
    for (const message of Object.values(to.messages)) {
      if (message.status === 'streaming') message.status = 'interrupted';
    }
  } else {
    const message = messageOf(to, input.messageId);
    if (message.status !== 'streaming') return;
    message.text = input.text;
    message.reasoning = input.reasoning;
    if (kind === 'flush') return;
    message.status = input.status;
    message.generatedTokens = input.stats?.generatedTokens ?? null;
    const conversation = conversationOf(to, message.conversationId);
    conversation.updatedAt = Math.max(conversation.updatedAt, input.at);
  }
}

/** What a database of any schema from version 10 on holds. */
export function snapshot(db: Database.Database): Reference {
  const conversations = db
    .prepare<[], ConversationState & { id: string }>(
      `SELECT id, title, title_source AS titleSource, trashed_at AS trashedAt, updated_at AS updatedAt,
        active_leaf_id AS activeLeafId, message_count AS messageCount FROM conversations`,
    )
    .all();
  const messages = db
    .prepare<[], MessageState & { id: string }>(
      `SELECT id, conversation_id AS conversationId, parent_id AS parentId, role, text, reasoning, status,
        request_id AS requestId, generated_tokens AS generatedTokens
        FROM messages LEFT JOIN generations ON message_id = id`,
    )
    .all();
  return {
    conversations: Object.fromEntries(conversations.map(({ id, ...rest }) => [id, rest])),
    messages: Object.fromEntries(messages.map(({ id, ...rest }) => [id, rest])),
  };
}

function differencesIn(
  kind: string,
  expected: Record<string, object>,
  found: Record<string, object>,
): string[] {
  const ids = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...ids].flatMap((id) => {
    const [a, b] = [expected[id], found[id]];
    if (!a) return [`${kind} ${id} should not be there`];
    if (!b) return [`${kind} ${id} is lost`];
    const fields = new Map(Object.entries(b));
    return Object.entries(a)
      .filter(([field, value]) => fields.get(field) !== value)
      .map(([field]) => `${kind} ${id}: ${field} differs`);
  });
}

/** What differs, one line each; empty when both say the same. */
export function differences(expected: Reference, found: Reference): string[] {
  return [
    ...differencesIn('conversation', expected.conversations, found.conversations),
    ...differencesIn('message', expected.messages, found.messages),
  ];
}
