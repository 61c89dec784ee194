import { describe, expect, it, vi } from 'vitest';
import {
  appError,
  type AppClient,
  type ContextPreview,
  type NewAttachment,
  type QueuedMessage,
} from '../../src-main/contract/index.ts';
import { ChatSender, type SendPress } from '../../src-renderer/screens/chat/chat-sender.svelte.ts';
import { SendGuard } from '../../src-renderer/screens/chat/inspector/send-guard.svelte.ts';
import type { AppState } from '../../src-renderer/state/app.svelte.ts';
import { ORDINARY_CHAT, type SendInput } from '../../src-renderer/state/conversations.svelte.ts';
import type { ConversationView } from '../../src-renderer/state/conversation-view.svelte.ts';
import { AttachedFiles } from '../../src-renderer/state/attachments.svelte.ts';
import { Drafts } from '../../src-renderer/state/drafts.svelte.ts';
import { InspectorState } from '../../src-renderer/state/inspector.svelte.ts';
import { MessageQueue } from '../../src-renderer/state/message-queue.svelte.ts';

const TOO_LONG = { counts: {}, fits: true, asks: true, leftOut: ['m'] } as unknown as ContextPreview;

/** The parts of the app that sending reads; any other would throw here. */
function made() {
  const client = { conversations: { saveDraft: async () => undefined } } as unknown as AppClient;
  const send = vi.fn(async ({ conversationId }: SendInput) => conversationId ?? 'new');
  const now = vi.fn(async (): Promise<ContextPreview | null> => null);
  const openChat = vi.fn();
  const app = {
    drafts: new Drafts(client),
    attached: new AttachedFiles(),
    inspector: new InspectorState(),
    context: { of: () => null, now },
    conversations: { send, fresh: ORDINARY_CHAT },
    navigation: { screen: 'chat', openChat },
    settings: { value: { firstRunDone: true } },
  };
  const state = app as unknown as AppState;
  const guard = new SendGuard(state);
  const shown: { id: string | null } = { id: 'c' };
  const sender = new ChatSender(state, guard, () => shown.id);
  const press = (id: string | null, more: Partial<SendPress> = {}) =>
    sender.send({ id, leafId: null, modelId: 'm', isReady: true, answer: undefined, ...more });
  const requestIds = () => send.mock.calls.map(([{ requestId }]) => requestId);
  return { app, send, now, openChat, guard, sender, shown, press, requestIds };
}

describe('a send whose answer was lost', () => {
  it('keeps its id for the same text of the same chat only', async () => {
    const { app, send, press, requestIds } = made();
    for (const id of ['c', 'd', null]) app.drafts.set(id, 'Same');
    send.mockRejectedValueOnce(appError('connection_lost'));
    await press('c');
    expect(app.drafts.get('c')).toBe('Same');
    await press('d');
    expect(send.mock.lastCall?.[0]).toMatchObject({ conversationId: 'd', text: 'Same' });
    send.mockRejectedValueOnce(appError('connection_lost'));
    await press('c');
    await press('c');
    const [first, other, again, retry] = requestIds();
    expect(other).not.toBe(first);
    expect(retry).toBe(again);
    expect(app.drafts.get('c')).toBe('');
  });

  it('is another message in a temporary chat that was begun since', async () => {
    const { app, send, press, requestIds } = made();
    app.drafts.set(null, 'Same');
    send.mockRejectedValueOnce(appError('connection_lost'));
    await press(null);
    app.conversations.fresh = { folderId: null, temporary: true };
    await press(null);
    expect(new Set(requestIds()).size).toBe(2);
  });

  it('is told in its own chat', async () => {
    const { app, send, sender, press } = made();
    app.drafts.set('c', 'Hi');
    send.mockRejectedValueOnce(appError('disk_full'));
    await press('c');
    expect([sender.failureIn('c')?.code, sender.failureIn('d')]).toEqual(['disk_full', null]);
    sender.opened('c');
    expect(sender.failureIn('c')).not.toBeNull();
    sender.opened('d');
    expect(sender.failureIn('c')).toBeNull();
  });
});

describe('what happens while a message is on its way', () => {
  it('keeps what is typed, in the chat that it is for', async () => {
    const { app, send, openChat, shown, press } = made();
    shown.id = null;
    app.drafts.set(null, 'Hello');
    send.mockImplementationOnce(async () => {
      app.drafts.set(null, 'Hello there');
      return 'new';
    });
    expect(await press(null)).toBe(true);
    expect([app.drafts.get(null), app.drafts.get('new')]).toEqual(['', 'there']);
    expect(openChat).toHaveBeenCalledWith('new', { replace: true });
  });

  it('stays with another chat that was opened or begun', async () => {
    const { app, send, openChat, shown, press } = made();
    shown.id = null;
    app.drafts.set(null, 'Hello');
    send.mockImplementationOnce(async () => {
      app.conversations.fresh = { folderId: null, temporary: true };
      return 'new';
    });
    expect(await press(null)).toBe(false);
    app.drafts.set('c', 'Hello');
    shown.id = 'd';
    expect(await press('c')).toBe(false);
    expect(openChat).not.toHaveBeenCalled();
  });
});

describe('the question about old messages', () => {
  it('belongs to one message of one chat', async () => {
    const { app, send, now, guard, press } = made();
    app.drafts.set('c', 'Long');
    app.drafts.set('d', 'Other');
    now.mockResolvedValue(TOO_LONG);
    await press('c');
    expect(send).not.toHaveBeenCalled();
    expect(guard.askedOf('c', 'Long')).toBe(TOO_LONG);
    expect([guard.askedOf('d', 'Other'), guard.askedOf('d', 'Long'), guard.askedOf('c', 'Else')]).toEqual([
      null,
      null,
      null,
    ]);
    await press('d', { answer: 'leave_out' });
    expect(send).not.toHaveBeenCalled();
    await press('c', { answer: 'leave_out' });
    expect(send.mock.lastCall?.[0]).toMatchObject({ conversationId: 'c', text: 'Long', leaveOut: true });
    expect(guard.askedOf('c', 'Long')).toBeNull();
  });
});

