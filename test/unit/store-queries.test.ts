import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../src-main/contract/index.ts';
import { storeError } from '../../src-main/store/errors.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { adapters } from '../../src-main/store/queries/adapters.ts';
import { conversations } from '../../src-main/store/queries/conversations.ts';
import { ledger } from '../../src-main/store/queries/ledger.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { models } from '../../src-main/store/queries/models.ts';
import { provenance } from '../../src-main/store/queries/provenance.ts';
import { trash } from '../../src-main/store/queries/trash.ts';
import type { Db } from '../../src-main/store/sql.ts';
import {
  finished,
  fullSampling,
  fullStats,
  newAnswer,
  newModel,
  newProvenance,
  newSend,
  noSettings,
} from '../support/store/fixtures.ts';

let db: Db;

beforeEach(() => {
  db = new Database(':memory:');
  migrate(db, migrations, 0);
  return () => db.close();
});

/** The contract's code of what `work` throws, through the store's own classification. */
function codeOf(work: () => unknown): string {
  try {
    db.transaction(work)();
  } catch (error) {
    return errorCodeOf(storeError(error, '/'));
  }
  return 'no error';
}

/** A conversation with one finished turn. */
function conversation(over: Parameters<typeof newSend>[0] = {}) {
  const send = newSend(over);
  messages.begin(db, send);
  messages.finish(db, finished(send.assistant.id, { at: send.at }));
  return { id: send.conversationId, user: send.user.id, assistant: send.assistant.id, send };
}

function turnBelow(id: string, parentId: string | null, at = 2_000) {
  const send = newSend({ conversationId: id, parentId, at });
  messages.begin(db, send);
  messages.finish(db, finished(send.assistant.id, { at }));
  return { user: send.user.id, assistant: send.assistant.id };
}

/** A chat in no folder, without tags, neither pinned nor put away. */
const nowhere = {
  folderId: null,
  tags: [],
  pinnedAt: null,
  archivedAt: null,
  trashedAt: null,
  temporary: false,
};

/** A message that is as it came. */
const plain = {
  attachments: [],
  settings: null,
  thought: null,
  pinned: false,
  edited: false,
  prefixLength: 0,
};

const count = (table: string) => db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();

