import { existsSync, linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBackups, type BackupsDeps } from '../../src-main/backups/backups.ts';
import { errorCodeOf, SearchFilters, type AppEvent } from '../../src-main/contract/index.ts';
import { createHistory } from '../../src-main/conversations/history.ts';
import { entries } from '../../src-main/entries.ts';
import { createEventBus } from '../../src-main/events.ts';
import { createBeside } from '../../src-main/store/beside.ts';
import { openSearch } from '../../src-main/store/open-search.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import type { Store } from '../../src-main/store/api.ts';
import { finished, newSend, temporaryFolder } from '../support/store/fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: Store | null = null;
const log = () => {};

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await store?.close();
  store = null;
  folder.dispose();
});

const options = () => ({ workerPath: entries.storeWorker, dataDir: folder.path, log });

async function open(): Promise<Store> {
  store = await openStore(options());
  return store;
}

async function addChat(to: Store, text: string): Promise<string> {
  const send = newSend({ text });
  await to.messages.begin(send);
  await to.messages.finish(finished(send.assistant.id));
  return send.conversationId;
}

const codeOf = (call: Promise<unknown>) => call.then(() => 'no error', errorCodeOf);
const inBackups = () => readdirSync(join(folder.path, 'backups'));

function service(of: Store, more: Partial<BackupsDeps> = {}) {
  const events: AppEvent[] = [];
  const steps: string[] = [];
  const search = openSearch({ ...options(), workerPath: entries.searchWorker });
  const backups = createBackups({
    store: of,
    search,
    bus: { emit: (event) => void events.push(event) },
    log,
    dataDir: folder.path,
    stopAnswers: async () => void steps.push('stopped'),
    tidy: async () => void steps.push('tidied'),
    ...more,
  });
  const close = async () => {
    await backups.close();
    await search.close();
  };
  return { backups, search, events, steps, close };
}

