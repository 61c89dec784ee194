import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAppError, type ImportReport } from '../../src-main/contract/index.ts';
import { createImporter } from '../../src-main/conversations/transfer/import.ts';
import { entries } from '../../src-main/entries.ts';
import { createEventBus } from '../../src-main/events.ts';
import { createRoomGuard } from '../../src-main/free-space.ts';
import type { Store } from '../../src-main/store/api.ts';
import { openStore } from '../../src-main/store/open-store.ts';
import { BrokenZip, importChats, NoChatsFound } from '../../src-renderer/lib/import-chats.ts';
import { chatGptExport } from '../support/imports/chatgpt.ts';
import { claudeExport } from '../support/imports/claude.ts';
import { clientOf, fileOf, importerOf, purgeAll, taken } from '../support/imports/importing.ts';
import {
  janBranchedMessages,
  janBranchedThread,
  janExportFile,
  janMessages,
  janThread,
  linesOf,
} from '../support/imports/jan.ts';
import { lmStudioChat } from '../support/imports/lm-studio.ts';
import { brokenImport, faultOfImport } from '../support/imports/mutated.ts';
import { temporaryFolder } from '../support/store/fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: Store;

beforeEach(async () => {
  folder = temporaryFolder();
  store = await openStore({ workerPath: entries.storeWorker, dataDir: folder.path, log: () => undefined });
});
afterEach(async () => {
  await store.close();
  folder.dispose();
});

const LM_STUDIO_FILE = 'conversations/1756219403097.conversation.json';
const lmStudioFile = (name = LM_STUDIO_FILE, chat: object = lmStudioChat) =>
  fileOf(name, JSON.stringify(chat, null, 2));
const janFiles = (folderName = 'threads/jan_1719000000') => [
  fileOf(`${folderName}/thread.json`, JSON.stringify(janThread)),
  fileOf(`${folderName}/messages.jsonl`, linesOf(janMessages)),
];
const countsOf = ({ leftOut }: ImportReport) =>
  Object.fromEntries(leftOut.map(({ problem, count }) => [problem, count]));

async function onlyChat() {
  const ids = await store.transfer.ids(undefined);
  expect(ids).toHaveLength(1);
  return store.conversations.get({ id: ids[0] ?? '' });
}
const reasonOf = (error: unknown) => (isAppError(error) ? error.data.details?.['reason'] : error);

describe('LM Studio', () => {
  test('versions are branches; title, dates, models, thoughts, the system prompt, the pin, how an answer ended', async () => {
    const report = await taken(store, [lmStudioFile()], 'folder');
    expect(report).toMatchObject({ source: 'lm_studio', chats: 1, messages: 6, unreadable: [] });
    expect(countsOf(report)).toEqual({ tool: 1, not_text: 1 });
    const { conversation, messages } = await onlyChat();
    expect(conversation).toMatchObject({ title: 'Knots', titleSource: 'user', createdAt: 1_756_219_403_097 });
    expect(conversation.updatedAt).toBe(1_756_219_505_000);
    expect(conversation.pinnedAt).not.toBeNull();
    expect(conversation.settings.systemPrompt).toBe('You tie knots.');
    const [question, otherQuestion, hitch, pole, clove, half] = messages;
    expect(messages.map(({ text }) => text)).toEqual([
      'Which knot for a cleat?',
      'Which knot?',
      'A cleat hitch.',
      'And for a pole?',
      'A clove hitch.',
      'Two half hitches.',
    ]);
    expect(messages.map(({ parentId }) => parentId)).toEqual([
      ...[null, null, question?.id, hitch?.id],
      ...[pole?.id, pole?.id],
    ]);
    expect(otherQuestion).toMatchObject({ role: 'user', modelName: null });
    expect(hitch).toMatchObject({ reasoning: 'Boats.', modelName: 'qwen3-4b', createdAt: 1_756_219_403_500 });
    expect(pole?.createdAt).toBe(1_756_219_500_000);
    expect(clove).toMatchObject({ reasoning: 'Round.', status: 'stopped' });
    expect(half).toMatchObject({ modelName: 'gemma-3-1b', status: 'complete' });
    expect(conversation.activeLeafId).toBe(clove?.id);
  });

  test('a chosen file and the same file in a zip are one chat; two files with the same content are two', async () => {
    await taken(store, [fileOf('1756219403097.conversation.json', JSON.stringify(lmStudioChat))]);
    const zip = zipSync({
      'conversations/Trips/1756219403097.conversation.json': strToU8(JSON.stringify(lmStudioChat)),
      'conversations/readme.json': strToU8('{}'),
    });
    expect(await taken(store, [fileOf('chats.zip', Uint8Array.from(zip))])).toMatchObject({
      chats: 0,
      alreadyHere: 1,
    });
    expect(await taken(store, [lmStudioFile('conversations/2.conversation.json')])).toMatchObject({
      chats: 1,
    });
  });
});

