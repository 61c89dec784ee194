import * as v from 'valibot';
import { baseNameOf, ms, Parts, Seconds, splitThought, Text } from './foreign-kit.ts';
import type { ForeignChat, ForeignMessage, LeaveOut } from './imported.ts';

// A chat of LM Studio is a file, `*.conversation.json`: places one after the other, each with the versions of its
// message, of which one is chosen. What follows belongs to the chosen ones; the others are branches that end there.

type Part = Record<string, unknown>;

const Step = v.object({
  type: v.string(),
  /** Begins with the time, ms. */
  stepIdentifier: Text,
  style: v.optional(v.nullable(v.object({ type: Text })), null),
  content: Parts,
  genInfo: v.optional(
    v.nullable(
      v.object({
        identifier: Text,
        stats: v.optional(v.nullable(v.object({ stopReason: Text })), null),
      }),
    ),
    null,
  ),
});
type Step = v.InferOutput<typeof Step>;

const Version = v.object({
  role: v.string(),
  content: v.optional(v.nullable(v.union([v.string(), v.array(v.record(v.string(), v.unknown()))])), null),
  steps: v.optional(v.nullable(v.array(Step)), null),
  senderInfo: v.optional(v.nullable(v.object({ senderName: Text })), null),
});
type Version = v.InferOutput<typeof Version>;

const Chat = v.object({
  name: Text,
  createdAt: Seconds,
  pinned: v.optional(v.nullable(v.boolean()), null),
  systemPrompt: Text,
  userLastMessagedAt: Seconds,
  assistantLastMessagedAt: Seconds,
  lastUsedModel: v.optional(v.nullable(v.object({ identifier: Text })), null),
  perChatPredictionConfig: v.optional(v.nullable(v.object({ fields: Parts })), null),
  messages: v.array(
    v.object({ versions: v.pipe(v.array(Version), v.minLength(1)), currentlySelected: Seconds }),
  ),
});
type Chat = v.InferOutput<typeof Chat>;

/** A chat of LM Studio, by its messages with versions; one without any, by the settings that every chat has. Pure. */
export function isLmStudio(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('messages' in value)) return false;
  if (!Array.isArray(value.messages)) return false;
  const [first]: unknown[] = value.messages;
  if (first === undefined) return 'perChatPredictionConfig' in value;
  return typeof first === 'object' && first !== null && 'versions' in first;
}

function partText(part: Part, leaveOut: LeaveOut): string {
  const { type, text } = part;
  if (type === 'text' && typeof text === 'string') return part['isStructural'] === true ? '' : text;
  leaveOut(String(type).startsWith('toolCall') ? 'tool' : 'not_text');
  return '';
}

const textsOf = (parts: readonly Part[], leaveOut: LeaveOut) =>
  parts.map((part) => partText(part, leaveOut)).filter((text) => text !== '');

/** An answer in steps: blocks of text or thinking, calls of tools, and notes of the program to itself. */
function textOfSteps(steps: readonly Step[], leaveOut: LeaveOut) {
  const blocks: string[] = [];
  const thoughts: string[] = [];
  for (const { type, style, content } of steps) {
    if (type !== 'contentBlock') continue;
    // Pieces as they were sampled; a draft model's are apart in the middle of a word.
    const text = textsOf(content ?? [], leaveOut).join('');
    (style?.type === 'thinking' ? thoughts : blocks).push(text);
  }
  const apart = splitThought(blocks.filter((text) => text.trim() !== '').join('\n\n'));
  return {
    text: apart.text,
    reasoning: [...thoughts, apart.reasoning].filter((text) => text.trim() !== '').join('\n\n'),
  };
}

function textOfVersion({ role, content, steps }: Version, leaveOut: LeaveOut) {
  if (steps !== null) return textOfSteps(steps, leaveOut);
  const text = typeof content === 'string' ? content : textsOf(content ?? [], leaveOut).join('\n\n');
  return role === 'assistant' ? splitThought(text) : { text, reasoning: '' };
}

function timeOfSteps(steps: readonly Step[]): number | null {
  const time = Number(/^(\d{13})-/u.exec(steps[0]?.stepIdentifier ?? '')?.[1]);
  return ms(Number.isNaN(time) ? null : time);
}

/** The version that is shown at a place. */
const chosenOf = ({ versions, currentlySelected }: Chat['messages'][number]) =>
  currentlySelected !== null && currentlySelected in versions ? currentlySelected : 0;

/** Where in a chat a message stands. */
interface Where {
  place: number;
  index: number;
  /** Nobody of its role speaks after it. */
  isLast: boolean;
}

function messageOf(
  chat: Chat,
  version: Version,
  { place, index, isLast, leaveOut }: Where & { leaveOut: LeaveOut },
): ForeignMessage {
  const { messages, lastUsedModel } = chat;
  const before = messages[place - 1];
  const isUser = version.role === 'user';
  const steps = version.steps ?? [];
  const info = steps.findLast(({ genInfo }) => genInfo !== null)?.genInfo;
  const lastAt = isUser ? chat.userLastMessagedAt : chat.assistantLastMessagedAt;
  const isTaken = isUser || version.role === 'assistant';
  return {
    id: `${place}.${index}`,
    parentId: before ? `${place - 1}.${chosenOf(before)}` : null,
    role: isUser ? 'user' : 'assistant',
    ...(isTaken ? textOfVersion(version, leaveOut) : { text: '' }),
    modelName:
      version.senderInfo?.senderName ??
      info?.identifier ??
      (isLast ? (lastUsedModel?.identifier ?? null) : null),
    status: info?.stats?.stopReason === 'userStopped' ? 'stopped' : 'complete',
    createdAt: timeOfSteps(steps) ?? (isLast ? ms(lastAt) : null),
  };
}

function systemPromptOf({ systemPrompt, perChatPredictionConfig }: Chat): string {
  const own = perChatPredictionConfig?.fields?.find(({ key }) => key === 'llm.prediction.systemPrompt')?.[
    'value'
  ];
  return typeof own === 'string' && own !== '' ? own : (systemPrompt ?? '');
}

/** A chat of LM Studio; null when it is not of that form. `fileName` is the only id that it has. Pure but for `leaveOut`. */
export function lmStudio(value: unknown, leaveOut: LeaveOut, fileName: string): ForeignChat | null {
  const parsed = v.safeParse(Chat, value);
  if (!parsed.success) return null;
  const chat = parsed.output;
  const last = chat.messages.length - 1;
  const lastPlaces = ['user', 'assistant'].map((role) =>
    chat.messages.findLastIndex(({ versions }) => versions[0]?.role === role),
  );
  const end = chat.messages[last];
  return {
    id: `${baseNameOf(fileName)} ${chat.createdAt ?? ''}`,
    title: chat.name,
    createdAt: ms(chat.createdAt),
    updatedAt: ms(Math.max(chat.userLastMessagedAt ?? 0, chat.assistantLastMessagedAt ?? 0)),
    systemPrompt: systemPromptOf(chat),
    activeId: end ? `${last}.${chosenOf(end)}` : null,
    archived: false,
    pinned: chat.pinned === true,
    messages: chat.messages.flatMap(({ versions }, place) =>
      versions.map((version, index) =>
        messageOf(chat, version, { place, index, isLast: lastPlaces.includes(place), leaveOut }),
      ),
    ),
  };
}
