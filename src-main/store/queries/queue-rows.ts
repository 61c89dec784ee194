import type { QueuedMessage } from '../../contract/index.ts';
import { all } from '../sql.ts';
import type { Db } from '../sql.ts';

/** The messages that wait in a conversation, first one first. */
export function queueOf(db: Db, conversationId: string): QueuedMessage[] {
  return all<QueuedMessage>(
    db,
    `SELECT id, text, created_at AS createdAt FROM queued_messages
      WHERE conversation_id = @conversationId ORDER BY place, created_at`,
    { conversationId },
  );
}
