import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { NewAttachment } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Files with a message, through the contract and by the real engine's counts.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

async function coreWithModel(): Promise<TestCore> {
  const started = await startCore();
  cores.push(started);
  await writeScriptedModel(join(started.modelsDir, 'model.gguf'), { script: plainScript });
  const model = await started.addModel();
  await started.client.models.updateSettings({ id: model.id, settings: { contextSize: 2048 } });
  await started.client.models.load({ id: model.id });
  return started;
}

const tides = () => ({
  id: crypto.randomUUID(),
  name: 'tides.pdf',
  kind: 'pdf' as const,
  sizeBytes: 900,
  text: 'High water 16:58\nLow water 10:52\n',
  pageStarts: [0, 17],
  parts: null,
});
const note = () => ({
  ...{ id: crypto.randomUUID(), name: 'note.txt', kind: 'text' as const, sizeBytes: 9 },
  ...{ text: 'Sill 2.1 m', pageStarts: null, parts: null },
});
const told = (file?: NewAttachment) =>
  file && { id: file.id, name: file.name, kind: file.kind, sizeBytes: file.sizeBytes };
const SENT = `File: tides.pdf
\`\`\`
[page 1]
High water 16:58
[page 2]
Low water 10:52
\`\`\`

File: note.txt
\`\`\`
Sill 2.1 m
\`\`\`

When can I cross?`;

async function ask(core: TestCore, files: NewAttachment[] = [tides(), note()]) {
  const settled = core.waitFor((event) => event.type === 'generation.settled');
  const ids = await core.client.conversations.send({
    requestId: crypto.randomUUID(),
    ...{ conversationId: null, parentId: null, modelId: null },
    text: 'When can I cross?',
    attachments: files,
  });
  await settled;
  return ids;
}

it('files are counted before they are sent, stand before the text, and come along with edits and forks', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const files = [tides(), note()];
  const next = { id: null, draft: 'When can I cross?', attachments: files };
  const preview = await client.context.preview(next);
  expect(preview.counts?.attachments.map(({ id, name }) => ({ id, name }))).toEqual(
    files.map(({ id, name }) => ({ id, name })),
  );
  for (const { tokens } of preview.counts?.attachments ?? []) expect(tokens).toBeGreaterThan(5);
  expect(preview.counts?.parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(
    preview.counts?.promptTokens,
  );
  const users = (sent: { role: string; text: string }[]) => sent.filter(({ role }) => role === 'user');
  expect(users(await client.context.sent(next))).toEqual([{ role: 'user', text: SENT }]);

  const { conversationId, userMessageId, assistantMessageId } = await ask(core, files);
  const chat = await client.conversations.get({ id: conversationId });
  const question = chat.messages.find(({ id }) => id === userMessageId);
  expect(question).toMatchObject({ text: 'When can I cross?' });
  expect(question?.attachments).toEqual([
    { ...told(files[0]), characters: 33, pages: 2, parts: null },
    { ...told(files[1]), characters: 10, pages: null, parts: null },
  ]);
  expect(await client.attachments.read({ id: files[0]?.id ?? '' })).toEqual({
    text: files[0]?.text,
    pageStarts: [0, 17],
    parts: null,
  });
  // The engine read what was counted.
  expect(chat.messages.find(({ id }) => id === assistantMessageId)?.stats?.promptTokens).toBe(
    preview.counts?.promptTokens,
  );

  const settled = core.waitFor((event) => event.type === 'generation.settled');
  const edited = await client.tree.editQuestion({
    requestId: crypto.randomUUID(),
    messageId: userMessageId,
    text: 'When can I cross, then?',
  });
  await settled;
  const forkId = crypto.randomUUID();
  await client.tree.fork({ messageId: edited.assistantMessageId, conversationId: forkId, title: 'Fork' });
  const fork = await client.conversations.get({ id: forkId });
  expect(fork.messages[0]?.attachments.map(({ name }) => name)).toEqual(['tides.pdf', 'note.txt']);
  expect(users(await client.context.sent({ id: forkId, draft: '' }))[0]?.text).toBe(
    SENT.replace('cross?', 'cross, then?'),
  );
});

it('files go out with a chat and come in again, and end with it', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const { conversationId, userMessageId } = await ask(core);
  const read = async () => {
    const { exportId } = await client.transfer.beginExport({
      conversationIds: [conversationId],
      format: 'json',
    });
    return (await client.transfer.readExport({ exportId })).text;
  };
  const text = await read();
  const fileId = (await client.conversations.get({ id: conversationId })).messages.find(
    ({ id }) => id === userMessageId,
  )?.attachments[0]?.id;
  await client.conversations.remove({ id: conversationId });
  const gone = core.waitFor((event) => event.type === 'conversation.removed');
  await client.history.erase({ ids: [conversationId] });
  await gone;
  await expect(client.attachments.read({ id: fileId ?? '' })).rejects.toMatchObject({ code: 'not_found' });

  const { importId } = await client.transfer.beginImport({ sizeBytes: text.length });
  await client.transfer.appendImport({ importId, text });
  expect(await client.transfer.finishImport({ importId })).toMatchObject({ chats: 1, leftOut: [] });
  expect(await client.attachments.read({ id: fileId ?? '' })).toEqual({
    text: tides().text,
    pageStarts: [0, 17],
    parts: null,
  });
  expect(await read()).toBe(text);
});