describe('begin', () => {
  test('makes conversation, user message and empty answer in one call', () => {
    const send = newSend({
      settings: { ...noSettings, modelId: randomUUID(), systemPrompt: 'Be brief.', sampling: fullSampling },
    });
    expect(messages.begin(db, send).repeated).toBe(false);
    const { conversation: stored, messages: tree } = conversations.get(db, { id: send.conversationId });
    expect(stored).toEqual({
      id: send.conversationId,
      title: 'What is a lee shore?',
      titleSource: 'auto',
      createdAt: 1_000,
      updatedAt: 1_000,
      messageCount: 2,
      ...nowhere,
      modelId: send.newConversation?.settings.modelId,
      activeLeafId: send.assistant.id,
      draft: '',
      settings: send.newConversation?.settings,
    });
    expect(tree).toEqual([
      {
        id: send.user.id,
        conversationId: send.conversationId,
        parentId: null,
        role: 'user',
        text: 'What is a lee shore?',
        reasoning: '',
        status: 'complete',
        errorCode: null,
        errorDetails: null,
        modelId: null,
        modelName: null,
        quant: null,
        createdAt: 1_000,
        stats: null,
        ...plain,
      },
      {
        id: send.assistant.id,
        conversationId: send.conversationId,
        parentId: send.user.id,
        role: 'assistant',
        text: '',
        reasoning: '',
        status: 'streaming',
        errorCode: null,
        errorDetails: null,
        modelId: send.assistant.modelId,
        modelName: 'Test 1B',
        quant: 'Q4_0',
        createdAt: 1_000,
        stats: null,
        ...plain,
      },
    ]);
  });

  test('a repeated request changes nothing and answers with the first ids', () => {
    const first = newSend();
    messages.begin(db, first);
    const second = { ...newSend(), requestId: first.requestId };
    expect(messages.begin(db, second)).toEqual({
      conversationId: first.conversationId,
      userMessageId: first.user.id,
      assistantMessageId: first.assistant.id,
      repeated: true,
    });
    expect(count('messages')).toBe(2);
    expect(count('conversations')).toBe(1);
  });

  test('a repeated answer again names the same user message', () => {
    const { id, user } = conversation();
    const again = newAnswer(id, user);
    messages.begin(db, again);
    expect(messages.begin(db, { ...newAnswer(id, user), requestId: again.requestId })).toMatchObject({
      userMessageId: user,
      assistantMessageId: again.assistant.id,
      repeated: true,
    });
  });

  test('a parent of another conversation is a conflict and nothing is kept', () => {
    const one = conversation();
    const other = conversation();
    const before = count('messages');
    expect(
      codeOf(() => messages.begin(db, newSend({ conversationId: one.id, parentId: other.assistant }))),
    ).toBe('conflict');
    expect(codeOf(() => messages.begin(db, newAnswer(one.id, other.user)))).toBe('conflict');
    const crossed = { ...newSend(), user: { id: randomUUID(), parentId: other.assistant, text: 'x' } };
    crossed.assistant.parentId = crossed.user.id;
    expect(codeOf(() => messages.begin(db, crossed))).toBe('conflict');
    expect(count('messages')).toBe(before);
    expect(count('conversations')).toBe(2);
  });

  test('what the code would let through the schema refuses', () => {
    const one = conversation();
    const other = conversation();
    const insert = db.prepare(
      `INSERT INTO messages (id, conversation_id, parent_id, role, text, status, created_at)
        VALUES (?, ?, ?, 'user', '', 'complete', 1)`,
    );
    expect(codeOf(() => insert.run(randomUUID(), one.id, other.user))).toBe('conflict');
    expect(codeOf(() => insert.run(randomUUID(), randomUUID(), null))).toBe('not_found');
    const self = randomUUID();
    expect(codeOf(() => insert.run(self, one.id, self))).not.toBe('no error');
    const move = db.prepare('UPDATE messages SET parent_id = ? WHERE id = ?');
    expect(codeOf(() => move.run(one.assistant, one.user))).toBe('conflict');
    const leaf = db.prepare('UPDATE conversations SET active_leaf_id = ? WHERE id = ?');
    expect(codeOf(() => leaf.run(other.assistant, one.id))).toBe('conflict');
  });

  test('missing and trashed conversations and parents are not found', () => {
    const { id } = conversation();
    expect(codeOf(() => messages.begin(db, newSend({ conversationId: randomUUID() })))).toBe('not_found');
    expect(codeOf(() => messages.begin(db, newSend({ conversationId: id, parentId: randomUUID() })))).toBe(
      'not_found',
    );
    conversations.trash(db, { id, at: 5 });
    expect(codeOf(() => messages.begin(db, newSend({ conversationId: id })))).toBe('not_found');
  });

  test('the head of a chat in the trash is there for who asks with the trash, until it is being deleted', () => {
    const { id } = conversation();
    conversations.trash(db, { id, at: 5 });
    expect(codeOf(() => conversations.head(db, { id }))).toBe('not_found');
    expect(conversations.head(db, { id, withTrash: true })).toMatchObject({ id, temporary: false });
    trash.mark(db, { ids: [id], anywhere: true });
    expect(codeOf(() => conversations.head(db, { id, withTrash: true }))).toBe('not_found');
  });

  test('an answer to an answer, ids that are taken or do not fit are conflicts', () => {
    const { id, user, assistant, send } = conversation();
    expect(codeOf(() => messages.begin(db, newAnswer(id, assistant)))).toBe('conflict');
    expect(codeOf(() => messages.begin(db, { ...send, requestId: randomUUID() }))).toBe('conflict');
    const same = newSend({ conversationId: id, parentId: assistant });
    same.user.id = user;
    same.assistant.parentId = user;
    expect(codeOf(() => messages.begin(db, same))).toBe('conflict');
    const loose = newSend({ conversationId: id, parentId: assistant });
    loose.assistant.parentId = user;
    expect(codeOf(() => messages.begin(db, loose))).toBe('conflict');
    expect(count('messages')).toBe(2);
  });

  test('a send clears the draft, an answer made again keeps it', () => {
    const { id, user, assistant } = conversation();
    conversations.saveDraft(db, { id, draft: 'half a thought' });
    messages.begin(db, newAnswer(id, user));
    expect(conversations.get(db, { id }).conversation.draft).toBe('half a thought');
    messages.begin(db, newSend({ conversationId: id, parentId: assistant }));
    expect(conversations.get(db, { id }).conversation.draft).toBe('');
  });
});

