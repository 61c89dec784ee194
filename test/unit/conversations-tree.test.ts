import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  appError,
  DEFAULT_SAMPLING,
  errorCodeOf,
  type GenerationStats,
  type NewAttachment,
} from '../../src-main/contract/index.ts';
import { createConversations, type ConversationsDeps } from '../../src-main/conversations/conversations.ts';
import type {
  GenerateRequest,
  GenerationEvent,
  GenerationResult,
  PromptParts,
  PromptRequest,
} from '../../src-main/engine/api.ts';
import { createEventBus } from '../../src-main/events.ts';
import { noGuard, type RoomGuard } from '../../src-main/free-space.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { attachments } from '../../src-main/store/queries/attachments.ts';
import { conversations as conversationQueries } from '../../src-main/store/queries/conversations.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { queue } from '../../src-main/store/queries/queue.ts';
import { tree } from '../../src-main/store/queries/tree.ts';
import type { Db } from '../../src-main/store/sql.ts';
import { noRecorder } from '../support/recorder.ts';
import { fullStats, newModel } from '../support/store/fixtures.ts';

// The service on the real queries, with an engine whose answers the test ends as it wants.

/** One generation that the engine was asked for. */
interface Asked {
  request: GenerateRequest;
  say(text: string): void;
  end(stopReason: GenerationResult['stopReason'], error?: GenerationResult['error']): void;
}

let db: Db;
let asked: Asked[];
let counted: (string | undefined)[];
let room: RoomGuard;
let service: ReturnType<typeof createConversations>;
const model = { ...newModel(), available: true };
let engineState: {
  contextSize: number | null;
  modelId: string | null;
  gpuLayers: null;
  engineVersion: string;
};

const asynchronous = (functions: object): object =>
  Object.fromEntries(
    Object.entries(functions).map(([name, query]: [string, (db: Db, input: unknown) => unknown]) => [
      name,
      async (input: unknown) => db.transaction(() => query(db, input))(),
    ]),
  );

function generate(
  request: GenerateRequest,
  { signal, onEvent }: { signal: AbortSignal; onEvent: (event: GenerationEvent) => void },
): Promise<GenerationResult> {
  return new Promise((resolve) => {
    const stats: GenerationStats = { ...fullStats, stopReason: 'end' };
    const end: Asked['end'] = (stopReason, error = null) => resolve({ stopReason, stats, error });
    signal.addEventListener('abort', () => end('stopped'));
    if (signal.aborted) end('stopped');
    asked.push({ request, say: (text) => onEvent({ type: 'chunk', kind: 'answer', text }), end });
  });
}

/** A token for each letter; remembers whose prompts were counted. */
async function countParts({ turns, conversationId }: PromptRequest): Promise<PromptParts> {
  counted.push(conversationId);
  const tokens = turns.map(({ text }) => text.length);
  const total = tokens.reduce((sum, count) => sum + count, 0);
  return { total, system: 0, turns: tokens, template: 0, reusable: 0 };
}

beforeEach(() => {
  db = new Database(':memory:');
  migrate(db, migrations, 0);
  asked = [];
  counted = [];
  engineState = { contextSize: null, modelId: null, gpuLayers: null, engineVersion: fullStats.engineVersion };
  const store = {
    conversations: asynchronous(conversationQueries),
    messages: asynchronous(messages),
    attachments: asynchronous(attachments),
    tree: asynchronous(tree),
    queue: asynchronous(queue),
    models: { get: async () => model },
    provenance: { get: async () => null },
  };
  room = { ...noGuard };
  const deps = {
    store,
    room,
    engine: { state: engineState, generate, countParts, onState: () => () => {} },
    models: {
      list: async () => [model],
      ensureLoaded: async () => ({ loadMs: 0 }),
      samplingOf: async () => DEFAULT_SAMPLING,
    },
    settings: { get: () => ({ defaultModelId: model.id, defaultSystemPrompt: '', threads: null }) },
    bus: createEventBus('run'),
    recorder: noRecorder,
    forgetStates: async () => {},
  };
  service = createConversations(deps as unknown as ConversationsDeps);
  return async () => {
    await service.close();
    db.close();
  };
});