/** A handbook of twelve pages, of which two go with the message. */
function handbook(): NewAttachment {
  const pages = Array.from(
    { length: 12 },
    (_, index) => `Page ${index + 1} of the handbook.\nSecond line.\n`,
  );
  const pageStarts = pages.map((_, index) => pages.slice(0, index).join('').length);
  const [third = 0, fourth = 0] = pageStarts.slice(2);
  const ninth = pageStarts[8] ?? 0;
  return {
    ...{ id: crypto.randomUUID(), name: 'handbook.pdf', kind: 'pdf', sizeBytes: 70_000 },
    ...{ text: pages.join(''), pageStarts },
    parts: [
      { start: third, end: fourth },
      { start: ninth + 27, end: ninth + 36 },
    ],
  };
}
const IN_PARTS = `File: handbook.pdf, only these parts of it: pages 3, 9 of 12
\`\`\`
[page 3]
Page 3 of the handbook.
Second line.
[...]
[page 9]
ond line.
\`\`\`

When can I cross?`;
const userTexts = (sent: { role: string; text: string }[]) =>
  sent.flatMap(({ role, text }) => (role === 'user' ? [text] : []));
const exported = async ({ client }: TestCore, conversationId: string, format: 'json' | 'markdown') => {
  const { exportId } = await client.transfer.beginExport({ conversationIds: [conversationId], format });
  return (await client.transfer.readExport({ exportId })).text;
};

it('of a file in parts the engine reads what the inspector told, through every way a message goes', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const file = handbook();
  const next = { id: null, draft: 'When can I cross?', attachments: [file] };
  const preview = await client.context.preview(next);
  const [row] = preview.counts?.attachments ?? [];
  expect(row).toMatchObject({ id: file.id, pages: 12 });
  expect(row?.parts?.map(({ first, last }) => [first, last])).toEqual([
    [3, 3],
    [9, 9],
  ]);
  expect(row?.tokens).toBeLessThan(
    (await client.context.preview({ ...next, attachments: [{ ...file, parts: null }] })).counts
      ?.attachments[0]?.tokens ?? 0,
  );
  expect(userTexts(await client.context.sent(next))).toEqual([IN_PARTS]);

  const { conversationId, userMessageId, assistantMessageId } = await ask(core, [file]);
  const messageOf = async (chatId: string, id: string) =>
    (await client.conversations.get({ id: chatId })).messages.find((message) => message.id === id);
  const question = await messageOf(conversationId, userMessageId);
  expect(question?.attachments[0]?.parts).toEqual(row?.parts);
  expect((await messageOf(conversationId, assistantMessageId))?.stats?.promptTokens).toBe(
    preview.counts?.promptTokens,
  );

  /** Answers made in other ways read the same. */
  const promptOf = async (start: () => Promise<{ assistantMessageId: string }>) => {
    const settled = core.waitFor((event) => event.type === 'generation.settled');
    const { assistantMessageId: id } = await start();
    await settled;
    return (await messageOf(conversationId, id))?.stats?.promptTokens;
  };
  const request = { requestId: crypto.randomUUID(), messageId: assistantMessageId };
  expect(await promptOf(() => client.conversations.answerAgain(request))).toBe(preview.counts?.promptTokens);
  const replay = { ...request, requestId: crypto.randomUUID() };
  expect(await promptOf(() => client.tree.runAgain(replay))).toBe(preview.counts?.promptTokens);

  const forkId = crypto.randomUUID();
  await client.tree.fork({ messageId: assistantMessageId, conversationId: forkId, title: 'Fork' });
  const followUp = { id: forkId, draft: 'And later?' };
  expect(userTexts(await client.context.sent(followUp))).toEqual([IN_PARTS, 'And later?']);
  const edit = { requestId: crypto.randomUUID(), messageId: userMessageId, text: 'May I cross?' };
  await promptOf(() => client.tree.editQuestion(edit));
  expect(userTexts(await client.context.sent({ id: conversationId, draft: '' }))).toEqual([
    IN_PARTS.replace('When can I', 'May I'),
  ]);

  const json = await exported(core, conversationId, 'json');
  expect(await exported(core, conversationId, 'markdown')).toContain('Attached: handbook.pdf (pages 3, 9)');
  await client.conversations.remove({ id: conversationId });
  const gone = core.waitFor((event) => event.type === 'conversation.removed');
  await client.history.erase({ ids: [conversationId] });
  await gone;
  const { importId } = await client.transfer.beginImport({ sizeBytes: json.length });
  await client.transfer.appendImport({ importId, text: json });
  await client.transfer.finishImport({ importId });
  expect(await exported(core, conversationId, 'json')).toBe(json);
  expect((await messageOf(conversationId, userMessageId))?.attachments[0]?.parts).toEqual(row?.parts);
});

