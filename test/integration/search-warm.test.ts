import { call } from '@orpc/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SearchFilters } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import { closeDatabase, openDatabase } from '../../src-main/store/database.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { openSearch } from '../../src-main/store/open-search.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { indexSlice } from '../../src-main/store/queries/search-index.ts';
import { STEP_MESSAGES, STEP_ROWS, warmSteps } from '../../src-main/store/queries/search-warm.ts';
import { createSearchRouter } from '../../src-main/store/search-router.ts';
import { one, type Db } from '../../src-main/store/sql.ts';
import { finished, newSend, temporaryFolder } from '../support/store/fixtures.ts';

const CHATS = 400;
const filters: SearchFilters = {
  ...{ folderId: null, tagId: null, modelId: null, from: null, to: null },
  ...{ role: null, place: null, conversationId: null },
};
const input = { query: 'word399', filters, cursor: null, limit: 10 };

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.dispose());

/** Two messages a chat, all in the index. */
function fill(): Db {
  const { db } = openDatabase(folder.path, migrations);
  db.transaction(() => {
    for (let i = 0; i < CHATS; i++) {
      const send = newSend({ text: `question word${i}`, at: i });
      messages.begin(db, send);
      messages.finish(db, { ...finished(send.assistant.id, { at: i }), text: `answer other${i}` });
    }
  })();
  while (db.transaction(() => indexSlice(db, 1_000))());
  return db;
}

const count = (db: Db, table: string) => one<{ n: number }>(db, `SELECT count(*) AS n FROM ${table}`, {}).n;

test('reading ahead touches every row of the index and the newest messages once, in small steps', () => {
  const db = fill();
  const steps: number[] = [];
  const running = warmSteps(db);
  let step = running.next();
  for (; !step.done; step = running.next()) steps.push(step.value);
  const rows = count(db, 'search_messages_data') + count(db, 'search_documents') + count(db, 'messages');
  expect(count(db, 'search_documents')).toBe(2 * CHATS);
  expect(step.value).toBe(rows);
  expect(steps.reduce((sum, value) => sum + value, 0)).toBe(rows);
  expect(Math.max(...steps)).toBe(STEP_ROWS);
  // Messages come last, and may be long: fewer of them in a step.
  const messageSteps = steps.slice(-Math.ceil((2 * CHATS) / STEP_MESSAGES));
  expect(messageSteps.reduce((sum, value) => sum + value, 0)).toBe(2 * CHATS);
  expect(Math.max(...messageSteps)).toBe(STEP_MESSAGES);
  closeDatabase(db);
});

test('it stops at the first search, which is answered, and does not begin again', async () => {
  closeDatabase(fill());
  const router = createSearchRouter(folder.path);
  const warming = call(router.warm, undefined);
  const found = await call(router.query, input);
  expect(found.chats).toHaveLength(1);
  const { rows, isWhole } = await warming;
  expect(isWhole).toBe(false);
  expect(rows).toBeLessThanOrEqual(STEP_ROWS);
  expect(await call(router.warm, undefined)).toEqual({ rows: 0, isWhole: false });
  await call(router.close, undefined);
});

test('a large database is read some time after the start, a small one never', async () => {
  closeDatabase(fill());
  const log = vi.fn();
  const options = { workerPath: entries.searchWorker, dataDir: folder.path, log, warmAfterMs: 0 };
  const small = openSearch(options);
  const large = openSearch({ ...options, warmFromBytes: 1 });
  await vi.waitFor(() => expect(log).toHaveBeenCalledWith('search.warmed', expect.anything()), 10_000);
  expect(log.mock.calls).toEqual([['search.warmed', { rows: expect.any(Number), isWhole: true }]]);
  expect((await large.query(input)).chats).toHaveLength(1);
  await Promise.all([small.close(), large.close()]);
});
