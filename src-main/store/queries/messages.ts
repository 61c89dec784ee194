import { appError } from '../../contract/index.ts';
import type { FinishedMessage, NewMessages, StartedIds, StoreApi, StoredMessage } from '../api.ts';
import { all, change, first, insertInto, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { conversationWithId, insertConversation } from './conversations.ts';
import { messageOf, SELECT, statsColumns, type MessageRow } from './message-rows.ts';

export const GET = `${SELECT} WHERE m.id = @id`;

// UNION, not UNION ALL: a row met twice ends the recursion, so even a damaged tree with a cycle ends.
export const PATH = `WITH RECURSIVE up (seq, parent_id) AS (
    SELECT seq, parent_id FROM messages WHERE id = @id
    UNION
    SELECT p.seq, p.parent_id FROM up JOIN messages p ON p.id = up.parent_id
  )
  ${SELECT} WHERE m.seq IN (SELECT seq FROM up) ORDER BY m.seq`;

// Children have a larger seq than their parents, so the newest message below is always a leaf.
export const NEWEST_LEAF = `WITH RECURSIVE down (seq, id) AS (
    SELECT seq, id FROM messages WHERE id = @id
    UNION
    SELECT c.seq, c.id FROM down JOIN messages c ON c.parent_id = down.id
  )
  SELECT id FROM down ORDER BY seq DESC LIMIT 1`;

const INSERT = insertInto('messages', {
  id: 'id',
  conversationId: 'conversation_id',
  parentId: 'parent_id',
  role: 'role',
  text: 'text',
  status: 'status',
  modelId: 'model_id',
  modelName: 'model_name',
  quant: 'quant',
  requestId: 'request_id',
  at: 'created_at',
});

const FINISH = `UPDATE messages SET text = @text, reasoning = @reasoning, status = @status,
  error_code = @errorCode, error_details = @errorDetails, ended_at = @at
  WHERE id = @messageId AND status = 'streaming'`;

const INSERT_STATS = insertInto('generations', {
  messageId: 'message_id',
  at: 'finished_at',
  ...statsColumns,
});

interface Place {
  conversationId: string;
  role: StoredMessage['role'];
}

function placeOf(db: Db, id: string): Place {
  return one<Place>(db, 'SELECT conversation_id AS conversationId, role FROM messages WHERE id = @id', {
    id,
  });
}

function checkParents(db: Db, { conversationId, user, assistant }: NewMessages): void {
  if (user) {
    if (assistant.parentId !== user.id) throw appError('conflict');
    if (user.parentId !== null && placeOf(db, user.parentId).conversationId !== conversationId) {
      throw appError('conflict');
    }
    return;
  }
  const parent = placeOf(db, assistant.parentId);
  if (parent.conversationId !== conversationId || parent.role !== 'user') throw appError('conflict');
}

function insertMessages(db: Db, { conversationId, requestId, user, assistant, at }: NewMessages): void {
  const noModel = { modelId: null, modelName: null, quant: null };
  if (user) {
    run(db, INSERT, {
      ...user,
      ...noModel,
      conversationId,
      role: 'user',
      status: 'complete',
      requestId: null,
      at,
    });
  }
  run(db, INSERT, {
    ...assistant,
    conversationId,
    role: 'assistant',
    text: '',
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

function begin(db: Db, input: NewMessages): StartedIds & { repeated: boolean } {
  const earlier = ofRequest(db, input.requestId);
  if (earlier) return { ...earlier, repeated: true };

  const { conversationId, newConversation, user, assistant, at } = input;
  if (newConversation) {
    if (newConversation.id !== conversationId) throw appError('conflict');
    insertConversation(db, { ...newConversation, at });
  } else conversationWithId(db, conversationId);
  checkParents(db, input);
  insertMessages(db, input);
  change(
    db,
    `UPDATE conversations SET active_leaf_id = @leaf, updated_at = max(updated_at, @at),
      draft = iif(@sent, '', draft) WHERE id = @conversationId`,
    { conversationId, leaf: assistant.id, at, sent: user ? 1 : 0 },
  );
  return {
    conversationId,
    userMessageId: assistant.parentId,
    assistantMessageId: assistant.id,
    repeated: false,
  };
}

function finish(db: Db, { stats, errorDetails, ...end }: FinishedMessage): void {
  const { messageId, at } = end;
  const details = errorDetails === null ? null : JSON.stringify(errorDetails);
  if (run(db, FINISH, { ...end, errorDetails: details }).changes === 0) {
    placeOf(db, messageId);
    throw appError('conflict');
  }
  if (stats) run(db, INSERT_STATS, { messageId, at, ...stats });
  run(
    db,
    `UPDATE conversations SET updated_at = max(updated_at, @at)
      WHERE id = (SELECT conversation_id FROM messages WHERE id = @messageId)`,
    { messageId, at },
  );
}

/**
 * `begin` clears the draft only with a user message: an answer made again leaves what is being typed.
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

  newestLeaf: (db, input) => one<{ id: string }>(db, NEWEST_LEAF, input).id,

  flush: (db, input) =>
    void run(
      db,
      `UPDATE messages SET text = @text, reasoning = @reasoning WHERE id = @messageId AND status = 'streaming'`,
      input,
    ),

  finish,

  interruptStreaming: (db, input) =>
    run(db, `UPDATE messages SET status = 'interrupted', ended_at = @at WHERE status = 'streaming'`, input)
      .changes,
};
