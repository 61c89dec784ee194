import type { Db } from './sql.ts';

/** One failed look costs some microseconds: a table that is damaged all over is given up after seconds. */
const MAX_FAILED_LOOKS = 200_000;
/** A row of ours takes more: so a file has room for so many keys above the last that could be read. */
const LEAST_ROW_BYTES = 32;

export type Row = Record<string, string | number | bigint | Buffer | null>;

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const listOf = (columns: readonly string[]) => columns.map(quoted).join(', ');

/** What the reading of a table has met. */
export interface Reading {
  /** Something could not be read. How many rows that were a damaged page does not tell. */
  isIncomplete: boolean;
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
  const known = lastKey(db, table);
  const room = Math.ceil(fileBytes / LEAST_ROW_BYTES);
  let highest = known ?? highestFound(db, table);
  let bound = known ?? highest + room;
  if (known === null) reading.isIncomplete = true;
  const open: [number, number][] = [[-1, bound]];
  let failedLooks = 0;
  for (;;) {
    const next = open.pop();
    if (next === undefined) {
      if (known !== null || highest + room <= bound) return;
      // A bound that was guessed moves up with the keys that were found.
      open.push([bound, highest + room]);
      bound = highest + room;
      continue;
    }
    if (failedLooks >= MAX_FAILED_LOOKS) {
      reading.isIncomplete = true;
      return;
    }
    let [after] = next;
    const [, until] = next;
    try {
      for (const { salvage_key: key, ...row } of range.iterate(after, until)) {
        yield row;
        after = key;
        highest = Math.max(highest, key);
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      failedLooks += 1;
      if (until - after <= 1) {
        reading.isIncomplete = true;
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
      reading.isIncomplete = true;
    }
  }
}

/** What a query gives, null where it gives nothing, undefined where a page in its way cannot be read. */
function look(db: Db, sql: string, at: number | null = null): number | null | undefined {
  try {
    return (
      db
        .prepare<number[], number | null>(sql)
        .pluck()
        .get(...(at === null ? [] : [at])) ?? null
    );
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

/** The last key of a table, by the table itself or by one of its indexes; null when none can tell. */
function lastKey(db: Db, table: string): number | null {
  const ways = ['NOT INDEXED', ...wholeIndexes(db, table).map((name) => `INDEXED BY ${quoted(name)}`)];
  for (const way of ways) {
    const last = look(db, `SELECT max(rowid) FROM ${quoted(table)} ${way}`);
    if (last !== undefined) return last ?? 0;
  }
  return null;
}

/** Those that hold every row. */
function wholeIndexes(db: Db, table: string): string[] {
  const sql = 'SELECT name FROM pragma_index_list(?) WHERE partial = 0';
  return db.prepare<[string], string>(sql).pluck().all(table);
}

/** The highest key that is met when one looks up and down from places further and further up. */
function highestFound(db: Db, table: string): number {
  let highest = 0;
  for (let at = 1; at < Number.MAX_SAFE_INTEGER; at *= 2) {
    const from = `SELECT rowid FROM ${quoted(table)} NOT INDEXED WHERE rowid`;
    const above = look(db, `${from} > ? ORDER BY rowid LIMIT 1`, at);
    const below = look(db, `${from} <= ? ORDER BY rowid DESC LIMIT 1`, at);
    highest = Math.max(highest, above ?? 0, below ?? 0);
  }
  return highest;
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
