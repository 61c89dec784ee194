import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../src-main/contract/index.ts';
import { storeError } from '../../src-main/store/errors.ts';
import { migrate } from '../../src-main/store/migrate.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { conversations } from '../../src-main/store/queries/conversations.ts';
import { generations } from '../../src-main/store/queries/generations.ts';
import { messages } from '../../src-main/store/queries/messages.ts';
import { indexSlice } from '../../src-main/store/queries/search-index.ts';
import { queue } from '../../src-main/store/queries/queue.ts';
import { tree } from '../../src-main/store/queries/tree.ts';
import type { Db } from '../../src-main/store/sql.ts';
import { finished, fullSampling, newAnswer, newSend, noSettings } from '../support/store/fixtures.ts';

let db: Db;

beforeEach(() => {
  db = new Database(':memory:');
  migrate(db, migrations, 0);
  return () => db.close();
});

function codeOf(work: () => unknown): string {
  try {
    db.transaction(work)();
  } catch (error) {
    return errorCodeOf(storeError(error, '/'));
  }
  return 'no error';
}

/** A turn below `parentId`, finished; without a conversation in a new one. */
function turn(conversationId?: string, parentId: string | null = null, text = 'A question') {
  const send = newSend({ ...(conversationId === undefined ? {} : { conversationId }), parentId, text });
  messages.begin(db, send);
  messages.finish(db, finished(send.assistant.id));
  return { id: send.conversationId, user: send.user.id, assistant: send.assistant.id };
}

function anotherAnswer(id: string, userId: string) {
  const again = newAnswer(id, userId);
  messages.begin(db, again);
  messages.finish(db, finished(again.assistant.id));
  return again.assistant.id;
}

const shown = (id: string) => conversations.get(db, { id }).conversation.activeLeafId;
const idsOf = (id: string) => conversations.get(db, { id }).messages.map((message) => message.id);
const countOf = (id: string) => conversations.get(db, { id }).conversation.messageCount;

describe('the outline of a chat', () => {
  const stampOf = (id: string, messageId: string) => {
    const { ids, stamps } = messages.outline(db, { conversationId: id });
    return stamps[ids.indexOf(messageId)];
  };

  test('names its messages oldest first, without those that were taken out', () => {
    const { id, user, assistant } = turn();
    const again = anotherAnswer(id, user);
    turn();
    expect(messages.outline(db, { conversationId: id }).ids).toEqual([user, assistant, again]);
    tree.removeBranch(db, { messageId: again, at: 9 });
    expect(messages.outline(db, { conversationId: id }).ids).toEqual([user, assistant]);
    expect(codeOf(() => messages.outline(db, { conversationId: randomUUID() }))).toBe('not_found');
  });

  test('has another stamp for a message that changed, and none while it is written', () => {
    const { id, user, assistant } = turn();
    const before = stampOf(id, assistant);
    expect(stampOf(id, assistant)).toBe(before);
    messages.setPinned(db, { id: assistant, pinned: true });
    expect(stampOf(id, assistant)).not.toBe(before);
    const again = newAnswer(id, user);
    messages.begin(db, again);
    expect(stampOf(id, again.assistant.id)).toBeNull();
    messages.finish(db, finished(again.assistant.id));
    expect(stampOf(id, again.assistant.id)).toEqual(expect.any(Number));
  });

  test('is filled by asking for some, which are of this chat or left out', () => {
    const { id, user, assistant } = turn();
    const other = turn();
    const ids = [assistant, user, other.user, randomUUID()];
    expect(messages.some(db, { conversationId: id, ids })).toEqual(conversations.get(db, { id }).messages);
  });
});