describe('the end of an answer', () => {
  test('every figure and error comes back as it went in', () => {
    const send = newSend();
    messages.begin(db, send);
    const end = finished(send.assistant.id, {
      text: 'Part',
      reasoning: 'thought',
      status: 'failed',
      errorCode: 'engine_crashed',
      errorDetails: { exitCode: 139, signal: 'SIGSEGV', first: true, note: null },
      at: 9_000,
    });
    messages.finish(db, end);
    expect(messages.get(db, { id: send.assistant.id })).toMatchObject({
      text: 'Part',
      reasoning: 'thought',
      status: 'failed',
      errorCode: 'engine_crashed',
      errorDetails: end.errorDetails,
      stats: fullStats,
    });
    expect(conversations.get(db, { id: send.conversationId }).conversation.updatedAt).toBe(9_000);
  });

  test('nullable figures stay null', () => {
    const send = newSend();
    messages.begin(db, send);
    const stats = { ...fullStats, ttftMs: null, tokensPerSecond: null, seed: null };
    messages.finish(db, finished(send.assistant.id, { stats }));
    expect(messages.get(db, { id: send.assistant.id }).stats).toEqual(stats);
  });

  test('flush writes only what streams; of what is gone or ended it does nothing', () => {
    const { assistant } = conversation();
    messages.flush(db, { messageId: assistant, text: 'late', reasoning: '' });
    messages.flush(db, { messageId: randomUUID(), text: 'nobody', reasoning: '' });
    expect(messages.get(db, { id: assistant }).text).toBe('A coast the wind blows on to.');
    const send = newSend();
    messages.begin(db, send);
    conversations.trash(db, { id: send.conversationId, at: 5 });
    messages.flush(db, { messageId: send.assistant.id, text: 'in the trash', reasoning: '' });
    messages.finish(db, finished(send.assistant.id, { text: 'ended in the trash', status: 'stopped' }));
    conversations.restore(db, { id: send.conversationId });
    expect(messages.get(db, { id: send.assistant.id })).toMatchObject({
      text: 'ended in the trash',
      status: 'stopped',
    });
  });

  test('a second end is a conflict, the end of nothing is not found', () => {
    const { assistant } = conversation();
    expect(codeOf(() => messages.finish(db, finished(assistant)))).toBe('conflict');
    expect(codeOf(() => messages.finish(db, finished(randomUUID())))).toBe('not_found');
    expect(count('generations')).toBe(1);
  });

  test('what still streams at the start becomes interrupted, with its text', () => {
    const send = newSend();
    messages.begin(db, send);
    messages.flush(db, { messageId: send.assistant.id, text: 'so far', reasoning: 'r' });
    conversation();
    expect(messages.interruptStreaming(db, { at: 7 })).toBe(1);
    expect(messages.interruptStreaming(db, { at: 8 })).toBe(0);
    expect(messages.get(db, { id: send.assistant.id })).toMatchObject({
      text: 'so far',
      status: 'interrupted',
    });
  });
});

