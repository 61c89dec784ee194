import type { QueuedMessage } from '../../contract/index.ts';
import { all } from '../sql.ts';
import type { Db } from '../sql.ts';
import { attachmentList, attachmentsOf } from './attachments.ts';

type Row = Omit<QueuedMessage, 'attachments'> & { attachments: string };

/** The messages that wait in a conversation, first one first. */
export function queueOf(db: Db, conversationId: string): QueuedMessage[] {
  return all<Row>(
    db,
    `SELECT q.id, q.text, q.created_at AS createdAt, ${attachmentList('queued_files', 'q.id')}
      FROM queued_messages q WHERE q.conversation_id = @conversationId ORDER BY q.place, q.created_at`,
    { conversationId },
  ).map(({ attachments, ...row }) => ({ ...row, attachments: attachmentsOf(attachments) }));
}
