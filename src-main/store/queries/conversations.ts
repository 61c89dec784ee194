import { appError, type ConversationSettings, type Sampling } from '../../contract/index.ts';
import type { StoreApi, StoredConversation, StoredSummary } from '../api.ts';
import { all, assignments, change, one, patched, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';
import { messagesOf } from './message-rows.ts';

const summaryColumns: Columns<StoredSummary> = {
  id: 'id',
  title: 'title',
  titleSource: 'title_source',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  messageCount: 'message_count',
};

const samplingColumns: Columns<Sampling> = {
  temperature: 'temperature',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  repeatPenalty: 'repeat_penalty',
  seed: 'seed',
  maxTokens: 'max_tokens',
};

const settingsColumns = { modelId: 'model_id', systemPrompt: 'system_prompt', ...samplingColumns };

const noSampling: Record<keyof Sampling, null> = {
  temperature: null,
  topK: null,
  topP: null,
  minP: null,
  repeatPenalty: null,
  seed: null,
  maxTokens: null,
};

type SamplingRow = Sampling | typeof noSampling;
type SettingsRow = Omit<ConversationSettings, 'sampling'> & SamplingRow;
type ConversationRow = Omit<StoredConversation, 'settings'> & SettingsRow;

export const LIST = `SELECT ${selectList('c', summaryColumns)} FROM conversations c
  WHERE c.trashed_at IS NULL ORDER BY c.updated_at DESC, c.seq DESC`;

const GET = `SELECT ${selectList('c', summaryColumns)}, c.active_leaf_id AS activeLeafId, c.draft,
  ${selectList('c', settingsColumns)} FROM conversations c WHERE c.id = @id AND c.trashed_at IS NULL`;

const SAVE_SETTINGS = `UPDATE conversations SET ${assignments(settingsColumns)} WHERE id = @id`;

const INSERT = `INSERT INTO conversations (id, title, title_source, created_at, updated_at)
  VALUES (@id, @title, 'auto', @at, @at)`;

function conversationOf({ modelId, systemPrompt, ...row }: ConversationRow): StoredConversation {
  const { temperature, topK, topP, minP, repeatPenalty, seed, maxTokens, ...conversation } = row;
  const sampling =
    temperature === null ? null : { temperature, topK, topP, minP, repeatPenalty, seed, maxTokens };
  return { ...conversation, settings: { modelId, systemPrompt, sampling } };
}

/** The conversation without its messages. @throws not_found also when it is in the trash */
export function conversationWithId(db: Db, id: string): StoredConversation {
  return conversationOf(one<ConversationRow>(db, GET, { id }));
}

function saveSettings(db: Db, id: string, settings: ConversationSettings): void {
  const { modelId, systemPrompt, sampling } = settings;
  change(db, SAVE_SETTINGS, { id, modelId, systemPrompt, ...(sampling ?? noSampling) });
}

/** Inserts an empty conversation. @throws conflict when the id is taken */
export function insertConversation(
  db: Db,
  input: { id: string; title: string; settings: ConversationSettings; at: number },
): void {
  const { settings, ...row } = input;
  run(db, INSERT, row);
  saveSettings(db, input.id, settings);
}

/**
 * Conversations in the trash are `not_found` for everything but `trash` and `restore`, which may be repeated.
 * Renaming leaves `updatedAt` alone: a tidied list keeps its order.
 */
export const conversations: Queries<StoreApi['conversations']> = {
  list: (db) => all<StoredSummary>(db, LIST),

  get: (db, { id }) => ({ conversation: conversationWithId(db, id), messages: messagesOf(db, id) }),

  head: (db, { id }) => conversationWithId(db, id),

  rename: (db, input) =>
    change(
      db,
      `UPDATE conversations SET title = @title, title_source = 'user', renamed_at = @at
        WHERE id = @id AND trashed_at IS NULL`,
      input,
    ),

  trash: (db, input) =>
    change(db, 'UPDATE conversations SET trashed_at = coalesce(trashed_at, @at) WHERE id = @id', input),

  restore: (db, input) => change(db, 'UPDATE conversations SET trashed_at = NULL WHERE id = @id', input),

  updateSettings(db, { id, settings }) {
    saveSettings(db, id, patched(conversationWithId(db, id).settings, settings));
  },

  saveDraft: (db, input) =>
    change(db, 'UPDATE conversations SET draft = @draft WHERE id = @id AND trashed_at IS NULL', input),

  setActiveLeaf(db, { id, messageId }) {
    const owner = one<{ conversationId: string }>(
      db,
      'SELECT conversation_id AS conversationId FROM messages WHERE id = @messageId',
      { messageId },
    );
    if (owner.conversationId !== id) throw appError('conflict');
    change(db, 'UPDATE conversations SET active_leaf_id = @messageId WHERE id = @id AND trashed_at IS NULL', {
      id,
      messageId,
    });
  },
};
