import * as v from 'valibot';
import { GenerationSettings, Message, type GenerationStats } from '../../contract/index.ts';
import type { StoredMessage } from '../api.ts';
import { all, selectList } from '../sql.ts';
import type { Columns, Db } from '../sql.ts';
import { attachmentList, attachmentsOf } from './attachments.ts';

type PlainFields = Omit<
  StoredMessage,
  'errorDetails' | 'attachments' | 'stats' | 'settings' | 'thought' | 'pinned' | 'edited'
>;
/** What is not stored as clients see it. */
interface RawFields {
  errorDetails: string | null;
  thoughtMs: number | null;
  thoughtTokens: number | null;
  pinned: 0 | 1;
  edited: 0 | 1;
}

export const rawColumns: Columns<RawFields> = {
  errorDetails: 'error_details',
  thoughtMs: 'thought_ms',
  thoughtTokens: 'thought_tokens',
  pinned: 'pinned',
  edited: 'edited',
};

export const plainColumns: Columns<PlainFields> = {
  id: 'id',
  conversationId: 'conversation_id',
  parentId: 'parent_id',
  role: 'role',
  text: 'text',
  reasoning: 'reasoning',
  status: 'status',
  errorCode: 'error_code',
  modelId: 'model_id',
  modelName: 'model_name',
  quant: 'quant',
  prefixLength: 'prefix_length',
  createdAt: 'created_at',
};

export const statsColumns: Columns<GenerationStats> = {
  promptTokens: 'prompt_tokens',
  reusedTokens: 'reused_tokens',
  reusedFrom: 'reused_from',
  restoreMs: 'restore_ms',
  readTokens: 'read_tokens',
  rereadTokens: 'reread_tokens',
  generatedTokens: 'generated_tokens',
  guessedTokens: 'guessed_tokens',
  guessedRight: 'guessed_right',
  draftedTokens: 'drafted_tokens',
  draftedRight: 'drafted_right',
  ttftMs: 'ttft_ms',
  firstTokenKind: 'first_token_kind',
  prefillMs: 'prefill_ms',
  decodeMs: 'decode_ms',
  tokensPerSecond: 'tokens_per_second',
  loadMs: 'load_ms',
  stopReason: 'stop_reason',
  contextSize: 'context_size',
  contextTokens: 'context_tokens',
  seed: 'seed',
  temperature: 'temperature',
  backend: 'backend',
  engineVersion: 'engine_version',
};

type StatsRow = GenerationStats | Record<keyof GenerationStats, null>;
export type MessageRow = PlainFields &
  RawFields &
  StatsRow & { settings: string | null; attachments: string };

/** One message with its statistics; add a WHERE. */
export const SELECT = `SELECT ${selectList('m', plainColumns)}, ${selectList('m', rawColumns)},
  ${selectList('g', statsColumns)}, g.settings AS settings, ${attachmentList('attachments', 'm.id')}
  FROM messages m LEFT JOIN generations g ON g.message_id = m.id`;

export const OF_CONVERSATION = `${SELECT} WHERE m.conversation_id = @conversationId AND m.removed_at IS NULL
  ORDER BY m.seq`;

/** The message that a row of {@link SELECT} stands for. */
export function messageOf(row: MessageRow): StoredMessage {
  const {
    id,
    conversationId,
    parentId,
    role,
    text,
    reasoning,
    status,
    errorCode,
    errorDetails,
    modelId,
    modelName,
    quant,
    prefixLength,
    createdAt,
    settings,
    attachments,
    thoughtMs,
    thoughtTokens,
    pinned,
    edited,
    ...stats
  } = row;
  return {
    id,
    conversationId,
    parentId,
    role,
    text,
    attachments: attachmentsOf(attachments),
    reasoning,
    status,
    errorCode,
    errorDetails:
      errorDetails === null ? null : v.parse(Message.entries.errorDetails, JSON.parse(errorDetails)),
    modelId,
    modelName,
    quant,
    prefixLength,
    createdAt,
    stats: stats.promptTokens === null ? null : stats,
    settings: settings === null ? null : v.parse(GenerationSettings, JSON.parse(settings)),
    thought: thoughtMs === null ? null : { ms: thoughtMs, tokens: thoughtTokens },
    pinned: pinned === 1,
    edited: edited === 1,
  };
}

/** All messages of a conversation that are not removed, oldest first. */
export function messagesOf(db: Db, conversationId: string): StoredMessage[] {
  return all<MessageRow>(db, OF_CONVERSATION, { conversationId }).map(messageOf);
}

// The recursion ends with `newest`, even in a damaged tree with a cycle. CROSS JOIN keeps the order of the tables:
// else every message of the store is read.
const NEWEST = `WITH RECURSIVE up (seq, parent_id, conversation_id, place) AS (
    SELECT seq, parent_id, conversation_id, 1 FROM messages WHERE id = @id
    UNION
    SELECT p.seq, p.parent_id, p.conversation_id, place + 1 FROM up CROSS JOIN messages p ON p.id = up.parent_id
      WHERE place < @newest
  ), wanted (seq) AS (
    SELECT seq FROM up
    UNION
    SELECT s.seq FROM up CROSS JOIN messages s ON s.parent_id = up.parent_id
    UNION
    SELECT r.seq FROM up CROSS JOIN messages r ON r.conversation_id = up.conversation_id AND r.parent_id IS NULL
      WHERE up.parent_id IS NULL
  )
  ${SELECT} WHERE m.seq IN (SELECT seq FROM wanted) AND m.removed_at IS NULL ORDER BY m.seq`;

/** The last `newest` messages of the path to `id`, each with its siblings, oldest first. */
export function newestMessages(db: Db, input: { id: string; newest: number }): StoredMessage[] {
  return all<MessageRow>(db, NEWEST, input).map(messageOf);
}

const SOME = `${SELECT} WHERE m.id IN (SELECT value FROM json_each(@ids)) AND m.conversation_id = @conversationId
  AND m.removed_at IS NULL ORDER BY m.seq`;

/** Those of the ids that are in the conversation and not removed, oldest first. */
export function someMessages(
  db: Db,
  { conversationId, ids }: { conversationId: string; ids: readonly string[] },
): StoredMessage[] {
  return all<MessageRow>(db, SOME, { conversationId, ids: JSON.stringify(ids) }).map(messageOf);
}

// What can change of a message that is not being written: its end, which has a time, and whether it is pinned.
const OUTLINE = `SELECT id, iif(status = 'streaming', NULL, 2 * coalesce(ended_at, 0) + pinned) AS stamp
  FROM messages WHERE conversation_id = @conversationId AND removed_at IS NULL ORDER BY seq`;

/** All messages of a conversation, oldest first; a stamp is another one once the message has changed. */
export function outlineOf(db: Db, conversationId: string): { ids: string[]; stamps: (number | null)[] } {
  const rows = all<{ id: string; stamp: number | null }>(db, OUTLINE, { conversationId });
  return { ids: rows.map(({ id }) => id), stamps: rows.map(({ stamp }) => stamp) };
}
