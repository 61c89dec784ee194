import { all, first, run } from '../sql.ts';
import type { Db } from '../sql.ts';
import { indexedForm } from './search-text.ts';

/** Messages that are read at once; each may be long, so the budget is checked between them. */
const BATCH = 64;

interface PendingMessage {
  pending: number;
  seq: number | null;
  text: string;
  status: string;
  role: string;
  createdAt: number;
  modelId: string | null;
  conversationId: string;
  conversation: number;
}

// Newest first: what was said last is looked for most.
const PENDING = `SELECT p.seq AS pending, m.seq, m.text, m.status, m.role, m.created_at AS createdAt,
    m.model_id AS modelId, m.conversation_id AS conversationId, c.seq AS conversation
  FROM search_pending_messages p LEFT JOIN messages m ON m.seq = p.seq AND m.removed_at IS NULL
    LEFT JOIN conversations c ON c.id = m.conversation_id
  ORDER BY p.seq DESC LIMIT ${BATCH}`;

function indexMessage(db: Db, message: PendingMessage): void {
  run(db, 'DELETE FROM search_pending_messages WHERE seq = @pending', { pending: message.pending });
  const { seq, text, conversation, createdAt } = message;
  // A message that streams comes back when it has settled.
  if (seq === null || message.status === 'streaming') return;
  if (first(db, 'SELECT 1 FROM search_documents WHERE seq = @seq', { seq })) return;
  const body = indexedForm(text);
  run(
    db,
    `INSERT INTO search_documents (seq, conversation, created_at, is_user, body)
      VALUES (@seq, @conversation, @createdAt, @isUser, @body)`,
    { seq, conversation, createdAt, isUser: message.role === 'user' ? 1 : 0, body },
  );
  run(db, 'INSERT INTO search_messages (rowid, text) VALUES (@seq, @text)', { seq, text: body ?? text });
  if (message.modelId === null) return;
  run(db, 'INSERT OR IGNORE INTO conversation_models VALUES (@conversationId, @modelId)', {
    conversationId: message.conversationId,
    modelId: message.modelId,
  });
}

function indexTitles(db: Db): void {
  const rows = all<{ pending: number; title: string | null }>(
    db,
    `SELECT p.seq AS pending, c.title FROM search_pending_titles p LEFT JOIN conversations c ON c.seq = p.seq
      ORDER BY p.seq DESC LIMIT ${BATCH}`,
  );
  for (const { pending: seq, title } of rows) {
    run(db, 'DELETE FROM search_pending_titles WHERE seq = @seq', { seq });
    run(db, 'DELETE FROM search_titles WHERE rowid = @seq', { seq });
    if (title === null) continue;
    const text = indexedForm(title) ?? title;
    run(db, 'INSERT INTO search_titles (rowid, title) VALUES (@seq, @text)', { seq, text });
  }
}

export function hasPending(db: Db): boolean {
  const pending = `SELECT 1 FROM search_pending_messages UNION ALL SELECT 1 FROM search_pending_titles LIMIT 1`;
  return first(db, pending) !== undefined;
}

/**
 * Puts what waits into the index for about `budgetMs`; titles first. To be run inside a transaction.
 * @returns whether more waits
 */
export function indexSlice(db: Db, budgetMs: number): boolean {
  const until = performance.now() + budgetMs;
  indexTitles(db);
  while (performance.now() < until) {
    const batch = all<PendingMessage>(db, PENDING);
    if (batch.length === 0) break;
    for (const message of batch) {
      indexMessage(db, message);
      if (performance.now() >= until) break;
    }
  }
  return hasPending(db);
}
