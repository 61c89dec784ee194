import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { errorCodeOf, type SearchResult } from '../../src-main/contract/index.ts';
import { backUp } from '../../src-main/store/backup.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Where chats are: lists, folders, tags, trash, search, and what is left of a chat that was deleted. The whole core.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

async function core(reuse?: { dataDir: string; modelsDir: string }): Promise<TestCore> {
  const started = await startCore(reuse);
  cores.push(started);
  if (!reuse) {
    await writeScriptedModel(join(started.modelsDir, 'plain.gguf'), { script: plainScript });
    await started.addModel();
  }
  return started;
}

/** Every file below a folder that holds one of the texts, in UTF-8 or UTF-16. */
function filesWith(folder: string, texts: readonly string[]): string[] {
  const needles = texts.flatMap((text) => [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')]);
  const found: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    let bytes: Buffer;
    try {
      if (!statSync(path).isFile()) continue;
      bytes = readFileSync(path);
    } catch (error) {
      // A copy that was being written has got its name meanwhile.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      throw error;
    }
    if (needles.some((needle) => bytes.includes(needle))) found.push(name);
  }
  return found.sort();
}

/** Searches until the index has everything. */
async function searched(
  { client }: TestCore,
  query: string,
  filters: Parameters<TestCore['client']['search']['query']>[0]['filters'] = {},
): Promise<SearchResult> {
  return until(
    () => client.search.query({ query, filters }),
    (result) => result.indexing === null,
  );
}

async function until<T>(ask: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isDone(value)) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'no error', errorCodeOf);
const idsOf = (result: SearchResult) => result.chats.map((chat) => chat.conversationId);

describe('folders, tags, pin, archive, trash', () => {
  it('changes many chats at once, lists them by place, and takes every action back', async () => {
    const { client, chat } = await core();
    const a = (await chat('First')).conversationId;
    const b = (await chat('Second')).conversationId;
    const folder = await client.folders.create({ name: 'Work' });
    const tag = await client.tags.create({ name: 'Important' });
    expect((await client.tags.create({ name: 'IMPORTANT' })).id).toBe(tag.id);

    const before = await client.history.summaries({ ids: [a, b] });
    const done = await client.history.update({
      ids: [a, b],
      change: { folderId: folder.id, addTags: [tag.id], pinned: true, archived: true },
    });
    expect(done.changed).toBe(2);
    const archived = await client.history.list({ place: 'archive' });
    expect(archived.total).toBe(2);
    expect(archived.conversations.map(({ folderId, tags }) => ({ folderId, tags }))).toEqual([
      { folderId: folder.id, tags: [tag.id] },
      { folderId: folder.id, tags: [tag.id] },
    ]);
    expect(await client.conversations.list()).toEqual([]);
    expect(await client.tags.list()).toEqual([{ id: tag.id, name: 'Important', chatCount: 2 }]);

    await client.history.undo({ undo: done.undo ?? '' });
    expect(await client.history.summaries({ ids: [a, b] })).toEqual(before);
    expect(await codeOf(client.history.undo({ undo: done.undo ?? '' }))).toBe('not_found');
    expect((await client.history.update({ ids: [a], change: { pinned: false } })).undo).toBeNull();
  });

  it('nests folders, refuses a ring, and removes one with its chats to the parent or to the trash', async () => {
    const { client, chat } = await core();
    const outer = await client.folders.create({ name: 'Outer', defaults: { systemPrompt: 'Be brief.' } });
    const inner = await client.folders.create({ name: 'Inner', parentId: outer.id });
    const { conversationId } = await client.conversations.send({
      requestId: crypto.randomUUID(),
      conversationId: null,
      parentId: null,
      text: 'In a folder',
      modelId: null,
      folderId: inner.id,
    });
    const other = (await chat('In the outer one')).conversationId;
    await client.history.update({ ids: [other], change: { folderId: outer.id } });
    expect((await client.conversations.get({ id: conversationId })).settings.systemPrompt).toBe('Be brief.');
    expect(await codeOf(client.folders.update({ id: outer.id, parentId: inner.id }))).toBe('conflict');

    const folderOf = async (id: string) =>
      (await client.history.summaries({ ids: [id] })).map(({ folderId, trashedAt }) => ({
        folderId,
        isTrashed: trashedAt !== null,
      }));
    const up = await client.folders.remove({ id: inner.id, chats: 'to_parent' });
    expect(await folderOf(conversationId)).toEqual([{ folderId: outer.id, isTrashed: false }]);
    await client.history.undo({ undo: up.undo ?? '' });
    expect(await folderOf(conversationId)).toEqual([{ folderId: inner.id, isTrashed: false }]);

    const away = await client.folders.remove({ id: outer.id, chats: 'to_trash' });
    expect(away.changed).toBe(2);
    expect(await client.folders.list()).toEqual([]);
    expect((await client.history.list({ place: 'trash' })).total).toBe(2);
    await client.history.undo({ undo: away.undo ?? '' });
    expect(await folderOf(conversationId)).toEqual([{ folderId: inner.id, isTrashed: false }]);
    expect(await folderOf(other)).toEqual([{ folderId: outer.id, isTrashed: false }]);
    expect((await client.folders.list()).map(({ name, parentId }) => [name, parentId])).toEqual([
      ['Inner', outer.id],
      ['Outer', null],
    ]);
  });

  it('pages a list without a hole, pinned ones first', async () => {
    const { dataDir, app, modelsDir } = await core();
    await app.close();
    fillWithChats(dataDir, 25);
    const second = await core({ dataDir, modelsDir });
    const all = await second.client.conversations.list();
    expect(all).toHaveLength(25);
    const oldest = all.at(-1)?.id ?? '';
    await second.client.history.update({ ids: [oldest], change: { pinned: true } });
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof second.client.history.list>> = await second.client.history.list({
        cursor,
        limit: 10,
      });
      ids.push(...page.conversations.map(({ id }) => id));
      cursor = page.cursor;
      expect(page.total).toBe(25);
    } while (cursor !== null);
    expect(ids).toEqual([oldest, ...all.slice(0, -1).map(({ id }) => id)]);
  });
});

