import type { TurnEdit } from '../../contract/index.ts';
import { all, run } from '../sql.ts';
import type { Db } from '../sql.ts';

// CROSS JOIN keeps the order of the tables: there are few edits and many messages.
const EDITS = `SELECT e.message_id AS messageId, e.kind, e.text
  FROM turn_edits e CROSS JOIN messages m ON m.id = e.message_id
  WHERE m.conversation_id = @conversationId AND m.removed_at IS NULL`;

/** What is typed at the turns of a conversation and not sent. */
export function editsOf(db: Db, conversationId: string): TurnEdit[] {
  return all<TurnEdit>(db, EDITS, { conversationId });
}

/** Keeps what is typed at a turn; null: nothing is. Of a message that is gone nothing is kept. */
export function saveEdit(
  db: Db,
  { messageId, edit }: { messageId: string; edit: Omit<TurnEdit, 'messageId'> | null },
): void {
  if (edit === null) {
    run(db, 'DELETE FROM turn_edits WHERE message_id = @messageId', { messageId });
    return;
  }
  run(
    db,
    `INSERT INTO turn_edits (message_id, kind, text) SELECT id, @kind, @text FROM messages WHERE id = @messageId
      ON CONFLICT (message_id) DO UPDATE SET kind = excluded.kind, text = excluded.text`,
    { messageId, ...edit },
  );
}
