import type { StoredSummary } from '../api.ts';
import { all, first, selectList } from '../sql.ts';
import type { Columns, Db } from '../sql.ts';

type RawSummary = Omit<StoredSummary, 'tags' | 'temporary'> & { temporary: 0 | 1 };

export const summaryColumns: Columns<RawSummary> = {
  id: 'id',
  title: 'title',
  titleSource: 'title_source',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  messageCount: 'message_count',
  folderId: 'folder_id',
  pinnedAt: 'pinned_at',
  archivedAt: 'archived_at',
  trashedAt: 'trashed_at',
  temporary: 'temporary',
  modelId: 'model_id',
};

const SELECT = `SELECT ${selectList('c', summaryColumns)} FROM conversations c`;

/** The tags of those of the chats that have some, each chat's by name. */
function tagsByChat(db: Db, chatIds: readonly string[]): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  const rows = all<{ id: string; tagId: string }>(
    db,
    `SELECT ct.conversation_id AS id, ct.tag_id AS tagId
      FROM json_each(@chatIds) chat JOIN conversation_tags ct ON ct.conversation_id = chat.value
        JOIN tags t ON t.id = ct.tag_id
      ORDER BY t.folded`,
    { chatIds: JSON.stringify(chatIds) },
  );
  for (const { id, tagId } of rows) {
    const known = tags.get(id);
    if (known) known.push(tagId);
    else tags.set(id, [tagId]);
  }
  return tags;
}

/** The tags of one chat, by name. */
export function tagsOf(db: Db, conversationId: string): string[] {
  return all<{ tagId: string }>(
    db,
    `SELECT ct.tag_id AS tagId FROM conversation_tags ct JOIN tags t ON t.id = ct.tag_id
      WHERE ct.conversation_id = @conversationId ORDER BY t.folded`,
    { conversationId },
  ).map(({ tagId }) => tagId);
}

/** Summaries of the conversations `c` that the rest of a SELECT picks. */
export function summariesWhere(
  db: Db,
  rest: string,
  parameters: Record<string, string | number | null> = {},
): StoredSummary[] {
  const rows = all<RawSummary>(db, `${SELECT} ${rest}`, parameters);
  const isTagged = first(db, 'SELECT 1 FROM conversation_tags LIMIT 1') !== undefined;
  const ids = rows.map(({ id }) => id);
  const tags = isTagged ? tagsByChat(db, ids) : new Map<string, string[]>();
  return rows.map((row) => ({ ...row, temporary: row.temporary === 1, tags: tags.get(row.id) ?? [] }));
}
