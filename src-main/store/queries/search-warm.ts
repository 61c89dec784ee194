import { first, type Db } from '../sql.ts';

/** Rows of the index read in one step, each a page or less: about a megabyte, some milliseconds from a disk. */
export const STEP_ROWS = 256;
/** Messages read in one step: each is as long as it is, some are hundreds of pages. */
export const STEP_MESSAGES = 16;
/** The newest messages, whose texts most pages of hits show. */
const NEWEST = 20_000;

interface Table {
  table: string;
  key: string;
  value: string;
  /** Rows in one step. */
  limit: number;
  from: (db: Db) => number;
}

interface Read {
  rows: number;
  last: number | null;
}

/** Reads whole rows: an aggregate over a column that lies in the page, in the order of the file. */
const stepOf = ({ table, key, value, limit }: Omit<Table, 'from'>) =>
  `SELECT count(*) AS rows, max(k) AS last, sum(v) AS read
    FROM (SELECT ${key} AS k, ${value} AS v FROM ${table} WHERE ${key} > @after ORDER BY ${key} LIMIT ${limit})`;

/** The words, then which message is in which chat, then the texts. */
const TABLES: readonly Table[] = [
  { table: 'search_messages_data', key: 'id', value: 'length(block)', limit: STEP_ROWS, from: () => 0 },
  { table: 'search_documents', key: 'seq', value: 'conversation', limit: STEP_ROWS, from: () => 0 },
  {
    table: 'messages',
    key: 'seq',
    value: 'length(text)',
    limit: STEP_MESSAGES,
    from: (db) => Math.max(0, (first<{ seq: number | null }>(db, 'SELECT max(seq) AS seq FROM messages')?.seq ?? 0) - NEWEST),
  },
]; // prettier-ignore

/**
 * Reads the search index once, so that the system has it in memory when the first search comes: from a disk that
 * search would wait for hundreds of pages, one after the other. No statement stays open between two steps.
 * @returns rows read
 */
export function* warmSteps(db: Db): Generator<number, number, void> {
  let rows = 0;
  // Where each word begins: small, and always read first.
  first(db, 'SELECT count(*) AS rows, max(term) AS last FROM search_messages_idx');
  for (const { from, ...table } of TABLES) {
    const sql = stepOf(table);
    for (let after = from(db); ;) {
      const read = first<Read>(db, sql, { after });
      if (!read || read.last === null) break;
      after = read.last;
      rows += read.rows;
      yield read.rows;
      if (read.rows < table.limit) break;
    }
  }
  return rows;
}