describe('what is typed at a turn', () => {
  const edits = (id: string) => tree.edits(db, { conversationId: id });

  test('is kept until it is let go, and goes with its message', () => {
    const { id, user, assistant } = turn();
    tree.saveEdit(db, { messageId: user, edit: { kind: 'question', text: 'Half' } });
    tree.saveEdit(db, { messageId: user, edit: { kind: 'question', text: 'Half a sentence' } });
    tree.saveEdit(db, { messageId: assistant, edit: { kind: 'beginning', text: 'Well,' } });
    expect(edits(id)).toEqual([
      { messageId: user, kind: 'question', text: 'Half a sentence' },
      { messageId: assistant, kind: 'beginning', text: 'Well,' },
    ]);
    expect(edits(turn().id)).toEqual([]);
    tree.saveEdit(db, { messageId: user, edit: null });
    tree.removeBranch(db, { messageId: assistant, at: 9 });
    expect(edits(id)).toEqual([]);
    tree.restoreBranch(db, { messageId: assistant, shownLeafId: assistant });
    expect(edits(id)).toHaveLength(1);
    db.exec('DELETE FROM messages');
    expect(db.prepare('SELECT count(*) AS n FROM turn_edits').get()).toEqual({ n: 0 });
    tree.saveEdit(db, { messageId: assistant, edit: { kind: 'answer', text: 'Too late' } });
    expect(edits(id)).toEqual([]);
  });

  test('goes with what is sent or saved of it, and no other', () => {
    const { id, user, assistant } = turn();
    tree.saveEdit(db, { messageId: user, edit: { kind: 'question', text: 'New' } });
    tree.saveEdit(db, { messageId: assistant, edit: { kind: 'answer', text: 'Mine' } });
    const of = { requestId: randomUUID(), siblingId: assistant, id: randomUUID(), text: 'Mine', at: 9 };
    tree.addVersion(db, of);
    expect(edits(id)).toEqual([{ messageId: user, kind: 'question', text: 'New' }]);
    messages.begin(db, newAnswer(id, user));
    expect(edits(id)).toHaveLength(1);
    messages.begin(db, { ...newAnswer(id, user), editOf: user });
    expect(edits(id)).toEqual([]);
  });
});

describe('a new version', () => {
  test('of an answer stands beside it, complete, marked as the user’s, and is shown', () => {
    const { id, user, assistant } = turn();
    const input = { requestId: randomUUID(), siblingId: assistant, id: randomUUID(), text: 'Mine', at: 9 };
    expect(tree.addVersion(db, input)).toEqual({ messageId: input.id, conversationId: id });
    const version = messages.get(db, { id: input.id });
    expect(version).toMatchObject({
      parentId: user,
      role: 'assistant',
      text: 'Mine',
      reasoning: '',
      status: 'complete',
      edited: true,
      modelName: 'Test 1B',
      stats: null,
    });
    expect(messages.get(db, { id: assistant })).toMatchObject({ edited: false, text: finished('').text });
    expect(shown(id)).toBe(input.id);
    // The same request again is the same version.
    expect(tree.addVersion(db, { ...input, id: randomUUID(), text: 'Other' }).messageId).toBe(input.id);
    expect(idsOf(id)).toHaveLength(3);
  });

  test('of the first question is a second root', () => {
    const { id, user } = turn();
    const { messageId } = tree.addVersion(db, {
      requestId: randomUUID(),
      siblingId: user,
      id: randomUUID(),
      text: 'Better asked',
      at: 9,
    });
    expect(messages.get(db, { id: messageId })).toMatchObject({
      parentId: null,
      role: 'user',
      edited: false,
    });
    expect(messages.path(db, { id: messageId }).map((message) => message.id)).toEqual([messageId]);
    expect(countOf(id)).toBe(3);
  });

  test('is refused beside an answer that is being written', () => {
    const send = newSend();
    messages.begin(db, send);
    const input = {
      requestId: randomUUID(),
      siblingId: send.assistant.id,
      id: randomUUID(),
      text: 'x',
      at: 9,
    };
    expect(codeOf(() => tree.addVersion(db, input))).toBe('conflict');
    expect(codeOf(() => tree.addVersion(db, { ...input, siblingId: randomUUID() }))).toBe('not_found');
  });
});

test('nothing is put below an answer that is being written: of two that go at once one is refused', () => {
  const { id, assistant } = turn();
  const one = newSend({ conversationId: id, parentId: assistant });
  messages.begin(db, one);
  const below = newSend({ conversationId: id, parentId: one.assistant.id });
  expect(codeOf(() => messages.begin(db, below))).toBe('conflict');
  messages.finish(db, finished(one.assistant.id));
  messages.begin(db, below);
});

test('an answer that begins with a text has it from the start, and says how long it was', () => {
  const { id, user } = turn();
  const again = { ...newAnswer(id, user), beginning: { text: 'Low water is', reasoning: 'Think.' } };
  messages.begin(db, again);
  expect(messages.get(db, { id: again.assistant.id })).toMatchObject({
    text: 'Low water is',
    reasoning: 'Think.',
    status: 'streaming',
    prefixLength: 12,
  });
});

