import type { StoreApi } from '../api.ts';
import { one, run } from '../sql.ts';
import type { Db, Queries } from '../sql.ts';
import { insertQueuedFiles } from './attachments.ts';
import { conversationWithId } from './conversations.ts';
import { queueOf } from './queue-rows.ts';

/** Puts one of them at `place` and numbers all of them anew. */
function putAt(db: Db, conversationId: string, id: string, place: number): void {
  const ids = queueOf(db, conversationId).flatMap((entry) => (entry.id === id ? [] : [entry.id]));
  ids.splice(place, 0, id);
  for (const [index, entry] of ids.entries())
    run(db, 'UPDATE queued_messages SET place = @index WHERE id = @entry', { index, entry });
}

function ownerOf(db: Db, id: string): { conversationId: string } {
  const sql = 'SELECT conversation_id AS conversationId FROM queued_messages WHERE id = @id';
  return one<{ conversationId: string }>(db, sql, { id });
}

/** Every change answers with the conversation that it was in. */
export const queue: Queries<StoreApi['queue']> = {
  list: (db, { conversationId }) => queueOf(db, conversationId),

  add(db, { conversationId, id, text, files = [], place, at }) {
    conversationWithId(db, conversationId);
    const waiting = queueOf(db, conversationId);
    const added = run(
      db,
      `INSERT INTO queued_messages (id, conversation_id, place, text, created_at)
        SELECT @id, @conversationId, @end, @text, @at
        WHERE NOT EXISTS (SELECT 1 FROM queued_messages WHERE id = @id)
          AND NOT EXISTS (SELECT 1 FROM messages WHERE request_id = @id)`,
      { id, conversationId, end: waiting.length, text, at },
    );
    if (added.changes === 0) return;
    insertQueuedFiles(db, id, files);
    putAt(db, conversationId, id, place ?? waiting.length);
  },

  update(db, { id, text }) {
    const owner = ownerOf(db, id);
    run(db, 'UPDATE queued_messages SET text = @text WHERE id = @id', { id, text });
    return owner;
  },

  remove(db, { id }) {
    const owner = ownerOf(db, id);
    run(db, 'DELETE FROM queued_messages WHERE id = @id', { id });
    return owner;
  },

  move(db, { id, place }) {
    const owner = ownerOf(db, id);
    putAt(db, owner.conversationId, id, place);
    return owner;
  },
};
