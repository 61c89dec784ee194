import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { errorCodeOf, type SearchFilters, type SearchResult } from '../../src-main/contract/index.ts';
import { backUp } from '../../src-main/store/backup.ts';
import { eraseFromBackups } from '../../src-main/store/backup-erase.ts';
import { closeDatabase, openDatabase } from '../../src-main/store/database.ts';
import { candidateFile, prepareCandidate } from '../../src-main/store/restore.ts';
import { databaseFile } from '../../src-main/store/files.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { conversations } from '../../src-main/store/queries/conversations.ts';
import { folders } from '../../src-main/store/queries/folders.ts';
import { history } from '../../src-main/store/queries/history.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { hasPending, indexSlice } from '../../src-main/store/queries/search-index.ts';
import { RANKED_HITS, searchSteps } from '../../src-main/store/queries/search.ts';
import { tags } from '../../src-main/store/queries/tags.ts';
import { trash } from '../../src-main/store/queries/trash.ts';
import type { Db } from '../../src-main/store/sql.ts';
import { finished, newSend, temporaryFolder } from '../support/store/fixtures.ts';

const NO_FILTERS: SearchFilters = {
  folderId: null,
  tagId: null,
  modelId: null,
  from: null,
  to: null,
  role: null,
  place: null,
  conversationId: null,
};

/** A chat with one question and one answer. */
function chat(db: Db, text: string, answer: string, at = 1_000): string {
  const send = newSend({ text, at });
  messages.begin(db, send);
  messages.finish(db, { ...finished(send.assistant.id, { at }), text: answer });
  return send.conversationId;
}

function indexAll(db: Db): void {
  while (db.transaction(() => indexSlice(db, 1_000))());
}

interface Search extends Partial<SearchFilters> {
  cursor?: string | null;
  limit?: number;
}

