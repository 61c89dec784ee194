import * as v from 'valibot';
import { Message, type GenerationStats } from '../../contract/index.ts';
import type { StoredMessage } from '../api.ts';
import { all, selectList } from '../sql.ts';
import type { Columns, Db } from '../sql.ts';

type PlainFields = Omit<StoredMessage, 'errorDetails' | 'stats'>;

const plainColumns: Columns<PlainFields> = {
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
  createdAt: 'created_at',
};

export const statsColumns: Columns<GenerationStats> = {
  promptTokens: 'prompt_tokens',
  reusedTokens: 'reused_tokens',
  readTokens: 'read_tokens',
  generatedTokens: 'generated_tokens',
  ttftMs: 'ttft_ms',
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
export type MessageRow = PlainFields & { errorDetails: string | null } & StatsRow;

/** One message with its statistics; add a WHERE. */
export const SELECT = `SELECT ${selectList('m', plainColumns)}, m.error_details AS errorDetails,
  ${selectList('g', statsColumns)}
  FROM messages m LEFT JOIN generations g ON g.message_id = m.id`;

export const OF_CONVERSATION = `${SELECT} WHERE m.conversation_id = @conversationId ORDER BY m.seq`;

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
    createdAt,
    ...stats
  } = row;
  return {
    id,
    conversationId,
    parentId,
    role,
    text,
    reasoning,
    status,
    errorCode,
    errorDetails:
      errorDetails === null ? null : v.parse(Message.entries.errorDetails, JSON.parse(errorDetails)),
    modelId,
    modelName,
    quant,
    createdAt,
    stats: stats.promptTokens === null ? null : stats,
  };
}

/** All messages of a conversation, oldest first. */
export function messagesOf(db: Db, conversationId: string): StoredMessage[] {
  return all<MessageRow>(db, OF_CONVERSATION, { conversationId }).map(messageOf);
}
