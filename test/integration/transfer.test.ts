import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  errorCodeOf,
  isAppError,
  TrainingFilters,
  type ImportReport,
} from '../../src-main/contract/index.ts';
import { createExporter } from '../../src-main/conversations/transfer/export.ts';
import { ImportFile } from '../../src-main/conversations/transfer/import-file.ts';
import { createImporter } from '../../src-main/conversations/transfer/import.ts';
import { FORMAT } from '../../src-main/conversations/transfer/own-file.ts';
import { entries } from '../../src-main/entries.ts';
import { GUIDE_ID } from '../../src-main/models/guide.ts';
import type { EventBus } from '../../src-main/events.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { chatGptExport } from '../support/imports/chatgpt.ts';
import { claudeExport } from '../support/imports/claude.ts';
import { openWebUiExport } from '../support/imports/open-webui.ts';
import {
  finished,
  fullSampling,
  newAnswer,
  newSend,
  noSettings,
  temporaryFolder,
} from '../support/store/fixtures.ts';

type Folder = ReturnType<typeof temporaryFolder>;
let folder: Folder;
let store: Store;
const others: { store: Store; folder: Folder }[] = [];
const bus = { emit: () => undefined } as unknown as EventBus;

async function purgeAll(from: Store): Promise<void> {
  while ((await from.trash.purgeSlice({ budgetMs: 1_000 })).more);
}
const importerOf = (into: Store) => createImporter({ store: into, bus, purge: () => purgeAll(into) });

const open = (at: Folder) =>
  openStore({ workerPath: entries.storeWorker, dataDir: at.path, log: () => undefined });

beforeEach(async () => {
  folder = temporaryFolder();
  store = await open(folder);
});
afterEach(async () => {
  for (const other of [...others.splice(0), { store, folder }]) {
    await other.store.close();
    other.folder.dispose();
  }
});

async function another(): Promise<Store> {
  const made = { folder: temporaryFolder() };
  const opened = { ...made, store: await open(made.folder) };
  others.push(opened);
  return opened.store;
}

async function exported(
  from: Store,
  format: 'json' | 'markdown' | 'html' | 'jsonl',
  ids: string[] | null = null,
) {
  const exporter = createExporter({ store: from });
  const training = v.parse(TrainingFilters, {});
  const { exportId, total } = await exporter.begin({ conversationIds: ids, format, training });
  const files = new Map<string, string>();
  for (let last = false; !last;) {
    const piece = await exporter.read(exportId);
    expect(piece.total).toBe(total);
    files.set(piece.fileName, (files.get(piece.fileName) ?? '') + piece.text);
    last = piece.isLast;
  }
  await expect(exporter.read(exportId)).rejects.toMatchObject({ code: 'not_found' });
  return files;
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not there');
  return value;
}

/** Takes a file in pieces of a size that cuts through everything. */
async function imported(into: Store, text: string, pieceLength = 997): Promise<ImportReport> {
  const importer = importerOf(into);
  const { importId } = await importer.begin();
  for (let start = 0; start < text.length; start += pieceLength)
    await importer.append(importId, text.slice(start, start + pieceLength));
  return importer.finish(importId);
}

/** A chat with everything: branches, thoughts, a failed answer, settings, tags, a folder, something queued. */
async function fullChat(): Promise<string> {
  const send = newSend({
    text: 'Hoch wasser? 漢字 👩‍🚀 "quoted" \\ </script>',
    settings: { ...noSettings, systemPrompt: 'You sail.', sampling: fullSampling },
  });
  await store.messages.begin(send);
  const id = send.conversationId;
  await store.messages.finish(
    finished(send.assistant.id, {
      text: '| a |\n|---|\n| 1 |',
      reasoning: 'Hm.',
      thought: { ms: 12, tokens: 3 },
    }),
  );
  const again = newAnswer(id, send.user.id);
  await store.messages.begin(again);
  await store.messages.finish(
    finished(again.assistant.id, {
      status: 'failed',
      errorCode: 'context_full',
      errorDetails: { n: 1 },
      stats: null,
    }),
  );
  const folderId = randomUUID();
  await store.folders.create({
    ...{ id: folderId, name: 'Boat', parentId: null, createdAt: 5 },
    ...{ modelId: null, systemPrompt: 'Metres.' },
  });
  const tag = await store.tags.create({ id: randomUUID(), name: 'tides' });
  await store.history.update({ ids: [id], change: { folderId, addTags: [tag.id], pinned: true }, at: 9_000 });
  await store.conversations.saveDraft({ id, draft: 'and then' });
  await store.queue.add({ conversationId: id, id: randomUUID(), text: 'Next', place: null, at: 10 });
  await store.conversations.rename({ id, title: 'Tides / 1: "spring"?', at: 11 });
  return id;
}

