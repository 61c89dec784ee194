import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { latestVersion, migrate, type Migration } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { LIST } from '../../src-main/store/queries/conversations.ts';
import { LISTS } from '../../src-main/store/queries/ledger.ts';
import { OF_CONVERSATION } from '../../src-main/store/queries/message-rows.ts';
import { GET, NEWEST_LEAF, PATH } from '../../src-main/store/queries/messages.ts';
import { OF_HASH } from '../../src-main/store/queries/provenance.ts';
import type { Db } from '../../src-main/store/sql.ts';

let db: Db;
const latest = latestVersion(migrations);

beforeEach(() => {
  db = new Database(':memory:');
  migrate(db, migrations, 0);
  return () => db.close();
});

const schemaOf = (database: Db) =>
  database
    .prepare<[], { type: string; name: string; sql: string | null }>(
      'SELECT type, name, sql FROM sqlite_schema ORDER BY type, name',
    )
    .all();

function plan(sql: string): string[] {
  const parameters = Object.fromEntries([...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name ?? '', null]));
  return db
    .prepare<[Record<string, null>], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(parameters)
    .map(({ detail }) => detail);
}

describe('query plans', () => {
  test('the list walks its index and sorts nothing', () => {
    expect(plan(`SELECT c.title FROM conversations c ${LIST}`)).toEqual([
      'SCAN c USING INDEX conversations_by_update',
    ]);
  });

  test('the messages of a conversation come in order from one index', () => {
    expect(plan(OF_CONVERSATION)).toEqual([
      'SEARCH m USING INDEX messages_by_conversation (conversation_id=?)',
      'SEARCH g USING INDEX sqlite_autoindex_generations_1 (message_id=?) LEFT-JOIN',
      'CORRELATED SCALAR SUBQUERY 1',
      'USE TEMP B-TREE FOR json_group_array(ORDER BY)',
      'SEARCH a USING INDEX attachments_by_message (message_id=?)',
    ]);
  });

  test('path and newest leaf step from row to row, no table is read whole', () => {
    expect(plan(PATH)).toEqual(
      expect.arrayContaining([
        'SEARCH p USING INDEX sqlite_autoindex_messages_1 (id=?)',
        'SEARCH m USING INTEGER PRIMARY KEY (rowid=?)',
      ]),
    );
    expect(plan(NEWEST_LEAF)).toContain('SEARCH c USING INDEX messages_by_parent (parent_id=?)');
    for (const sql of [PATH, NEWEST_LEAF, GET]) {
      expect(plan(sql).filter((step) => /SCAN (messages|[mpcg])\b/.test(step))).toEqual([]);
    }
  });

  test('the ledger pages by its key, refused ones by their own index', () => {
    for (const sql of Object.values(LISTS)) expect(plan(sql).join()).not.toContain('TEMP B-TREE');
    expect(plan(LISTS.refused)).toEqual(['SCAN l USING INDEX ledger_refused']);
  });

  test('models are found by the hash of their file in its index', () => {
    expect(plan(OF_HASH)).toEqual([
      'SEARCH f USING COVERING INDEX model_provenance_files_by_hash (sha256=?)',
    ]);
  });

  test('finding what streams and repeated requests use their indices', () => {
    expect(plan(`UPDATE messages SET status = 'interrupted' WHERE status = 'streaming'`)).toEqual([
      'SEARCH messages USING COVERING INDEX messages_streaming (status=?)',
    ]);
    expect(plan('SELECT id FROM messages WHERE request_id = @requestId')).toEqual([
      'SEARCH messages USING INDEX messages_by_request (request_id=?)',
    ]);
  });
});

