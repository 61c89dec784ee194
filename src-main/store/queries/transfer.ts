import type { ChatFilters, StoreApi, StoredMessage } from '../api.ts';
import { appError } from '../../contract/index.ts';
import { all, change, first, insertInto, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { insertFiles, insertQueuedFiles } from './attachments.ts';
import { insertConversation } from './conversations.ts';
import { insertFolders } from './folders.ts';
import { BEING_DELETED, BEING_IMPORTED } from './history-states.ts';
import { plainColumns, rawColumns, statsColumns } from './message-rows.ts';
import { chatWhere } from './search-scope.ts';
import { fold } from './search-text.ts';

const INSERT_MESSAGE = insertInto('messages', { ...plainColumns, ...rawColumns, endedAt: 'ended_at' });

// `copied`: these figures were measured elsewhere, or are known already.
const INSERT_GENERATION = insertInto('generations', {
  messageId: 'message_id',
  finishedAt: 'finished_at',
  settings: 'settings',
  copied: 'copied',
  ...statsColumns,
});

function insertMessage(db: Db, message: StoredMessage): void {
  const { stats, settings, errorDetails, thought, pinned, edited, attachments: _, ...plain } = message;
  run(db, INSERT_MESSAGE, {
    ...plain,
    errorDetails: errorDetails === null ? null : JSON.stringify(errorDetails),
    thoughtMs: thought?.ms ?? null,
    thoughtTokens: thought?.tokens ?? null,
    pinned: pinned ? 1 : 0,
    edited: edited ? 1 : 0,
    endedAt: message.createdAt,
  });
  if (!stats) return;
  run(db, INSERT_GENERATION, {
    ...stats,
    messageId: message.id,
    finishedAt: message.createdAt,
    settings: settings === null ? null : JSON.stringify(settings),
    copied: 1,
  });
}

const NO_FILTERS: ChatFilters = { folderId: null, tagId: null, modelId: null, from: null, to: null };

const idsOf = (db: Db, table: 'folders' | 'tags') =>
  new Set(all<{ id: string }>(db, `SELECT id FROM ${table}`).map(({ id }) => id));

function put(
  db: Db,
  { importId, conversation, messages, files, queue, queueFiles }: Parameters<StoreApi['transfer']['put']>[0],
) {
  if (!first(db, 'SELECT 1 FROM imports WHERE id = @importId AND finished_at IS NULL', { importId }))
    throw appError('aborted');
  if (first(db, 'SELECT 1 FROM conversations WHERE id = @id', { id: conversation.id })) return false;
  const { id, title, titleSource, settings, draft, pinnedAt, archivedAt, updatedAt } = conversation;
  const folderId =
    conversation.folderId !== null && idsOf(db, 'folders').has(conversation.folderId)
      ? conversation.folderId
      : null;
  insertConversation(db, { id, title, settings, folderId, temporary: false, at: conversation.createdAt });
  for (const message of messages) insertMessage(db, message);
  for (const [messageId, own] of Map.groupBy(files, (file) => file.messageId))
    insertFiles(db, messageId, own);
  for (const [place, { id: queuedId, text, createdAt }] of queue.entries())
    run(
      db,
      `INSERT INTO queued_messages (id, conversation_id, place, text, created_at)
        VALUES (@queuedId, @id, @place, @text, @createdAt)`,
      { queuedId, id, place, text, createdAt },
    );
  for (const [queuedId, own] of Map.groupBy(queueFiles, (file) => file.messageId))
    insertQueuedFiles(db, queuedId, own);
  const tags = idsOf(db, 'tags');
  for (const tagId of conversation.tags)
    if (tags.has(tagId))
      run(db, 'INSERT INTO conversation_tags (conversation_id, tag_id) VALUES (@id, @tagId)', { id, tagId });
  run(
    db,
    `INSERT INTO conversation_models (conversation_id, model_id)
      SELECT DISTINCT conversation_id, model_id FROM messages
        WHERE conversation_id = @id AND role = 'assistant' AND model_id IS NOT NULL`,
    { id },
  );
  change(
    db,
    `UPDATE conversations SET title_source = @titleSource, draft = @draft, pinned_at = @pinnedAt,
      archived_at = @archivedAt, updated_at = @updatedAt, active_leaf_id = @activeLeafId, import_id = @importId,
      trashed_at = ${BEING_IMPORTED}
      WHERE id = @id`,
    {
      ...{ id, titleSource, draft, pinnedAt, archivedAt, updatedAt, importId },
      activeLeafId: conversation.activeLeafId,
    },
  );
  return true;
}

/** Marks what an import has brought for deletion; the trash's purge takes it out, in slices. */
function abandon(db: Db, id: string): number {
  run(db, 'DELETE FROM imports WHERE id = @id', { id });
  return run(
    db,
    `UPDATE conversations SET trashed_at = ${BEING_DELETED}
      WHERE import_id = @id AND trashed_at = ${BEING_IMPORTED}`,
    { id },
  ).changes;
}

function ids(db: Db, filters: ChatFilters | undefined): string[] {
  const { from, to, ...rest } = filters ?? NO_FILTERS;
  const { where, parameters } = chatWhere(db, {
    ...rest,
    place: null,
    role: null,
    conversationId: null,
    from,
    to,
  });
  return all<{ id: string }>(
    db,
    `SELECT c.id FROM conversations c
      WHERE ${where} AND c.temporary = 0 AND c.updated_at >= @from AND c.updated_at < @to
      ORDER BY c.created_at, c.id`,
    { ...parameters, from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER },
  ).map(({ id }) => id);
}

/** Chats in and out, whole. */
export const transfer: Queries<StoreApi['transfer']> = {
  ids,

  begin: (db, input) => void run(db, 'INSERT INTO imports (id, started_at) VALUES (@id, @at)', input),

  put,

  putFolders(db, { folders }) {
    const known = idsOf(db, 'folders');
    insertFolders(
      db,
      folders.filter(({ id }) => !known.has(id)),
    );
  },

  putTags(db, { tags }) {
    const ids: Record<string, string> = {};
    for (const { id, name } of tags) {
      const folded = fold(name);
      run(db, 'INSERT INTO tags (id, name, folded) VALUES (@id, @name, @folded) ON CONFLICT DO NOTHING', {
        ...{ id, name, folded },
      });
      const known =
        first<{ id: string }>(db, 'SELECT id FROM tags WHERE id = @id', { id }) ??
        first<{ id: string }>(db, 'SELECT id FROM tags WHERE folded = @folded', { folded });
      if (known) ids[id] = known.id;
    }
    return ids;
  },

  finish(db, { id, at }) {
    change(db, 'UPDATE imports SET finished_at = @at WHERE id = @id AND finished_at IS NULL', { id, at });
    run(
      db,
      `UPDATE conversations SET trashed_at = NULL WHERE import_id = @id AND trashed_at = ${BEING_IMPORTED}`,
      { id },
    );
  },

  abandon: (db, { id }) => abandon(db, id),

  abandonUnfinished(db) {
    const open = all<{ id: string }>(db, 'SELECT id FROM imports WHERE finished_at IS NULL');
    return open.reduce((chats, { id }) => chats + abandon(db, id), 0);
  },
};