describe('removing a branch', () => {
  test('takes it and all below out of everything, and its siblings stay', () => {
    const first = turn();
    const second = turn(first.id, first.assistant);
    const other = anotherAnswer(first.id, first.user);
    conversations.setActiveLeaf(db, { id: first.id, messageId: second.assistant });
    expect(tree.removeBranch(db, { messageId: first.assistant, at: 5 })).toEqual({
      conversationId: first.id,
      removedIds: [first.assistant, second.user, second.assistant],
      shownLeafId: second.assistant,
    });
    expect(idsOf(first.id)).toEqual([first.user, other]);
    expect(countOf(first.id)).toBe(2);
    expect(shown(first.id)).toBe(other);
    for (const id of [first.assistant, second.user, second.assistant])
      expect(codeOf(() => messages.get(db, { id }))).toBe('not_found');
    expect(messages.newestLeaf(db, { id: first.user })).toBe(other);
    // Nothing can be put below it, shown or removed once more.
    expect(
      codeOf(() => messages.begin(db, newSend({ conversationId: first.id, parentId: second.assistant }))),
    ).toBe('not_found');
    expect(codeOf(() => messages.begin(db, newAnswer(first.id, second.user)))).toBe('not_found');
    expect(codeOf(() => conversations.setActiveLeaf(db, { id: first.id, messageId: second.assistant }))).toBe(
      'not_found',
    );
    expect(codeOf(() => tree.removeBranch(db, { messageId: second.user, at: 6 }))).toBe('not_found');
  });

  test('shows the sibling before it, else the one after it, else what is above', () => {
    const { id, user, assistant: first } = turn();
    const second = anotherAnswer(id, user);
    const third = anotherAnswer(id, user);
    tree.removeBranch(db, { messageId: third, at: 1 });
    expect(shown(id)).toBe(second);
    conversations.setActiveLeaf(db, { id, messageId: first });
    tree.removeBranch(db, { messageId: first, at: 2 });
    expect(shown(id)).toBe(second);
    tree.removeBranch(db, { messageId: second, at: 3 });
    expect(shown(id)).toBe(user);
    tree.removeBranch(db, { messageId: user, at: 4 });
    expect(shown(id)).toBeNull();
    expect(countOf(id)).toBe(0);
  });

  test('elsewhere leaves what is shown', () => {
    const { id, user, assistant } = turn();
    const second = anotherAnswer(id, user);
    tree.removeBranch(db, { messageId: assistant, at: 1 });
    expect(shown(id)).toBe(second);
  });

  test('is undone as it was, with the branch that was shown', () => {
    const first = turn();
    const second = turn(first.id, first.assistant);
    const other = anotherAnswer(first.id, second.user);
    conversations.setActiveLeaf(db, { id: first.id, messageId: second.assistant });
    const before = conversations.get(db, { id: first.id });
    const { shownLeafId } = tree.removeBranch(db, { messageId: second.user, at: 5_000 });
    expect(shown(first.id)).toBe(first.assistant);
    tree.restoreBranch(db, { messageId: second.user, shownLeafId });
    expect(conversations.get(db, { id: first.id })).toEqual(before);
    // Once more changes nothing.
    tree.restoreBranch(db, { messageId: second.user, shownLeafId: other });
    expect(conversations.get(db, { id: first.id })).toEqual(before);
  });

  test('an undo below a branch that went later brings it back with that', () => {
    const first = turn();
    const second = turn(first.id, first.assistant);
    tree.removeBranch(db, { messageId: second.assistant, at: 5_001 });
    tree.removeBranch(db, { messageId: first.assistant, at: 5_002 });
    tree.restoreBranch(db, { messageId: second.assistant, shownLeafId: second.assistant });
    expect(idsOf(first.id)).toEqual([first.user]);
    tree.restoreBranch(db, { messageId: first.assistant, shownLeafId: null });
    expect(idsOf(first.id)).toEqual([first.user, first.assistant, second.user, second.assistant]);
    expect(shown(first.id)).toBe(second.assistant);
    expect(countOf(first.id)).toBe(4);
  });

  test('is undone without taking the user away from where they went', () => {
    const first = turn();
    const other = anotherAnswer(first.id, first.user);
    const { shownLeafId } = tree.removeBranch(db, { messageId: other, at: 5_000 });
    expect(shown(first.id)).toBe(first.assistant);
    const send = newSend({ conversationId: first.id, parentId: first.assistant, at: 6_000 });
    messages.begin(db, send);
    tree.restoreBranch(db, { messageId: other, shownLeafId });
    expect(idsOf(first.id)).toContain(other);
    expect(shown(first.id)).toBe(send.assistant.id);
    // The same when nothing was shown of what went.
    const second = turn();
    const beside = anotherAnswer(second.id, second.user);
    const third = anotherAnswer(second.id, second.user);
    const removed = tree.removeBranch(db, { messageId: beside, at: 5_000 });
    conversations.setActiveLeaf(db, { id: second.id, messageId: second.assistant });
    tree.restoreBranch(db, { messageId: beside, shownLeafId: removed.shownLeafId });
    expect(removed.shownLeafId).toBe(third);
    expect(shown(second.id)).toBe(second.assistant);
  });

  test('waits to be taken out of the index, and comes back without having left it', () => {
    const { assistant } = turn();
    while (indexSlice(db, 1_000));
    const inIndex = () => db.prepare('SELECT count(*) FROM search_documents').pluck().get();
    const before = inIndex();
    tree.removeBranch(db, { messageId: assistant, at: 1 });
    expect(inIndex()).toBe(before);
    tree.restoreBranch(db, { messageId: assistant, shownLeafId: null });
    while (indexSlice(db, 1_000));
    expect(inIndex()).toBe(before);
    tree.removeBranch(db, { messageId: assistant, at: 2 });
    while (indexSlice(db, 1_000));
    expect(inIndex()).toBe(Number(before) - 1);
    db.exec(`INSERT INTO search_messages (search_messages) VALUES ('integrity-check')`);
  });

  test('takes it out of the search, and the undo puts it back', () => {
    const { id, assistant } = turn();
    const again = newAnswer(id, conversations.get(db, { id }).messages[0]?.id ?? '');
    messages.begin(db, again);
    const found = () => {
      while (indexSlice(db, 1_000));
      return db
        .prepare<[], string>(
          `SELECT m.id FROM search_messages s JOIN messages m ON m.seq = s.rowid
          WHERE search_messages MATCH 'coast' ORDER BY m.seq`,
        )
        .pluck()
        .all();
    };
    expect(found()).toEqual([assistant]);
    tree.removeBranch(db, { messageId: assistant, at: 1 });
    tree.removeBranch(db, { messageId: again.assistant.id, at: 2 });
    // It settles while it is out of the chat.
    messages.finish(db, finished(again.assistant.id, { status: 'stopped' }));
    expect(found()).toEqual([]);
    tree.restoreBranch(db, { messageId: assistant, shownLeafId: null });
    expect(found()).toEqual([assistant]);
    tree.restoreBranch(db, { messageId: again.assistant.id, shownLeafId: null });
    expect(found()).toEqual([assistant, again.assistant.id]);
  });

  test('a message of it that still streamed ends as it must', () => {
    const { id, user } = turn();
    const again = newAnswer(id, user);
    messages.begin(db, again);
    tree.removeBranch(db, { messageId: again.assistant.id, at: 1 });
    messages.finish(db, finished(again.assistant.id, { status: 'stopped' }));
    tree.restoreBranch(db, { messageId: again.assistant.id, shownLeafId: null });
    expect(messages.get(db, { id: again.assistant.id })).toMatchObject({ status: 'stopped' });
  });
});