const request = () => randomUUID();
const chat = (id: string) => service.get(id);
const message = async (id: string, messageId: string) =>
  (await chat(id)).messages.find((candidate) => candidate.id === messageId);

/** The `count`-th generation, once the engine was asked for it. */
async function generation(count: number): Promise<Asked> {
  return vi.waitFor(() => {
    const found = asked[count - 1];
    if (!found) throw new Error(`${asked.length} generations were asked for`);
    return found;
  });
}
const settled = (id: string) => vi.waitFor(async () => expect((await chat(id)).answering).toBe(false));

/** Sends a text; the answer has been asked for. */
async function send(text: string, conversationId: string | null = null, attachments: NewAttachment[] = []) {
  const before = asked.length;
  const started = await service.send({
    requestId: request(),
    conversationId,
    parentId: null,
    text,
    attachments,
    modelId: model.id,
  });
  return { ...started, answer: await generation(before + 1) };
}

async function answered(text: string, says: string, conversationId: string | null = null) {
  const started = await send(text, conversationId);
  started.answer.say(says);
  started.answer.end('end');
  await settled(started.conversationId);
  return started;
}

const codeOf = async (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

describe('an edited question', () => {
  it('is a sibling with an answer of its own; the draft stays; a repeated request is the same one', async () => {
    const first = await answered('Wrong question', 'An answer');
    const id = first.conversationId;
    await service.saveDraft(id, 'half a sentence');
    const input = { requestId: request(), messageId: first.userMessageId, text: 'Right question' };
    const edited = await service.tree.editQuestion(input);
    expect(await service.tree.editQuestion(input)).toEqual(edited);
    const { request: sent, say, end } = await generation(2);
    expect(sent.turns.map(({ text }) => text)).toEqual(['Right question']);
    say('Better');
    end('end');
    await settled(id);
    const after = await chat(id);
    expect(after.messages.map(({ text }) => text)).toEqual([
      'Wrong question',
      'An answer',
      'Right question',
      'Better',
    ]);
    expect(after).toMatchObject({ activeLeafId: edited.assistantMessageId, draft: 'half a sentence' });
    expect(after.messages[2]?.parentId).toBeNull();
    expect(asked).toHaveLength(2);
  });

  it('waits while an answer is being written, and is no answer', async () => {
    const first = await send('One');
    const input = { requestId: request(), messageId: first.userMessageId, text: 'Two' };
    expect(await codeOf(service.tree.editQuestion(input))).toBe('conflict');
    first.answer.end('end');
    await settled(first.conversationId);
    const answer = { ...input, messageId: first.assistantMessageId };
    expect(await codeOf(service.tree.editQuestion(answer))).toBe('invalid_input');
  });

  it('saved without an answer is answered when asked for', async () => {
    const first = await answered('One', 'A');
    const id = first.conversationId;
    const { messageId } = await service.tree.saveVersion({
      requestId: request(),
      messageId: first.userMessageId,
      text: 'One, better',
    });
    expect((await chat(id)).activeLeafId).toBe(messageId);
    const { assistantMessageId } = await service.tree.answerAgain({
      requestId: request(),
      messageId,
      leaveOut: false,
    });
    (await generation(2)).end('end');
    await settled(id);
    expect((await message(id, assistantMessageId))?.parentId).toBe(messageId);
  });
});

describe('an answer that goes on', () => {
  it('begins with the text so far as a new version, and the old one stays', async () => {
    const first = await send('Count');
    const id = first.conversationId;
    first.answer.say('one two');
    service.stop(first.assistantMessageId);
    await settled(id);
    const input = { requestId: request(), messageId: first.assistantMessageId };
    const { assistantMessageId } = await service.tree.continueAnswer(input);
    const { request: sent, say, end } = await generation(2);
    expect(sent.turns).toEqual([
      { role: 'user', text: 'Count' },
      { role: 'assistant', text: 'one two', reasoning: '' },
    ]);
    // The text so far counts as the first chunk: a client that saw none fetches it.
    expect(await message(id, assistantMessageId)).toMatchObject({
      text: 'one two',
      chunkSeq: 1,
      prefixLength: 7,
    });
    say(' three');
    expect(await message(id, assistantMessageId)).toMatchObject({ text: 'one two three', chunkSeq: 2 });
    end('end');
    await settled(id);
    expect(await message(id, assistantMessageId)).toMatchObject({
      text: 'one two three',
      status: 'complete',
    });
    expect(await message(id, first.assistantMessageId)).toMatchObject({ text: 'one two', status: 'stopped' });
  });

  it('may begin with words of the user', async () => {
    const first = await answered('Describe the sea', 'Blue');
    const id = first.conversationId;
    const input = { requestId: request(), messageId: first.assistantMessageId, text: 'Dear diary,' };
    const { assistantMessageId } = await service.tree.beginWith(input);
    const { request: sent, say, end } = await generation(2);
    expect(sent.turns.at(-1)).toMatchObject({ role: 'assistant', text: 'Dear diary,' });
    say(' today');
    end('end');
    await settled(id);
    expect(await message(id, assistantMessageId)).toMatchObject({
      text: 'Dear diary, today',
      parentId: first.userMessageId,
      prefixLength: 11,
    });
  });

  it('needs something to go on from', async () => {
    const first = await send('Count');
    service.stop(first.assistantMessageId);
    await settled(first.conversationId);
    const input = { requestId: request(), messageId: first.assistantMessageId };
    expect(await codeOf(service.tree.continueAnswer(input))).toBe('conflict');
  });
});

it('a removed branch stops what is being written in it, and comes back as it was', async () => {
  const first = await answered('One', 'A');
  const id = first.conversationId;
  const second = await send('Two', id);
  second.answer.say('half');
  const { removedCount, shownLeafId } = await service.tree.removeBranch(second.userMessageId);
  expect(removedCount).toBe(2);
  await settled(id);
  expect(await chat(id)).toMatchObject({ activeLeafId: first.assistantMessageId, messageCount: 2 });
  await service.tree.restoreBranch({ messageId: second.userMessageId, shownLeafId });
  expect(await chat(id)).toMatchObject({ activeLeafId: second.assistantMessageId, messageCount: 4 });
  expect(await message(id, second.assistantMessageId)).toMatchObject({ text: 'half', status: 'stopped' });
});

it('counts the next send with what the engine holds of that chat', async () => {
  const { conversationId } = await answered('One', 'Yes');
  engineState.contextSize = 1024;
  const next = { attachments: [], systemPrompt: null };
  const preview = await service.context.preview({ ...next, id: conversationId, draft: 'Two' });
  expect([preview.fits, counted]).toEqual([true, [conversationId]]);
  await service.context.preview({ ...next, id: null, draft: 'Other' });
  expect(counted).toEqual([conversationId, undefined]);
});

describe('files on a disk that is full', () => {
  const file = {
    ...{ id: randomUUID(), name: 'a.txt', kind: 'text' as const, sizeBytes: 9 },
    ...{ text: 'A long text', pageStarts: null, parts: null },
  };
  const full = appError('disk_full', { needBytes: 2, freeBytes: 1 });

  it('are refused with a message that waits, with another version of one that has them, and with its copy', async () => {
    const { conversationId, userMessageId: messageId, answer } = await send('One', null, [file]);
    answer.end('end');
    await settled(conversationId);
    room.forFiles = () => Promise.reject(full);
    room.forCopies = () => Promise.reject(full);
    const waits = { conversationId, text: 'Two', place: null, afterId: null };
    const adds = (attachments: (typeof file)[]) =>
      service.queue.add({ ...waits, id: randomUUID(), attachments });
    await expect(adds([{ ...file, id: randomUUID() }])).rejects.toBe(full);
    const version = { requestId: randomUUID(), messageId, text: 'Other' };
    await expect(service.tree.saveVersion(version)).rejects.toBe(full);
    await expect(service.tree.editQuestion(version)).rejects.toBe(full);
    const fork = { messageId, conversationId: randomUUID(), title: 'Copy' };
    await expect(service.tree.fork(fork)).rejects.toBe(full);
    await expect(chat(fork.conversationId)).rejects.toMatchObject({ code: 'not_found' });
    room.forCopies = noGuard.forCopies;
    await service.tree.fork(fork);
    expect(await chat(fork.conversationId)).toMatchObject({ title: 'Copy', messageCount: 1 });
    expect(await chat(conversationId)).toMatchObject({ messageCount: 2, queue: [] });
    await adds([]);
    expect((await chat(conversationId)).queue).toHaveLength(1);
  });
});

describe('messages that wait', () => {
  const wait = (conversationId: string, text: string, afterId: string | null) =>
    service.queue.add({ conversationId, id: randomUUID(), text, place: null, afterId });
  const waiting = async (id: string) => (await chat(id)).queue.map(({ text }) => text);

  it('are sent one after the other, each when the answer before it is complete', async () => {
    const first = await send('One');
    const id = first.conversationId;
    await wait(id, 'Two', first.assistantMessageId);
    await wait(id, 'Three', first.assistantMessageId);
    expect(asked).toHaveLength(1);
    first.answer.say('A');
    first.answer.end('end');
    const second = await generation(2);
    expect(second.request.turns.map(({ text }) => text)).toEqual(['One', 'A', 'Two']);
    expect(await waiting(id)).toEqual(['Three']);
    second.say('B');
    second.end('end');
    const third = await generation(3);
    expect(third.request.turns.map(({ text }) => text)).toEqual(['One', 'A', 'Two', 'B', 'Three']);
    third.end('end');
    await settled(id);
    expect(await waiting(id)).toEqual([]);
  });

  it('stay after a stop and after a failure until they are sent by hand, and then go on', async () => {
    const first = await send('One');
    const id = first.conversationId;
    await wait(id, 'Two', first.assistantMessageId);
    await wait(id, 'Three', first.assistantMessageId);
    service.stop(first.assistantMessageId);
    await settled(id);
    expect(await waiting(id)).toEqual(['Two', 'Three']);
    await service.queue.sendNext(id);
    (await generation(2)).end('failed', appError('engine_crashed'));
    await settled(id);
    expect(await waiting(id)).toEqual(['Three']);
    await service.queue.sendNext(id);
    const third = await generation(3);
    expect(third.request.turns.at(-1)?.text).toBe('Three');
    expect(await codeOf(service.queue.sendNext(id))).toBe('conflict');
    third.end('end');
    await settled(id);
    expect(await codeOf(service.queue.sendNext(id))).toBe('not_found');
  });

  it('wait for a word of the user when old messages would have to go, and are sent with it', async () => {
    const first = await send('A'.repeat(700));
    const id = first.conversationId;
    Object.assign(engineState, { contextSize: 1024, modelId: model.id });
    const long = 'B'.repeat(800);
    await wait(id, long, first.assistantMessageId);
    first.answer.end('end');
    await settled(id);
    await vi.waitFor(() => expect(counted).toHaveLength(2));
    expect([asked.length, await waiting(id)]).toEqual([1, [long]]);
    await service.queue.sendNext(id, true);
    const second = await generation(2);
    expect(second.request.turns.map(({ text }) => text)).toEqual([long]);
    second.end('end');
    await settled(id);
  });

  it('go by themselves when they came after Stop and nothing waits before them', async () => {
    const first = await send('One');
    const id = first.conversationId;
    service.stop(first.assistantMessageId);
    await wait(id, 'Two', first.assistantMessageId);
    const second = await generation(2);
    expect(second.request.turns.at(-1)?.text).toBe('Two');
    expect(await waiting(id)).toEqual([]);
    // What was there before the stop waits, and with it what comes after it.
    const leaf = (await chat(id)).activeLeafId;
    await wait(id, 'Three', leaf);
    service.stop(leaf ?? '');
    await wait(id, 'Four', leaf);
    await settled(id);
    await wait(id, 'Five', leaf);
    expect(await waiting(id)).toEqual(['Three', 'Four', 'Five']);
    expect(asked).toHaveLength(2);
  });

  it('go by themselves when the stop was through before they came', async () => {
    const first = await send('One');
    const id = first.conversationId;
    service.stop(first.assistantMessageId);
    await settled(id);
    await wait(id, 'Two', first.assistantMessageId);
    expect((await generation(2)).request.turns.at(-1)?.text).toBe('Two');
  });

  it('go at once when the answer was complete before they came', async () => {
    const first = await answered('One', 'A');
    await wait(first.conversationId, 'Two', first.assistantMessageId);
    expect((await generation(2)).request.turns.at(-1)?.text).toBe('Two');
  });

  it('are stored even when they cannot be sent, and wait then', async () => {
    const first = await answered('One', 'A');
    const id = first.conversationId;
    await service.updateSettings(id, { modelId: 'gone' });
    await wait(id, 'Two', first.assistantMessageId);
    expect(await waiting(id)).toEqual(['Two']);
    expect(asked).toHaveLength(1);
  });

  it('wait while another branch is shown', async () => {
    const first = await answered('One', 'A');
    const id = first.conversationId;
    await service.tree.answerAgain({
      requestId: request(),
      messageId: first.assistantMessageId,
      leaveOut: false,
    });
    const again = await generation(2);
    await wait(id, 'Two', (await chat(id)).activeLeafId);
    await service.showBranch(id, first.assistantMessageId);
    again.end('end');
    await settled(id);
    expect(await waiting(id)).toEqual(['Two']);
    await service.queue.sendNext(id);
    expect((await generation(3)).request.turns.map(({ text }) => text)).toEqual(['One', 'A', 'Two']);
  });
});

describe('the same once more', () => {
  it('is asked of the same model with the same sampling and the seed that was drawn', async () => {
    const first = await answered('One', 'A');
    const id = first.conversationId;
    const used = (await message(id, first.assistantMessageId))?.settings;
    expect(used).toMatchObject({
      sampling: DEFAULT_SAMPLING,
      systemPromptHash: expect.stringMatching(/^\w{32}$/),
    });
    await service.updateSettings(id, { sampling: { ...DEFAULT_SAMPLING, temperature: 0.1, seed: 99 } });
    await service.tree.runAgain({ requestId: request(), messageId: first.assistantMessageId });
    const again = await generation(2);
    expect(again.request).toMatchObject({
      modelId: model.id,
      sampling: { ...DEFAULT_SAMPLING, seed: fullStats.seed },
    });
    again.end('end');
    await settled(id);
  });

  it('says what is no longer the same, and refuses where nothing was noted', async () => {
    const first = await answered('One', 'A');
    const { conversationId: id, assistantMessageId: messageId } = first;
    expect(await service.tree.replayChanges(messageId)).toEqual([]);
    await service.updateSettings(id, { systemPrompt: 'Be brief.' });
    expect(await service.tree.replayChanges(messageId)).toEqual(['system_prompt']);
    engineState.engineVersion = '99.0';
    expect(await service.tree.replayChanges(messageId)).toEqual(['system_prompt', 'engine']);
    model.available = false;
    expect(await service.tree.replayChanges(messageId)).toEqual(['model_gone']);
    model.available = true;
    const mine = await service.tree.saveVersion({ requestId: request(), messageId, text: 'Mine' });
    expect(await service.tree.replayChanges(mine.messageId)).toEqual(['unknown']);
    const input = { requestId: request(), messageId: mine.messageId };
    expect(await codeOf(service.tree.runAgain(input))).toBe('conflict');
  });
});

it('several chats are answered at once, and a stop ends its own only', async () => {
  const one = await send('One');
  const two = await send('Two');
  expect((await service.list()).map(({ answering }) => answering)).toEqual([true, true]);
  one.answer.say('first');
  two.answer.say('second');
  service.stop(one.assistantMessageId);
  await settled(one.conversationId);
  expect(await message(one.conversationId, one.assistantMessageId)).toMatchObject({
    text: 'first',
    status: 'stopped',
  });
  expect(await chat(two.conversationId)).toMatchObject({ answering: true });
  two.answer.say(' goes on');
  two.answer.end('end');
  await settled(two.conversationId);
  expect(await message(two.conversationId, two.assistantMessageId)).toMatchObject({
    text: 'second goes on',
    status: 'complete',
  });
});
