import * as v from 'valibot';
import type { ImportSource } from '../../contract/index.ts';
import { inOrder, ms, msOfIso, Seconds, Text } from './foreign-kit.ts';
import type { ForeignChat, ForeignMessage, LeaveOut } from './imported.ts';
import { isJanExport, janExport } from './jan.ts';
import { isLmStudio, lmStudio } from './lm-studio.ts';

// ChatGPT, Claude and Open WebUI as their data exports are; LM Studio and Jan are beside this file. None of them
// promises a format. What is read is what at least two public readers agree on (test/support/imports names them);
// what is not known is left out and counted.

const ChatGptNode = v.object({
  parent: Text,
  message: v.optional(
    v.nullable(
      v.object({
        author: v.object({ role: v.string() }),
        create_time: Seconds,
        content: v.optional(v.nullable(v.record(v.string(), v.unknown())), null),
        recipient: Text,
        metadata: v.optional(v.nullable(v.record(v.string(), v.unknown())), null),
      }),
    ),
    null,
  ),
});
const ChatGptChat = v.object({
  id: Text,
  conversation_id: Text,
  title: Text,
  create_time: Seconds,
  update_time: Seconds,
  is_archived: v.optional(v.nullable(v.boolean()), null),
  current_node: Text,
  mapping: v.record(v.string(), ChatGptNode),
});
type ChatGptMessage = NonNullable<v.InferOutput<typeof ChatGptNode>['message']>;

const isThought = (type: unknown) => type === 'thoughts' || type === 'reasoning_recap';

function chatGptThoughts(content: Record<string, unknown>): string {
  const { thoughts } = content;
  if (!Array.isArray(thoughts)) return '';
  return thoughts
    .map((thought: unknown) =>
      typeof thought === 'object' && thought !== null && 'content' in thought ? String(thought.content) : '',
    )
    .filter((text) => text !== '')
    .join('\n\n');
}

