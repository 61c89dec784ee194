import { createHash, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { appError, errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { backUp, KEPT_BACKUPS, listBackups } from '../../src-main/store/backup.ts';
import { closeDatabase, openDatabase } from '../../src-main/store/database.ts';
import { storeError } from '../../src-main/store/errors.ts';
import { APPLICATION_ID, inspectDatabase } from '../../src-main/store/inspect.ts';
import { latestVersion, type Migration } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { conversations } from '../../src-main/store/queries/conversations.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { finished, newSend, temporaryFolder } from '../support/store/fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
const latest = latestVersion(migrations);

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'leeward.db');
});

afterEach(() => folder.dispose());

const open = (list: readonly Migration[] = migrations) => openDatabase(folder.path, list);
const addNotes: Migration = {
  version: 9_010,
  name: 'notes',
  up: (db) =>
    void db.exec(`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
      INSERT INTO notes (text) SELECT text FROM messages ORDER BY seq;`),
};

function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    const typed = storeError(error, folder.path);
    return { code: typed.code, details: typed.data.details };
  }
  return 'no error';
}

/** Name, mode and content of every file below the data folder. */
function fingerprint(): Record<string, string> {
  const names = readdirSync(folder.path, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
        return [path, `${statSync(path).mode} ${hash}`];
      }),
  );
}

function withOneTurn(): { id: string; assistant: string } {
  const { db } = open();
  const send = newSend({ text: 'Kept.' });
  messages.begin(db, send);
  messages.finish(db, finished(send.assistant.id));
  closeDatabase(db);
  return { id: send.conversationId, assistant: send.assistant.id };
}

/** Leaves the files as a kill would: what was committed is in the WAL only. */
function abandonWithWal(change: (db: Database.Database) => void): void {
  const live = join(folder.path, 'live');
  mkdirSync(live);
  const db = new Database(join(live, 'leeward.db'));
  if (existsSync(file)) {
    db.close();
    copyFileSync(file, join(live, 'leeward.db'));
  }
  const writer = existsSync(file) ? new Database(join(live, 'leeward.db')) : db;
  writer.pragma('journal_mode = WAL');
  writer.pragma('wal_autocheckpoint = 0');
  change(writer);
  for (const suffix of ['', '-wal']) copyFileSync(join(live, `leeward.db${suffix}`), file + suffix);
  writer.close();
}

describe('opening', () => {
  test('a new database has every pragma, no backup and the newest version', () => {
    const { db, report } = open();
    const pragma = (name: string) => db.pragma(name, { simple: true });
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('foreign_keys')).toBe(1);
    expect(pragma('secure_delete')).toBe(1);
    expect(pragma('busy_timeout')).toBeGreaterThan(0);
    expect(pragma('application_id')).toBe(APPLICATION_ID);
    expect(pragma('user_version')).toBe(migrations.at(-1)?.version);
    expect(report).toMatchObject({ fromVersion: null, backedUp: false, endedHard: false });
    expect(existsSync(join(folder.path, 'backups'))).toBe(false);
    closeDatabase(db);
    expect(readdirSync(folder.path)).toEqual(['leeward.db']);
  });

  test('after a hard end everything committed is there', () => {
    withOneTurn();
    const send = newSend({ text: 'In the WAL.' });
    abandonWithWal((db) => messages.begin(db, send));
    const { db, report } = open();
    expect(report.endedHard).toBe(true);
    expect(conversations.get(db, { id: send.conversationId }).messages[0]?.text).toBe('In the WAL.');
    expect(messages.interruptStreaming(db, { at: 1 })).toBe(1);
    closeDatabase(db);
  });

  test('deleted text leaves no trace in the file', () => {
    const { db } = open();
    const send = newSend({ text: 'canary-6f1b '.repeat(2_000) });
    messages.begin(db, send);
    db.pragma('wal_checkpoint(TRUNCATE)');
    expect(readFileSync(file).includes('canary-6f1b')).toBe(true);
    db.prepare('DELETE FROM conversations').run();
    closeDatabase(db);
    expect(readFileSync(file).includes('canary-6f1b')).toBe(false);
  });
});

