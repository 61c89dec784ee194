import Database from 'better-sqlite3';
import { all, first, run } from '../sql.ts';
import type { Db } from '../sql.ts';
import { indexedForm } from './search-text.ts';

/** Messages that are read at once; each may be long, so the budget is checked between them. */
const BATCH = 64;

interface PendingMessage {
  pending: number;
  isRemoved: 0 | 1;
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
const PENDING = `SELECT p.seq AS pending, m.removed_at IS NOT NULL AS isRemoved, m.seq, m.text, m.status, m.role, m.created_at AS createdAt,
    m.model_id AS modelId, m.conversation_id AS conversationId, c.seq AS conversation
  FROM search_pending_messages p LEFT JOIN messages m ON m.seq = p.seq
    LEFT JOIN conversations c ON c.id = m.conversation_id
  ORDER BY p.seq DESC LIMIT ${BATCH}`;

const TAKE_OUT = `INSERT INTO search_messages (search_messages, rowid, text)
  SELECT 'delete', m.seq, coalesce(d.body, m.text) FROM search_documents d JOIN messages m ON m.seq = d.seq
    WHERE d.seq = @seq`;

function indexMessage(db: Db, message: PendingMessage): void {
  run(db, 'DELETE FROM search_pending_messages WHERE seq = @pending', { pending: message.pending });
  const { seq, text, conversation, createdAt } = message;
  if (seq === null) return;
  if (message.isRemoved === 1) {
    run(db, TAKE_OUT, { seq });
    run(db, 'DELETE FROM search_documents WHERE seq = @seq', { seq });
    return;
  }
  // A message that streams comes back when it has settled.
  if (message.status === 'streaming') return;
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

const codeOf = (error: unknown): string =>
  error instanceof Database.SqliteError ? error.code : error instanceof Error ? error.name : 'unknown';

/** What fails because of the disk, not because of the row. */
const isOfDisk = (code: string) => code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR');

/** Runs `work`; a row that cannot be indexed is left out, so that those behind it can. */
function orSkip(db: Db, work: () => void, skip: () => void, onSkip: (code: string) => void): void {
  try {
    // Inside the slice's transaction this is a savepoint.
    db.transaction(work)();
  } catch (error) {
    const code = codeOf(error);
    if (isOfDisk(code) || !db.inTransaction) throw error;
    skip();
    onSkip(code);
  }
}

function indexTitle(db: Db, seq: number, title: string | null): void {
  run(db, 'DELETE FROM search_pending_titles WHERE seq = @seq', { seq });
  run(db, 'DELETE FROM search_titles WHERE rowid = @seq', { seq });
  if (title === null) return;
  const text = indexedForm(title) ?? title;
  run(db, 'INSERT INTO search_titles (rowid, title) VALUES (@seq, @text)', { seq, text });
}

function indexTitles(db: Db, onSkip: (code: string) => void): void {
  const rows = all<{ pending: number; title: string | null }>(
    db,
    `SELECT p.seq AS pending, c.title FROM search_pending_titles p LEFT JOIN conversations c ON c.seq = p.seq
      ORDER BY p.seq DESC LIMIT ${BATCH}`,
  );
  for (const { pending: seq, title } of rows) {
    const skip = () => void run(db, 'DELETE FROM search_pending_titles WHERE seq = @seq', { seq });
    orSkip(db, () => indexTitle(db, seq, title), skip, onSkip);
  }
}

export function hasPending(db: Db): boolean {
  const pending = `SELECT 1 FROM search_pending_messages UNION ALL SELECT 1 FROM search_pending_titles LIMIT 1`;
  return first(db, pending) !== undefined;
}

/**
 * Puts what waits into the index for about `budgetMs`; titles first. To be run inside a transaction.
 * @param onSkip told of a row that was left out because it cannot be indexed, with SQLite's code
 * @returns whether more waits
 * @throws SQLite's error when the disk is full or fails
 */
export function indexSlice(db: Db, budgetMs: number, onSkip: (code: string) => void = () => {}): boolean {
  const until = performance.now() + budgetMs;
  indexTitles(db, onSkip);
  while (performance.now() < until) {
    const batch = all<PendingMessage>(db, PENDING);
    if (batch.length === 0) break;
    for (const message of batch) {
      const { pending } = message;
      const skip = () =>
        void run(db, 'DELETE FROM search_pending_messages WHERE seq = @pending', { pending });
      orSkip(db, () => indexMessage(db, message), skip, onSkip);
      if (performance.now() >= until) break;
    }
  }
  return hasPending(db);
}