describe('the tree', () => {
  test('path and newest leaf follow branches; siblings keep their order', () => {
    const { id, user, assistant } = conversation();
    const second = turnBelow(id, assistant);
    const edited = turnBelow(id, assistant);
    const again = newAnswer(id, user);
    messages.begin(db, again);
    expect(messages.path(db, { id: second.assistant }).map((m) => m.id)).toEqual([
      user,
      assistant,
      second.user,
      second.assistant,
    ]);
    expect(messages.newestLeaf(db, { id: assistant })).toBe(edited.assistant);
    expect(messages.newestLeaf(db, { id: second.user })).toBe(second.assistant);
    expect(messages.newestLeaf(db, { id: user })).toBe(again.assistant.id);
    expect(messages.newestLeaf(db, { id: second.assistant })).toBe(second.assistant);
    const siblings = conversations.get(db, { id }).messages.filter((m) => m.parentId === assistant);
    expect(siblings.map((m) => m.id)).toEqual([second.user, edited.user]);
    expect(codeOf(() => messages.path(db, { id: randomUUID() }))).toBe('not_found');
    expect(codeOf(() => messages.newestLeaf(db, { id: randomUUID() }))).toBe('not_found');
  });

  test('order is that of insertion even when the clock runs backwards', () => {
    const { id, assistant } = conversation({ at: 50_000 });
    const second = turnBelow(id, assistant, 10);
    const third = turnBelow(id, assistant, 5);
    expect(messages.newestLeaf(db, { id: assistant })).toBe(third.assistant);
    expect(messages.path(db, { id: second.assistant })).toHaveLength(4);
    expect(conversations.get(db, { id }).conversation.updatedAt).toBe(50_000);
  });

  test('10,000 messages deep', () => {
    const root = conversation();
    const ids = Array.from({ length: 9_998 }, () => randomUUID());
    const insert = db.prepare(
      `INSERT INTO messages (id, conversation_id, parent_id, role, text, status, created_at)
        VALUES (?, ?, ?, 'user', '', 'complete', 1)`,
    );
    db.transaction(() => {
      let parent = root.assistant;
      for (const id of ids) {
        insert.run(id, root.id, parent);
        parent = id;
      }
    })();
    const leaf = ids.at(-1) ?? '';
    const startedAt = performance.now();
    const path = messages.path(db, { id: leaf });
    expect(path).toHaveLength(10_000);
    expect(path[0]?.id).toBe(root.user);
    expect(path.at(-1)?.id).toBe(leaf);
    expect(messages.newestLeaf(db, { id: root.user })).toBe(leaf);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    db.prepare('DELETE FROM conversations WHERE id = ?').run(root.id);
    expect(count('messages')).toBe(0);
  });

  test('a damaged tree with a cycle ends with a typed error instead of running on', () => {
    const { id, user, assistant } = conversation();
    const { assistant: leaf } = turnBelow(id, assistant);
    db.exec('DROP TRIGGER messages_stay_in_place');
    db.prepare('UPDATE messages SET parent_id = ? WHERE id = ?').run(leaf, user);
    expect(codeOf(() => messages.path(db, { id: leaf }))).toBe('store_damaged');
    expect(messages.newestLeaf(db, { id: user })).toBe(leaf);
  });

  test('the active leaf is a message of the conversation', () => {
    const { id, user, assistant } = conversation();
    const other = conversation();
    conversations.setActiveLeaf(db, { id, messageId: user });
    expect(conversations.get(db, { id }).conversation.activeLeafId).toBe(user);
    expect(codeOf(() => conversations.setActiveLeaf(db, { id, messageId: other.user }))).toBe('conflict');
    expect(codeOf(() => conversations.setActiveLeaf(db, { id, messageId: randomUUID() }))).toBe('not_found');
    conversations.trash(db, { id, at: 1 });
    expect(codeOf(() => conversations.setActiveLeaf(db, { id, messageId: assistant }))).toBe('not_found');
  });
});