test("an answer of a file is not the guide's, whatever the file says: its links stay text", async () => {
  const send = newSend();
  const assistant = { ...send.assistant, modelId: GUIDE_ID, modelName: 'Guide' };
  await store.messages.begin({ ...send, assistant });
  await store.messages.finish(finished(assistant.id, { text: '[Erase](leeward:settings/privacy)' }));
  const [text] = (await exported(store, 'json')).values();
  const into = await another();
  await imported(into, found(text));
  const path = await into.messages.path({ id: assistant.id });
  expect(path.at(-1)).toMatchObject({ modelId: null, modelName: 'Guide' });
});

describe('our own file', () => {
  test('holds everything: taken into an empty store, the same bytes come out again', async () => {
    await fullChat();
    const plain = newSend({ text: 'Second', at: 50 });
    await store.messages.begin(plain);
    await store.messages.finish(finished(plain.assistant.id));
    const [text = ''] = (await exported(store, 'json')).values();
    const wiped = await another();
    const report = await imported(wiped, text);
    expect(report).toMatchObject({ source: 'leeward', chats: 2, messages: 5, alreadyHere: 0, leftOut: [] });
    const [again] = (await exported(wiped, 'json')).values();
    expect(again).toBe(text);
    for (const id of await store.transfer.ids(undefined))
      expect(await wiped.conversations.get({ id })).toEqual(await store.conversations.get({ id }));
  });

  test('taken twice adds nothing, also of a chat in the trash', async () => {
    const id = await fullChat();
    const [text = ''] = (await exported(store, 'json')).values();
    expect(await imported(store, text)).toMatchObject({ chats: 0, messages: 0, alreadyHere: 1 });
    await store.conversations.trash({ id, at: 20 });
    expect(await imported(store, text)).toMatchObject({ chats: 0, alreadyHere: 1 });
  });

  test('an answer that was being written is interrupted in the copy', async () => {
    const send = newSend();
    await store.messages.begin(send);
    const [text = ''] = (await exported(store, 'json')).values();
    const wiped = await another();
    await imported(wiped, text);
    const { messages } = await wiped.conversations.get({ id: send.conversationId });
    expect(messages.map(({ status }) => status)).toEqual(['complete', 'interrupted']);
  });

  test('a chat with a broken tree is left out and counted, the others are taken', async () => {
    await fullChat();
    const [text = ''] = (await exported(store, 'json')).values();
    const file: unknown = JSON.parse(text);
    const chats = (file as { conversations: { id: string; messages: { parentId: string | null }[] }[] })
      .conversations;
    const broken = structuredClone(chats[0]);
    if (!broken?.messages[1]) throw new Error('the export holds no chat');
    broken.id = randomUUID();
    broken.messages[1].parentId = randomUUID();
    chats.unshift(broken);
    const wiped = await another();
    const report = await imported(wiped, JSON.stringify(file));
    expect(report).toMatchObject({ chats: 1, leftOut: [{ problem: 'damaged', count: 1 }] });
  });

  test('of a later version is refused', async () => {
    await expect(
      imported(store, '{"format":"leeward-chats","version":2,"conversations":[]}'),
    ).rejects.toMatchObject({
      code: 'import_unreadable',
      data: { details: { reason: 'newer' } },
    });
  });
});