/** Chats as an older version would have left them: not in the index. */
function fillWithChats(dataDir: string, count: number): void {
  const db = new Database(join(dataDir, 'leeward.db'));
  for (let n = 1; n <= count; n += 1) {
    db.prepare(
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES (?, ?, 'auto', ?, ?)`,
    ).run(crypto.randomUUID(), `Chat number ${n}`, n, n);
  }
  db.close();
}

describe('search', () => {
  it('finds words, beginnings, phrases and parts of Chinese sentences, in titles and texts', async () => {
    const started = await core();
    const { client, chat } = started;
    const café = (await chat('Where is the café with the northern lighthouse?')).conversationId;
    const chinese = (await chat('如何学习中国历史和文化')).conversationId;
    const plain = (await chat('A recipe for bread')).conversationId;
    await client.conversations.rename({ id: plain, title: 'Lighthouse recipes' });

    expect(idsOf(await searched(started, 'cafe'))).toEqual([café]);
    expect(idsOf(await searched(started, 'lighth'))).toEqual([plain, café]);
    expect(idsOf(await searched(started, 'lighth '))).toEqual([]);
    expect(idsOf(await searched(started, '"northern lighthouse"'))).toEqual([café]);
    expect(idsOf(await searched(started, '"lighthouse northern"'))).toEqual([]);
    expect(idsOf(await searched(started, 'lighthouse -northern'))).toEqual([plain]);
    expect(idsOf(await searched(started, '中国'))).toEqual([chinese]);
    expect(idsOf(await searched(started, '国中'))).toEqual([]);
    const [hit] = (await searched(started, 'northern light')).chats;
    expect(hit?.hits[0]?.snippet).toEqual([
      { text: 'Where is the café with the ', hit: false },
      { text: 'northern', hit: true },
      { text: ' ', hit: false },
      { text: 'lighthouse', hit: true },
      { text: '?', hit: false },
    ]);
    const [titled] = (await searched(started, 'lighthouse recipes')).chats;
    expect(titled).toMatchObject({ conversationId: plain, titleHit: true });
    expect(titled?.title.filter(({ hit: isHit }) => isHit).map(({ text }) => text)).toEqual([
      'Lighthouse',
      'recipes',
    ]);
  });

  it('filters by folder, tag, model, date, role and place', async () => {
    const started = await core();
    const { client, chat } = started;
    const a = (await chat('The harbour at night')).conversationId;
    const b = (await chat('The harbour at noon')).conversationId;
    const outer = await client.folders.create({ name: 'Outer' });
    const inner = await client.folders.create({ name: 'Inner', parentId: outer.id });
    const tag = await client.tags.create({ name: 'Sea' });
    await client.history.update({ ids: [a], change: { folderId: inner.id, addTags: [tag.id] } });
    const [model] = await client.models.list();
    const found = async (filters: Parameters<typeof searched>[2]) =>
      idsOf(await searched(started, 'harbour', filters)).sort();

    expect(await found({ folderId: outer.id })).toEqual([a]);
    expect(await found({ tagId: tag.id })).toEqual([a]);
    expect(await found({ modelId: model?.id ?? null })).toEqual([a, b].sort());
    expect(await found({ modelId: crypto.randomUUID() })).toEqual([]);
    expect(await found({ role: 'user' })).toEqual([a, b].sort());
    expect(await found({ role: 'assistant' })).toEqual([]);
    expect(await found({ from: Date.now() - 3_600_000 })).toEqual([a, b].sort());
    expect(await found({ to: Date.now() - 3_600_000 })).toEqual([]);
    expect(await found({ conversationId: b })).toEqual([b]);
    await client.history.update({ ids: [b], change: { trashed: true } });
    expect(await found({})).toEqual([a]);
    expect(await found({ place: 'trash' })).toEqual([b]);
    await client.history.update({ ids: [a], change: { archived: true } });
    expect(await found({})).toEqual([a]);
    expect(await found({ place: 'chats' })).toEqual([]);
    expect(idsOf(await searched(started, '', { place: 'archive' }))).toEqual([a]);
  });

  it('takes any text for a query', async () => {
    const started = await core();
    await started.chat('Something to find');
    const hostile = [
      '"',
      '""',
      '-',
      '-"',
      '*',
      'a*b',
      'NEAR(a b)',
      'title:x',
      'AND',
      'NOT',
      '(',
      ')',
      '^a',
      "'",
      '%',
      '\\',
      '\0',
    ];
    for (const query of [
      ...hostile,
      '{a b}:c',
      'a OR',
      '" OR 1=1 --',
      '+a',
      '🦊',
      '\ud800',
      'x'.repeat(500),
    ]) {
      await expect(started.client.search.query({ query })).resolves.toMatchObject({ rankedNewest: null });
    }
    expect(await codeOf(started.client.search.query({ query: 'a', cursor: 'x' }))).toBe('invalid_input');
  });

  it('indexes what was there before, after the start, and ends a search that is aborted', async () => {
    const first = await core();
    await first.app.close();
    fillWithChats(first.dataDir, 300);
    const second = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    const result = await until(
      () => second.client.search.query({ query: 'number', limit: 100 }),
      ({ chats }) => chats.length === 100,
    );
    expect(result.cursor).not.toBeNull();
    const abort = new AbortController();
    const running = second.client.search.query({ query: 'chat nu' }, { signal: abort.signal });
    abort.abort();
    await expect(running).rejects.toThrow();
    expect((await second.client.search.query({ query: 'number 7' })).chats.length).toBeGreaterThan(0);
  });
});

const CANARY = 'zyxwvcanaryquux';

describe('deleting for good', () => {
  it('leaves nothing of a deleted chat in any live file', async () => {
    const started = await core();
    const { client, chat, dataDir } = started;
    const { conversationId } = await chat(`${CANARY} is secret`);
    const kept = (await chat('This one stays')).conversationId;
    await chat(`And ${CANARY} again`, conversationId);
    await client.conversations.saveDraft({ id: conversationId, draft: `${CANARY} draft` });
    expect(idsOf(await searched(started, CANARY))).toEqual([conversationId]);
    expect(filesWith(dataDir, [CANARY])).not.toEqual([]);

    expect(await client.history.deleteForever({ ids: [conversationId] })).toEqual({ deleted: 0 });
    await client.history.update({ ids: [conversationId], change: { trashed: true } });
    expect(await client.history.emptyTrash()).toEqual({ deleted: 1 });
    expect(filesWith(dataDir, [CANARY])).toEqual([]);
    expect(idsOf(await searched(started, CANARY))).toEqual([]);
    expect((await client.conversations.list()).map(({ id }) => id)).toEqual([kept]);
    expect(started.logLines.join('\n')).not.toContain(CANARY);
    await started.app.close();
    expect(filesWith(dataDir, [CANARY])).toEqual([]);
  });

  it('deletes what has been in the trash for 30 days at the next start', async () => {
    const first = await core();
    const old = (await first.chat(`${CANARY} of long ago`)).conversationId;
    const recent = (await first.chat('Of yesterday')).conversationId;
    await first.client.history.update({ ids: [old, recent], change: { trashed: true } });
    await first.app.close();
    const db = new Database(join(first.dataDir, 'leeward.db'));
    db.prepare('UPDATE conversations SET trashed_at = trashed_at - ? WHERE id = ?').run(31 * 86_400_000, old);
    db.close();
    const second = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    const trash = await until(
      () => second.client.history.list({ place: 'trash' }),
      ({ total }) => total === 1,
    );
    expect(trash.conversations[0]?.id).toBe(recent);
    // It is out of the list at once, and out of the files when the slices are through.
    await until(
      async () => filesWith(first.dataDir, [CANARY]),
      (files) => files.length === 0,
    );
    await second.app.close();
    expect(filesWith(first.dataDir, [CANARY])).toEqual([]);
  });

  it('takes a deleted chat out of the backups on the promised day, and leaves what came back', async () => {
    const first = await core();
    const deleted = (await first.chat(`${CANARY} goes`)).conversationId;
    const back = (await first.chat('This one comes back')).conversationId;
    await first.client.backups.make();
    const [backup] = await first.client.backups.list();
    await first.client.history.update({ ids: [deleted, back], change: { trashed: true } });
    expect(await first.client.history.deleteForever({ ids: [deleted, back] })).toEqual({ deleted: 2 });
    const name = join('backups', `${backup?.id}.db`);
    expect(filesWith(first.dataDir, [CANARY])).toEqual([name]);
    await first.app.close();

    const db = new Database(join(first.dataDir, 'leeward.db'));
    const days = db.prepare<[], number>('SELECT erase_at FROM deleted_chats').pluck().all();
    expect(days).toHaveLength(2);
    expect(Math.min(...days)).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    db.prepare('UPDATE deleted_chats SET erase_at = 1').run();
    // As an import of an exported chat would bring it.
    db.prepare(
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at) VALUES (?, 'Back', 'auto', 1, 1)`,
    ).run(back);
    db.close();
    const second = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    await until(
      async () => filesWith(first.dataDir, [CANARY]),
      (files) => files.length === 0,
    );
    await second.app.close();
    const kept = new Database(join(first.dataDir, name), { readonly: true });
    expect(kept.prepare('SELECT id FROM conversations').pluck().all()).toEqual([back]);
    kept.close();
    const after = new Database(join(first.dataDir, 'leeward.db'), { readonly: true });
    expect(after.prepare('SELECT count(*) FROM deleted_chats').pluck().get()).toBe(0);
    after.close();
  });

  it('erases a chat from the backups too, and keeps the other chats in them', async () => {
    const first = await core();
    const secret = (await first.chat(`${CANARY} in a backup`)).conversationId;
    const kept = (await first.chat('This one stays')).conversationId;
    await searched(first, CANARY);
    await first.app.close();
    const name = backUpNow(first.dataDir);
    expect(filesWith(first.dataDir, [CANARY])).toEqual([join('backups', name), 'leeward.db']);

    const { client, dataDir } = await core({ dataDir: first.dataDir, modelsDir: first.modelsDir });
    expect(await client.history.inBackups({ ids: [secret] })).toMatchObject({ backups: 1 });
    expect(await client.history.erase({ ids: [secret] })).toEqual({
      erased: 1,
      backupsRewritten: 1,
      backupsRemoved: 0,
    });
    expect(filesWith(dataDir, [CANARY])).toEqual([]);
    const backup = new Database(join(dataDir, 'backups', name), { readonly: true });
    expect(backup.prepare('SELECT id FROM conversations').pluck().all()).toEqual([kept]);
    expect(backup.pragma('integrity_check', { simple: true })).toBe('ok');
    backup.close();
    expect(await client.history.inBackups({ ids: [secret] })).toEqual({ backups: 0, newestAt: null });
  });
});