function chatGptText(content: Record<string, unknown>, leaveOut: LeaveOut): string {
  const { content_type: type, parts, text, language } = content;
  if (type === 'code' && typeof text === 'string')
    return `\`\`\`${typeof language === 'string' && language !== 'unknown' ? language : ''}\n${text}\n\`\`\``;
  if (!Array.isArray(parts)) return typeof text === 'string' ? text : '';
  return parts
    .map((part: unknown) => {
      if (typeof part === 'string') return part;
      if (typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string')
        return part.text;
      leaveOut('not_text');
      return '';
    })
    .filter((part) => part !== '')
    .join('\n\n');
}

function chatGptMessage(
  id: string,
  parentId: string | null,
  message: ChatGptMessage | null,
  leaveOut: LeaveOut,
): ForeignMessage {
  const gone: ForeignMessage = { id, parentId, role: 'assistant', text: '', createdAt: null };
  if (!message?.content) return gone;
  const { author, content, metadata, recipient } = message;
  const isHidden = metadata?.['is_visually_hidden_from_conversation'] === true;
  if (author.role === 'system' || isHidden) return gone;
  const isForTool = author.role === 'assistant' && recipient !== null && recipient !== 'all';
  if (author.role === 'tool' || isForTool) {
    leaveOut('tool');
    return gone;
  }
  if (author.role !== 'user' && author.role !== 'assistant') return gone;
  // A thought is a node of its own above its answer: it goes to what follows it.
  if (isThought(content['content_type'])) return { ...gone, reasoning: chatGptThoughts(content) };
  const slug = metadata?.['model_slug'];
  return {
    id,
    parentId,
    role: author.role,
    text: chatGptText(content, leaveOut),
    modelName: typeof slug === 'string' ? slug : null,
    createdAt: ms(message.create_time),
  };
}

/** What the user had told ChatGPT for all chats. */
function customInstructions(message: ChatGptMessage | null): string {
  if (message?.metadata?.['is_user_system_message'] !== true) return '';
  const { user_profile: profile, user_instructions: instructions } = message.content ?? {};
  const data = message.metadata['user_context_message_data'];
  const older = typeof data === 'object' && data !== null ? Object.values(data) : [];
  return [profile, instructions, ...older]
    .filter((part) => typeof part === 'string' && part !== '')
    .join('\n\n');
}

function chatGpt(value: unknown, leaveOut: LeaveOut): ForeignChat | null {
  const parsed = v.safeParse(ChatGptChat, value);
  if (!parsed.success) return null;
  const chat = parsed.output;
  const id = chat.conversation_id ?? chat.id;
  if (id === null) return null;
  const nodes = inOrder(new Map(Object.entries(chat.mapping)), leaveOut);
  let systemPrompt = '';
  const messages = nodes.map(([nodeId, { parent, message }]) => {
    systemPrompt ||= customInstructions(message);
    return chatGptMessage(nodeId, parent, message, leaveOut);
  });
  return {
    id,
    title: chat.title,
    createdAt: ms(chat.create_time),
    updatedAt: ms(chat.update_time),
    systemPrompt,
    activeId: chat.current_node,
    archived: chat.is_archived === true,
    messages: withThoughts(messages),
  };
}

/** Thoughts without an answer of their own go to the answer below them. */
function withThoughts(messages: ForeignMessage[]): ForeignMessage[] {
  const thoughts = new Map<string, string>();
  return messages.map((message) => {
    const above = message.parentId === null ? undefined : thoughts.get(message.parentId);
    if (message.text.trim() === '' && message.role === 'assistant') {
      const own = [above, message.reasoning].filter((text) => text).join('\n\n');
      if (own !== '') thoughts.set(message.id, own);
      return { ...message, reasoning: '' };
    }
    return above !== undefined && message.role === 'assistant' ? { ...message, reasoning: above } : message;
  });
}

const ClaudeChat = v.object({
  uuid: v.string(),
  name: Text,
  created_at: Text,
  updated_at: Text,
  current_leaf_message_uuid: Text,
  chat_messages: v.array(
    v.object({
      uuid: v.string(),
      sender: v.string(),
      text: Text,
      created_at: Text,
      parent_message_uuid: Text,
      content: v.optional(v.nullable(v.array(v.record(v.string(), v.unknown()))), null),
      attachments: v.optional(v.nullable(v.array(v.record(v.string(), v.unknown()))), null),
      files: v.optional(v.nullable(v.array(v.unknown())), null),
    }),
  ),
});
type ClaudeMessage = v.InferOutput<typeof ClaudeChat>['chat_messages'][number];

function claudeTexts({ text, content, attachments, files }: ClaudeMessage, leaveOut: LeaveOut) {
  const parts: string[] = [];
  const thoughts: string[] = [];
  for (const block of content ?? []) {
    if (block['type'] === 'text' && typeof block['text'] === 'string') parts.push(block['text']);
    else if (block['type'] === 'thinking' && typeof block['thinking'] === 'string')
      thoughts.push(block['thinking']);
    else leaveOut(String(block['type']).startsWith('tool') ? 'tool' : 'not_text');
  }
  const body = parts.length > 0 ? parts.join('\n\n') : (text ?? '');
  const attached = (attachments ?? []).flatMap((attachment) => {
    const { extracted_content: extracted, file_name: name } = attachment;
    if (typeof extracted === 'string' && extracted !== '')
      return [`${typeof name === 'string' ? `${name}\n\n` : ''}${extracted}`];
    leaveOut('not_text');
    return [];
  });
  for (const _ of files ?? []) leaveOut('not_text');
  return {
    text: [...attached, body].filter((part) => part !== '').join('\n\n'),
    reasoning: thoughts.join('\n\n'),
  };
}

function claude(value: unknown, leaveOut: LeaveOut): ForeignChat | null {
  const parsed = v.safeParse(ClaudeChat, value);
  if (!parsed.success) return null;
  const chat = parsed.output;
  let previous: string | null = null;
  const messages = new Map<string, ForeignMessage & { parent: string | null }>();
  for (const message of chat.chat_messages) {
    const named = message.parent_message_uuid;
    // Older exports are one line of messages. In newer ones the first has a parent that is no message.
    const parent: string | null = named ?? previous;
    previous = message.uuid;
    messages.set(message.uuid, {
      id: message.uuid,
      parent,
      parentId: parent,
      role: message.sender === 'human' || message.sender === 'user' ? 'user' : 'assistant',
      createdAt: msOfIso(message.created_at),
      ...claudeTexts(message, leaveOut),
    });
  }
  return {
    id: chat.uuid,
    title: chat.name,
    createdAt: msOfIso(chat.created_at),
    updatedAt: msOfIso(chat.updated_at),
    systemPrompt: '',
    activeId: chat.current_leaf_message_uuid,
    archived: false,
    messages: inOrder(messages, leaveOut).map(([, message]) => message),
  };
}

const OpenWebUiMessage = v.object({
  id: v.string(),
  parentId: Text,
  role: v.string(),
  content: v.optional(v.unknown()),
  model: Text,
  modelName: Text,
  timestamp: Seconds,
});
const OpenWebUiChat = v.object({
  id: Text,
  title: Text,
  created_at: Seconds,
  updated_at: Seconds,
  archived: v.optional(v.nullable(v.boolean()), null),
  chat: v.object({
    title: Text,
    system: Text,
    timestamp: Seconds,
    history: v.object({ currentId: Text, messages: v.record(v.string(), OpenWebUiMessage) }),
  }),
});
/** How Open WebUI keeps thoughts inside an answer. */
const DETAILS_THOUGHT =
  /<details type="reasoning"[^>]*>\s*<summary>[^<]*<\/summary>([\s\S]*?)<\/details>\s*/gu;

function openWebUiTexts(content: unknown, leaveOut: LeaveOut) {
  if (typeof content !== 'string') {
    if (content !== null && content !== undefined) leaveOut('not_text');
    return { text: '', reasoning: '' };
  }
  const thoughts = [...content.matchAll(DETAILS_THOUGHT)].map(([, thought = '']) =>
    thought.replaceAll(/^(?:>|&gt;) ?/gmu, '').trim(),
  );
  return { text: content.replaceAll(DETAILS_THOUGHT, ''), reasoning: thoughts.join('\n\n') };
}

function openWebUi(value: unknown, leaveOut: LeaveOut): ForeignChat | null {
  const parsed = v.safeParse(OpenWebUiChat, value);
  if (!parsed.success) return null;
  const { chat, ...row } = parsed.output;
  const { messages, currentId } = chat.history;
  const id = row.id ?? currentId;
  if (id === null) return null;
  const nodes = new Map(
    Object.entries(messages).map(([key, message]) => [key, { ...message, parent: message.parentId }]),
  );
  let systemPrompt = chat.system ?? '';
  const taken = inOrder(nodes, leaveOut).map(
    ([key, { parent, role, content, model, modelName, timestamp }]) => {
      const texts = openWebUiTexts(content, leaveOut);
      if (role === 'system') systemPrompt ||= texts.text;
      if (role === 'tool') leaveOut('tool');
      const isTaken = role === 'user' || role === 'assistant';
      return {
        id: key,
        parentId: parent,
        role: role === 'user' ? ('user' as const) : ('assistant' as const),
        modelName: modelName ?? model,
        createdAt: ms(timestamp),
        ...(isTaken ? texts : { text: '' }),
      };
    },
  );
  return {
    id,
    title: row.title ?? chat.title,
    createdAt: ms(row.created_at ?? chat.timestamp),
    updatedAt: ms(row.updated_at),
    systemPrompt,
    activeId: currentId,
    archived: row.archived === true,
    messages: taken,
  };
}

/** How a chat of a program is read. `fileName`: of the file that it is in; some have no other name. */
type Reader = (value: unknown, leaveOut: LeaveOut, fileName: string) => ForeignChat | null;
const readers = {
  chatgpt: chatGpt,
  claude,
  open_webui: openWebUi,
  lm_studio: lmStudio,
  jan: janExport,
} satisfies Record<string, Reader>;
type ForeignSource = Exclude<ImportSource, 'leeward'>;

const has = (value: unknown, key: string) => typeof value === 'object' && value !== null && key in value;

/** Whose chat an element of a list, or a whole file, is; null: nobody's that we know. Pure. */
export function foreignSource(value: unknown): ForeignSource | null {
  if (has(value, 'mapping')) return 'chatgpt';
  if (has(value, 'chat_messages')) return 'claude';
  if (has(value, 'chat')) return 'open_webui';
  if (isLmStudio(value)) return 'lm_studio';
  if (isJanExport(value)) return 'jan';
  return null;
}

/** One chat of another program; null when it is not of that form. Pure but for `leaveOut`. */
export function readForeign(
  source: ForeignSource,
  value: unknown,
  options: { leaveOut: LeaveOut; fileName: string },
): ForeignChat | null {
  const read: Reader = readers[source];
  return read(value, options.leaveOut, options.fileName);
}
