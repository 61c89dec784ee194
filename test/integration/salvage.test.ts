import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRecovery } from '../../src-main/backups/recovery.ts';
import { appError, errorCodeOf, isAppError, type AppClient } from '../../src-main/contract/index.ts';
import { entries } from '../../src-main/entries.ts';
import type { Platform } from '../../src-main/platform.ts';
import { createMemorySecrets } from '../../src-main/privacy/memory-secrets.ts';
import { startApp, type StartedApp } from '../../src-main/start-app.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { memoryClient } from '../support/core.ts';
import { Random } from '../support/gguf/random.ts';
import { finished, newSend, temporaryFolder } from '../support/store/fixtures.ts';

const CHATS = 60;
const PAGE_BYTES = 4_096;

let folder: ReturnType<typeof temporaryFolder>;
let started: StartedApp | null = null;
const file = () => join(folder.path, 'leeward.db');
const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const codeOf = (call: Promise<unknown>) => call.then(() => 'no error', errorCodeOf);

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await started?.close();
  started = null;
  folder.dispose();
});

/** A history of some hundred pages, and a backup of its first chat. */
async function write(): Promise<void> {
  const store = await openStore({ workerPath: entries.storeWorker, dataDir: folder.path, log: () => {} });
  for (let chat = 0; chat < CHATS; chat += 1) {
    let send = newSend({ text: `Chat ${chat} question 0 ${'about the tide '.repeat(40)}` });
    for (let turn = 1; turn <= 4; turn += 1) {
      await store.messages.begin(send);
      await store.messages.finish(
        finished(send.assistant.id, { text: `Chat ${chat} answer ${'of the sea '.repeat(60)}` }),
      );
      const { conversationId, assistant } = send;
      send = newSend({ conversationId, parentId: assistant.id, text: `Chat ${chat} question ${turn}` });
    }
    if (chat === 0) await store.files.backUp({ reason: 'manual' });
  }
  await store.close();
}

/** Overwrites pages of the file; the first, with the schema, only where asked. */
function damage(pages: readonly number[]): string {
  const bytes = readFileSync(file());
  for (const page of pages) bytes.fill(0x5a, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  writeFileSync(file(), bytes);
  return hash(file());
}

/** The root page of a table or an index. */
function pagesOf(name: string): number[] {
  const db = new Database(file(), { readonly: true });
  const { rootpage } = db
    .prepare<[string], { rootpage: number }>('SELECT rootpage FROM sqlite_schema WHERE name = ?')
    .get(name) ?? { rootpage: 0 };
  db.close();
  return [rootpage - 1];
}

/** Those that hold a text: not the schema, without which nothing can be read. */
function pagesWith(text: string): number[] {
  const bytes = readFileSync(file());
  const pages = Array.from({ length: bytes.length / PAGE_BYTES }, (_, page) => page);
  return pages.filter((page) => bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES).includes(text));
}

async function start(): Promise<AppClient> {
  const platform: Platform = {
    host: 'browser',
    capabilities: {
      canPickFile: false,
      canRevealInFolder: false,
      canKeepSecrets: false,
      canOpenExternal: false,
      canSaveFile: false,
      canTrashFiles: false,
      canShowTray: false,
      canCloseToTray: false,
      canNotify: false,
    },
    paths: { dataDir: folder.path, dataDirLabel: 'data', modelFolders: [], otherApps: [] },
    settingsFile: { read: () => ({}), write: () => {} },
    secrets: createMemorySecrets(),
    nodeBinary: process.execPath,
    log: () => {},
  };
  started = await startApp(platform);
  return client();
}

/** As a page that was just loaded. */
function client(): AppClient {
  if (started === null) throw new Error('nothing was started');
  return memoryClient({ serve: started.serve }).client;
}