test('the newest messages of a chat come with their siblings, oldest first', () => {
  const first = turn();
  const other = anotherAnswer(first.id, first.user);
  const second = turn(first.id, first.assistant);
  const third = turn(first.id, second.assistant);
  const root = tree.addVersion(db, {
    requestId: randomUUID(),
    siblingId: first.user,
    id: randomUUID(),
    text: 'x',
    at: 1,
  }).messageId;
  conversations.setActiveLeaf(db, { id: first.id, messageId: third.assistant });
  const newest = (count: number) =>
    conversations.get(db, { id: first.id, newest: count }).messages.map(({ id }) => id);
  expect(newest(2)).toEqual([third.user, third.assistant]);
  expect(newest(5)).toEqual([
    first.assistant,
    other,
    second.user,
    second.assistant,
    third.user,
    third.assistant,
  ]);
  expect(newest(99)).toEqual(idsOf(first.id));
  expect(newest(99)).toContain(root);
  tree.removeBranch(db, { messageId: other, at: 2 });
  expect(newest(5)).not.toContain(other);
  tree.removeBranch(db, { messageId: first.user, at: 3 });
  expect(newest(99)).toEqual([root]);
});

describe('a fork', () => {
  test('is the path with settings, figures and dates, under ids of its own', () => {
    const settings = { ...noSettings, systemPrompt: 'Be brief.', sampling: fullSampling };
    const send = newSend({ settings });
    messages.begin(db, send);
    messages.finish(db, finished(send.assistant.id));
    const second = turn(send.conversationId, send.assistant.id, 'Second');
    anotherAnswer(send.conversationId, second.user);
    const conversationId = randomUUID();
    const input = { messageId: second.assistant, conversationId, title: 'Lee shore (fork)', at: 50 };
    tree.fork(db, input);
    tree.fork(db, { ...input, title: 'twice' });

    const source = conversations.get(db, { id: send.conversationId });
    const { conversation, messages: copies } = conversations.get(db, { id: conversationId });
    expect(conversation).toMatchObject({
      title: 'Lee shore (fork)',
      titleSource: 'user',
      createdAt: 50,
      messageCount: 4,
      activeLeafId: copies.at(-1)?.id,
      draft: '',
      settings,
    });
    const path = messages.path(db, { id: second.assistant });
    const alike = ({
      id: _id,
      conversationId: _conversation,
      parentId: _parent,
      ...rest
    }: (typeof path)[0]) => rest;
    expect(copies.map(alike)).toEqual(path.map(alike));
    expect(copies.map(({ parentId }) => parentId)).toEqual([
      null,
      ...copies.slice(0, -1).map(({ id }) => id),
    ]);
    const all = new Set([...source.messages, ...copies].map(({ id }) => id));
    expect(all.size).toBe(source.messages.length + copies.length);
    // A speed that came along was not measured twice.
    expect(generations.speeds(db, { limit: 100 })).toHaveLength(3);
  });

  test('of an answer that is being written is refused', () => {
    const send = newSend();
    messages.begin(db, send);
    const input = { messageId: send.assistant.id, conversationId: randomUUID(), title: 'x', at: 1 };
    expect(codeOf(() => tree.fork(db, input))).toBe('conflict');
    expect(conversations.list(db, undefined)).toHaveLength(1);
  });
});

