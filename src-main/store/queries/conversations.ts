import * as v from 'valibot';
import { appError, ReasoningSettings } from '../../contract/index.ts';
import type { ConversationSettings, Sampling } from '../../contract/index.ts';
import type { NewMessages, StoreApi, StoredConversation } from '../api.ts';
import { assignments, change, one, patched, run, selectList } from '../sql.ts';
import type { Columns, Db, Queries } from '../sql.ts';
import { BEING_DELETED } from './history-states.ts';
import { messagesOf, newestMessages } from './message-rows.ts';
import { queueOf } from './queue-rows.ts';
import { summariesWhere, summaryColumns, tagsOf } from './summary-rows.ts';

const samplingColumns: Columns<Sampling> = {
  temperature: 'temperature',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  repeatPenalty: 'repeat_penalty',
  seed: 'seed',
  maxTokens: 'max_tokens',
};

const settingsColumns = {
  modelId: 'model_id',
  systemPrompt: 'system_prompt',
  reasoning: 'reasoning',
  presetId: 'preset_id',
  ...samplingColumns,
};

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
type SettingsRow = Omit<ConversationSettings, 'sampling' | 'reasoning'> &
  SamplingRow & { /** JSON of the whole. */ reasoning: string | null };
type ConversationRow = Omit<StoredConversation, 'settings' | 'tags' | 'temporary'> &
  SettingsRow & { temporary: 0 | 1 };

export const LIST = `WHERE c.trashed_at IS NULL AND c.archived_at IS NULL
  ORDER BY c.updated_at DESC, c.seq DESC`;

const GET_ANY = `SELECT ${selectList('c', summaryColumns)}, c.active_leaf_id AS activeLeafId, c.draft,
  ${selectList('c', settingsColumns)} FROM conversations c WHERE c.id = @id`;
const GET = `${GET_ANY} AND c.trashed_at IS NULL`;
const GET_WITH_TRASH = `${GET_ANY} AND (c.trashed_at IS NULL OR c.trashed_at > ${BEING_DELETED})`;

const SAVE_SETTINGS = `UPDATE conversations SET ${assignments(settingsColumns)} WHERE id = @id`;

const INSERT = `INSERT INTO conversations (id, title, title_source, created_at, updated_at, folder_id, temporary)
  VALUES (@id, @title, 'auto', @at, @at, @folderId, @temporary)`;

function conversationOf(db: Db, row: ConversationRow): StoredConversation {
  const { systemPrompt, presetId, reasoning: json, temporary, ...rest } = row;
  const { temperature, topK, topP, minP, repeatPenalty, seed, maxTokens, ...conversation } = rest;
  const sampling =
    temperature === null ? null : { temperature, topK, topP, minP, repeatPenalty, seed, maxTokens };
  const reasoning = json === null ? null : v.parse(ReasoningSettings, JSON.parse(json));
  return {
    ...conversation,
    temporary: temporary === 1,
    tags: tagsOf(db, row.id),
    settings: { modelId: row.modelId, systemPrompt, sampling, reasoning, presetId },
  };
}

/** The conversation without its messages. @throws not_found also when it is in the trash */
export function conversationWithId(db: Db, id: string): StoredConversation {
  return conversationOf(db, one<ConversationRow>(db, GET, { id }));
}

function saveSettings(db: Db, id: string, settings: ConversationSettings): void {
  const { sampling, reasoning, ...plain } = settings;
  const json = reasoning === null ? null : JSON.stringify(reasoning);
  change(db, SAVE_SETTINGS, { id, ...plain, reasoning: json, ...(sampling ?? noSampling) });
}

/** Inserts an empty conversation. @throws conflict when the id is taken */
export function insertConversation(
  db: Db,
  input: NonNullable<NewMessages['newConversation']> & { at: number },
): void {
  const { settings, folderId = null, temporary = false, id, title, at } = input;
  run(db, INSERT, { id, title, at, folderId, temporary: temporary ? 1 : 0 });
  saveSettings(db, input.id, settings);
}

/**
 * Conversations in the trash are `not_found` for everything but `trash` and `restore`, which may be repeated.
 * Renaming leaves `updatedAt` alone: a tidied list keeps its order.
 */
export const conversations: Queries<StoreApi['conversations']> = {
  list: (db) => summariesWhere(db, LIST),

  get(db, { id, newest }) {
    const conversation = conversationWithId(db, id);
    const { activeLeafId } = conversation;
    const isPart = newest !== undefined && activeLeafId !== null;
    const messages = isPart ? newestMessages(db, { id: activeLeafId, newest }) : messagesOf(db, id);
    return { conversation, messages, queue: queueOf(db, id) };
  },

  head: (db, { id, withTrash = false }) =>
    withTrash
      ? conversationOf(db, one<ConversationRow>(db, GET_WITH_TRASH, { id }))
      : conversationWithId(db, id),

  rename: (db, input) =>
    change(
      db,
      `UPDATE conversations SET title = @title, title_source = 'user', renamed_at = @at
        WHERE id = @id AND trashed_at IS NULL`,
      input,
    ),

  trash: (db, input) =>
    change(db, 'UPDATE conversations SET trashed_at = coalesce(trashed_at, @at) WHERE id = @id', input),

  // Not one that is being deleted: half of it may be gone.
  restore: (db, input) =>
    change(
      db,
      `UPDATE conversations SET trashed_at = NULL
        WHERE id = @id AND (trashed_at IS NULL OR trashed_at > ${BEING_DELETED})`,
      input,
    ),

  updateSettings(db, { id, settings }) {
    saveSettings(db, id, patched(conversationWithId(db, id).settings, settings));
  },

  saveDraft: (db, input) =>
    change(db, 'UPDATE conversations SET draft = @draft WHERE id = @id AND trashed_at IS NULL', input),

  setActiveLeaf(db, { id, messageId }) {
    const owner = one<{ conversationId: string }>(
      db,
      'SELECT conversation_id AS conversationId FROM messages WHERE id = @messageId AND removed_at IS NULL',
      { messageId },
    );
    if (owner.conversationId !== id) throw appError('conflict');
    change(db, 'UPDATE conversations SET active_leaf_id = @messageId WHERE id = @id AND trashed_at IS NULL', {
      id,
      messageId,
    });
  },
};
