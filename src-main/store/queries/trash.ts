import type { StoreApi } from '../api.ts';
import { all, first, one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { BEING_DELETED, BEING_IMPORTED } from './history-states.ts';

/**
 * Above this many messages, taking each out of the index by itself (up to 17 ms among a million) costs more than
 * noting them as gone and writing the whole index anew (7 s among a million).
 */
const BULK_MESSAGES = 500;
/** Pages of the index that are written anew in one step, about 10 ms. */
const MERGED_PAGES = 16;

const LAST_MESSAGE = 'SELECT max(seq) AS seq FROM messages WHERE conversation_id = @id';

/** Deletes messages from the newest on, so that no parent goes before its children, then the chat itself. */
function purgeOne(db: Db, id: string, until: number): boolean {
  do {
    const last = first<{ seq: number | null }>(db, LAST_MESSAGE, { id });
    if (!last || last.seq === null) {
      run(db, 'DELETE FROM conversations WHERE id = @id', { id });
      return true;
    }
    run(db, 'DELETE FROM messages WHERE seq = @seq', { seq: last.seq });
  } while (performance.now() < until);
  return false;
}

/** Whether a word is overwritten where it stood the moment its message goes. Kept in the index itself. */
function overwritesAtOnce(db: Db): boolean {
  const row = first<{ v: number }>(db, `SELECT v FROM search_messages_config WHERE k = 'secure-delete'`);
  return row?.v === 1;
}

function setOverwrites(db: Db, on: boolean): void {
  run(
    db,
    `INSERT INTO search_messages (search_messages, rank) VALUES ('secure-delete', CAST(@on AS INTEGER))`,
    {
      on: on ? 1 : 0,
    },
  );
}

/** The chats that emptying the trash takes. */
export const trashed = (db: Db): string[] =>
  all<{ id: string }>(db, `SELECT id FROM conversations WHERE trashed_at > ${BEING_DELETED}`).map(
    ({ id }) => id,
  );

function isBulk(db: Db): boolean {
  const { count } = one<{ count: number }>(
    db,
    `SELECT count(*) AS count FROM (SELECT 1 FROM conversations c JOIN messages m ON m.conversation_id = c.id
      WHERE c.trashed_at = ${BEING_DELETED} LIMIT ${BULK_MESSAGES + 1})`,
    {},
  );
  return count > BULK_MESSAGES;
}

/** Writes the index anew until nothing of before is left; what was freed is overwritten by `secure_delete`. */
function mergeIndex(db: Db, until: number): boolean {
  const changes = () => one<{ n: number }>(db, 'SELECT total_changes() AS n', {}).n;
  do {
    const before = changes();
    run(db, `INSERT INTO search_messages (search_messages, rank) VALUES ('merge', CAST(@pages AS INTEGER))`, {
      pages: -MERGED_PAGES,
    });
    // SQLite's own sign that nothing is left to merge.
    if (changes() - before < 2) return true;
  } while (performance.now() < until);
  return false;
}

/** Ends what a deletion of many messages has begun: the index overwrites at once again, and holds none of before. */
export function settleIndex(db: Db): void {
  if (overwritesAtOnce(db)) return;
  mergeIndex(db, Number.POSITIVE_INFINITY);
  setOverwrites(db, true);
}

/** Deleting for good: chats are marked in one go, then taken out in slices, because the index is rewritten with them. */
export const trash: Queries<StoreApi['trash']> = {
  mark(db, { ids, anywhere, eraseAt = null }) {
    const named = ids === null ? '' : 'AND id IN (SELECT value FROM json_each(@ids))';
    const place = anywhere ? `AND trashed_at IS NOT ${BEING_IMPORTED}` : `AND trashed_at > ${BEING_DELETED}`;
    const input = ids === null ? {} : { ids: JSON.stringify(ids) };
    const where = `trashed_at IS NOT ${BEING_DELETED} ${place} ${named}`;
    const marked = all<{ id: string }>(db, `SELECT id FROM conversations WHERE ${where}`, input);
    if (eraseAt !== null) {
      const noted = `SELECT id, @eraseAt FROM conversations WHERE ${where}`;
      run(db, `INSERT OR REPLACE INTO deleted_chats ${noted}`, { ...input, eraseAt });
    }
    run(db, `UPDATE conversations SET trashed_at = ${BEING_DELETED} WHERE ${where}`, input);
    return marked.map(({ id }) => id);
  },

  overdue(db, input) {
    // A backup that was restored has brought them back, or an import: their copies are wanted again.
    const alive = `SELECT id FROM conversations WHERE trashed_at IS NULL OR trashed_at > ${BEING_DELETED}`;
    run(db, `DELETE FROM deleted_chats WHERE id IN (${alive})`, {});
    return all<{ id: string }>(db, 'SELECT id FROM deleted_chats WHERE erase_at <= @at', input).map(
      ({ id }) => id,
    );
  },

  forget(db, { ids }) {
    run(db, 'DELETE FROM deleted_chats WHERE id IN (SELECT value FROM json_each(@ids))', {
      ids: JSON.stringify(ids),
    });
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
      const isExact = overwritesAtOnce(db);
      if (!next) {
        if (isExact) return { more: false, found };
        const isDone = mergeIndex(db, until);
        if (isDone) setOverwrites(db, true);
        return { more: !isDone, found: true };
      }
      if (isExact && isBulk(db)) setOverwrites(db, false);
      if (!purgeOne(db, next.id, until)) return { more: true, found: true };
    }
  },
};
