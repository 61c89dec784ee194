import { appError, type ChatChange } from '../../contract/index.ts';
import type { ChatBefore, ChatState } from '../api.ts';
import { all, change, first, run } from '../sql.ts';
import type { Db } from '../sql.ts';

/** `trashed_at` of a chat whose import is not finished: it is in no list, cannot be read, and goes when that is cut off. */
export const BEING_IMPORTED = -1;
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
      WHERE c.trashed_at IS NULL OR c.trashed_at > ${BEING_DELETED}`,
    { ids: JSON.stringify(ids) },
  ).map(({ tags, ...row }) => ({ ...row, tags: JSON.parse(tags) as string[] }));
}

function saveState(db: Db, { tags, ...row }: ChatState): void {
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

/** What of `before` is not so in `after`; null when all is. */
function difference(before: ChatState, after: ChatState): ChatBefore | null {
  const addTags = before.tags.filter((tag) => !after.tags.includes(tag));
  const removeTags = after.tags.filter((tag) => !before.tags.includes(tag));
  const { folderId, pinnedAt, archivedAt, trashedAt } = before;
  const changed = {
    ...(folderId !== after.folderId && { folderId }),
    ...(pinnedAt !== after.pinnedAt && { pinnedAt }),
    ...(archivedAt !== after.archivedAt && { archivedAt }),
    ...(trashedAt !== after.trashedAt && { trashedAt }),
    ...(addTags.length > 0 && { addTags }),
    ...(removeTags.length > 0 && { removeTags }),
  };
  return Object.keys(changed).length === 0 ? null : { id: before.id, ...changed };
}

export const exists = (db: Db, table: 'folders' | 'tags', id: string) =>
  first(db, `SELECT 1 FROM ${table} WHERE id = @id`, { id }) !== undefined;

/** Puts back what an action changed of chats, and nothing else. @returns those that are still there */
export function putBackChats(db: Db, befores: readonly ChatBefore[]): string[] {
  const ids = befores.map(({ id }) => id);
  const states = new Map(statesOf(db, ids).map((state) => [state.id, state]));
  return befores.flatMap(({ id, addTags = [], removeTags = [], ...fields }) => {
    const state = states.get(id);
    if (!state) return [];
    const tags = new Set([...state.tags, ...addTags]);
    for (const tag of removeTags) tags.delete(tag);
    const { folderId } = { ...state, ...fields };
    saveState(db, {
      ...state,
      ...fields,
      folderId: folderId !== null && exists(db, 'folders', folderId) ? folderId : null,
      tags: [...tags].filter((tag) => exists(db, 'tags', tag)),
    });
    return [id];
  });
}

/**
 * Changes chats; returns what it changed of which.
 * @throws not_found for a folder or a tag that is gone
 */
export function updateChats(db: Db, ids: readonly string[], wanted: ChatChange, at: number): ChatBefore[] {
  if (typeof wanted.folderId === 'string' && !exists(db, 'folders', wanted.folderId)) {
    throw appError('not_found');
  }
  if (wanted.addTags?.some((id) => !exists(db, 'tags', id))) throw appError('not_found');
  return statesOf(db, ids).flatMap((before) => {
    const after = changedState(before, wanted, at);
    const changed = difference(before, after);
    if (changed === null) return [];
    saveState(db, after);
    return [changed];
  });
}