describe('migrating', () => {
  test('a database from before the first version is backed up, migrated and keeps its rows', () => {
    const old = new Database(file);
    old.exec(`CREATE TABLE jottings (id INTEGER PRIMARY KEY, text TEXT) STRICT;
      INSERT INTO jottings (text) VALUES ('one'), ('two');`);
    old.close();
    const { db, report } = open();
    expect(report).toMatchObject({ fromVersion: 0, toVersion: latest, backedUp: true });
    expect(db.prepare('SELECT text FROM jottings').pluck().all()).toEqual(['one', 'two']);
    messages.begin(db, newSend());
    closeDatabase(db);
    const [backup] = listBackups(folder.path);
    expect(backup).toMatch(/^leeward-v0-\d{8}T\d{9}Z\.db$/);
    const path = join(folder.path, 'backups', backup ?? '');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const copy = new Database(path, { readonly: true });
    expect(copy.prepare('SELECT text FROM jottings').pluck().all()).toEqual(['one', 'two']);
    expect(copy.prepare(`SELECT count(*) FROM sqlite_schema WHERE name = 'messages'`).pluck().get()).toBe(0);
    copy.close();
  });

  test('the backup holds what was only in the WAL, and opens as a database of its own', () => {
    withOneTurn();
    const send = newSend({ text: 'In the WAL.' });
    abandonWithWal((db) => messages.begin(db, send));
    const { db } = open([...migrations, addNotes]);
    expect(db.prepare('SELECT text FROM notes').pluck().all()).toEqual([
      'Kept.',
      'A coast the wind blows on to.',
      'In the WAL.',
      '',
    ]);
    closeDatabase(db);
    const restored = join(folder.path, 'restored');
    mkdirSync(restored);
    copyFileSync(
      join(folder.path, 'backups', listBackups(folder.path)[0] ?? ''),
      join(restored, 'leeward.db'),
    );
    const opened = openDatabase(restored, migrations);
    expect(opened.report).toMatchObject({ fromVersion: latest, backedUp: false });
    expect(conversations.get(opened.db, { id: send.conversationId }).messages).toHaveLength(2);
    closeDatabase(opened.db);
  });

  test('a migration that fails leaves the old version to open', () => {
    const { id } = withOneTurn();
    const failing: Migration = {
      version: 9_020,
      name: 'failing',
      up(db) {
        db.exec('DELETE FROM messages; DROP TABLE ledger;');
        throw appError('store_failed');
      },
    };
    expect(failureOf(() => open([...migrations, addNotes, failing]))).toMatchObject({ code: 'store_failed' });
    const { db, report } = open([...migrations, addNotes]);
    expect(report.fromVersion).toBe(9_010);
    expect(conversations.get(db, { id }).messages).toHaveLength(2);
    closeDatabase(db);
  });

  test(`the last ${KEPT_BACKUPS} backups stay; other files in their folder are left alone`, () => {
    withOneTurn();
    const { db } = open();
    const times = Array.from({ length: 8 }, (_, index) => new Date(Date.UTC(2026, 0, 1 + index)));
    mkdirSync(join(folder.path, 'backups'));
    writeFileSync(join(folder.path, 'backups', 'mine.db'), 'mine');
    writeFileSync(join(folder.path, 'backups', 'leeward-v1-20200101T000000000Z.db.partial'), 'half');
    const versions = [90, 80, 70, 60, 50, 40, 30, 20];
    const names = times.map((time, index) => backUp(db, folder.path, versions[index] ?? 0, time));
    expect(listBackups(folder.path)).toEqual(names.slice(-KEPT_BACKUPS));
    expect(readdirSync(join(folder.path, 'backups')).sort()).toEqual(
      ['mine.db', ...names.slice(-KEPT_BACKUPS)].sort(),
    );
    closeDatabase(db);
  });
});

describe('what must stay untouched', () => {
  const newer = (db: Database.Database) => {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.exec('CREATE TABLE future (id INTEGER PRIMARY KEY) STRICT; INSERT INTO future DEFAULT VALUES;');
    db.pragma('user_version = 990');
  };

  test('a newer database that was closed', async () => {
    const db = new Database(file);
    db.pragma('journal_mode = WAL');
    newer(db);
    db.close();
    const before = fingerprint();
    const opening = openStore({ workerPath: entries.storeWorker, dataDir: folder.path, log: () => {} });
    const failure = await opening.catch((error: unknown) => error);
    expect(isAppError(failure) && [failure.code, failure.data.details]).toEqual([
      'store_newer',
      { databaseVersion: 990, appVersion: migrations.at(-1)?.version },
    ]);
    expect(fingerprint()).toEqual(before);
  });

  test('a newer database that ended hard: its version is still in the WAL', () => {
    withOneTurn();
    abandonWithWal(newer);
    const before = fingerprint();
    expect(failureOf(() => open())).toEqual({
      code: 'store_newer',
      details: { databaseVersion: 990, appVersion: migrations.at(-1)?.version },
    });
    expect(fingerprint()).toEqual(before);
  });

  test.each([
    [
      'text',
      Buffer.from('This is not a database, and longer than a header of one hundred bytes. '.repeat(20)),
    ],
    ['noise', Buffer.from(Array.from({ length: 8_192 }, (_, index) => (index * 167 + 13) % 256))],
    ['zeros', Buffer.alloc(8_192)],
  ])('a file of %s', (_, content) => {
    writeFileSync(file, content);
    const before = fingerprint();
    expect(failureOf(() => open())).toMatchObject({ code: 'store_damaged' });
    expect(fingerprint()).toEqual(before);
  });

  test('a database of another program', () => {
    const db = new Database(file);
    db.pragma('application_id = 12345');
    db.exec('CREATE TABLE theirs (id INTEGER)');
    db.close();
    const before = fingerprint();
    expect(failureOf(() => open())).toEqual({ code: 'store_damaged', details: { reason: 'foreign' } });
    expect(fingerprint()).toEqual(before);
  });

  test('a damaged page, a cut-off file', () => {
    withOneTurn();
    const whole = readFileSync(file);
    const damages = [
      Buffer.concat([whole.subarray(0, 4_096), Buffer.alloc(4_096, 0xa5), whole.subarray(8_192)]),
      whole.subarray(0, 4_096 * 3),
    ];
    for (const content of damages) {
      writeFileSync(file, content);
      const before = fingerprint();
      expect(failureOf(() => open())).toMatchObject({ code: 'store_damaged' });
      expect(fingerprint()).toEqual(before);
    }
  });

  test('looking at a sound database changes nothing either', () => {
    withOneTurn();
    const before = fingerprint();
    expect(inspectDatabase(file, latest)).toEqual({ version: latest, endedHard: false });
    expect(fingerprint()).toEqual(before);
  });
});

