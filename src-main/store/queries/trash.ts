import type { StoreApi } from '../api.ts';
import { all, first, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { BEING_DELETED } from './history-states.ts';

const LAST_MESSAGE = 'SELECT max(seq) AS seq FROM messages WHERE conversation_id = @id';

/** Deletes messages from the newest on, so that no parent goes before its children, then the chat itself. */
function purgeOne(db: Db, id: string, until: number): boolean {
  while (performance.now() < until) {
    const last = first<{ seq: number | null }>(db, LAST_MESSAGE, { id });
    if (!last || last.seq === null) {
      run(db, 'DELETE FROM conversations WHERE id = @id', { id });
      return true;
    }
    run(db, 'DELETE FROM messages WHERE seq = @seq', { seq: last.seq });
  }
  return false;
}

/** Deleting for good: chats are marked in one go, then taken out in slices, because the index is rewritten with them. */
export const trash: Queries<StoreApi['trash']> = {
  mark(db, { ids, anywhere }) {
    const named = ids === null ? '' : 'AND id IN (SELECT value FROM json_each(@ids))';
    const place = anywhere ? '' : 'AND trashed_at IS NOT NULL';
    const input = ids === null ? {} : { ids: JSON.stringify(ids) };
    const where = `trashed_at IS NOT ${BEING_DELETED} ${place} ${named}`;
    const marked = all<{ id: string }>(db, `SELECT id FROM conversations WHERE ${where}`, input);
    run(db, `UPDATE conversations SET trashed_at = ${BEING_DELETED} WHERE ${where}`, input);
    return marked.map(({ id }) => id);
  },

  expired: (db, input) =>
    all<{ id: string }>(
      db,
      `SELECT id FROM conversations WHERE trashed_at > ${BEING_DELETED} AND trashed_at < @before`,
      input,
    ).map(({ id }) => id),

  purgeSlice(db, { budgetMs }) {
    const until = performance.now() + budgetMs;
    for (let found = false; ; found = true) {
      const next = first<{ id: string }>(
        db,
        `SELECT id FROM conversations WHERE trashed_at = ${BEING_DELETED} LIMIT 1`,
      );
      if (!next) return { more: false, found };
      if (!purgeOne(db, next.id, until)) return { more: true, found: true };
    }
  },
};
