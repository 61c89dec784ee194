import Database from 'better-sqlite3';
import { appError } from '../contract/index.ts';
import { migrate, type Migration } from './migrate.ts';
import { all, change, first, one, run } from './sql.ts';
import type { Db } from './sql.ts';

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f-]{36}$/u.test(value);

/** The ids that an input names: its own and those of the parts of it that are objects. */
function* idsIn(input: unknown, depth = 0): Generator<string> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return;
  for (const value of Object.values(input)) {
    if (isId(value)) yield value;
    else if (depth === 0) yield* idsIn(value, 1);
  }
}

const startsTemporary = (input: unknown): boolean =>
  typeof input === 'object' &&
  input !== null &&
  'newConversation' in input &&
  typeof input.newConversation === 'object' &&
  input.newConversation !== null &&
  'temporary' in input.newConversation &&
  input.newConversation.temporary === true;

interface ForeignKey {
  table: string;
  from: string;
  to: string;
}

/** Tables whose rows hang on rows of `parent`, other than itself. */
function dependants(db: Db, parent: string): { table: string; from: string; to: string }[] {
  return all<ForeignKey & { name: string }>(
    db,
    `SELECT t.name, f.[table], f.[from], coalesce(f.[to], 'id') AS [to]
      FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
      WHERE t.schema = 'main' AND f.[table] = @parent AND t.name <> @parent`,
    { parent },
  ).map(({ name, from, to }) => ({ table: name, from, to }));
}

function columnsOf(db: Db, table: string): string[] {
  return all<{ name: string }>(db, 'SELECT name FROM pragma_table_info(@table)', { table }).map(
    ({ name }) => name,
  );
}

/** Copies the rows of `table` that `where` (with `@id`) picks, in the order in which they were made. */
function copyRows(
  from: Db,
  to: Db,
  table: string,
  where: string,
  input: { id: string; set?: Record<string, string | number | null> },
): void {
  // `seq` is given anew: it is the order of all chats.
  const columns = columnsOf(from, table).filter((name) => name !== 'seq');
  const list = columns.map((name) => `"${name}"`).join(', ');
  const insert = `INSERT INTO "${table}" (${list}) VALUES (${columns.map((name) => `@${name}`).join(', ')})`;
  const order = columnsOf(from, table).includes('seq') ? 'ORDER BY seq' : '';
  const rows = all<Record<string, string | number | null>>(
    from,
    `SELECT ${list} FROM "${table}" WHERE ${where} ${order}`,
    { id: input.id },
  );
  for (const row of rows) run(to, insert, { ...row, ...input.set });
}

/** Copies what hangs on the rows of `parent` that `where` picks, level by level. */
function copyDependants(
  from: Db,
  to: Db,
  parent: { table: string; where: string },
  id: string,
  seen: Set<string>,
) {
  for (const { table, from: column, to: key } of dependants(from, parent.table)) {
    if (seen.has(table)) continue;
    seen.add(table);
    const where = `"${column}" IN (SELECT "${key}" FROM "${parent.table}" WHERE ${parent.where})`;
    copyRows(from, to, table, where, { id });
    copyDependants(from, to, { table, where }, id, seen);
  }
}

/**
 * Chats that never touch the disk: a second database, in memory, with the same schema. A call belongs to it when it
 * begins such a chat or names an id that is in it; all other calls, lists and searches never see it.
 */
export class TemporaryChats {
  readonly #migrations: readonly Migration[];
  #db: Db | null = null;
  /** `SELECT 1` for an id, over every table that has one. */
  #lookup = '';

  constructor(migrations: readonly Migration[]) {
    this.#migrations = migrations;
  }

  /** null: the call is for the database of the data folder. */
  databaseFor(input: unknown): Db | null {
    if (startsTemporary(input)) return this.#opened();
    const db = this.#db;
    if (db === null) return null;
    for (const id of idsIn(input)) if (first(db, this.#lookup, { id })) return db;
    return null;
  }

  /** Moves a chat into the database `stored`, with the same ids. @throws not_found, conflict while it answers */
  keep(id: string, stored: Db): void {
    const db = this.#withChat(id);
    const { activeLeafId, streaming } = one<{ activeLeafId: string | null; streaming: number }>(
      db,
      `SELECT active_leaf_id AS activeLeafId, (SELECT count(*) FROM messages
          WHERE conversation_id = @id AND status = 'streaming') AS streaming
        FROM conversations WHERE id = @id`,
      { id },
    );
    if (streaming > 0) throw appError('conflict');
    stored.transaction(() => {
      const ownRow = { active_leaf_id: null, message_count: 0, temporary: 0 };
      copyRows(db, stored, 'conversations', 'id = @id', { id, set: ownRow });
      copyRows(db, stored, 'messages', 'conversation_id = @id', { id });
      const seen = new Set(['conversations', 'messages']);
      copyDependants(db, stored, { table: 'messages', where: 'conversation_id = @id' }, id, seen);
      copyDependants(db, stored, { table: 'conversations', where: 'id = @id' }, id, seen);
      change(stored, 'UPDATE conversations SET active_leaf_id = @activeLeafId WHERE id = @id', {
        id,
        activeLeafId,
      });
    })();
    this.discard(id);
  }

  discard(id: string): void {
    if (!this.#db) return;
    run(this.#db, 'DELETE FROM messages WHERE conversation_id = @id', { id });
    run(this.#db, 'DELETE FROM conversations WHERE id = @id', { id });
    if (!first(this.#db, 'SELECT 1 FROM conversations')) this.close();
  }

  close(): void {
    this.#db?.close();
    this.#db = null;
  }

  #withChat(id: string): Db {
    const db = this.#db;
    if (!db || !first(db, 'SELECT 1 FROM conversations WHERE id = @id', { id })) throw appError('not_found');
    return db;
  }

  #opened(): Db {
    if (this.#db) return this.#db;
    const db = new Database(':memory:');
    // What does not fit into the cache of a sort must not go to a file.
    db.pragma('temp_store = MEMORY');
    migrate(db, this.#migrations, 0);
    const tables = all<{ name: string }>(
      db,
      `SELECT t.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c
        WHERE t.schema = 'main' AND t.type = 'table' AND c.name = 'id' AND c.type = 'TEXT'`,
    );
    const lookups = tables.map(({ name }) => `SELECT 1 FROM "${name}" WHERE id = @id`);
    this.#lookup = [...lookups, 'SELECT 1 FROM messages WHERE request_id = @id'].join(' UNION ALL ');
    return (this.#db = db);
  }
}