describe('Jan', () => {
  test('a folder: one line of messages, thoughts in the text, files with a message, the model, instructions', async () => {
    const report = await taken(store, janFiles(), 'folder');
    expect(report).toMatchObject({ source: 'jan', chats: 1, messages: 4 });
    expect(countsOf(report)).toEqual({ tool: 2, not_text: 1 });
    const { conversation, messages } = await onlyChat();
    expect(conversation).toMatchObject({ title: 'Bees', createdAt: 1_719_000_100_000 });
    expect(conversation.settings.systemPrompt).toBe('You keep bees.');
    expect(conversation.pinnedAt).not.toBeNull();
    const [sleep, yes, long, hours] = messages;
    expect(yes).toMatchObject({
      ...{ parentId: sleep?.id, text: 'They do.', reasoning: 'Insects.', status: 'stopped' },
      ...{ modelName: 'llama3.2-3b-instruct', createdAt: 1_719_000_101_500 },
    });
    expect(long).toMatchObject({ parentId: yes?.id, text: 'hive.txt\n\nHive 7.\n\nHow long?' });
    expect(hours).toMatchObject({ text: 'Up to eight hours.', reasoning: 'Five to eight hours.' });
    expect(conversation.activeLeafId).toBe(hours?.id);
  });

  test('branches of newer versions, and an answer that lost its link hangs on its question', async () => {
    const files = [
      fileOf('threads/01J0BRANCHES/messages.jsonl', linesOf(janBranchedMessages)),
      fileOf('threads/01J0BRANCHES/thread.json', JSON.stringify(janBranchedThread)),
    ];
    expect(await taken(store, files, 'folder')).toMatchObject({ chats: 1, messages: 5 });
    const { conversation, messages } = await onlyChat();
    const byText = new Map(messages.map((message) => [message.text, message]));
    const parentOf = (text: string) =>
      messages.find(({ id }) => id === byText.get(text)?.parentId)?.text ?? null;
    expect(['A lipid.', 'Bee-made.'].map(parentOf)).toEqual(['What is wax?', 'What is wax?']);
    expect(parentOf('More?')).toBe('A lipid.');
    expect(parentOf('It melts at 63 °C.')).toBe('More?');
    expect(conversation.activeLeafId).toBe(byText.get('It melts at 63 °C.')?.id);
  });

  test('messages in a cycle, and what hangs on them, are counted one by one', async () => {
    const line = (id: string, role: string, parentId: string | null) => ({
      ...{ id, role, object: 'thread.message', thread_id: 't', created_at: 1_719_000_100 },
      ...{ content: [{ type: 'text', text: { value: id } }], metadata: { parentId } },
    });
    const messages = [
      ...[line('Hello', 'user', null), line('Hi', 'assistant', 'Hello')],
      ...[line('a', 'user', 'b'), line('b', 'assistant', 'a'), line('c', 'user', 'b')],
    ];
    const report = await taken(store, [fileOf('messages.jsonl', linesOf(messages))]);
    expect(report).toMatchObject({ chats: 1, messages: 2 });
    expect(countsOf(report)).toEqual({ damaged: 3 });
  });

  test('messages without their thread, as chosen files, and what its menu exports', async () => {
    expect(await taken(store, [fileOf('messages.jsonl', linesOf(janMessages))])).toMatchObject({ chats: 1 });
    expect((await onlyChat()).conversation).toMatchObject({ title: 'Do bees sleep?', titleSource: 'auto' });
    // The whole folder is the same chat.
    expect(await taken(store, janFiles(), 'folder')).toMatchObject({ chats: 0, alreadyHere: 1 });
    const exported = [fileOf('Honey.json', JSON.stringify(janExportFile))];
    expect(await taken(store, exported)).toMatchObject({ source: 'jan', chats: 1, messages: 2 });
    expect(await taken(store, exported)).toMatchObject({ chats: 0, alreadyHere: 1 });
  });
});