describe('what can still be read of a damaged database', () => {
  test('opens for reading only, without a change to the damaged file, until a backup is chosen', async () => {
    await write();
    const pages = pagesWith('of the sea of the sea');
    const random = new Random(7);
    const some = Array.from({ length: 12 }, () => pages[Math.floor(random.uniform() * pages.length)] ?? 0);
    const before = damage(some);

    const choice = await start();
    expect(await codeOf(choice.system.info())).toBe('store_damaged');
    const salvaged = await choice.backups.look();
    expect(salvaged.chats).toBeGreaterThan(CHATS / 2);
    expect(salvaged.messages).toBeGreaterThan(CHATS * 4);
    expect(salvaged.unreadable).toBe(true);
    expect(await codeOf(choice.backups.recover({ id: null }))).toBe('conflict');

    const looking = client();
    expect((await looking.system.info()).salvaged).toEqual(salvaged);
    const chats = await looking.conversations.list();
    expect(chats).toHaveLength(salvaged.chats);
    const whole = await Promise.all(chats.map(({ id }) => looking.conversations.get({ id })));
    expect(whole.flatMap(({ messages }) => messages)).toHaveLength(salvaged.messages);
    expect(
      whole.filter(({ messages }) => messages.some(({ text }) => text.startsWith('Chat 30 '))).length,
    ).toBeLessThanOrEqual(2);
    const found = await looking.search.query({ query: 'tide' });
    expect(found.chats.length).toBeGreaterThan(0);
    const { exportId } = await looking.transfer.beginExport({ conversationIds: null, format: 'json' });
    const pieces: string[] = [];
    for (let isLast = false; !isLast;) {
      const piece = await looking.transfer.readExport({ exportId });
      pieces.push(piece.text);
      isLast = piece.isLast;
    }
    expect(JSON.parse(pieces.join('')).conversations).toHaveLength(salvaged.chats);

    const [{ id } = { id: '' }] = chats;
    const refused = [
      looking.conversations.rename({ id, title: 'Other' }),
      looking.conversations.remove({ id }),
      looking.conversations.saveDraft({ id, draft: 'Typed' }),
      looking.history.emptyTrash(),
      looking.history.erase({ ids: [id] }),
      looking.folders.create({ name: 'New' }),
      looking.tags.create({ name: 'new' }),
      looking.transfer.beginImport({ sizeBytes: 10 }),
      looking.backups.make(),
      looking.backups.restore({ id: 'leeward-v1-20200101T000000000Z' }),
    ];
    expect(await Promise.all(refused.map(codeOf))).toEqual(refused.map(() => 'store_read_only'));
    expect(hash(file())).toBe(before);
    expect(readdirSync(folder.path).filter((name) => /-(?:wal|shm|journal)$/u.test(name))).toEqual([]);

    await looking.backups.endLook();
    expect(existsSync(join(folder.path, 'salvaged'))).toBe(false);
    const again = client();
    expect(await codeOf(again.system.info())).toBe('store_damaged');
    const [good] = await again.backups.good();
    await again.backups.recover({ id: good?.id ?? '' });
    expect(await client().conversations.list()).toHaveLength(1);
  });

  test('a chat whose own entry is lost keeps its messages; a lost index costs nothing', async () => {
    await write();
    damage([...pagesOf('sqlite_autoindex_messages_1'), ...pagesOf('messages_by_conversation')]);
    const db = new Database(file());
    db.pragma('foreign_keys = OFF');
    db.prepare(`DELETE FROM conversations WHERE seq = 5`).run();
    db.close();
    const choice = await start();
    const salvaged = await choice.backups.look();
    expect(salvaged).toMatchObject({ chats: CHATS, messages: CHATS * 8, unreadable: false });
    const titles = (await client().conversations.list()).map(({ title }) => title);
    expect(titles.some((title) => title.startsWith('Chat 4 question 0'))).toBe(true);
  });

  test('of a file that is noise it says that nothing can be read, and the choice stays', async () => {
    await write();
    const bytes = readFileSync(file());
    writeFileSync(file(), bytes.fill(0x5a, 4_096));
    const before = hash(file());
    const choice = await start();
    expect(await codeOf(choice.backups.look())).toBe('store_damaged');
    expect(hash(file())).toBe(before);
    expect(readdirSync(folder.path).toSorted()).toEqual(['backups', 'leeward.db']);
    expect(await choice.backups.good()).toHaveLength(1);
  });

  test('what an older version left is read and brought to this one', async () => {
    const db = new Database(file());
    migrate(
      db,
      migrations.filter(({ version }) => version <= 50),
      0,
    );
    db.exec(`INSERT INTO conversations (id, title, title_source, created_at, updated_at)
        VALUES ('00000000-0000-4000-8000-000000000001', 'Old', 'auto', 1, 1);
      INSERT INTO messages (id, conversation_id, role, text, status, created_at)
        VALUES ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'user',
          'From then', 'streaming', 1);`);
    db.close();
    damage(pagesOf('messages_by_conversation'));
    const choice = await start();
    expect(await choice.backups.look()).toEqual({ chats: 1, messages: 1, unreadable: false });
    const [chat] = await client().conversations.list();
    const { messages } = await client().conversations.get({ id: chat?.id ?? '' });
    expect(messages).toMatchObject([{ text: 'From then', status: 'interrupted' }]);
  });
});

