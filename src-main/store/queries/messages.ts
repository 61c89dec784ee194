import { appError } from '../../contract/index.ts';
import type { FinishedMessage, NewMessages, StartedIds, StoreApi, StoredMessage } from '../api.ts';
import { all, change, first, insertInto, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { conversationWithId, insertConversation } from './conversations.ts';
import { copyFiles, insertFiles, takeQueuedFiles } from './attachments.ts';
import { messageOf, outlineOf, SELECT, someMessages, statsColumns, type MessageRow } from './message-rows.ts';
import { PATH_SEQS } from './path-seqs.ts';
import { saveEdit } from './turn-edits.ts';

export const GET = `${SELECT} WHERE m.id = @id AND m.removed_at IS NULL`;

export const PATH = `${SELECT} WHERE m.seq IN (${PATH_SEQS}) ORDER BY m.seq`;

// Children have a larger seq than their parents, so the newest message below is always a leaf.
export const NEWEST_LEAF = `WITH RECURSIVE down (seq, id) AS (
    SELECT seq, id FROM messages WHERE id = @id
    UNION
    SELECT c.seq, c.id FROM down JOIN messages c ON c.parent_id = down.id AND c.removed_at IS NULL
  )
  SELECT id FROM down ORDER BY seq DESC LIMIT 1`;

const INSERT = insertInto('messages', {
  id: 'id',
  conversationId: 'conversation_id',
  parentId: 'parent_id',
  role: 'role',
  text: 'text',
  reasoning: 'reasoning',
  prefixLength: 'prefix_length',
  status: 'status',
  modelId: 'model_id',
  modelName: 'model_name',
  quant: 'quant',
  requestId: 'request_id',
  at: 'created_at',
});

const FINISH = `UPDATE messages SET text = @text, reasoning = @reasoning, status = @status,
  error_code = @errorCode, error_details = @errorDetails, ended_at = @at,
  thought_ms = @thoughtMs, thought_tokens = @thoughtTokens
  WHERE id = @messageId AND status = 'streaming'`;

const INSERT_STATS = insertInto('generations', {
  messageId: 'message_id',
  at: 'finished_at',
  settings: 'settings',
  ...statsColumns,
});

interface Place {
  conversationId: string;
  role: StoredMessage['role'];
}

interface Parent extends Place {
  status: StoredMessage['status'];
}

function placeOf(db: Db, id: string): Place {
  const sql = 'SELECT conversation_id AS conversationId, role FROM messages WHERE id = @id';
  return one<Place>(db, sql, { id });
}

/** The place of a message that something may be put below. @throws not_found also when its branch was removed */
function placeOfParent(db: Db, id: string): Parent {
  const sql = `SELECT conversation_id AS conversationId, role, status FROM messages
    WHERE id = @id AND removed_at IS NULL`;
  return one<Parent>(db, sql, { id });
}

function checkParents(db: Db, { conversationId, user, assistant }: NewMessages): void {
  if (user) {
    if (assistant.parentId !== user.id) throw appError('conflict');
    if (user.parentId === null) return;
    const parent = placeOfParent(db, user.parentId);
    // Two that were sent at once must not both go below an answer that only begins.
    if (parent.conversationId !== conversationId || parent.status === 'streaming') throw appError('conflict');
    return;
  }
  const parent = placeOfParent(db, assistant.parentId);
  if (parent.conversationId !== conversationId || parent.role !== 'user') throw appError('conflict');
}

function insertMessages(db: Db, input: NewMessages): void {
  const { conversationId, requestId, user, assistant, beginning, at } = input;
  const noModel = { modelId: null, modelName: null, quant: null };
  if (user) {
    const { id, parentId, text, files = [], filesOf } = user;
    run(db, INSERT, {
      ...{ id, parentId, text },
      ...noModel,
      reasoning: '',
      prefixLength: 0,
      conversationId,
      role: 'user',
      status: 'complete',
      requestId: null,
      at,
    });
    if (filesOf !== undefined) copyFiles(db, filesOf, id);
    insertFiles(db, id, files);
    if (input.queuedId !== undefined) sendQueued(db, input.queuedId, id);
  }
  run(db, INSERT, {
    ...assistant,
    conversationId,
    role: 'assistant',
    text: beginning?.text ?? '',
    reasoning: beginning?.reasoning ?? '',
    prefixLength: beginning?.text.length ?? 0,
    status: 'streaming',
    requestId,
    at,
  });
}

function ofRequest(db: Db, requestId: string): StartedIds | null {
  const started = first<StartedIds>(
    db,
    `SELECT conversation_id AS conversationId, parent_id AS userMessageId, id AS assistantMessageId
      FROM messages WHERE request_id = @requestId`,
    { requestId },
  );
  return started ?? null;
}

/** The message as it waits, however old the caller's copy is. */
function asQueued(db: Db, input: NewMessages, queuedId: string): NewMessages {
  const { text } = one<{ text: string }>(
    db,
    'SELECT text FROM queued_messages WHERE id = @queuedId AND conversation_id = @conversationId',
    { queuedId, conversationId: input.conversationId },
  );
  return { ...input, user: input.user && { ...input.user, text } };
}

/** It waits no longer: its files are the message's. */
function sendQueued(db: Db, queuedId: string, messageId: string): void {
  takeQueuedFiles(db, queuedId, messageId);
  run(db, 'DELETE FROM queued_messages WHERE id = @queuedId', { queuedId });
}

function begin(db: Db, input: NewMessages): StartedIds & { repeated: boolean } {
  const earlier = ofRequest(db, input.requestId);
  if (earlier) return { ...earlier, repeated: true };

  const { conversationId, newConversation, user, assistant, at } = input;
  if (newConversation) {
    if (newConversation.id !== conversationId) throw appError('conflict');
    insertConversation(db, { ...newConversation, at });
  } else conversationWithId(db, conversationId);
  checkParents(db, input);
  insertMessages(db, input.queuedId === undefined ? input : asQueued(db, input, input.queuedId));
  if (input.editOf !== undefined) saveEdit(db, { messageId: input.editOf, edit: null });
  const isTyped = user !== null && input.keepsDraft !== true;
  change(
    db,
    `UPDATE conversations SET active_leaf_id = @leaf, updated_at = max(updated_at, @at),
      draft = iif(@sent, '', draft) WHERE id = @conversationId`,
    { conversationId, leaf: assistant.id, at, sent: isTyped ? 1 : 0 },
  );
  return {
    conversationId,
    userMessageId: assistant.parentId,
    assistantMessageId: assistant.id,
    repeated: false,
  };
}

function finish(db: Db, { stats, settings, thought, errorDetails, ...end }: FinishedMessage): void {
  const { messageId, at } = end;
  const details = errorDetails === null ? null : JSON.stringify(errorDetails);
  const took = { thoughtMs: thought?.ms ?? null, thoughtTokens: thought?.tokens ?? null };
  if (run(db, FINISH, { ...end, ...took, errorDetails: details }).changes === 0) {
    placeOf(db, messageId);
    throw appError('conflict');
  }
  if (stats) {
    run(db, INSERT_STATS, { messageId, at, settings: settings && JSON.stringify(settings), ...stats });
  }
  run(
    db,
    `UPDATE conversations SET updated_at = max(updated_at, @at)
      WHERE id = (SELECT conversation_id FROM messages WHERE id = @messageId)`,
    { messageId, at },
  );
}

/**
 * `begin` clears the draft only with a message from the composer: anything else leaves what is being typed.
 * `flush` of a message that ended or is gone does nothing. `finish` of one that ended is a `conflict`.
 */
export const messages: Queries<StoreApi['messages']> = {
  begin,

  ofRequest: (db, { requestId }) => ofRequest(db, requestId),

  get: (db, input) => messageOf(one<MessageRow>(db, GET, input)),

  path(db, input) {
    const rows = all<MessageRow>(db, PATH, input);
    if (!rows[0]) throw appError('not_found');
    if (rows[0].parentId !== null) throw appError('store_damaged', { reason: 'cycle' });
    return rows.map(messageOf);
  },

  outline(db, { conversationId }) {
    conversationWithId(db, conversationId);
    return outlineOf(db, conversationId);
  },

  some: (db, input) => someMessages(db, input),

  newestLeaf: (db, input) => one<{ id: string }>(db, NEWEST_LEAF, input).id,

  flush: (db, input) =>
    void run(
      db,
      `UPDATE messages SET text = @text, reasoning = @reasoning WHERE id = @messageId AND status = 'streaming'`,
      input,
    ),

  finish,

  setPinned(db, { id, pinned }) {
    change(db, 'UPDATE messages SET pinned = @pinned WHERE id = @id', { id, pinned: pinned ? 1 : 0 });
    return placeOf(db, id).conversationId;
  },

  interruptStreaming: (db, input) =>
    run(db, `UPDATE messages SET status = 'interrupted', ended_at = @at WHERE status = 'streaming'`, input)
      .changes,
};