describe('files of other programs', () => {
  test('ChatGPT: branches, dates, titles, hidden messages, tools, thoughts, custom instructions', async () => {
    const report = await imported(store, JSON.stringify(chatGptExport), 41);
    expect(report).toMatchObject({ source: 'chatgpt', chats: 2, messages: 5, alreadyHere: 0 });
    expect(Object.fromEntries(report.leftOut.map(({ problem, count }) => [problem, count]))).toEqual({
      tool: 2,
      not_text: 1,
      empty: 1,
      not_a_chat: 1,
    });
    const ids = await store.transfer.ids(undefined);
    const chats = await Promise.all(ids.map((id) => store.conversations.get({ id })));
    const tides = found(chats.find(({ conversation }) => conversation.title === 'Tide tables'));
    expect(tides.conversation).toMatchObject({ createdAt: 1_712_345_678_500, updatedAt: 1_712_345_999_250 });
    expect(tides.conversation.archivedAt).not.toBeNull();
    expect(tides.conversation.settings.systemPrompt).toBe('Answer in metres.');
    const [question, first, second] = tides.messages;
    expect([first, second].map((answer) => answer?.parentId)).toEqual([question?.id, question?.id]);
    expect(first).toMatchObject({ text: 'At 10:52.', modelName: 'gpt-4', createdAt: 1_712_345_690_000 });
    expect(second).toMatchObject({ text: 'At 10:54, **UTC**.', reasoning: 'Look it up.', modelName: 'o3' });
    expect(tides.conversation.activeLeafId).toBe(second?.id);
    const untitled = found(chats.find((chat) => chat !== tides));
    expect(untitled.conversation).toMatchObject({ title: 'What is this?', titleSource: 'auto' });
    expect(untitled.messages[1]?.text).toBe('```sql\nSELECT 1\n```');
  });

  test('Claude: lines and branches, blocks, thinking, text of attachments', async () => {
    const report = await imported(store, JSON.stringify(claudeExport, null, 2));
    expect(report).toMatchObject({ source: 'claude', chats: 2, messages: 5 });
    const ids = await store.transfer.ids(undefined);
    const chats = await Promise.all(ids.map((id) => store.conversations.get({ id })));
    const [cookies, sea] = chats;
    expect(cookies?.messages.map(({ text }) => text)).toEqual([
      'notes.txt\n\nMy notes.\n\nAre cookies safe?',
      'Mostly.',
    ]);
    expect(cookies?.messages[1]).toMatchObject({
      reasoning: 'Consider flags.',
      parentId: cookies?.messages[0]?.id,
    });
    expect(sea?.messages.map(({ parentId }) => parentId)).toEqual([
      null,
      sea?.messages[0]?.id,
      sea?.messages[0]?.id,
    ]);
    expect(sea?.conversation.activeLeafId).toBe(sea?.messages[2]?.id);
  });

  test('Open WebUI: branches, thoughts inside the text, the system prompt', async () => {
    const report = await imported(store, JSON.stringify(openWebUiExport));
    expect(report).toMatchObject({ source: 'open_webui', chats: 1, messages: 3, leftOut: [] });
    const [id = ''] = await store.transfer.ids(undefined);
    const { conversation, messages } = await store.conversations.get({ id });
    expect(conversation.settings.systemPrompt).toBe('You bake.');
    expect(messages[2]).toMatchObject({ text: '50 minutes.', reasoning: 'Crust.', modelName: 'llama3.1:8b' });
    expect(conversation.activeLeafId).toBe(messages[2]?.id);
  });

  test.each([
    ['ChatGPT', chatGptExport],
    ['Claude', claudeExport],
    ['Open WebUI', openWebUiExport],
  ])('%s: the same file twice adds nothing', async (_, file) => {
    const first = await imported(store, JSON.stringify(file));
    const second = await imported(store, JSON.stringify(file));
    expect(second).toMatchObject({ chats: 0, messages: 0, alreadyHere: first.chats });
  });
});

const nodesOf = (links: readonly [string, string][]) =>
  Object.fromEntries(
    links.map(([id, parent]) => [
      id,
      {
        parent,
        message: { author: { role: 'user' }, content: { content_type: 'text', parts: [id] } },
      },
    ]),
  );

