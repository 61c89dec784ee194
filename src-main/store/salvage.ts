import { mkdirSync } from 'node:fs';
import Database from 'better-sqlite3';
import { appError, type Salvaged } from '../contract/index.ts';
import { titleFrom } from '../conversations/title.ts';
import {
  databaseBytes,
  databaseFile,
  demandSpace,
  ensurePrivateFile,
  PRIVATE_FOLDER,
  removeFile,
  sizeOf,
} from './files.ts';
import { latestVersion, migrate, type Migration } from './migrate.ts';
import { BEING_DELETED, BEING_IMPORTED } from './queries/history-states.ts';
import { indexSlice } from './queries/search-index.ts';
import { discardSalvaged, salvageFolder } from './salvage-folder.ts';
import { insertOf, readableFromEnds, readableRows, type Reading } from './salvage-rows.ts';
import { all, first, run, type Db } from './sql.ts';

/** The index of a very large history takes minutes; the search says what is not in it. */
const INDEX_MS = 20_000;
/** Each pass repairs what the one before has uncovered; folders lie in folders at most this deep. */
const MAX_REPAIRS = 20;

/**
 * Copies what can be read of a damaged database into a new one, which passes every check. The damaged files are not
 * changed by a byte.
 * @throws store_damaged with `reason` `unreadable` when there is not one chat; disk_full
 */
export function salvage(dataDir: string, migrations: readonly Migration[]): Salvaged {
  demandSpace(dataDir, databaseBytes(dataDir));
  discardSalvaged(dataDir);
  const folder = salvageFolder(dataDir);
  mkdirSync(folder, { mode: PRIVATE_FOLDER });
  const file = databaseFile(folder);
  ensurePrivateFile(file);
  const to = new Database(file);
  try {
    // Nobody misses it after a kill.
    to.pragma('journal_mode = MEMORY');
    to.pragma('synchronous = OFF');
    const report = reading(dataDir, (from, fileBytes) => copy(from, to, migrations, fileBytes));
    if (report.chats === 0) throw appError('store_damaged', { reason: 'unreadable' });
    const until = performance.now() + INDEX_MS;
    const slice = () => to.transaction(() => indexSlice(to, INDEX_MS))();
    while (performance.now() < until && slice());
    to.pragma('journal_mode = DELETE');
    return report;
  } catch (error) {
    to.close();
    discardSalvaged(dataDir);
    throw error;
  } finally {
    to.close();
  }
}

/** Calls `work` with the damaged database, and leaves no file that was not there. */
function reading<T>(dataDir: string, work: (db: Db, fileBytes: number) => T): T {
  const file = databaseFile(dataDir);
  const sideFiles = [`${file}-wal`, `${file}-shm`].filter((path) => sizeOf(path) === null);
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return work(db, sizeOf(file) ?? 0);
  } finally {
    db.close();
    sideFiles.forEach(removeFile);
  }
}

/** Until when backups may hold chats that were deleted, as far as a damaged database tells it. */
export function readableDeletions(dataDir: string): { id: string; eraseAt: number }[] {
  const found: { id: string; eraseAt: number }[] = [];
  try {
    reading(dataDir, (db, fileBytes) => {
      const rows = readableRows(db, 'deleted_chats', ['id', 'erase_at'], { isIncomplete: false }, fileBytes);
      for (const { id, erase_at: eraseAt } of rows)
        if (typeof id === 'string' && typeof eraseAt === 'number') found.push({ id, eraseAt });
    });
  } catch (error) {
    // Not a database, or one from before there was the table.
    if (!(error instanceof Database.SqliteError)) throw error;
  }
  return found;
}

function copy(from: Db, to: Db, migrations: readonly Migration[], fileBytes: number): Salvaged {
  const version = Math.min(versionOf(from), latestVersion(migrations));
  migrate(
    to,
    migrations.filter((migration) => migration.version <= version),
    0,
  );
  to.pragma('foreign_keys = OFF');
  const triggers = all<{ name: string; sql: string }>(
    to,
    `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`,
  );
  const lost: Reading = { isIncomplete: false };
  to.transaction(() => {
    // They hold for what the app does, in its order.
    for (const { name } of triggers) to.exec(`DROP TRIGGER "${name}"`);
    for (const table of tablesOf(to)) copyTable(from, to, table, lost, fileBytes);
    mend(to);
    for (const { sql } of triggers) to.exec(sql);
  })();
  migrate(to, migrations, version);
  const { chats, messages } = first<{ chats: number; messages: number }>(
    to,
    'SELECT (SELECT count(*) FROM conversations) AS chats, (SELECT count(*) FROM messages) AS messages',
  ) ?? { chats: 0, messages: 0 };
  return { chats, messages, unreadable: lost.isIncomplete };
}

function versionOf(db: Db): number {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (!(version > 0)) throw appError('store_damaged', { reason: 'unreadable' });
  return version;
}

