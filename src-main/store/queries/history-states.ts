import { appError, type ChatChange } from '../../contract/index.ts';
import type { ChatState } from '../api.ts';
import { all, change, first, run } from '../sql.ts';
import type { Db } from '../sql.ts';

/** `trashed_at` of a chat that is being deleted for good: it is in no list, and a kill does not bring it back. */
export const BEING_DELETED = 0;

interface StateRow extends Omit<ChatState, 'tags'> {
  tags: string;
}

/** How these chats stand; those that are gone or being deleted are left out. */
export function statesOf(db: Db, ids: readonly string[]): ChatState[] {
  return all<StateRow>(
    db,
    `SELECT c.id, c.folder_id AS folderId, c.pinned_at AS pinnedAt, c.archived_at AS archivedAt,
        c.trashed_at AS trashedAt,
        (SELECT json_group_array(tag_id) FROM conversation_tags WHERE conversation_id = c.id) AS tags
      FROM json_each(@ids) i JOIN conversations c ON c.id = i.value
      WHERE c.trashed_at IS NOT ${BEING_DELETED}`,
    { ids: JSON.stringify(ids) },
  ).map(({ tags, ...row }) => ({ ...row, tags: JSON.parse(tags) as string[] }));
}

export function saveState(db: Db, { tags, ...row }: ChatState): void {
  change(
    db,
    `UPDATE conversations SET folder_id = @folderId, pinned_at = @pinnedAt, archived_at = @archivedAt,
      trashed_at = @trashedAt WHERE id = @id`,
    { ...row },
  );
  run(db, 'DELETE FROM conversation_tags WHERE conversation_id = @id', { id: row.id });
  for (const tagId of tags) {
    run(db, 'INSERT OR IGNORE INTO conversation_tags VALUES (@id, @tagId)', { id: row.id, tagId });
  }
}

function changedState(state: ChatState, wanted: ChatChange, at: number): ChatState {
  const since = (isSet: boolean | undefined, before: number | null) =>
    isSet === undefined ? before : isSet ? (before ?? at) : null;
  const kept = state.tags.filter((tag) => !wanted.removeTags?.includes(tag));
  return {
    id: state.id,
    folderId: wanted.folderId === undefined ? state.folderId : wanted.folderId,
    tags: [...new Set([...kept, ...(wanted.addTags ?? [])])],
    pinnedAt: since(wanted.pinned, state.pinnedAt),
    archivedAt: since(wanted.archived, state.archivedAt),
    trashedAt: since(wanted.trashed, state.trashedAt),
  };
}

const isSame = (a: ChatState, b: ChatState) =>
  a.folderId === b.folderId &&
  a.pinnedAt === b.pinnedAt &&
  a.archivedAt === b.archivedAt &&
  a.trashedAt === b.trashedAt &&
  a.tags.length === b.tags.length &&
  a.tags.every((tag) => b.tags.includes(tag));

export const exists = (db: Db, table: 'folders' | 'tags', id: string) =>
  first(db, `SELECT 1 FROM ${table} WHERE id = @id`, { id }) !== undefined;

/**
 * Changes chats; returns how those that changed stood before.
 * @throws not_found for a folder or a tag that is gone
 */
export function updateChats(db: Db, ids: readonly string[], wanted: ChatChange, at: number): ChatState[] {
  if (typeof wanted.folderId === 'string' && !exists(db, 'folders', wanted.folderId)) {
    throw appError('not_found');
  }
  if (wanted.addTags?.some((id) => !exists(db, 'tags', id))) throw appError('not_found');
  return statesOf(db, ids).filter((before) => {
    const after = changedState(before, wanted, at);
    if (isSame(before, after)) return false;
    saveState(db, after);
    return true;
  });
}
