import type Database from 'better-sqlite3';
import { appError } from '../contract/index.ts';

export type Db = Database.Database;

/** Query functions of one entity: `(db, input)`, synchronous, derived from its part of the store's API. */
export type Queries<Api> = {
  [F in keyof Api]: Api[F] extends (input: infer I) => infer O ? (db: Db, input: I) => O : never;
};

type Bound = string | number | null;
type Parameters = Record<string, Bound>;

const caches = new WeakMap<Db, Map<string, Database.Statement<[Parameters], unknown>>>();

/** The prepared statement of `sql`, kept for the life of the connection. */
function prepared(db: Db, sql: string): Database.Statement<[Parameters], unknown> {
  let cache = caches.get(db);
  if (!cache) caches.set(db, (cache = new Map()));
  let statement = cache.get(sql);
  if (!statement) cache.set(sql, (statement = db.prepare<[Parameters]>(sql)));
  return statement;
}

/** All rows. `Row` states the columns of `sql`; STRICT tables and CHECKs make it true. */
export function all<Row>(db: Db, sql: string, parameters: Parameters = {}): Row[] {
  return prepared(db, sql).all(parameters) as Row[];
}

/** The rows one by one. The statement stays open until the last one, or until the loop is left. */
export function each<Row>(db: Db, sql: string, parameters: Parameters = {}): IterableIterator<Row> {
  return prepared(db, sql).iterate(parameters) as IterableIterator<Row>;
}

/** The first row. */
export function first<Row>(db: Db, sql: string, parameters: Parameters = {}): Row | undefined {
  return prepared(db, sql).get(parameters) as Row | undefined;
}

/** The first row. @throws not_found */
export function one<Row>(db: Db, sql: string, parameters: Parameters): Row {
  const row = first<Row>(db, sql, parameters);
  if (row === undefined) throw appError('not_found');
  return row;
}

/** Runs a change. Returns the number of rows changed and the last key inserted. */
export function run(db: Db, sql: string, parameters: Parameters): { changes: number; key: number } {
  const { changes, lastInsertRowid } = prepared(db, sql).run(parameters);
  return { changes, key: Number(lastInsertRowid) };
}

/** Runs a change that must meet a row. @throws not_found when it met none */
export function change(db: Db, sql: string, parameters: Parameters): void {
  if (run(db, sql, parameters).changes === 0) throw appError('not_found');
}

/** Field of an entity to column of its table. */
export type Columns<Entity> = Readonly<Record<keyof Entity & string, string>>;

/** `t.size_bytes AS sizeBytes, …` */
export function selectList(table: string, columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([field, column]) => `${table}.${column} AS ${field}`)
    .join(', ');
}

/** `INSERT INTO t (size_bytes, …) VALUES (@sizeBytes, …)` */
export function insertInto(table: string, columns: Readonly<Record<string, string>>): string {
  const names = Object.values(columns).join(', ');
  const values = Object.keys(columns).map((field) => `@${field}`);
  return `INSERT INTO ${table} (${names}) VALUES (${values.join(', ')})`;
}

/** `size_bytes = @sizeBytes, …` */
export function assignments(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([field, column]) => `${column} = @${field}`)
    .join(', ');
}

/** `base` with every field of `patch` that is not undefined. */
export function patched<T extends object>(base: T, patch: { [K in keyof T]?: T[K] | undefined }): T {
  const set = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(set) };
}
