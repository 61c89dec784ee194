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
});
const note = () => ({
  ...{ id: crypto.randomUUID(), name: 'note.txt', kind: 'text' as const, sizeBytes: 9 },
  ...{ text: 'Sill 2.1 m', pageStarts: null },
});
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
    { id: files[0]?.id, name: 'tides.pdf', kind: 'pdf', sizeBytes: 900, characters: 33, pages: 2 },
    { id: files[1]?.id, name: 'note.txt', kind: 'text', sizeBytes: 9, characters: 10, pages: null },
  ]);
  expect(await client.attachments.read({ id: files[0]?.id ?? '' })).toEqual({
    text: files[0]?.text,
    pageStarts: [0, 17],
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
  });
  expect(await read()).toBe(text);
});

it('more files or more text than a message may have are refused, and nothing is saved', async () => {
  const core = await coreWithModel();
  const long = { ...note(), text: 'x'.repeat(1_500_000) };
  await expect(ask(core, [long, { ...long, id: crypto.randomUUID() }])).rejects.toMatchObject({
    code: 'invalid_input',
  });
  expect(await core.client.conversations.list()).toEqual([]);
});