/** Those that hold what the user made; the search index is made anew. */
function tablesOf(db: Db): { name: string; hasKeys: boolean }[] {
  return all<{ name: string; wr: number }>(
    db,
    `SELECT name, wr FROM pragma_table_list
      WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        AND name NOT LIKE 'search\\_%' ESCAPE '\\'`,
  ).map(({ name, wr }) => ({ name, hasKeys: wr === 0 }));
}

/** @throws store_damaged when not even the schema can be read */
function columnsOf(db: Db, table: string): { name: string; pk: number }[] {
  try {
    return all(db, 'SELECT name, pk FROM pragma_table_info(@table)', { table });
  } catch (cause) {
    throw appError('store_damaged', { reason: 'unreadable' }, { cause });
  }
}

function isRefusedRow(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(?:CONSTRAINT|MISMATCH)/u.test(error.code);
}

/**
 * Copies the rows of a table that can be read.
 * @throws what SQLite says of the new database: a full disk, an input/output error
 */
export function copyTable(
  from: Db,
  to: Db,
  { name, hasKeys }: { name: string; hasKeys: boolean },
  lost: Reading,
  fileBytes: number,
): void {
  const there = new Set(columnsOf(from, name).map((column) => column.name));
  const known = columnsOf(to, name).filter((column) => there.has(column.name));
  const columns = known.map((column) => column.name);
  if (columns.length === 0) return;
  const primaryKey = known.filter(({ pk }) => pk > 0).map((column) => column.name);
  const insert = to.prepare(insertOf(name, columns));
  const rows = hasKeys
    ? readableRows(from, name, columns, lost, fileBytes)
    : readableFromEnds(from, name, columns, primaryKey, lost);
  for (const row of rows) {
    try {
      insert.run(columns.map((column) => row[column] ?? null));
    } catch (error) {
      // What a damaged page gives may be no row of ours. Anything else is trouble of the new database.
      if (!isRefusedRow(error)) throw error;
      lost.isIncomplete = true;
    }
  }
}

/** Makes a whole of what was found: messages get a chat, and nothing refers to what is lost. */
function mend(db: Db): void {
  const gone = `SELECT id FROM conversations WHERE trashed_at IN (${BEING_DELETED}, ${BEING_IMPORTED})`;
  db.exec(`DELETE FROM messages WHERE conversation_id IN (${gone});
    DELETE FROM conversations WHERE id IN (${gone});`);
  giveChats(db);
  for (let pass = 0; pass < MAX_REPAIRS && cutLoose(db); pass += 1);
  db.exec(`UPDATE messages SET status = 'interrupted' WHERE status = 'streaming';
    UPDATE conversations SET message_count =
      (SELECT count(*) FROM messages WHERE conversation_id = conversations.id);
    UPDATE conversations SET active_leaf_id =
      (SELECT id FROM messages WHERE conversation_id = conversations.id ORDER BY seq DESC LIMIT 1)
      WHERE active_leaf_id IS NULL;`);
  const columns = columnsOf(db, 'messages').map(({ name }) => name);
  if (columns.includes('removed_at')) {
    db.exec(`UPDATE conversations SET message_count =
      (SELECT count(*) FROM messages WHERE conversation_id = conversations.id AND removed_at IS NULL)`);
  }
  const pending = first(db, `SELECT 1 FROM sqlite_schema WHERE name = 'search_pending_messages'`);
  if (pending === undefined) return;
  db.exec(`INSERT OR IGNORE INTO search_pending_messages SELECT seq FROM messages;
    INSERT OR IGNORE INTO search_pending_titles SELECT seq FROM conversations;`);
}

/** Messages whose chat cannot be read come into one that is named after their first question. */
function giveChats(db: Db): void {
  const orphans = all<{ id: string; text: string; from: number; to: number }>(
    db,
    `SELECT conversation_id AS id, text, min(created_at) AS [from], max(created_at) AS [to] FROM messages
      WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id`,
  );
  for (const { id, text, from, to } of orphans) {
    run(
      db,
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at)
        VALUES (@id, @title, 'auto', @from, @to)`,
      { id, title: titleFrom(text), from, to },
    );
  }
}

interface Reference {
  child: string;
  parent: string;
  from: string;
  to: string;
  isNeeded: number;
}

/** Takes out every reference to a row that is not there, or the row itself where it cannot be without. */
function cutLoose(db: Db): boolean {
  const references = all<Reference>(
    db,
    `SELECT t.name AS child, f.[table] AS parent, f.[from], coalesce(f.[to], 'id') AS [to],
        (SELECT [notnull] OR pk > 0 FROM pragma_table_info(t.name) WHERE name = f.[from]) AS isNeeded
      FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
      WHERE t.schema = 'main' AND t.type = 'table'`,
  );
  let isChanged = false;
  for (const { child, parent, from, to, isNeeded } of references) {
    const where = `"${from}" IS NOT NULL AND "${from}" NOT IN (SELECT "${to}" FROM "${parent}")`;
    const sql = isNeeded
      ? `DELETE FROM "${child}" WHERE ${where}`
      : `UPDATE "${child}" SET "${from}" = NULL WHERE ${where}`;
    isChanged = db.prepare(sql).run().changes > 0 || isChanged;
  }
  return isChanged;
}
