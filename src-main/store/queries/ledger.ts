import { appError, type LedgerEntry } from '../../contract/index.ts';
import type { StoreApi } from '../api.ts';
import { all, first, one, run, selectList } from '../sql.ts';
import type { Columns, Queries } from '../sql.ts';

const columns: Columns<LedgerEntry> = {
  id: 'id',
  sessionId: 'session_id',
  at: 'at',
  host: 'host',
  purpose: 'purpose',
  sentBytes: 'sent_bytes',
  receivedBytes: 'received_bytes',
  outcome: 'outcome',
};

const listOf = (condition: string) => `SELECT ${selectList('l', columns)} FROM ledger l
  WHERE ${condition} AND (@beforeId IS NULL OR l.id < @beforeId) ORDER BY l.id DESC LIMIT @limit`;

export const LISTS = {
  all: listOf('true'),
  allowed: listOf(`l.outcome <> 'refused'`),
  refused: listOf(`l.outcome = 'refused'`),
};

/** `totals` counts connections that were opened; refused ones never were. */
export const ledger: Queries<StoreApi['ledger']> = {
  open: (db, input) =>
    run(
      db,
      `INSERT INTO ledger (session_id, at, host, purpose, outcome)
        VALUES (@sessionId, @at, @host, @purpose, @outcome)`,
      input,
    ).key,

  close(db, input) {
    const { changes } = run(
      db,
      `UPDATE ledger SET sent_bytes = @sentBytes, received_bytes = @receivedBytes, outcome = @outcome
        WHERE id = @id AND outcome = 'open'`,
      input,
    );
    if (changes > 0) return;
    const entry = first(db, 'SELECT id FROM ledger WHERE id = @id', { id: input.id });
    throw appError(entry === undefined ? 'not_found' : 'conflict');
  },

  list: (db, { outcome, ...page }) => all<LedgerEntry>(db, LISTS[outcome], page),

  totals: (db) =>
    one<ReturnType<StoreApi['ledger']['totals']>>(
      db,
      `SELECT count(*) AS requests, coalesce(sum(sent_bytes), 0) AS sentBytes,
        coalesce(sum(received_bytes), 0) AS receivedBytes FROM ledger WHERE outcome <> 'refused'`,
      {},
    ),

  closeStale: (db, input) =>
    void run(
      db,
      `UPDATE ledger SET outcome = 'failed' WHERE outcome = 'open' AND session_id <> @sessionId`,
      input,
    ),
};