describe('the schema', () => {
  test('every table is STRICT and refuses values of another type', () => {
    const tables = db
      .prepare<[], { name: string; strict: number }>(
        // The index of the search has tables of its own.
        `SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
          AND name NOT LIKE 'sqlite_%'`,
      )
      .all();
    expect(tables.map(({ name }) => name).sort()).toEqual([
      'adapters',
      'attached_adapters',
      'attachments',
      'bench_runs',
      'conversation_models',
      'conversation_tags',
      'conversations',
      'deleted_chats',
      'folders',
      'generation_samples',
      'generations',
      'hidden_model_files',
      'imports',
      'kept_provenance',
      'ledger',
      'messages',
      'model_folders',
      'model_provenance',
      'model_provenance_files',
      'model_tunings',
      'models',
      'presets',
      'queued_files',
      'queued_messages',
      'sample_setups',
      'search_documents',
      'search_pending_messages',
      'search_pending_titles',
      'tags',
      'turn_edits',
    ]);
    expect(tables.every(({ strict }) => strict === 1)).toBe(true);
    const insert = (createdAt: unknown, title: unknown) =>
      db
        .prepare(
          `INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES ('a', ?, 'auto', ?, 1)`,
        )
        .run(title, createdAt);
    expect(() => insert('yesterday', 'x')).toThrow(/cannot store TEXT value in INTEGER column/);
    expect(() => insert(1.5, 'x')).toThrow(/cannot store REAL value in INTEGER column/);
    expect(() => insert(1, Buffer.from('x'))).toThrow(/cannot store BLOB value in TEXT column/);
    insert(1, 'x');
  });

  test('half a set of sampling values, unknown states and broken JSON are refused', () => {
    db.exec(
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES ('c', '', 'auto', 1, 1)`,
    );
    const refused = [
      `UPDATE conversations SET temperature = 1`,
      `UPDATE conversations SET max_tokens = 1`,
      `UPDATE conversations SET title_source = 'guessed'`,
      `INSERT INTO messages (id, conversation_id, role, text, status, created_at) VALUES ('m', 'c', 'tool', '', 'complete', 1)`,
      `INSERT INTO messages (id, conversation_id, role, text, status, created_at) VALUES ('m', 'c', 'user', '', 'done', 1)`,
      `INSERT INTO messages (id, conversation_id, role, text, status, error_details, created_at)
        VALUES ('m', 'c', 'user', '', 'failed', '{', 1)`,
    ];
    for (const sql of refused) expect(() => db.exec(sql), sql).toThrow(/CHECK constraint failed/);
  });

  test('released migrations are never edited', () => {
    const digest = createHash('sha256')
      .update(JSON.stringify(schemaOf(db)))
      .digest('hex');
    expect(digest.slice(0, 16)).toMatchInlineSnapshot(`"3fe919ce09910394"`);
  });
});

describe('migrate', () => {
  const failing: Migration = {
    version: 9_010,
    name: 'failing',
    up(database) {
      database.exec('CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT');
      throw new Error('half way');
    },
  };

  test('versions are multiples of ten in ascending order', () => {
    expect(latestVersion(migrations)).toBe(migrations.at(-1)?.version);
    expect(migrations.filter(({ version }) => version % 10 !== 0)).toEqual([]);
    const [first] = migrations;
    if (!first) throw new Error('no migration');
    expect(() => latestVersion([first, first])).toThrow(expect.objectContaining({ code: 'store_failed' }));
    expect(() => latestVersion([])).toThrow(expect.objectContaining({ code: 'store_failed' }));
  });

  test('one that fails leaves version and schema as they were', () => {
    const before = schemaOf(db);
    expect(() => migrate(db, [...migrations, failing], latest)).toThrow('half way');
    expect(schemaOf(db)).toEqual(before);
    expect(db.pragma('user_version', { simple: true })).toBe(latest);
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
  });

  test('one that breaks a reference is refused', () => {
    const breaking: Migration = {
      version: 9_010,
      name: 'breaking',
      up: (database) =>
        void database.exec(`INSERT INTO messages (id, conversation_id, role, text, status, created_at)
          VALUES ('m', 'nobody', 'user', '', 'complete', 1)`),
    };
    expect(() => migrate(db, [...migrations, breaking], latest)).toThrow(
      expect.objectContaining({ code: 'store_failed' }),
    );
    expect(db.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(0);
  });

  test('a table may be rebuilt without losing what refers to it', () => {
    db.exec(`INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES ('c', '', 'auto', 1, 1);
      INSERT INTO messages (id, conversation_id, role, text, status, created_at) VALUES ('m', 'c', 'user', '', 'complete', 1);`);
    const rebuild: Migration = {
      version: 9_010,
      name: 'rebuild',
      up(database) {
        const sql = database
          .prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE name = 'conversations'`)
          .pluck()
          .get();
        // Triggers of other tables name the one that is away for a moment.
        database.pragma('legacy_alter_table = ON');
        database.exec(`${sql?.replace('conversations', 'rebuilt') ?? ''};
          INSERT INTO rebuilt SELECT * FROM conversations; DROP TABLE conversations;
          ALTER TABLE rebuilt RENAME TO conversations;`);
      },
    };
    expect(migrate(db, [...migrations, rebuild], latest)).toEqual([9_010]);
    expect(db.prepare('SELECT conversation_id FROM messages').pluck().all()).toEqual(['c']);
  });
});