describe('conversations', () => {
  test('newest first without the trash; ties by creation; renaming keeps the order', () => {
    const old = conversation({ at: 1_000 });
    const tied = conversation({ at: 2_000 });
    const last = conversation({ at: 2_000 });
    const order = () => conversations.list(db, undefined).map(({ id }) => id);
    expect(order()).toEqual([last.id, tied.id, old.id]);
    conversations.rename(db, { id: old.id, title: 'Shores', at: 9_000 });
    expect(order()).toEqual([last.id, tied.id, old.id]);
    expect(conversations.list(db, undefined)[2]).toEqual({
      id: old.id,
      title: 'Shores',
      titleSource: 'user',
      createdAt: 1_000,
      updatedAt: 1_000,
      messageCount: 2,
      ...nowhere,
      modelId: null,
    });
    conversations.trash(db, { id: tied.id, at: 1 });
    expect(order()).toEqual([last.id, old.id]);
  });

  test('trash hides, repeats and is undone whole', () => {
    const { id } = conversation();
    const before = conversations.get(db, { id });
    conversations.trash(db, { id, at: 1 });
    conversations.trash(db, { id, at: 2 });
    expect(db.prepare('SELECT trashed_at FROM conversations').pluck().get()).toBe(1);
    const gone = [
      () => conversations.get(db, { id }),
      () => conversations.rename(db, { id, title: 'x', at: 1 }),
      () => conversations.saveDraft(db, { id, draft: 'x' }),
      () => conversations.updateSettings(db, { id, settings: {} }),
    ];
    expect(gone.map(codeOf)).toEqual(['not_found', 'not_found', 'not_found', 'not_found']);
    conversations.restore(db, { id });
    conversations.restore(db, { id });
    expect(conversations.get(db, { id })).toEqual(before);
  });

  test('settings are patched field by field', () => {
    const { id } = conversation();
    const settings = () => conversations.get(db, { id }).conversation.settings;
    expect(settings()).toEqual(noSettings);
    const modelId = randomUUID();
    conversations.updateSettings(db, { id, settings: { modelId } });
    conversations.updateSettings(db, { id, settings: { sampling: fullSampling } });
    conversations.updateSettings(db, { id, settings: { systemPrompt: 'Be brief.' } });
    expect(settings()).toEqual({
      ...noSettings,
      modelId,
      systemPrompt: 'Be brief.',
      sampling: fullSampling,
    });
    const open = { ...fullSampling, seed: null, maxTokens: null };
    conversations.updateSettings(db, { id, settings: { sampling: open } });
    expect(settings().sampling).toEqual(open);
    conversations.updateSettings(db, { id, settings: { sampling: null, modelId: null } });
    expect(settings()).toEqual({ ...noSettings, systemPrompt: 'Be brief.' });
  });

  test('nothing of nobody', () => {
    const id = randomUUID();
    const calls = [
      () => conversations.get(db, { id }),
      () => conversations.rename(db, { id, title: 'x', at: 1 }),
      () => conversations.trash(db, { id, at: 1 }),
      () => conversations.restore(db, { id }),
      () => conversations.updateSettings(db, { id, settings: {} }),
      () => conversations.saveDraft(db, { id, draft: '' }),
      () => messages.get(db, { id }),
      () => models.get(db, { id }),
      () => models.remove(db, { id }),
      () => models.setLoadOutcome(db, { id, crashed: true, usedAt: null }),
      () => models.updateSettings(db, { id, settings: {} }),
      () => ledger.close(db, { id: 1, sentBytes: 0, receivedBytes: 0, outcome: 'done' }),
    ];
    expect(calls.map(codeOf)).toEqual(calls.map(() => 'not_found'));
  });

  test('the message count follows a deletion', () => {
    const { id, assistant } = conversation();
    db.prepare('DELETE FROM messages WHERE id = ?').run(assistant);
    expect(conversations.list(db, undefined)[0]?.messageCount).toBe(1);
    expect(conversations.get(db, { id }).conversation.activeLeafId).toBeNull();
    expect(count('generations')).toBe(0);
  });
});

describe('models', () => {
  test('a second look at the same path keeps id, settings, dates and the crash mark', () => {
    const model = newModel({ name: 'Before' });
    models.upsert(db, model);
    models.updateSettings(db, { id: model.id, settings: { contextSize: 8_192 } });
    models.updateSettings(db, { id: model.id, settings: { gpuLayers: 20 } });
    models.setLoadOutcome(db, { id: model.id, crashed: true, usedAt: 77 });
    const seen = newModel({
      path: model.path,
      name: 'After',
      sizeBytes: 1,
      hasChatTemplate: false,
      addedAt: 9,
    });
    expect(models.upsert(db, seen)).toEqual({
      ...seen,
      id: model.id,
      addedAt: model.addedAt,
      lastUsedAt: 77,
      lastLoadCrashed: true,
      settings: { ...model.settings, contextSize: 8_192, gpuLayers: 20 },
    });
    models.setLoadOutcome(db, { id: model.id, crashed: false, usedAt: null });
    expect(models.get(db, { id: model.id })).toMatchObject({ lastUsedAt: 77, lastLoadCrashed: false });
  });

  test('an id of another path is a conflict', () => {
    const model = newModel();
    models.upsert(db, model);
    expect(codeOf(() => models.upsert(db, { ...model, path: '/models/other.gguf' }))).toBe('conflict');
  });

  test('unknown figures stay null; the list is by name', () => {
    const bare = newModel({
      name: 'b',
      parameterCount: null,
      quant: null,
      trainedContextSize: null,
      licence: null,
      hasChatTemplate: false,
    });
    const named = newModel({ name: 'A' });
    models.upsert(db, bare);
    models.upsert(db, named);
    expect(models.list(db, undefined)).toEqual([named, bare]);
  });

  test('removing one leaves messages alone and chats without it', () => {
    const model = newModel();
    models.upsert(db, model);
    const { id, assistant } = conversation({ settings: { ...noSettings, modelId: model.id } });
    const { modelId } = messages.get(db, { id: assistant });
    models.remove(db, { id: model.id });
    expect(models.list(db, undefined)).toEqual([]);
    expect(conversations.get(db, { id }).conversation.settings.modelId).toBeNull();
    expect(messages.get(db, { id: assistant }).modelId).toBe(modelId);
  });
});