describe('MessageQueue', () => {
  const waiting = { id: 'w', text: 'Waits', attachments: [], createdAt: 0 };
  function queue() {
    const calls = {
      add: vi.fn(async (_input: { id: string; text: string }) => undefined),
      update: vi.fn(async (_input: { id: string; text: string }) => undefined),
    };
    const client = { queue: calls } as unknown as AppClient;
    return { ...calls, queue: new MessageQueue(client, 'c', async () => undefined) };
  }

  it.each([
    ['nothing of one that fits', { counts: {}, fits: true, asks: false, contextSize: 1024 }, false],
    ['nothing while no model is loaded', { counts: null, fits: true, asks: false, contextSize: null }, false],
    ['when old messages would go', { counts: {}, fits: true, asks: true, contextSize: 1024 }, true],
    ['when it does not fit', { counts: {}, fits: false, asks: false, contextSize: 1024 }, true],
    ['when it is too long to be counted', { counts: null, fits: true, asks: false, contextSize: 8 }, true],
  ])('asks %s', async (_name, counted, asks) => {
    const preview = vi.fn(async () => counted as unknown as ContextPreview);
    const read = vi.fn(async () => ({ text: 'Sill', pageStarts: null, parts: null }));
    const client = { context: { preview }, attachments: { read } } as unknown as AppClient;
    const made = new MessageQueue(client, 'c', async () => undefined);
    const file = { id: 'f', name: 'a.txt', kind: 'text' as const, sizeBytes: 4, characters: 4, parts: null };
    const entry = { ...waiting, attachments: [file] } as unknown as QueuedMessage;
    expect(await made.questionOf(entry)).toBe(asks ? counted : null);
    expect(preview).toHaveBeenCalledWith(
      expect.objectContaining({
        id: 'c',
        draft: 'Waits',
        attachments: [expect.objectContaining({ id: 'f', text: 'Sill' })],
      }),
    );
  });

  it('keeps the id of a message whose answer was lost, for the same text and files', async () => {
    const { add, queue: made } = queue();
    const message = { text: 'Hi', files: [] };
    const lost = appError('connection_lost');
    add.mockRejectedValueOnce(lost);
    await expect(made.add(message, 'a')).rejects.toBe(lost);
    await made.add({ ...message }, 'a');
    await made.add(message, 'a');
    const [first, retry, next] = add.mock.calls.map(([{ id }]) => id);
    expect(retry).toBe(first);
    expect(next).not.toBe(first);
  });

  it('is another message when other parts of a file go with it', async () => {
    const { add, queue: made } = queue();
    const file = {
      id: 'f',
      name: 'a.txt',
      kind: 'text',
      sizeBytes: 9,
      text: 'A long text',
      pageStarts: null,
    };
    const withParts = (parts: { start: number; end: number }[] | null) =>
      made.add({ text: 'Hi', files: [{ ...file, parts } as unknown as NewAttachment] }, 'a');
    add.mockRejectedValueOnce(appError('disk_full')).mockRejectedValueOnce(appError('disk_full'));
    await expect(withParts([{ start: 0, end: 4 }])).rejects.toMatchObject({ code: 'disk_full' });
    await expect(withParts([{ start: 4, end: 9 }])).rejects.toMatchObject({ code: 'disk_full' });
    await withParts([{ start: 4, end: 9 }]);
    const [first, other, retry] = add.mock.calls.map(([{ id }]) => id);
    expect(other).not.toBe(first);
    expect(retry).toBe(other);
  });

  it('gives back what was typed in a message whose turn came', () => {
    const { queue: made } = queue();
    made.edit(waiting);
    expect(made.takeLost([])).toBeNull();
    made.edit(waiting);
    made.change('Waits no more');
    expect(made.takeLost([waiting])).toBeNull();
    expect(made.editing?.text).toBe('Waits no more');
    expect(made.takeLost([])).toBe('Waits no more');
    expect([made.editing, made.takeLost([])]).toEqual([null, null]);
  });

  it('saves once, and gives back what came too late', async () => {
    const { update, queue: made } = queue();
    made.edit(waiting);
    made.change('New');
    const saving = made.save();
    expect([await made.save(), made.takeLost([])]).toEqual([null, null]);
    expect([await saving, made.editing, update.mock.calls.length]).toEqual(['w', null, 1]);
    made.edit(waiting);
    made.change('Late');
    update.mockRejectedValueOnce(appError('not_found'));
    await expect(made.save()).rejects.toMatchObject({ code: 'not_found' });
    expect(made.takeLost([])).toBe('Late');
  });
});

it('puts a message that could not be queued back above what was typed since', async () => {
  const { app, sender } = made();
  app.drafts.set('c', 'First');
  await app.attached.add('c', [new File(['Sill'], 'sill.txt')]);
  const add = async () => {
    app.drafts.set('c', 'Second');
    expect(app.attached.of('c')).toEqual([]);
    throw appError('disk_full');
  };
  await sender.queue({ id: 'c', queue: { add } } as unknown as ConversationView, 'a');
  expect(app.drafts.get('c')).toBe('First\n\nSecond');
  expect(app.attached.of('c').map(({ name }) => name)).toEqual(['sill.txt']);
  expect(sender.failureIn('c')?.code).toBe('disk_full');
});