describe('what is no file of chats', () => {
  test.each([
    ['empty', '', 'empty'],
    ['spaces', ' \n ', 'empty'],
    ['a picture', '\u0089PNG\r\n', 'not_json'],
    ['another object', '{"hello":[1,2]}', 'no_chats'],
    ['a list of numbers', '[1,2,3]', 'no_chats'],
    ['half a file', JSON.stringify(chatGptExport).slice(0, -40), 'truncated'],
    ['rubbish behind a chat', `${JSON.stringify(claudeExport).slice(0, -1)},}]`, 'not_json'],
  ])('%s: a reason, and nothing is kept', async (_, text, reason) => {
    const failure: unknown = await imported(store, text).catch((error: unknown) => error);
    expect(isAppError(failure) ? [failure.code, failure.data.details?.['reason']] : failure).toEqual([
      'import_unreadable',
      reason,
    ]);
    expect(await store.transfer.ids(undefined)).toEqual([]);
  });

  test('a list whose element is larger than a chat may be, or nested without end, ends with a reason', () => {
    const reasonFor = (start: string, piece: string): unknown => {
      const file = new ImportFile('conversations.json');
      try {
        file.read(start);
        for (let units = 0; units < 200_000_000; units += piece.length) file.read(piece);
      } catch (error) {
        return isAppError(error) ? error.data.details?.['reason'] : error;
      }
      return null;
    };
    const long = `"${'x'.repeat(4_000_000)}",`;
    expect(reasonFor('[{"mapping":{"a":[', long)).toBe('too_large');
    expect(reasonFor(`{"format":"${FORMAT}","version":1,"messages":[[`, long)).toBe('too_large');
    expect(reasonFor('[', '['.repeat(10_000))).toBe('too_large');
    // However many chats there are.
    expect(reasonFor('[', long)).toBeNull();
  }, 120_000);

  test.each([
    [
      'ChatGPT',
      [
        {
          id: 'c',
          mapping: {
            r: { parent: null, message: null },
            ...nodesOf([
              ['q', 'r'],
              ['a', 'q'],
              ['x', 'y'],
              ['y', 'x'],
            ]),
          },
        },
      ],
    ],
    [
      'Open WebUI',
      [
        {
          id: 'c',
          chat: {
            history: {
              currentId: 'a',
              messages: Object.fromEntries(
                [
                  ['q', null],
                  ['a', 'q'],
                  ['x', 'y'],
                  ['y', 'x'],
                ].map(([id, parentId]) => [id, { id, parentId, role: 'user', content: `${id}` }]),
              ),
            },
          },
        },
      ],
    ],
  ])('%s: messages in a cycle are counted one by one', async (_, file) => {
    expect(await imported(store, JSON.stringify(file))).toMatchObject({
      ...{ chats: 1, messages: 2 },
      leftOut: [{ problem: 'damaged', count: 2 }],
    });
  });

  test('a file that is cut at any place leaves nothing, one with changed bytes a report or a reason', async () => {
    const text = JSON.stringify(chatGptExport);
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 60; round += 1) {
      const at = random(text.length);
      const changed =
        round % 2 === 0
          ? text.slice(0, at)
          : text.slice(0, at) + String.fromCharCode(random(0x300)) + text.slice(at + 1);
      const result = await imported(store, changed).catch((error: unknown) => errorCodeOf(error));
      if (round % 2 === 0) {
        expect(result).toBe('import_unreadable');
        expect(await store.transfer.ids(undefined)).toEqual([]);
      } else expect(result === 'import_unreadable' || typeof result === 'object').toBe(true);
      if ((await store.transfer.ids(undefined)).length === 0) continue;
      await store.close();
      folder.dispose();
      folder = temporaryFolder();
      store = await open(folder);
    }
  }, 120_000);

  test('a chat is in no list until the whole file is taken; one cut off by the end of the app goes at the next start', async () => {
    const importer = importerOf(store);
    const { importId } = await importer.begin();
    expect(await importer.append(importId, JSON.stringify(claudeExport).slice(0, -3))).toEqual({ chats: 1 });
    expect(await store.transfer.ids(undefined)).toEqual([]);
    expect(await store.conversations.list(undefined)).toEqual([]);
    const trash = { place: 'trash', limit: 10, after: null } as const;
    expect((await store.history.list(trash)).total).toBe(0);
    // Emptying the trash meanwhile takes nothing of it.
    await store.trash.mark({ ids: null, anywhere: false });
    await purgeAll(store);
    await store.close();
    store = await open(folder);
    expect(await store.transfer.abandonUnfinished(undefined)).toBe(1);
    await purgeAll(store);
    expect(await imported(store, JSON.stringify(claudeExport))).toMatchObject({ chats: 2, alreadyHere: 0 });
  });

  test('what arrives after a cancel, or while it ends, is not taken', async () => {
    const importer = importerOf(store);
    const { importId } = await importer.begin();
    const late = importer.append(importId, JSON.stringify(openWebUiExport)).catch(() => 'ended');
    await importer.cancel(importId);
    await late;
    expect(await imported(store, JSON.stringify(openWebUiExport))).toMatchObject({
      chats: 1,
      alreadyHere: 0,
    });
  });

  test('folders keep their nesting in any order, and a tag of the same name is that tag', async () => {
    const id = await fullChat();
    const { conversation } = await store.conversations.get({ id });
    const top = {
      id: randomUUID(),
      name: 'Zeta',
      parentId: null,
      createdAt: 1,
      modelId: null,
      systemPrompt: null,
    };
    await store.folders.create(top);
    await store.folders.update({
      id: found(conversation.folderId ?? undefined),
      patch: { parentId: top.id },
    });
    const [text = ''] = (await exported(store, 'json')).values();
    const other = await another();
    const tag = await other.tags.create({ id: randomUUID(), name: 'Tides' });
    await imported(other, text);
    expect((await other.conversations.get({ id })).conversation.tags).toEqual([tag.id]);
    const folders = await other.folders.list(undefined);
    expect(folders.find(({ name }) => name === 'Boat')?.parentId).toBe(top.id);
  });

  test('a cancelled import leaves nothing', async () => {
    const importer = importerOf(store);
    const { importId } = await importer.begin();
    await importer.append(importId, JSON.stringify(claudeExport));
    await importer.cancel(importId);
    expect(await store.transfer.ids(undefined)).toEqual([]);
    expect(() => importer.append(importId, '')).toThrow();
  });
});