it('pieces of a text are counted one by one; parts that are none of the text are refused', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const counted = await client.attachments.countTokens({ texts: ['High water', ' ', '  High water\n'] });
  expect(counted?.[0]).toBeGreaterThan(1);
  expect(counted).toEqual([counted?.[0], 0, counted?.[0]]);
  const bad = [
    [],
    [{ start: 3, end: 3 }],
    [{ start: 0, end: 999 }],
    [
      { start: 4, end: 6 },
      { start: 5, end: 8 },
    ],
  ];
  for (const parts of bad)
    await expect(ask(core, [{ ...note(), parts }])).rejects.toMatchObject({ code: 'invalid_input' });
  await client.models.unload();
  expect(await client.attachments.countTokens({ texts: ['High water'] })).toBe(null);
});

it('files wait with their message, go out and come in with it, and are sent with it', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const { conversationId } = await ask(core, []);
  const id = crypto.randomUUID();
  const file = handbook();
  const add = {
    ...{ conversationId, id, text: 'And with these?', place: null, afterId: null },
    attachments: [file, note()],
  };
  await client.queue.add(add);
  await client.queue.add(add);
  const { queue } = await client.conversations.get({ id: conversationId });
  expect(queue[0]?.attachments.map(({ name, parts }) => [name, parts?.length ?? null])).toEqual([
    ['handbook.pdf', 2],
    ['note.txt', null],
  ]);
  expect(await client.attachments.read({ id: file.id })).toMatchObject({
    text: file.text,
    parts: file.parts,
  });
  const json = await exported(core, conversationId, 'json');
  expect(json).toContain('Sill 2.1 m');

  // Taken off and put back.
  await client.queue.remove({ id });
  await expect(client.attachments.read({ id: file.id })).rejects.toMatchObject({ code: 'not_found' });
  await client.queue.add(add);

  const settled = core.waitFor((event) => event.type === 'generation.settled');
  await client.queue.sendNext({ conversationId });
  await settled;
  const { messages, queue: rest } = await client.conversations.get({ id: conversationId });
  expect(rest).toEqual([]);
  expect(messages.find(({ text }) => text === add.text)?.attachments.map(({ name }) => name)).toEqual([
    'handbook.pdf',
    'note.txt',
  ]);
  const [, sent] = userTexts(await client.context.sent({ id: conversationId, draft: '' }));
  expect(sent?.startsWith('File: handbook.pdf, only these parts of it: pages 3, 9 of 12')).toBe(true);

  const other = await coreWithModel();
  const { importId } = await other.client.transfer.beginImport({ sizeBytes: json.length });
  await other.client.transfer.appendImport({ importId, text: json });
  await other.client.transfer.finishImport({ importId });
  expect(await exported(other, conversationId, 'json')).toBe(json);
});

it('a temporary chat has files like any other, in memory, and keeps them when it is kept', async () => {
  const core = await coreWithModel();
  const { client } = core;
  const settled = core.waitFor((event) => event.type === 'generation.settled');
  const { conversationId } = await client.conversations.send({
    requestId: crypto.randomUUID(),
    ...{ conversationId: null, parentId: null, modelId: null, temporary: true },
    text: 'When can I cross?',
    attachments: [handbook()],
  });
  await settled;
  await client.queue.add({
    ...{ conversationId, id: crypto.randomUUID(), text: 'And this?', place: null, afterId: null },
    attachments: [note()],
  });
  const texts = async () => userTexts(await client.context.sent({ id: conversationId, draft: '' }));
  expect(await texts()).toEqual([IN_PARTS]);
  await client.history.keep({ id: conversationId });
  expect(await texts()).toEqual([IN_PARTS]);
  const { queue } = await client.conversations.get({ id: conversationId });
  expect(queue[0]?.attachments.map(({ name }) => name)).toEqual(['note.txt']);
});

it('more files or more text than a message may have are refused, and nothing is saved', async () => {
  const core = await coreWithModel();
  const long = { ...note(), text: 'x'.repeat(1_500_000) };
  await expect(ask(core, [long, { ...long, id: crypto.randomUUID() }])).rejects.toMatchObject({
    code: 'invalid_input',
  });
  expect(await core.client.conversations.list()).toEqual([]);
});
