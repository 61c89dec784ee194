import * as v from 'valibot';
import { folderOf, inOrder, ms, Parts, Seconds, splitThought, Text } from './foreign-kit.ts';
import type { ForeignChat, ForeignMessage, LeaveOut } from './imported.ts';

// A chat of Jan is a folder: thread.json says what it is, messages.jsonl holds a message on every line. Newer
// versions link each message to the one before it in `metadata.parentId`; `metadata.activeChildId` names the shown
// one of those that follow. Its own export of a chat is one JSON file of the same messages.

const Metadata = v.optional(v.nullable(v.record(v.string(), v.unknown())), null);

const Message = v.object({
  id: Text,
  thread_id: Text,
  role: v.string(),
  content: Parts,
  status: Text,
  created_at: Seconds,
  created: Seconds,
  model: Text,
  metadata: Metadata,
});
type Message = v.InferOutput<typeof Message>;

const Thread = v.object({
  id: Text,
  title: Text,
  created: Seconds,
  updated: Seconds,
  assistants: v.optional(
    v.nullable(
      v.array(
        v.object({
          model: v.optional(v.nullable(v.union([v.string(), v.object({ id: Text })])), null),
          instructions: Text,
        }),
      ),
    ),
    null,
  ),
  metadata: Metadata,
});
type Thread = v.InferOutput<typeof Thread>;

const Export = v.object({ title: Text, exported_at: v.string(), messages: v.array(Message) });

const has = (value: unknown, key: string): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && key in value;

/** What Jan writes when a chat is exported from its menu. Pure. */
export const isJanExport = (value: unknown): boolean =>
  has(value, 'exported_at') && Array.isArray(value['messages']);
/** The thread.json of a chat. Pure. */
export const isJanThread = (value: unknown): boolean =>
  has(value, 'object') && value['object'] === 'thread' && has(value, 'id');
/** The messages.jsonl of a chat, by one of its lines. Pure. */
export const isJanMessage = (value: unknown): boolean =>
  has(value, 'thread_id') && has(value, 'role') && has(value, 'content');

/** Each with an id of its own. */
function withIds(messages: readonly Message[]): (Message & { id: string })[] {
  const taken = new Set<string>();
  return messages.map((message, index) => {
    const id = message.id === null || taken.has(message.id) ? `line ${index}` : message.id;
    taken.add(id);
    return { ...message, id };
  });
}

/** Files of text that were sent with a message. */
function inlineFiles(metadata: Message['metadata']): string[] {
  const files = metadata?.['inline_file_contents'];
  if (!Array.isArray(files)) return [];
  return files.flatMap((file: unknown) => {
    if (!has(file, 'content') || typeof file['content'] !== 'string' || file['content'] === '') return [];
    const name = typeof file['name'] === 'string' ? `${file['name']}\n\n` : '';
    return [`${name}${file['content']}`];
  });
}

function textsOf({ role, content, metadata }: Message, leaveOut: LeaveOut) {
  const texts: string[] = [];
  const thoughts: string[] = [];
  for (const { type, text } of content ?? []) {
    const value = has(text, 'value') && typeof text['value'] === 'string' ? text['value'] : null;
    if (type === 'reasoning' && value !== null) thoughts.push(value);
    else if (type === 'text' && value !== null) {
      const apart = role === 'assistant' ? splitThought(value) : { text: value, reasoning: '' };
      texts.push(apart.text);
      thoughts.push(apart.reasoning);
    } else leaveOut(type === 'tool_call' ? 'tool' : 'not_text');
  }
  const filled = (parts: readonly string[]) => parts.filter((part) => part.trim() !== '').join('\n\n');
  return { text: filled([...inlineFiles(metadata), ...texts]), reasoning: filled(thoughts) };
}

const linkOf = ({ metadata }: Message) => {
  const parent = metadata?.['parentId'];
  return parent === null || typeof parent === 'string' ? parent : undefined;
};

/**
 * What each message hangs on. Without links they are one line. With them, an answer that lost its link hangs on the
 * question before it, which Jan repairs too when it reads such a chat.
 */
function parentsOf(messages: readonly (Message & { id: string })[]): (string | null)[] {
  const isLinked = messages.some((message) => linkOf(message) !== undefined);
  const known = new Set(messages.map(({ id }) => id));
  let question: string | null = null;
  return messages.map((message, index) => {
    const asked = question;
    if (message.role === 'user') question = message.id;
    const link = linkOf(message);
    if (!isLinked) return messages[index - 1]?.id ?? null;
    if (typeof link === 'string' && known.has(link)) return link;
    return message.role === 'assistant' ? asked : link === null ? null : (messages[index - 1]?.id ?? null);
  });
}