describe('backups while the app runs', () => {
  test('one is made beside calls that go on, described, and restored; the restore is undone by another', async () => {
    const running = await open();
    const first = await addChat(running, 'The lighthouse');
    const { backups, search, events, steps, close } = service(running);
    const making = backups.make();
    const second = await addChat(running, 'Written meanwhile');
    await making;
    const [made] = await backups.list();
    expect(made).toMatchObject({ reason: 'manual' });
    expect([1, 2]).toContain(made?.chats);
    await running.conversations.trash({ id: first, at: 1 });
    await addChat(running, 'Third');
    // A reader of the present file is open.
    const query = { query: 'lighthouse', filters: v.parse(SearchFilters, {}), cursor: null, limit: 10 };
    await search.query(query);

    await backups.restore(made?.id ?? '');
    expect(steps).toEqual(['stopped', 'tidied']);
    expect(events.at(-1)).toEqual({ type: 'gap' });
    const told = events.flatMap((event) => (event.type === 'backups.restoring' ? [event.step?.step] : []));
    expect([...new Set(told)]).toEqual(['copy', 'check', 'update', undefined]);
    const ids = (await running.conversations.list(undefined)).map(({ id }) => id);
    expect(ids).toContain(first);
    expect(ids).toHaveLength(made?.chats ?? 0);
    const found = await search.query(query);
    expect(found.chats.map(({ conversationId }) => conversationId)).toEqual([first]);

    const [before] = await backups.list();
    expect(before).toMatchObject({ reason: 'restore', chats: 2 });
    await backups.restore(before?.id ?? '');
    const again = (await running.conversations.list(undefined)).map(({ id }) => id);
    expect(again).toContain(second);
    expect(again).not.toContain(first);
    await close();
    await running.close();
    await open();
    expect(await store?.conversations.list(undefined)).toHaveLength(2);
  });

  test('a restore keeps temporary chats and the record of connections', async () => {
    const running = await open();
    await addChat(running, 'Kept');
    const { backups, close } = service(running);
    await backups.make();
    const entry = {
      sessionId: 'run',
      at: 5,
      host: 'huggingface.co',
      purpose: 'hub',
      outcome: 'refused',
    } as const;
    await running.ledger.open(entry);
    const send = newSend({ text: 'Nowhere on disk' });
    if (send.newConversation) send.newConversation.temporary = true;
    await running.messages.begin(send);
    await backups.restore((await backups.list())[0]?.id ?? '');
    expect((await running.conversations.get({ id: send.conversationId })).messages).toHaveLength(2);
    expect(await running.ledger.list({ outcome: 'all', beforeId: null, limit: 9 })).toMatchObject([
      { host: 'huggingface.co' },
    ]);
    await close();
  });

  test('chats go on while a backup is prepared, and what is written then is in the way back', async () => {
    const running = await open();
    const before = await addChat(running, 'In the backup');
    // Several pieces of a copy.
    for (let index = 0; index < 12; index += 1) await addChat(running, 'x'.repeat(1_000_000));
    const meanwhile: Promise<string>[] = [];
    const emit = (event: AppEvent) => {
      if (event.type === 'backups.restoring' && event.step?.step === 'copy' && meanwhile.length === 0)
        meanwhile.push(addChat(running, 'Written while the copy runs'));
    };
    const { backups, close } = service(running, { bus: { emit } });
    await backups.make();
    const [made] = await backups.list();
    await backups.restore(made?.id ?? '');
    const [written] = await Promise.all(meanwhile);
    expect(written).toBeDefined();
    const list = async () => (await running.conversations.list(undefined)).map(({ id }) => id);
    expect(await list()).toContain(before);
    expect(await list()).not.toContain(written);
    const [wayBack] = await backups.list();
    expect(wayBack).toMatchObject({ reason: 'restore', chats: 14 });
    expect(statSync(join(folder.path, 'backups', `${wayBack?.id}.db`))).toMatchObject({ nlink: 1 });
    await backups.restore(wayBack?.id ?? '');
    expect(await list()).toContain(written);
    await close();
  });

  test.each(['copy', 'check'] as const)('a restore that is aborted in its %s changes nothing', async (at) => {
    const running = await open();
    for (let index = 0; index < 8; index += 1) await addChat(running, 'x'.repeat(1_000_000));
    const abort = new AbortController();
    const emit = (event: AppEvent) => {
      if (event.type === 'backups.restoring' && event.step?.step === at) abort.abort();
    };
    const { backups, steps, close } = service(running, { bus: { emit } });
    await backups.make();
    const held = inBackups();
    const [made] = await backups.list();
    expect(await codeOf(backups.restore(made?.id ?? '', abort.signal))).toBe('aborted');
    expect(steps).toEqual([]);
    expect(inBackups()).toEqual(held);
    expect(readdirSync(folder.path).filter((name) => name.includes('restoring'))).toEqual([]);
    expect(await running.conversations.list(undefined)).toHaveLength(8);
    await close();
  });

  test('an exchange that was cut off leaves the database with one name', async () => {
    const running = await open();
    await addChat(running, 'Here');
    await running.files.backUp({ reason: 'manual' });
    await running.close();
    const twin = join(folder.path, 'backups', 'leeward-v100-20260101T000000000Z-restore.db');
    linkSync(join(folder.path, 'leeward.db'), twin);
    const again = await open();
    expect(existsSync(twin)).toBe(false);
    expect(inBackups()).toHaveLength(1);
    expect(await again.conversations.list(undefined)).toHaveLength(1);
  });

  test('a damaged, unknown or foreign backup changes nothing and leaves nothing behind', async () => {
    const running = await open();
    await addChat(running, 'Here');
    const { backups, events, close } = service(running);
    await backups.make();
    const [made] = await backups.list();
    const path = join(folder.path, 'backups', `${made?.id}.db`);
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 8_192, 40_960);
    writeFileSync(path, bytes);
    expect(await codeOf(backups.restore(made?.id ?? ''))).toBe('store_damaged');
    expect(await codeOf(backups.restore('leeward-v1-20200101T000000000Z'))).toBe('not_found');
    expect(await codeOf(backups.restore('../leeward'))).toBe('not_found');
    expect(events.filter(({ type }) => type === 'gap')).toEqual([]);
    expect(await running.conversations.list(undefined)).toHaveLength(1);
    expect(readdirSync(folder.path).filter((name) => name.includes('restoring'))).toEqual([]);
    await close();
  });

  test('an erase waits for the backup that is being made, and takes the chat out of it', async () => {
    const running = await open();
    const id = await addChat(running, 'Canary 4711');
    const making = running.files.backUp({ reason: 'daily' });
    await running.trash.mark({ ids: [id], anywhere: true });
    while ((await running.trash.purgeSlice({ budgetMs: 12 })).more);
    await running.files.truncateLog(undefined);
    const erased = await running.files.eraseFromBackups({ ids: [id] });
    await making;
    expect(erased.removed).toBe(0);
    for (const name of inBackups()) {
      expect(readFileSync(join(folder.path, 'backups', name)).includes('Canary 4711')).toBe(false);
    }
  });

  test('an erase takes the chat out of a backup that began while it ran, and only then forgets it', async () => {
    const running = await open();
    const id = await addChat(running, 'Canary 4711');
    const kept = await addChat(running, 'Stays');
    let isForgotten = false;
    const history = createHistory({
      store: {
        ...running,
        trash: {
          purgeSlice: (input) => running.trash.purgeSlice(input),
          expired: (input) => running.trash.expired(input),
          overdue: (input) => running.trash.overdue(input),
          async mark(input) {
            const marked = await running.trash.mark(input);
            await running.files.backUp({ reason: 'manual' });
            expect(await running.trash.overdue({ at: Date.now() })).toEqual([id]);
            return marked;
          },
          async forget(input) {
            for (const name of inBackups())
              expect(readFileSync(join(folder.path, 'backups', name)).includes('Canary 4711')).toBe(false);
            await running.trash.forget(input);
            isForgotten = true;
          },
        },
      },
      bus: createEventBus('run'),
      answers: { isAnswering: () => false, stopIn: () => {} },
      forgetStates: async () => {},
    });
    expect(await history.erase([id])).toEqual({ erased: 1, backupsRewritten: 1, backupsRemoved: 0 });
    expect(isForgotten).toBe(true);
    expect(await running.trash.overdue({ at: Number.MAX_SAFE_INTEGER })).toEqual([]);
    expect((await running.conversations.list(undefined)).map((chat) => chat.id)).toEqual([kept]);
    expect(inBackups()).toHaveLength(1);
    await history.close();
  });

  test('the daily one is made when the newest is older than a day, and never of an app without chats', async () => {
    const running = await open();
    let now = Date.now();
    const { backups, close } = service(running, { now: () => now });
    await backups.look();
    expect(existsSync(join(folder.path, 'backups'))).toBe(false);
    await addChat(running, 'Something to lose');
    await backups.look();
    await backups.look();
    expect((await backups.list()).map(({ reason }) => reason)).toEqual(['daily']);
    now += 25 * 3_600_000;
    await backups.look();
    // Both are of this day by the clock of the machine, so that the newer one took the place of the older.
    expect(await backups.list()).toHaveLength(1);
    const space = await backups.space();
    expect(space.backupBytes).toBe((await backups.list())[0]?.sizeBytes);
    expect(space.neededBytes).toBeGreaterThan(200_000_000);
    await close();
  });
});

