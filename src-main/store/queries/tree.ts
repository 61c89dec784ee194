import { randomUUID } from 'node:crypto';
import { appError } from '../../contract/index.ts';
import type { RemovedBranch, StoreApi } from '../api.ts';
import { all, change, first, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { conversationWithId } from './conversations.ts';
import { copyFiles } from './attachments.ts';
import { NEWEST_LEAF } from './messages.ts';
import { PATH_SEQS } from './path-seqs.ts';
import { editsOf, saveEdit } from './turn-edits.ts';

interface Node {
  conversationId: string;
  parentId: string | null;
  removedBy: string | null;
}

const NODE = `SELECT conversation_id AS conversationId, parent_id AS parentId, removed_by AS removedBy
  FROM messages WHERE id = @id`;

/** A message that is not removed, in a conversation that is not in the trash. @throws not_found */
function nodeOf(db: Db, id: string): Node {
  const node = one<Node>(db, NODE, { id });
  if (node.removedBy !== null) throw appError('not_found');
  conversationWithId(db, node.conversationId);
  return node;
}

export const BRANCH = `WITH RECURSIVE down (seq, id) AS (
    SELECT seq, id FROM messages WHERE id = @id
    UNION
    SELECT c.seq, c.id FROM down JOIN messages c ON c.parent_id = down.id AND c.removed_at IS NULL
  )
  SELECT id FROM down`;

export const REMOVE = `UPDATE messages SET removed_at = @at, removed_by = @id
  WHERE removed_at IS NULL AND id IN (${BRANCH})`;

/** The message before this one among its siblings, or else the one after it. */
const NEIGHBOUR = `SELECT s.id FROM messages m JOIN messages s ON s.parent_id IS m.parent_id
    AND s.conversation_id = m.conversation_id AND s.id <> m.id AND s.removed_at IS NULL
  WHERE m.id = @id ORDER BY s.seq > m.seq, abs(s.seq - m.seq) LIMIT 1`;

function newestLeaf(db: Db, id: string): string {
  return one<{ id: string }>(db, NEWEST_LEAF, { id }).id;
}

function showLeaf(db: Db, conversationId: string, leafId: string | null): void {
  change(db, 'UPDATE conversations SET active_leaf_id = @leafId WHERE id = @conversationId', {
    conversationId,
    leafId,
  });
}

function removeBranch(db: Db, { messageId: id, at }: { messageId: string; at: number }): RemovedBranch {
  const { conversationId, parentId } = nodeOf(db, id);
  const removedIds = all<{ id: string }>(db, BRANCH, { id }).map((row) => row.id);
  const shownLeafId = conversationWithId(db, conversationId).activeLeafId;
  run(db, REMOVE, { id, at });
  if (shownLeafId !== null && removedIds.includes(shownLeafId)) {
    showLeaf(db, conversationId, leafWithout(db, id, parentId));
  }
  return { conversationId, removedIds, shownLeafId };
}

/** The leaf that is shown after a branch went, if what was shown went with it. */
function leafWithout(db: Db, id: string, parentId: string | null): string | null {
  const neighbour = first<{ id: string }>(db, NEIGHBOUR, { id });
  return neighbour ? newestLeaf(db, neighbour.id) : parentId;
}

const IS_IN_BRANCH = 'SELECT 1 FROM messages WHERE id = @shownLeafId AND removed_by = @messageId';
const IS_NEWER = `SELECT 1 FROM messages a JOIN messages r ON r.id = @messageId
  WHERE a.id = @leafId AND a.created_at > r.removed_at`;

/** Whether the user shows something else than what the removal left shown. */
function hasMovedOn(
  db: Db,
  at: { conversationId: string; messageId: string; parentId: string | null; shownLeafId: string | null },
): boolean {
  const { conversationId, messageId, parentId, shownLeafId } = at;
  const leafId = conversationWithId(db, conversationId).activeLeafId;
  if (leafId === null) return false;
  const wasMoved = shownLeafId === null || first(db, IS_IN_BRANCH, { shownLeafId, messageId }) !== undefined;
  if (leafId !== (wasMoved ? leafWithout(db, messageId, parentId) : shownLeafId)) return true;
  return first(db, IS_NEWER, { leafId, messageId }) !== undefined;
}

function restoreBranch(
  db: Db,
  { messageId, shownLeafId }: { messageId: string; shownLeafId: string | null },
) {
  const node = one<Node>(db, NODE, { id: messageId });
  const { conversationId } = node;
  conversationWithId(db, conversationId);
  if (node.removedBy === null) return { conversationId };
  if (node.removedBy !== messageId) throw appError('conflict');
  const above = node.parentId === null ? null : one<Node>(db, NODE, { id: node.parentId }).removedBy;
  if (above !== null) {
    // What is above was removed after it: it comes back with that.
    run(db, 'UPDATE messages SET removed_by = @above WHERE removed_by = @messageId', { above, messageId });
    return { conversationId };
  }
  const hasMoved = hasMovedOn(db, { conversationId, messageId, parentId: node.parentId, shownLeafId });
  run(db, 'UPDATE messages SET removed_at = NULL, removed_by = NULL WHERE removed_by = @messageId', {
    messageId,
  });
  if (hasMoved) return { conversationId };
  const leaf = shownLeafId === null ? undefined : first<Node>(db, NODE, { id: shownLeafId });
  const isThere = leaf?.conversationId === conversationId && leaf.removedBy === null;
  showLeaf(db, conversationId, isThere ? shownLeafId : newestLeaf(db, messageId));
  return { conversationId };
}

function addVersion(db: Db, input: Parameters<StoreApi['tree']['addVersion']>[0]) {
  const { requestId, siblingId, id, text, at } = input;
  const earlier = first<{ id: string; conversationId: string }>(
    db,
    'SELECT id, conversation_id AS conversationId FROM messages WHERE request_id = @requestId',
    { requestId },
  );
  if (earlier) return { messageId: earlier.id, conversationId: earlier.conversationId };
  const { conversationId } = nodeOf(db, siblingId);
  const added = run(
    db,
    `INSERT INTO messages (id, conversation_id, parent_id, role, text, status, model_id, model_name, quant,
        request_id, created_at, ended_at, edited)
      SELECT @id, conversation_id, parent_id, role, @text, 'complete', model_id, model_name, quant,
        @requestId, @at, @at, role = 'assistant'
      FROM messages WHERE id = @siblingId AND status <> 'streaming'`,
    { id, text, requestId, at, siblingId },
  );
  if (added.changes === 0) throw appError('conflict');
  copyFiles(db, siblingId, id);
  saveEdit(db, { messageId: siblingId, edit: null });
  run(
    db,
    `UPDATE conversations SET active_leaf_id = @id, updated_at = max(updated_at, @at)
      WHERE id = @conversationId`,
    { id, at, conversationId },
  );
  return { messageId: id, conversationId };
}

/** The columns of a table that a copy takes over as they are; those that a later migration adds are among them. */
function copied(db: Db, table: string, own: readonly string[]): string {
  const columns = all<{ name: string }>(db, `SELECT name FROM pragma_table_info('${table}')`);
  return columns.flatMap(({ name }) => (own.includes(name) ? [] : [`"${name}"`])).join(', ');
}

const OWN_OF_CONVERSATION = [
  ...['seq', 'id', 'title', 'title_source', 'renamed_at', 'created_at', 'updated_at', 'trashed_at'],
  ...['message_count', 'active_leaf_id', 'draft', 'pinned_at', 'archived_at', 'import_id'],
];
const OWN_OF_MESSAGE = ['seq', 'id', 'conversation_id', 'parent_id', 'request_id'];
const OWN_OF_GENERATION = ['message_id', 'copied'];

function fork(db: Db, input: Parameters<StoreApi['tree']['fork']>[0]): void {
  const { messageId, conversationId, title, at } = input;
  if (first(db, 'SELECT 1 AS found FROM conversations WHERE id = @conversationId', { conversationId }))
    return;
  const source = nodeOf(db, messageId).conversationId;
  const path = all<{ id: string; status: string }>(
    db,
    `SELECT id, status FROM messages WHERE seq IN (${PATH_SEQS}) ORDER BY seq`,
    { id: messageId },
  );
  if (path.some(({ status }) => status === 'streaming')) throw appError('conflict');

  const columns = copied(db, 'conversations', OWN_OF_CONVERSATION);
  run(
    db,
    `INSERT INTO conversations (id, title, title_source, renamed_at, created_at, updated_at, ${columns})
      SELECT @conversationId, @title, 'user', @at, @at, @at, ${columns} FROM conversations WHERE id = @source`,
    { conversationId, title, at, source },
  );
  const ids = path.map(({ id }) => id);
  showLeaf(db, conversationId, copyMessages(db, ids, conversationId));
}

/** Copies messages that stand one below the other. @returns the id of the last copy */
function copyMessages(db: Db, ids: readonly string[], conversationId: string): string | null {
  const columns = copied(db, 'messages', OWN_OF_MESSAGE);
  const figures = copied(db, 'generations', OWN_OF_GENERATION);
  const copyMessage = `INSERT INTO messages (id, conversation_id, parent_id, ${columns})
    SELECT @copyId, @conversationId, @parentId, ${columns} FROM messages WHERE id = @id`;
  const copyFigures = `INSERT INTO generations (message_id, copied, ${figures})
    SELECT @copyId, 1, ${figures} FROM generations WHERE message_id = @id`;
  let parentId: string | null = null;
  for (const id of ids) {
    const copyId = randomUUID();
    run(db, copyMessage, { id, copyId, parentId, conversationId });
    run(db, copyFigures, { id, copyId });
    copyFiles(db, id, copyId);
    parentId = copyId;
  }
  return parentId;
}

/** Removing marks: the rows stay until the conversation is deleted. */
export const tree: Queries<StoreApi['tree']> = {
  addVersion,
  removeBranch,
  restoreBranch,
  fork,
  edits: (db, { conversationId }) => editsOf(db, conversationId),
  saveEdit,
};