describe('exports for people and for training', () => {
  test('Markdown: a file a chat with names that every system takes, two of one title apart', async () => {
    const id = await fullChat();
    const twin = newSend({ at: 2_000 });
    await store.messages.begin(twin);
    await store.messages.finish(finished(twin.assistant.id));
    await store.conversations.rename({ id: twin.conversationId, title: 'TIDES   1  spring', at: 12 });
    const files = await exported(store, 'markdown');
    expect([...files.keys()].sort()).toEqual(['TIDES 1 spring (2).md', 'Tides 1 spring.md'].sort());
    const text = [...(await exported(store, 'markdown', [id])).values()].join('');
    expect(text).toContain('# Tides / 1: "spring"?');
    expect(text).toContain('You sail.');
    expect(text).toContain('Other 1B, 1970-01-01 00:00 UTC · failed');
  });

  test('HTML: one page in which nothing of the text is markup, and nothing loads', async () => {
    const send = newSend({ text: '<img src=x onerror=alert(1)>' });
    await store.messages.begin(send);
    await store.messages.finish(
      finished(send.assistant.id, {
        text: '<script>alert(1)</script>\n\n[a](javascript:alert(1)) ![p](https://evil.example/x.png) [ok](https://example.org)',
      }),
    );
    await store.conversations.rename({ id: send.conversationId, title: '<b>t</b>', at: 1 });
    const [page = ''] = (await exported(store, 'html')).values();
    expect(page).not.toMatch(/<script|<img|javascript:|<b>/iu);
    expect(page).toContain('<a href="https://example.org"');
    expect(page).toContain("default-src 'none'");
  });

  test('JSONL: a line a chat that ends with an answer; chats with a failed answer are left out', async () => {
    await fullChat();
    const good = newSend({ text: 'Q', settings: { ...noSettings, systemPrompt: 'S' } });
    await store.messages.begin(good);
    await store.messages.finish(finished(good.assistant.id, { text: 'A' }));
    const [text = ''] = (await exported(store, 'jsonl')).values();
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      {
        messages: [
          { role: 'system', content: 'S' },
          { role: 'user', content: 'Q' },
          { role: 'assistant', content: 'A' },
        ],
      },
    ]);
  });
});
