import type { Db } from './sql.ts';

/** One failed look costs some microseconds: a table that is damaged all over is given up after seconds. */
const MAX_FAILED_LOOKS = 200_000;
/** A row of ours takes more: without a readable end of the table its last key is guessed from the file's size. */
const LEAST_ROW_BYTES = 32;

export type Row = Record<string, string | number | bigint | Buffer | null>;

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const listOf = (columns: readonly string[]) => columns.map(quoted).join(', ');

/** What the reading of a table has met. */
export interface Reading {
  /** Keys, or for a table without them places, at which nothing could be read. */
  failures: number;
}

/**
 * Reads a table by its keys and leaves out what fails: a failing range is halved until the unreadable rows are alone,
 * so that one damaged page costs the rows on it and no others.
 */
export function* readableRows(
  db: Db,
  table: string,
  columns: readonly string[],
  reading: Reading,
  fileBytes: number,
): Generator<Row> {
  const range = db.prepare<[number, number], Row & { salvage_key: number }>(
    `SELECT rowid AS salvage_key, ${listOf(columns)} FROM ${quoted(table)} NOT INDEXED
      WHERE rowid > ? AND rowid <= ? ORDER BY rowid`,
  );
  const open: [number, number][] = [[-1, lastKey(db, table, fileBytes)]];
  let failedLooks = 0;
  for (let next = open.pop(); next !== undefined && failedLooks < MAX_FAILED_LOOKS; next = open.pop()) {
    let [after] = next;
    const [, until] = next;
    try {
      for (const { salvage_key: key, ...row } of range.iterate(after, until)) {
        yield row;
        after = key;
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      failedLooks += 1;
      if (until - after <= 1) {
        reading.failures += 1;
        continue;
      }
      const middle = after + Math.floor((until - after) / 2);
      open.push([middle, until], [after, middle]);
    }
  }
}

/** Reads a table without keys from both ends, as far as that goes; a row may come twice. */
export function* readableFromEnds(
  db: Db,
  table: string,
  columns: readonly string[],
  primaryKey: readonly string[],
  reading: Reading,
): Generator<Row> {
  for (const direction of ['ASC', 'DESC']) {
    const order = primaryKey.map((name) => `${quoted(name)} ${direction}`).join(', ');
    const rows = db.prepare<[], Row>(`SELECT ${listOf(columns)} FROM ${quoted(table)} ORDER BY ${order}`);
    try {
      yield* rows.iterate();
      return;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      reading.failures += 1;
    }
  }
}

function lastKey(db: Db, table: string, fileBytes: number): number {
  try {
    const sql = `SELECT max(rowid) AS last FROM ${quoted(table)} NOT INDEXED`;
    return db.prepare<[], { last: number | null }>(sql).get()?.last ?? 0;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return Math.ceil(fileBytes / LEAST_ROW_BYTES);
  }
}

/** What SQLite says of a page that is not what it should be, or that the disk does not give. */
function isUnreadable(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return /^SQLITE_(?:CORRUPT|IOERR|NOTADB|TOOBIG)/u.test(error.code);
}

/** `INSERT OR IGNORE` of these columns, in their order. */
export function insertOf(table: string, columns: readonly string[]): string {
  const places = columns.map(() => '?').join(', ');
  return `INSERT OR IGNORE INTO ${quoted(table)} (${listOf(columns)}) VALUES (${places})`;
}