test('a model is put back with its settings, draft, adapters, tuning and chats, where they are still there', () => {
  const [draft, other] = [newModel({ path: '/models/draft.gguf' }), newModel({ path: '/models/other.gguf' })];
  const [first, second] = [1, 2].map((place) => newModel({ kind: 'adapter', path: `/models/${place}.gguf` }));
  if (!first || !second) throw new Error('no adapters');
  const plain = newModel();
  const model = {
    ...plain,
    notes: 'Quick',
    settings: { ...plain.settings, liveChats: 2, draftModelId: draft.id },
  };
  for (const row of [draft, other, first, second, model]) models.upsert(db, row);
  for (const { id } of [first, second]) adapters.put(db, { modelId: id, rank: 8, bases: [], targets: [] });
  const attach = (adapterId: string, modelId = model.id) =>
    adapters.attach(db, { modelId, adapterId, scale: 0.5 });
  for (const { id } of [second, first]) attach(id);
  models.updateSettings(db, { id: other.id, settings: { draftModelId: model.id } });
  models.saveTuning(db, { id: model.id, key: 'k', threads: 3, cacheDivergence: null });
  const [kept, changed] = [1, 2].map(
    () => conversation({ settings: { ...noSettings, modelId: model.id } }).id,
  );
  if (kept === undefined || changed === undefined) throw new Error('no chats');
  const all = () => [
    models.list(db, undefined),
    adapters.list(db, undefined),
    adapters.attached(db, undefined),
    models.tuning(db, { id: model.id, key: 'k' }),
    conversations.get(db, { id: kept }).conversation.settings,
  ];
  const before = all();
  const removed = models.remove(db, { id: model.id });
  expect(adapters.attached(db, undefined)).toEqual([]);
  conversations.updateSettings(db, { id: changed, settings: { modelId: other.id } });
  models.putBack(db, removed);
  expect(all()).toEqual(before);
  expect(conversations.get(db, { id: changed }).conversation.settings.modelId).toBe(other.id);

  const adapter = models.remove(db, { id: second.id });
  models.putBack(db, adapter);
  expect(all()).toEqual(before);

  const again = models.remove(db, { id: model.id });
  for (const { id } of [draft, first]) models.remove(db, { id });
  // Another has the place of the first attachment now.
  attach(second.id, other.id);
  models.putBack(db, again);
  expect(models.get(db, { id: model.id }).settings).toMatchObject({ liveChats: 2, draftModelId: null });
  expect(adapters.attached(db, undefined).map(({ modelId, adapterId }) => [modelId, adapterId])).toEqual([
    [other.id, second.id],
    [model.id, second.id],
  ]);
});