describe('temporary chats', () => {
  const sendTemporary = (text: string, conversationId: string | null = null) => ({
    requestId: crypto.randomUUID(),
    conversationId,
    parentId: null,
    text,
    modelId: null,
    temporary: true,
  });

  async function temporaryChat({ client, waitFor }: TestCore, text: string) {
    const settled = waitFor((event) => event.type === 'generation.settled');
    const sent = await client.conversations.send(sendTemporary(text));
    await settled;
    return sent.conversationId;
  }

  it('never reach a file, are in no list and no search, and are gone when they end', async () => {
    const started = await core();
    const { client, dataDir, chat } = started;
    const id = await temporaryChat(started, `${CANARY} in memory`);
    const follow = await chat(`${CANARY} once more`, id);
    const full = await client.conversations.get({ id });
    expect(full).toMatchObject({ temporary: true, messageCount: 4, activeLeafId: follow.assistantMessageId });
    expect(full.messages.at(-1)).toMatchObject({ status: 'complete', chunkSeq: 0 });
    await client.conversations.saveDraft({ id, draft: CANARY });
    await client.conversations.rename({ id, title: CANARY });
    expect(await client.conversations.list()).toEqual([]);
    expect((await client.history.list({})).total).toBe(0);
    expect((await client.history.summaries({ ids: [id] })).map(({ title }) => title)).toEqual([CANARY]);
    expect(idsOf(await searched(started, CANARY))).toEqual([]);
    expect(filesWith(dataDir, [CANARY])).toEqual([]);
    await client.conversations.remove({ id });
    expect(await codeOf(client.conversations.get({ id }))).toBe('not_found');

    const second = await temporaryChat(started, `${CANARY} until the end`);
    await started.app.close();
    expect(filesWith(dataDir, [CANARY])).toEqual([]);
    const next = await core({ dataDir, modelsDir: started.modelsDir });
    expect(await codeOf(next.client.conversations.get({ id: second }))).toBe('not_found');
  });

  it('are kept with the same ids, figures and order when the user says so', async () => {
    const started = await core();
    const { client, chat } = started;
    const id = await temporaryChat(started, 'Keep this lighthouse');
    await chat('And this', id);
    const before = await client.conversations.get({ id });
    await client.history.keep({ id });
    const after = await client.conversations.get({ id });
    expect(after).toEqual({ ...before, temporary: false });
    expect((await client.conversations.list()).map((row) => row.id)).toEqual([id]);
    expect(idsOf(await searched(started, 'lighthouse'))).toEqual([id]);
    expect(await codeOf(client.history.keep({ id }))).toBe('not_found');
    await chat('It goes on', id);
    expect((await client.conversations.get({ id })).messageCount).toBe(6);
  });
});

/** A backup of the closed database, as a migration makes one. */
function backUpNow(dataDir: string): string {
  const db = new Database(join(dataDir, 'leeward.db'));
  try {
    return backUp(db, dataDir, 50);
  } finally {
    db.close();
  }
}