describe('messages that wait', () => {
  const texts = (id: string) => conversations.get(db, { id }).queue.map(({ text }) => text);
  function waiting(id: string, text: string, place: number | null = null): string {
    const entry = randomUUID();
    queue.add(db, { conversationId: id, id: entry, text, place, at: 7 });
    return entry;
  }

  test('stand in their order, and can be changed, moved and taken off', () => {
    const { id } = turn();
    const one = waiting(id, 'one');
    const two = waiting(id, 'two');
    const three = waiting(id, 'three');
    expect(texts(id)).toEqual(['one', 'two', 'three']);
    expect(queue.move(db, { id: three, place: 0 })).toEqual({ conversationId: id });
    expect(texts(id)).toEqual(['three', 'one', 'two']);
    queue.move(db, { id: three, place: 99 });
    queue.update(db, { id: one, text: 'ONE' });
    expect(texts(id)).toEqual(['ONE', 'two', 'three']);
    queue.remove(db, { id: two });
    expect(texts(id)).toEqual(['ONE', 'three']);
    queue.add(db, { conversationId: id, id: two, text: 'two', place: 1, at: 7 });
    queue.add(db, { conversationId: id, id: two, text: 'again', place: 0, at: 7 });
    expect(texts(id)).toEqual(['ONE', 'two', 'three']);
    expect(codeOf(() => queue.remove(db, { id: randomUUID() }))).toBe('not_found');
    expect(codeOf(() => queue.update(db, { id: randomUUID(), text: 'x' }))).toBe('not_found');
  });

  test('leave the queue in the transaction that sends them, and the draft stays', () => {
    const { id, assistant } = turn();
    conversations.saveDraft(db, { id, draft: 'half a sentence' });
    const entry = waiting(id, 'one');
    const send = {
      ...newSend({ conversationId: id, parentId: assistant, text: 'one' }),
      requestId: entry,
      queuedId: entry,
      keepsDraft: true,
    };
    // Changed after the sender had read it.
    queue.update(db, { id: entry, text: 'one, changed' });
    messages.begin(db, send);
    expect(messages.get(db, { id: send.user.id }).text).toBe('one, changed');
    expect(conversations.get(db, { id })).toMatchObject({
      queue: [],
      conversation: { draft: 'half a sentence' },
    });
    expect(messages.begin(db, send).repeated).toBe(true);
    // A repeated `add` of what was sent does not bring it back.
    queue.add(db, { conversationId: id, id: entry, text: 'one', place: null, at: 8 });
    expect(texts(id)).toEqual([]);
    const gone = { ...newSend({ conversationId: id, parentId: assistant }), queuedId: randomUUID() };
    expect(codeOf(() => messages.begin(db, gone))).toBe('not_found');
    expect(countOf(id)).toBe(4);
  });

  test('go with their conversation, and none waits in the trash', () => {
    const { id } = turn();
    waiting(id, 'one');
    conversations.trash(db, { id, at: 1 });
    expect(
      codeOf(() => queue.add(db, { conversationId: id, id: randomUUID(), text: 'x', place: null, at: 1 })),
    ).toBe('not_found');
    db.prepare('DELETE FROM conversations').run();
    expect(db.prepare('SELECT count(*) FROM queued_messages').pluck().get()).toBe(0);
  });
});