/** The end of the branch that Jan shows: from each message to the chosen one below it, else to the newest. */
function activeIdOf(messages: readonly (Message & { id: string })[], parents: readonly (string | null)[]) {
  const below = Map.groupBy(messages, (_, index) => parents[index] ?? null);
  const seen = new Set<string>();
  const newest = (of: readonly (Message & { id: string })[]) =>
    of.toSorted((a, b) => (a.created_at ?? 0) - (b.created_at ?? 0)).at(-1);
  let current = newest(below.get(null) ?? []);
  let end: string | null = null;
  while (current && !seen.has(current.id)) {
    seen.add(current.id);
    end = current.id;
    const next = below.get(current.id) ?? [];
    const chosen = current.metadata?.['activeChildId'];
    current = next.find(({ id }) => id === chosen) ?? newest(next);
  }
  return end;
}

const timeOf = (message: Message) => message.created_at ?? message.created;

/** Jan sets the date of a chat anew when its title changes: it began with its first message at the latest. */
function firstTime(times: readonly (number | null)[]): number | null {
  const known = times.map(ms).filter((time) => time !== null);
  return known.length === 0 ? null : known.reduce((a, b) => Math.min(a, b));
}

function modelOf(thread: Thread | null): string | null {
  const model = thread?.assistants?.[0]?.model ?? null;
  const id = typeof model === 'string' ? model : (model?.id ?? null);
  // Its own mark for none.
  return id === '*' || id === '' ? null : id;
}

function chatOf(
  id: string,
  thread: Thread | null,
  found: readonly Message[],
  leaveOut: LeaveOut,
): ForeignChat {
  const messages = withIds(found);
  const parents = parentsOf(messages);
  const modelName = modelOf(thread);
  let systemPrompt = thread?.assistants?.[0]?.instructions ?? '';
  const taken = messages.map((message, index): ForeignMessage => {
    const { role, status } = message;
    const texts = textsOf(message, leaveOut);
    if (role === 'system') systemPrompt ||= texts.text;
    if (role === 'tool') leaveOut('tool');
    const isTaken = role === 'user' || role === 'assistant';
    return {
      id: message.id,
      parentId: parents[index] ?? null,
      role: role === 'user' ? 'user' : 'assistant',
      ...(isTaken ? texts : { text: '' }),
      modelName: message.model ?? modelName,
      status:
        status === 'stopped'
          ? 'stopped'
          : status === 'error' || status === 'pending'
            ? 'interrupted'
            : 'complete',
      createdAt: ms(timeOf(message)),
    };
  });
  const named = thread?.title ?? thread?.metadata?.['title'];
  return {
    id,
    title: typeof named === 'string' ? named : null,
    createdAt: firstTime([thread?.created ?? null, ...messages.map(timeOf)]),
    updatedAt: ms(thread?.updated ?? null),
    systemPrompt,
    activeId: activeIdOf(messages, parents),
    archived: false,
    pinned: thread?.metadata?.['is_favorite'] === true,
    messages: inOrder(
      new Map(taken.map((message) => [message.id, { ...message, parent: message.parentId }])),
      leaveOut,
    ).map(([, message]) => message),
  };
}

/** A chat that was exported from Jan's menu; null when it is not of that form. Pure but for `leaveOut`. */
export function janExport(value: unknown, leaveOut: LeaveOut): ForeignChat | null {
  const parsed = v.safeParse(Export, value);
  if (!parsed.success) return null;
  const { title, messages } = parsed.output;
  // It does not say which thread it was.
  const id = `export ${messages[0]?.thread_id ?? messages[0]?.id ?? title ?? ''}`;
  return { ...chatOf(id, null, messages, leaveOut), title };
}

/** The two files of a chat, as they were found. */
export interface JanFiles {
  folder: string;
  thread: unknown;
  messages: readonly unknown[] | null;
}

/** A chat from its folder; null when the messages are not of that form. Pure but for `leaveOut`. */
export function janFolder({ folder, thread, messages }: JanFiles, leaveOut: LeaveOut): ForeignChat | null {
  const lines = v.safeParse(v.array(Message), messages ?? []);
  const parsed = v.safeParse(Thread, thread);
  if (!lines.success) return null;
  const about = parsed.success ? parsed.output : null;
  const id = about?.id ?? lines.output[0]?.thread_id ?? folder.split(/[\\/]/u).at(-1) ?? '';
  return id === '' ? null : chatOf(id, about, lines.output, leaveOut);
}

/** Brings the two files of every chat together, in whatever order they come. */
export class JanFolders {
  readonly #waiting = new Map<string, JanFiles>();

  /** Both files, when this is the second of them. */
  add(fileName: string, part: { thread: unknown } | { messages: readonly unknown[] }): JanFiles | null {
    const folder = folderOf(fileName);
    const files = { ...(this.#waiting.get(folder) ?? { folder, thread: null, messages: null }), ...part };
    this.#waiting.set(folder, files);
    if (files.thread === null || files.messages === null) return null;
    this.#waiting.delete(folder);
    return files;
  }

  /** Those that stayed alone. */
  takeRest(): JanFiles[] {
    const rest = [...this.#waiting.values()];
    this.#waiting.clear();
    return rest;
  }
}