function search(db: Db, query: string, { cursor = null, limit = 30, ...filters }: Search = {}): SearchResult {
  const steps = searchSteps(db, { query, filters: { ...NO_FILTERS, ...filters }, cursor, limit });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function memory(): Db {
  const db = new Database(':memory:');
  migrate(db, migrations, 0);
  return db;
}

const count = (db: Db, table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();

describe('the index', () => {
  test('has settled messages, not what streams, and follows deletions and changes', () => {
    const db = memory();
    const send = newSend({ text: 'a lighthouse' });
    messages.begin(db, send);
    messages.flush(db, { messageId: send.assistant.id, text: 'half a beacon', reasoning: '' });
    indexAll(db);
    expect(search(db, 'beacon').chats).toEqual([]);
    expect(search(db, 'lighthouse').chats[0]?.hitCount).toBe(1);

    messages.finish(db, { ...finished(send.assistant.id), text: 'a whole beacon', reasoning: 'secretly' });
    expect(hasPending(db)).toBe(true);
    indexAll(db);
    expect(search(db, 'beacon').chats[0]?.hits[0]?.messageId).toBe(send.assistant.id);
    expect(search(db, 'secretly').chats).toEqual([]);

    db.prepare('UPDATE messages SET text = ? WHERE id = ?').run('a buoy', send.assistant.id);
    indexAll(db);
    expect(search(db, 'beacon').chats).toEqual([]);
    expect(search(db, 'buoy').chats).toHaveLength(1);

    conversations.rename(db, { id: send.conversationId, title: 'Harbours', at: 2_000 });
    indexAll(db);
    expect(search(db, 'harbours').chats[0]).toMatchObject({ titleHit: true, hits: [] });
    expect(search(db, 'lee shore').chats).toEqual([]);

    db.prepare('UPDATE conversations SET active_leaf_id = NULL').run();
    db.prepare('DELETE FROM messages').run();
    expect(count(db, 'search_documents')).toBe(0);
    expect(search(db, 'buoy').chats).toEqual([]);
    db.exec(`INSERT INTO search_messages (search_messages) VALUES ('integrity-check')`);
  });

  test.each([
    ['few', 150],
    ['so many that the index is written anew', 3],
  ])('holds nothing of deleted chats in its file, among others: %s', (_name, every) => {
    const folder = temporaryFolder();
    try {
      const { db } = openDatabase(folder.path, migrations);
      // Thousands of small commits; what the disk does with them is not the question here.
      db.pragma('synchronous = OFF');
      const words = Array.from({ length: 400 }, (_, n) => `filler${n * 7_919}`);
      const filler = (n: number) =>
        Array.from({ length: 40 }, (_, k) => words[(n * 31 + k * 17) % 400]).join(' ');
      const ids: string[] = [];
      db.transaction(() => {
        for (let n = 0; n < 1_500; n += 1) {
          const isSecret = n % every === 0;
          const secret = `kanari${n}zwq`;
          const id = chat(
            db,
            `${filler(n)} ${isSecret ? secret : ''}`,
            `${isSecret ? `${secret}x` : ''} ${filler(n + 1)}`,
          );
          if (isSecret) ids.push(id);
        }
      })();
      // Many small transactions, as they are in use: each is a segment of its own until they are merged.
      while (db.transaction(() => indexSlice(db, 1))());
      db.pragma('wal_checkpoint(TRUNCATE)');
      const bytes = () => readFileSync(databaseFile(folder.path)).toString('latin1');
      expect(bytes()).toContain('kanari');

      trash.mark(db, { ids, anywhere: true });
      while (db.transaction(() => trash.purgeSlice(db, { budgetMs: 5 }))().more);
      db.pragma('wal_checkpoint(TRUNCATE)');
      const left = bytes();
      // Words of the index begin where they differ from the one before: their ends would be left.
      expect(['anari', 'zwq'].filter((part) => left.includes(part))).toEqual([]);
      db.exec(`INSERT INTO search_messages (search_messages) VALUES ('integrity-check')`);
      closeDatabase(db);
      expect(readFileSync(join(folder.path, 'leeward.db')).toString('latin1')).not.toContain('anari');
    } finally {
      folder.dispose();
    }
  });
});

describe('search', () => {
  test('ranks the newest of many hits, says so, and has the older ones on later pages', () => {
    const db = memory();
    const wanted = new Set<string>();
    db.transaction(() => {
      for (let n = 0; n < RANKED_HITS * 2 + 50; n += 1) wanted.add(chat(db, 'an anchor here', 'none', n));
    })();
    db.prepare(`UPDATE conversations SET title = 'x'`).run();
    indexAll(db);
    const first = search(db, 'anchor', { limit: 100 });
    expect(first.rankedNewest).toBe(RANKED_HITS);
    expect(first.chats).toHaveLength(100);
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = search(db, 'anchor', { limit: 100, cursor });
      for (const { conversationId } of page.chats) {
        expect(seen.has(conversationId)).toBe(false);
        seen.add(conversationId);
      }
      cursor = page.cursor;
    } while (cursor !== null);
    expect(seen).toEqual(wanted);
  });

  test('shows a few hits of a chat, and all of them inside it', () => {
    const db = memory();
    const id = chat(db, 'anchor', 'anchor anchor');
    for (let n = 0; n < 10; n += 1) {
      const send = newSend({ conversationId: id, parentId: null, text: `anchor ${n}`, at: 2_000 + n });
      messages.begin(db, { ...send, newConversation: null });
      messages.finish(db, finished(send.assistant.id));
    }
    indexAll(db);
    const [found] = search(db, 'anchor').chats;
    expect(found).toMatchObject({ conversationId: id, hitCount: 12 });
    expect(found?.hits).toHaveLength(3);
    const inside = search(db, 'anchor', { conversationId: id, limit: 8 });
    expect(inside.chats[0]?.hits).toHaveLength(8);
    const rest = search(db, 'anchor', { conversationId: id, limit: 8, cursor: inside.cursor });
    expect(rest.chats[0]?.hits).toHaveLength(4);
    expect(rest.cursor).toBeNull();
  });

  test('a removed branch is not found and comes back with it', () => {
    const db = memory();
    const id = chat(db, 'an anchor', 'no');
    indexAll(db);
    db.prepare(`UPDATE messages SET removed_at = 1, removed_by = id WHERE conversation_id = ?`).run(id);
    expect(search(db, 'anchor').chats).toEqual([]);
    db.prepare(`UPDATE messages SET removed_at = NULL, removed_by = NULL`).run();
    indexAll(db);
    expect(search(db, 'anchor').chats).toHaveLength(1);
  });
});

describe('folders', () => {
  const folder = (id: string, parentId: string | null) => ({
    id,
    name: id,
    parentId,
    createdAt: 1,
    modelId: null,
    systemPrompt: null,
  });

  test('lie at most sixteen deep, wherever a folder with others inside is moved to', () => {
    const db = memory();
    for (let n = 1; n <= 16; n += 1) folders.create(db, folder(`f${n}`, n === 1 ? null : `f${n - 1}`));
    const codeOf = (work: () => unknown) => {
      try {
        work();
      } catch (error) {
        return errorCodeOf(error);
      }
      return 'no error';
    };
    expect(codeOf(() => folders.create(db, folder('f17', 'f16')))).toBe('invalid_input');
    folders.create(db, folder('a', null));
    folders.create(db, folder('b', 'a'));
    expect(codeOf(() => folders.update(db, { id: 'a', patch: { parentId: 'f15' } }))).toBe('invalid_input');
    folders.update(db, { id: 'a', patch: { parentId: 'f14' } });
    expect(codeOf(() => folders.update(db, { id: 'f1', patch: { parentId: 'b' } }))).toBe('conflict');
    expect(codeOf(() => folders.create(db, folder('c', 'nobody')))).toBe('not_found');
  });

  test('new chats take what the nearest folder says', () => {
    const db = memory();
    folders.create(db, { ...folder('outer', null), modelId: 'm1', systemPrompt: 'outer' });
    folders.create(db, { ...folder('inner', 'outer'), systemPrompt: '' });
    expect(folders.defaults(db, { id: 'inner' })).toEqual({ modelId: 'm1', systemPrompt: '' });
  });
});

describe('undo', () => {
  const folder = (id: string, parentId: string | null = null) => ({
    ...{ id, name: id, parentId, createdAt: 1, modelId: null, systemPrompt: null },
  });

  test('of a move puts back the folder only, not what was done since', () => {
    const db = memory();
    const id = chat(db, 'a', 'b');
    folders.create(db, folder('f'));
    tags.create(db, { id: 't1', name: 'one' });
    tags.create(db, { id: 't2', name: 'two' });
    const moved = history.update(db, { ids: [id], change: { folderId: 'f', addTags: ['t1'] }, at: 10 });
    history.update(db, { ids: [id], change: { pinned: true, addTags: ['t2'] }, at: 11 });
    history.update(db, { ids: [id], change: { trashed: true }, at: 12 });
    expect(history.putBack(db, { folders: [], tags: [], states: moved })).toEqual([id]);
    expect(history.summaries(db, { ids: [id] })[0]).toMatchObject({
      ...{ folderId: null, tags: ['t2'], pinnedAt: 11, trashedAt: 12 },
    });
  });

  test('of a folder’s move keeps its later name, and makes no cycle', () => {
    const db = memory();
    folders.create(db, folder('b'));
    folders.create(db, folder('a', 'b'));
    const moved = folders.update(db, { id: 'a', patch: { parentId: null } });
    folders.update(db, { id: 'a', patch: { name: 'renamed', modelId: 'm' } });
    folders.update(db, { id: 'b', patch: { parentId: 'a' } });
    history.putBack(db, { folders: [moved], tags: [], states: [] });
    const found = folders.list(db, undefined);
    expect(found.find(({ id }) => id === 'a')).toMatchObject({
      ...{ name: 'renamed', modelId: 'm', parentId: null },
    });
    expect(found.find(({ id }) => id === 'b')).toMatchObject({ parentId: 'a' });
  });

  test('of a removed folder brings it back with what was in it, under its later names', () => {
    const db = memory();
    for (const made of [folder('top'), folder('gone', 'top'), folder('in', 'gone')]) folders.create(db, made);
    const before = folders.remove(db, { id: 'gone', chats: 'to_parent', at: 5 });
    folders.update(db, { id: 'in', patch: { name: 'renamed' } });
    history.putBack(db, { ...before, tags: [] });
    expect(folders.list(db, undefined)).toEqual(
      expect.arrayContaining([folder('gone', 'top'), { ...folder('in', 'gone'), name: 'renamed' }]),
    );
  });
});

test('a chat that is being deleted does not come back', () => {
  const db = memory();
  const id = chat(db, 'a', 'b');
  conversations.trash(db, { id, at: 5 });
  trash.mark(db, { ids: [id], anywhere: false });
  expect(() => conversations.restore(db, { id })).toThrow();
  while (trash.purgeSlice(db, { budgetMs: 5 }).more);
  expect(count(db, 'messages')).toBe(0);
});

test('a message that cannot be indexed is left out, and those behind it are found', () => {
  const db = memory();
  for (const text of ['a buoy', 'a reef', 'a wreck']) chat(db, text, 'yes');
  db.exec(`CREATE TRIGGER bad BEFORE INSERT ON search_documents WHEN NEW.seq = 3
    BEGIN SELECT raise(ABORT, 'bad row'); END`);
  const skipped: string[] = [];
  while (db.transaction(() => indexSlice(db, 1_000, (code) => skipped.push(code)))());
  expect(skipped).toEqual(['SQLITE_CONSTRAINT_TRIGGER']);
  expect(search(db, 'reef', { role: 'user' }).chats).toEqual([]);
  for (const word of ['buoy', 'wreck']) expect(search(db, word, { role: 'user' }).chats).toHaveLength(1);
});

test('a backup holds nothing of many chats that were erased, and fills its index anew when it is used', () => {
  const folder = temporaryFolder();
  try {
    const { db } = openDatabase(folder.path, migrations);
    db.pragma('synchronous = OFF');
    const secrets = Array.from({ length: 60 }, (_, n) => chat(db, `kanari${n}zwq`, `kanari${n}zwqx`));
    const kept = chat(db, 'a lighthouse', 'yes');
    indexAll(db);
    const name = backUp(db, folder.path, 60);
    closeDatabase(db);
    const file = join(folder.path, 'backups', name);
    expect(readFileSync(file, 'latin1')).toContain('kanari');
    expect(eraseFromBackups(folder.path, secrets)).toEqual({ rewritten: 1, removed: 0 });
    expect(readFileSync(file, 'latin1')).not.toContain('kanari');
    const copy = new Database(file);
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
    indexAll(copy);
    expect(search(copy, 'lighthouse').chats.map(({ conversationId }) => conversationId)).toEqual([kept]);
    copy.close();
  } finally {
    folder.dispose();
  }
});

/** 800 messages of many lengths with one word, so that the pages of a copy are split on its way. */
function canaries(path: string): { db: Db; ids: string[] } {
  const { db } = openDatabase(path, migrations);
  db.pragma('synchronous = OFF');
  const text = (n: number) => `kanari ${'x'.repeat((n * 397) % 1_700)}`;
  const ids = db.transaction(() => Array.from({ length: 400 }, (_, n) => chat(db, text(n), text(n + 7))))();
  return { db, ids };
}

const holds = (file: string) => readFileSync(file, 'latin1').split('kanari').length - 1;

test('no second copy of a message stays: of a new backup, one of before, and what is restored of that', async () => {
  const folder = temporaryFolder();
  try {
    const { db, ids } = canaries(folder.path);
    const held = join(folder.path, 'backups', backUp(db, folder.path, 240));
    const old = 'leeward-v240-20200101T000000000Z';
    const oldFile = join(folder.path, 'backups', `${old}.db`);
    db.pragma('secure_delete = OFF');
    db.prepare('VACUUM INTO ?').run(oldFile);
    closeDatabase(db);
    expect(holds(oldFile)).toBeGreaterThan(holds(held));

    for await (const _step of prepareCandidate(folder.path, old, migrations));
    const restored = new Database(candidateFile(folder.path));
    restored.pragma('secure_delete = ON');
    restored.exec('DELETE FROM messages; DELETE FROM conversations');
    restored.close();
    expect(holds(candidateFile(folder.path))).toBe(0);

    expect(eraseFromBackups(folder.path, ids)).toEqual({ rewritten: 2, removed: 0 });
    expect([holds(held), holds(oldFile)]).toEqual([0, 0]);
  } finally {
    folder.dispose();
  }
});

test('a backup that was made in the middle of a deletion loses what its index only noted as gone', () => {
  const folder = temporaryFolder();
  try {
    const { db } = openDatabase(folder.path, migrations);
    const gone = chat(db, 'a kanarimast', 'yes');
    const erased = chat(db, 'a kanariboom', 'yes');
    const kept = chat(db, 'a lighthouse', 'yes');
    indexAll(db);
    db.exec(`INSERT INTO search_messages (search_messages, rank) VALUES ('secure-delete', 0);
      DELETE FROM messages WHERE conversation_id = '${gone}';
      DELETE FROM conversations WHERE id = '${gone}'`);
    const file = join(folder.path, 'backups', backUp(db, folder.path, 240));
    closeDatabase(db);
    expect(eraseFromBackups(folder.path, [erased])).toEqual({ rewritten: 1, removed: 0 });
    // Words behind another that begins alike are kept without that beginning.
    for (const word of ['kanari', 'mast', 'boom']) expect(readFileSync(file, 'latin1')).not.toContain(word);
    const copy = new Database(file);
    const option = `SELECT v FROM search_messages_config WHERE k = 'secure-delete'`;
    expect(copy.prepare(option).pluck().get()).toBe(1);
    expect(search(copy, 'lighthouse').chats.map(({ conversationId }) => conversationId)).toEqual([kept]);
    copy.close();
  } finally {
    folder.dispose();
  }
});

test('ten thousand chats are changed and put back in one go', () => {
  const db = memory();
  const ids: string[] = [];
  db.transaction(() => {
    for (let n = 0; n < 10_000; n += 1) {
      const id = randomUUID();
      ids.push(id);
      db.prepare(
        `INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES (?, 't', 'auto', ?, ?)`,
      ).run(id, n, n);
    }
  })();
  const before = history.update(db, { ids, change: { archived: true, pinned: true }, at: 5 });
  expect(before).toHaveLength(10_000);
  expect(history.list(db, { place: 'archive', after: null, limit: 10 })).toMatchObject({ total: 10_000 });
  history.putBack(db, { folders: [], tags: [], states: before });
  expect(history.list(db, { place: 'archive', after: null, limit: 10 }).total).toBe(0);
  expect(conversations.list(db, undefined)).toHaveLength(10_000);
});