describe('a full disk', () => {
  test('a send that does not fit changes nothing; it works when there is room again', () => {
    const { db } = open();
    const kept = newSend({ text: 'Kept.' });
    messages.begin(db, kept);
    messages.finish(db, finished(kept.assistant.id));
    const pages = Number(db.pragma('page_count', { simple: true }));
    db.pragma(`max_page_count = ${pages + 2}`);
    const large = newSend({
      conversationId: kept.conversationId,
      parentId: kept.assistant.id,
      text: 'x'.repeat(99_000),
    });
    const attempt = () => db.transaction(() => messages.begin(db, large))();
    expect(failureOf(attempt)).toEqual({ code: 'disk_full', details: { reason: 'SQLITE_FULL' } });
    const { conversation, messages: tree } = conversations.get(db, { id: kept.conversationId });
    expect(tree).toHaveLength(2);
    expect(conversation).toMatchObject({ activeLeafId: kept.assistant.id, messageCount: 2 });
    db.pragma('max_page_count = 1000000');
    expect(attempt().repeated).toBe(false);
    expect(conversations.get(db, { id: kept.conversationId }).messages).toHaveLength(4);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    closeDatabase(db);
  });

  test('an answer that no longer fits keeps what was written before, and its end can be written later', () => {
    const { db } = open();
    const send = newSend();
    messages.begin(db, send);
    const write = (text: string) => messages.flush(db, { messageId: send.assistant.id, text, reasoning: '' });
    write('so far');
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`);
    expect(failureOf(() => write('y'.repeat(99_000)))).toMatchObject({ code: 'disk_full' });
    expect(messages.get(db, { id: send.assistant.id })).toMatchObject({
      text: 'so far',
      status: 'streaming',
    });
    db.pragma('max_page_count = 1000000');
    messages.finish(db, finished(send.assistant.id, { text: 'y'.repeat(99_000) }));
    expect(messages.get(db, { id: send.assistant.id }).text).toHaveLength(99_000);
    closeDatabase(db);
  });

  test('codes of the system and of SQLite become those of the contract', () => {
    const sqlite = (code: string) => new Database.SqliteError(`with text of the user`, code);
    const system = (code: string) => Object.assign(new Error('x'), { code });
    const codes = [
      sqlite('SQLITE_FULL'),
      system('ENOSPC'),
      system('EDQUOT'),
      sqlite('SQLITE_CORRUPT_VTAB'),
      sqlite('SQLITE_NOTADB'),
      sqlite('SQLITE_IOERR_WRITE'),
      sqlite('SQLITE_CONSTRAINT_UNIQUE'),
      sqlite('SQLITE_CONSTRAINT_FOREIGNKEY'),
      sqlite('SQLITE_CONSTRAINT_DATATYPE'),
      new TypeError('x'),
      appError('not_found'),
    ].map((error) => errorCodeOf(storeError(error, folder.path)));
    expect(codes).toEqual([
      'disk_full',
      'disk_full',
      'disk_full',
      'store_damaged',
      'store_damaged',
      'store_failed',
      'conflict',
      'not_found',
      'store_failed',
      'store_failed',
      'not_found',
    ]);
    expect(JSON.stringify(storeError(sqlite('SQLITE_FULL'), randomUUID()))).not.toContain('text of the user');
  });
});