describe('a damaged database at start', () => {
  async function damage(): Promise<Buffer> {
    await store?.close();
    store = null;
    const file = join(folder.path, 'leeward.db');
    const bytes = readFileSync(file);
    bytes.fill(0x5a, 4_096, bytes.length);
    writeFileSync(file, bytes);
    expect(await codeOf(open())).toBe('store_damaged');
    return bytes;
  }
  const damagedCopies = () => readdirSync(folder.path).filter((name) => name.startsWith('leeward-damaged-'));

  test('only backups that are whole are offered; the chosen one opens, and the damaged file stays', async () => {
    const running = await open();
    const id = await addChat(running, 'Saved');
    await running.files.backUp({ reason: 'manual' });
    await running.files.backUp({ reason: 'daily' });
    const [newest, good] = await running.files.backups(undefined);
    const bytes = await damage();
    const bad = join(folder.path, 'backups', `${newest?.id}.db`);
    writeFileSync(bad, readFileSync(bad).fill(0x5a, 8_192, 40_960));

    const beside = createBeside(options());
    expect((await beside.backups(true)).map((backup) => backup.id)).toEqual([good?.id]);
    await beside.replaceUnopened(good?.id ?? '', 'damaged');
    const [kept, ...others] = damagedCopies();
    expect(others).toEqual([]);
    expect(readFileSync(join(folder.path, kept ?? '')).equals(bytes)).toBe(true);
    const opened = await open();
    expect((await opened.conversations.list(undefined)).map((chat) => chat.id)).toEqual([id]);
    // Erase keeps its promise: what cannot be read may hold the chat.
    await opened.files.eraseFromBackups({ ids: [id] });
    expect(damagedCopies()).toEqual([]);
  });

  /** The chats can be read in part, as after most damage. */
  async function damageIndex(): Promise<void> {
    await store?.close();
    store = null;
    const file = join(folder.path, 'leeward.db');
    const db = new Database(file);
    const root = db.prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_conversation'`);
    const page = Number(root.pluck().get());
    db.close();
    writeFileSync(file, readFileSync(file).fill(0x5a, (page - 1) * 4_096, page * 4_096));
    expect(await codeOf(open())).toBe('store_damaged');
  }

  test.each([true, false])('chats wait on for their day in the backups (from a backup: %s)', async (has) => {
    const running = await open();
    const id = await addChat(running, 'In the trash');
    await running.files.backUp({ reason: 'manual' });
    const [good] = await running.files.backups(undefined);
    const deleted = await addChat(running, 'Deleted');
    await running.trash.mark({ ids: [deleted], anywhere: true, eraseAt: 50 });
    while ((await running.trash.purgeSlice({ budgetMs: 12 })).more);
    await damageIndex();
    await createBeside(options()).replaceUnopened(has ? (good?.id ?? '') : null, 'damaged');
    const again = await open();
    expect(await again.conversations.list(undefined)).toHaveLength(has ? 1 : 0);
    expect(await again.trash.overdue({ at: 50 })).toEqual([deleted]);
    expect(damagedCopies()).toHaveLength(1);

    // The copy that was put aside is named with the backups, also when the whole trash is asked about.
    const newestAt = expect.any(Number);
    expect(await again.files.backupsWith({ ids: [id] })).toEqual({ backups: 2, newestAt });
    expect(await again.files.backupsWith({ ids: [deleted] })).toEqual({ backups: 0, newestAt: null });
    expect(await again.files.backupsWith({ ids: null })).toEqual({ backups: 0, newestAt: null });
    if (has) await again.conversations.trash({ id, at: 60 });
    expect((await again.files.backupsWith({ ids: null })).backups).toBe(has ? 2 : 0);
  });

  test('without a good backup it begins anew and keeps the damaged file; a choice is made once', async () => {
    await addChat(await open(), 'Lost to view');
    await damage();
    const beside = createBeside(options());
    expect(await beside.backups(true)).toEqual([]);
    expect(await codeOf(beside.replaceUnopened('leeward-v1-20200101T000000000Z', 'damaged'))).toBe(
      'not_found',
    );
    expect(damagedCopies()).toEqual([]);
    await beside.replaceUnopened(null, 'damaged');
    expect(damagedCopies()).toHaveLength(1);
    expect(await (await open()).conversations.list(undefined)).toEqual([]);
  });
});