test('no backup is chosen while the look at the readable part still ends, and who asks for the end waits', async () => {
  await write();
  damage(pagesOf('messages_by_conversation'));
  let finish = () => {};
  const closing = new Promise<void>((resolve) => (finish = resolve));
  let begun = () => {};
  const isClosing = new Promise<void>((resolve) => (begun = resolve));
  let end = async () => {};
  const recovery = createRecovery({
    workerPath: entries.storeWorker,
    dataDir: folder.path,
    log: () => {},
    why: Object.assign(appError('store_damaged'), { code: 'store_damaged' as const }),
    onRecovered: async () => {},
    openLook: async (_salvaged, endLook) => {
      end = endLook;
      return { serve: () => {}, close: () => (begun(), closing) };
    },
  });
  const choice = memoryClient({ serve: recovery.serve }).client;
  await choice.backups.look();
  const ends = [end(), end()];
  await isClosing;
  const [good] = await choice.backups.good();
  expect(await codeOf(choice.backups.recover({ id: good?.id ?? '' }))).toBe('conflict');
  expect(existsSync(join(folder.path, 'salvaged'))).toBe(true);
  finish();
  await Promise.all(ends);
  expect(existsSync(join(folder.path, 'salvaged'))).toBe(false);
  await choice.backups.recover({ id: good?.id ?? '' });
  await recovery.close();
});

describe('a database of a newer version', () => {
  test('is left as it is, and a backup from before can take its place', async () => {
    await write();
    const db = new Database(file());
    db.pragma('user_version = 9990');
    db.close();
    const before = hash(file());
    const choice = await start();
    const failure: unknown = await choice.system.info().catch((error: unknown) => error);
    expect(isAppError(failure) && [failure.code, failure.data.details?.['databaseVersion']]).toEqual([
      'store_newer',
      9990,
    ]);
    expect(await codeOf(choice.backups.look())).toBe('conflict');
    expect(await codeOf(choice.backups.recover({ id: null }))).toBe('conflict');
    const [good] = await choice.backups.good();
    expect(good).toMatchObject({ chats: 1 });
    expect(hash(file())).toBe(before);
    expect(readdirSync(folder.path).toSorted()).toEqual(['backups', 'leeward.db']);

    await choice.backups.recover({ id: good?.id ?? '' });
    expect(await client().conversations.list()).toHaveLength(1);
    const [kept] = readdirSync(folder.path).filter((name) => name.startsWith('leeward-newer-'));
    expect(hash(join(folder.path, kept ?? ''))).toBe(before);
  });
});