describe('several files', () => {
  const files = () => [
    lmStudioFile(),
    ...janFiles(),
    fileOf('data/conversations.json', JSON.stringify(claudeExport)),
    fileOf('data/settings.json', '{"not":"a chat"}'),
  ];

  test('are one import with one report, and twice they add nothing', async () => {
    const report = await taken(store, files(), 'folder');
    expect(report).toMatchObject({ chats: 4, messages: 15, unreadable: [] });
    expect(await taken(store, files(), 'folder')).toMatchObject({ chats: 0, alreadyHere: 4 });
  });

  test('one that is damaged before it brought a chat is named, and the others are taken', async () => {
    const half = JSON.stringify(lmStudioChat).slice(0, -30);
    const report = await taken(
      store,
      [
        ...files(),
        fileOf('conversations/1.conversation.json', half),
        fileOf('threads/2/messages.jsonl', `${linesOf(janMessages)}{"id":`),
      ],
      'folder',
    );
    expect(report).toMatchObject({ chats: 4 });
    expect(countsOf(report)['unreadable']).toBe(2);
    expect(report.unreadable).toEqual([
      { fileName: 'conversations/1.conversation.json', reason: 'truncated' },
      { fileName: 'threads/2/messages.jsonl', reason: 'truncated' },
    ]);
  });

  test('a data export that breaks in the middle keeps all of them out', async () => {
    const broken = JSON.stringify(chatGptExport).slice(0, -40);
    const failure: unknown = await taken(store, [
      lmStudioFile(),
      fileOf('data/conversations.json', broken),
    ]).catch((error: unknown) => error);
    expect(reasonOf(failure)).toBe('truncated');
    expect(await store.transfer.ids(undefined)).toEqual([]);
  });

  test.each([
    ['JSON of something else', 'settings.json', '{"hello":[1,2]}', 'no_chats'],
    ['lines of something else', 'messages.jsonl', '{"a":1}\n', 'no_chats'],
    ['no lines', 'messages.jsonl', '\n', 'empty'],
    ['a line that is cut', 'messages.jsonl', '{"a":', 'truncated'],
    ['a line of rubbish', 'messages.jsonl', 'x\n{}\n', 'not_json'],
  ])('%s: a reason, alone and among others', async (_, name, content, reason) => {
    const alone: unknown = await taken(store, [fileOf(name, content)]).catch((error: unknown) => error);
    expect(reasonOf(alone)).toBe(reason);
    const two = [fileOf(name, content), fileOf('other.json', '{}')];
    expect(reasonOf(await taken(store, two).catch((error: unknown) => error))).toBe(reason);
    expect(await store.transfer.ids(undefined)).toEqual([]);
  });

  test('a folder or a zip without chats, and a zip that ends too early', async () => {
    await expect(taken(store, [fileOf('a/notes.json', '{}')], 'folder')).rejects.toThrow(NoChatsFound);
    const zip = zipSync({ 'conversations.json': strToU8(JSON.stringify(claudeExport)) }, { level: 6 });
    await expect(
      taken(store, [fileOf('b.zip', Uint8Array.from(zipSync({ 'a.txt': strToU8('a') })))]),
    ).rejects.toThrow(NoChatsFound);
    await expect(taken(store, [fileOf('c.zip', Uint8Array.from(zip.slice(0, 200)))])).rejects.toThrow(
      BrokenZip,
    );
    expect(await store.transfer.ids(undefined)).toEqual([]);
    expect(await taken(store, [fileOf('d.zip', Uint8Array.from(zip))])).toMatchObject({ chats: 2 });
  });

  test('more than a zip file weighs is taken only while there is room for it', async () => {
    const long = { ...claudeExport[0], uuid: 'long', name: 'x'.repeat(20_000_000) };
    const zip = new File([zipSync({ 'conversations.json': strToU8(JSON.stringify([long])) })], 'data.zip');
    const asked: number[] = [];
    const importing = (freeBytes: number) => {
      const room = createRoomGuard(folder.path, async () => freeBytes);
      const forImport = (sizeBytes: number) => (asked.push(sizeBytes), room.forImport(sizeBytes));
      const importer = createImporter({
        ...{ store, bus: createEventBus('import'), purge: () => purgeAll(store) },
        room: { ...room, forImport },
      });
      const files = { files: [zip], from: 'files' as const };
      return importChats(clientOf(importer), files, {
        signal: new AbortController().signal,
        onProgress: () => {},
      });
    };
    await expect(importing(90_000_000)).rejects.toMatchObject({ code: 'disk_full' });
    expect(await store.transfer.ids(undefined)).toEqual([]);
    expect(await importing(500_000_000)).toMatchObject({ chats: 1 });
    expect(asked.slice(-3)).toEqual([zip.size, 16_000_000, 16_000_000]);
  });

  test('cancelled on its way, nothing is kept', async () => {
    const control = new AbortController();
    const importing = importChats(
      clientOf(importerOf(store)),
      { files: files(), from: 'folder' },
      { signal: control.signal, onProgress: () => control.abort() },
    );
    await expect(importing).rejects.toThrow();
    expect(await store.transfer.ids(undefined)).toEqual([]);
  });
});

describe('broken files', () => {
  test('end with a report or a reason each, and nothing of a failed one is kept (the soak "imports" has more)', async () => {
    const faults: string[] = [];
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 60; seed += 1) {
      const { kind, files } = brokenImport(seed);
      const { outcome, fault } = await faultOfImport(store, files);
      outcomes.add(outcome);
      if (fault !== null) faults.push(`seed ${seed}, ${kind}: ${fault}`);
    }
    expect(faults).toEqual([]);
    expect([...outcomes]).toEqual(expect.arrayContaining(['some taken', 'not_json', 'truncated']));
  }, 60_000);
});