describe('provenance', () => {
  test('is kept with its files and pieces, replaced as a whole, and null for other models', () => {
    const model = newModel();
    models.upsert(db, model);
    const proof = newProvenance(model.id);
    provenance.put(db, proof);
    expect(provenance.get(db, { modelId: model.id })).toEqual(proof);
    const shorter = newProvenance(model.id, {
      licence: null,
      baseModels: [],
      files: proof.files.slice(0, 1),
    });
    provenance.put(db, shorter);
    expect(provenance.get(db, { modelId: model.id })).toEqual(shorter);
    expect(provenance.get(db, { modelId: randomUUID() })).toBeNull();
  });

  test('needs a model, and goes with it', () => {
    expect(codeOf(() => provenance.put(db, newProvenance(randomUUID())))).toBe('not_found');
    const model = newModel();
    models.upsert(db, model);
    provenance.put(db, newProvenance(model.id));
    models.remove(db, { id: model.id });
    expect(provenance.get(db, { modelId: model.id })).toBeNull();
    expect(count('model_provenance_files')).toBe(0);
  });

  test('a look that matched is noted', () => {
    const model = newModel();
    models.upsert(db, model);
    provenance.put(db, newProvenance(model.id));
    provenance.setVerified(db, { modelId: model.id, at: 9_000, verifyMs: 12.25 });
    expect(provenance.get(db, { modelId: model.id })).toMatchObject({ verifiedAt: 9_000, verifyMs: 12.25 });
    const unknown = () => provenance.setVerified(db, { modelId: randomUUID(), at: 1, verifyMs: 1 });
    expect(codeOf(unknown)).toBe('not_found');
  });

  test('a model is known by the hashes of all its files', () => {
    const model = newModel();
    models.upsert(db, model);
    const proof = newProvenance(model.id);
    provenance.put(db, proof);
    const hashes = proof.files.map(({ sha256 }) => sha256);
    expect(provenance.modelOfHashes(db, { sha256s: hashes })).toBe(model.id);
    for (const sha256s of [hashes.slice(0, 1), hashes.toReversed(), [], ['f'.repeat(64)]]) {
      expect(provenance.modelOfHashes(db, { sha256s })).toBeNull();
    }
  });

  test('a hash too short or a piece too many is refused', () => {
    const model = newModel();
    models.upsert(db, model);
    const [first] = newProvenance(model.id).files;
    if (!first) throw new Error('no file');
    const put = (file: Partial<typeof first>) => () =>
      provenance.put(db, newProvenance(model.id, { files: [{ ...first, ...file }] }));
    for (const file of [{ sha256: 'abc' }, { pieces: first.pieces.slice(1) }, { sizeBytes: 0 }]) {
      expect(codeOf(put(file))).toBe('store_failed');
    }
  });
});

describe('ledger', () => {
  const entry = (outcome: 'open' | 'refused', sessionId = 'a') =>
    ledger.open(db, { sessionId, at: 5, host: 'example.org', purpose: 'hub', outcome });

  test('entries are newest first, filtered and paged', () => {
    const ids = Array.from({ length: 6 }, (_, index) => entry(index % 2 === 0 ? 'open' : 'refused'));
    const list = (outcome: 'all' | 'allowed' | 'refused', beforeId: number | null, limit = 100) =>
      ledger.list(db, { outcome, beforeId, limit }).map(({ id }) => id);
    expect(list('all', null)).toEqual(ids.toReversed());
    expect(list('allowed', null)).toEqual([ids[4], ids[2], ids[0]]);
    expect(list('refused', ids[5] ?? 0)).toEqual([ids[3], ids[1]]);
    expect(list('all', null, 2)).toEqual([ids[5], ids[4]]);
  });

  test('close writes figures once; totals leave out what was refused', () => {
    const id = entry('open');
    const refused = entry('refused');
    ledger.close(db, { id, sentBytes: 3, receivedBytes: 4, outcome: 'done' });
    const close = (of: number) => () =>
      ledger.close(db, { id: of, sentBytes: 9, receivedBytes: 9, outcome: 'failed' });
    expect(codeOf(close(id))).toBe('conflict');
    expect(codeOf(close(refused))).toBe('conflict');
    expect(ledger.totals(db, undefined)).toEqual({ requests: 1, sentBytes: 3, receivedBytes: 4 });
    expect(ledger.list(db, { outcome: 'all', beforeId: null, limit: 9 })[1]).toEqual({
      id,
      sessionId: 'a',
      at: 5,
      host: 'example.org',
      purpose: 'hub',
      sentBytes: 3,
      receivedBytes: 4,
      outcome: 'done',
    });
  });

  test('what an earlier run left open becomes failed', () => {
    entry('open', 'earlier');
    entry('refused', 'earlier');
    entry('open', 'now');
    ledger.closeStale(db, { sessionId: 'now' });
    expect(ledger.list(db, { outcome: 'all', beforeId: null, limit: 9 }).map((e) => e.outcome)).toEqual([
      'open',
      'refused',
      'failed',
    ]);
  });
});
