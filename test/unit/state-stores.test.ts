import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  appError,
  type AppClient,
  type AppEvent,
  type Conversation,
  type Message,
} from '../../src-main/contract/index.ts';
import { ConversationView } from '../../src-renderer/state/conversation-view.svelte.ts';
import { ConversationsStore } from '../../src-renderer/state/conversations.svelte.ts';
import { Drafts } from '../../src-renderer/state/drafts.svelte.ts';
import { ModelsStore } from '../../src-renderer/state/models.svelte.ts';

const message = (id: string, parentId: string | null, extra: Partial<Message> = {}): Message => ({
  id,
  conversationId: 'c',
  parentId,
  role: parentId === null ? 'user' : 'assistant',
  text: '',
  reasoning: '',
  status: 'complete',
  errorCode: null,
  errorDetails: null,
  modelId: null,
  modelName: null,
  quant: null,
  createdAt: 0,
  stats: null,
  settings: null,
  thought: null,
  attachments: [],
  pinned: false,
  edited: false,
  prefixLength: 0,
  chunkSeq: 0,
  ...extra,
});
const conversation = (id: string, messages: Message[], extra: Partial<Conversation> = {}): Conversation => ({
  id,
  title: id,
  titleSource: 'auto',
  createdAt: 0,
  updatedAt: 0,
  messageCount: messages.length,
  answering: false,
  folderId: null,
  tags: [],
  pinnedAt: null,
  archivedAt: null,
  trashedAt: null,
  temporary: false,
  modelId: null,
  queue: [],
  activeLeafId: messages.at(-1)?.id ?? null,
  settings: { modelId: null, systemPrompt: '', sampling: null, reasoning: null, presetId: null },
  draft: '',
  messages,
  ...extra,
});

/** A core that holds its data in a map; every call is recorded. */
function fakeCore(stored: Conversation[] = []) {
  const all = new Map(stored.map((item) => [item.id, item]));
  const calls: string[] = [];
  let failure: Error | null = null;
  const answer = <T>(name: string, value: () => T): Promise<T> => {
    calls.push(name);
    return failure === null ? Promise.resolve(structuredClone(value())) : Promise.reject(failure);
  };
  const get = (id: string) => {
    const found = all.get(id);
    if (!found) throw appError('not_found');
    return found;
  };
  const client = {
    conversations: {
      get: ({ id }: { id: string }) => answer(`get ${id}`, () => get(id)),
      remove: ({ id }: { id: string }) => answer(`remove ${id}`, () => void all.delete(id)),
      saveDraft: ({ id, draft }: { id: string; draft: string }) =>
        answer(`draft ${id} ${draft}`, () => undefined),
    },
    history: {
      list: () => answer('list', () => ({ conversations: [...all.values()], cursor: null, total: all.size })),
      summaries: ({ ids }: { ids: string[] }) =>
        answer('summaries', () => ids.flatMap((id) => all.get(id) ?? [])),
    },
    models: {
      load: ({ id }: { id: string }) => answer(`load ${id}`, () => undefined),
    },
  };
  return {
    // The stores use these calls only; any other would throw here.
    client: client as unknown as AppClient,
    all,
    calls,
    fail: (error: Error | null) => (failure = error),
  };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));
const chunk = (seq: number, text: string): AppEvent => ({
  type: 'message.chunk',
  conversationId: 'c',
  messageId: 'a',
  seq,
  kind: 'answer',
  text,
});

describe('ConversationView', () => {
  const frames: (() => void)[] = [];
  const paint = () => frames.splice(0).forEach((frame) => frame());
  beforeEach(() => {
    vi.stubGlobal('requestAnimationFrame', (frame: () => void) => frames.push(frame));
    vi.stubGlobal('cancelAnimationFrame', () => undefined);
  });
  afterEach(() => {
    frames.length = 0;
    vi.unstubAllGlobals();
  });

  const streaming = () =>
    conversation('c', [
      message('u', null),
      message('a', 'u', { status: 'streaming', text: 'One ', chunkSeq: 1 }),
    ]);

  it('shows what was fetched and then the chunks, once a frame', async () => {
    const core = fakeCore([streaming()]);
    const view = new ConversationView(core.client, 'c');
    await view.refresh();
    expect(view.answering?.id).toBe('a');
    view.handle(chunk(2, 'two '));
    view.handle(chunk(3, 'three'));
    expect(view.live('a')?.text).toBe('One ');
    expect(frames).toHaveLength(1);
    paint();
    expect(view.live('a')?.text).toBe('One two three');
    expect(core.calls).toEqual(['get c']);
    view.dispose();
  });

  it('keeps chunks that come before the message is known', async () => {
    const core = fakeCore([streaming()]);
    const view = new ConversationView(core.client, 'c');
    const fetched = view.refresh();
    view.handle(chunk(2, 'two'));
    await fetched;
    await settled();
    paint();
    expect(view.live('a')?.text).toBe('One two');
    view.dispose();
  });

  it('fetches again at a hole and at a gap', async () => {
    const core = fakeCore([streaming()]);
    const view = new ConversationView(core.client, 'c');
    await view.refresh();
    core.all.set(
      'c',
      conversation('c', [
        message('u', null),
        message('a', 'u', { status: 'streaming', text: 'One two three ', chunkSeq: 3 }),
      ]),
    );
    view.handle(chunk(4, 'four'));
    await settled();
    await settled();
    paint();
    expect(view.live('a')?.text).toBe('One two three four');
    view.handle({ type: 'gap' });
    await settled();
    expect(core.calls.filter((call) => call === 'get c').length).toBeGreaterThanOrEqual(3);
    view.dispose();
  });

  it('ends streaming with the stored text and keeps the objects of unchanged messages', async () => {
    const core = fakeCore([streaming()]);
    const view = new ConversationView(core.client, 'c');
    await view.refresh();
    const user = view.turns[0]?.message;
    core.all.set('c', conversation('c', [message('u', null), message('a', 'u', { text: 'One two' })]));
    view.handle({ type: 'generation.settled', conversationId: 'c', messageId: 'a' });
    await settled();
    expect(view.live('a')).toBeUndefined();
    expect(view.answering).toBeNull();
    expect(view.turns[1]?.message.text).toBe('One two');
    expect(view.turns[0]?.message).toBe(user);
    view.dispose();
  });

  describe('of a long chat', () => {
    const COUNT = 1_000;
    const name = (place: number) => `m${place}`;
    const parts = (of: Conversation, stamps: Map<string, number | null>) => {
      const pieces: number[] = [];
      const client = {
        conversations: {
          get: async ({ newest }: { newest: number }) => ({ ...of, messages: of.messages.slice(-newest) }),
        },
        tree: {
          edits: async () => [],
          outline: async () => ({
            ids: of.messages.map(({ id }) => id),
            stamps: of.messages.map(({ id }) => stamps.get(id) ?? 0),
          }),
          messages: async ({ ids }: { ids: string[] }) => {
            pieces.push(ids.length);
            return structuredClone(of.messages.filter(({ id }) => ids.includes(id)));
          },
        },
      };
      return { pieces, client: client as unknown as AppClient };
    };
    const long = () =>
      conversation(
        'c',
        Array.from({ length: COUNT }, (_, place) =>
          message(name(place), place === 0 ? null : name(place - 1), { text: `Text ${place}` }),
        ),
      );
    const whole = (view: ConversationView) => vi.waitFor(() => expect(view.isWhole).toBe(true));

    it('shows its end first, then has all of it, in pieces', async () => {
      const { client, pieces } = parts(long(), new Map());
      const view = new ConversationView(client, 'c');
      await view.refresh();
      expect(view.turns.length).toBeLessThan(100);
      expect(view.turns.at(-1)?.message.id).toBe(name(COUNT - 1));
      await whole(view);
      expect(view.turns.map(({ message: { id } }) => id)).toEqual(long().messages.map(({ id }) => id));
      expect(Math.max(...pieces)).toBeLessThanOrEqual(100);
      view.dispose();
    });

    it('fetches what changed and nothing else, and forgets what is gone', async () => {
      const stored = long();
      const stamps = new Map<string, number | null>();
      const { client, pieces } = parts(stored, stamps);
      const view = new ConversationView(client, 'c');
      await view.refresh();
      await whole(view);
      const unchanged = view.turns[11]?.message;
      pieces.length = 0;
      stored.messages[10] = { ...message(name(10), name(9), { text: 'Text 10' }), pinned: true };
      stamps.set(name(10), 1);
      stored.messages.push(message('new', name(COUNT - 1)));
      stored.messageCount += 1;
      stored.activeLeafId = 'new';
      await view.refresh();
      await vi.waitFor(() => expect(view.turns[10]?.message.pinned).toBe(true));
      expect(pieces).toEqual([1]);
      expect(view.turns).toHaveLength(COUNT + 1);
      expect(view.turns[11]?.message).toBe(unchanged);
      stored.messages.splice(5, 1);
      stored.messageCount -= 1;
      await view.refresh();
      await vi.waitFor(() => expect(view.conversation?.messages).toHaveLength(COUNT));
      view.dispose();
    });
  });

  it('says why it could not be fetched, and forgets that after a success', async () => {
    const core = fakeCore([streaming()]);
    const view = new ConversationView(core.client, 'c');
    core.fail(appError('store_failed'));
    await view.refresh();
    expect(view.failure?.code).toBe('store_failed');
    core.fail(null);
    await view.refresh();
    expect(view.failure).toBeNull();
    view.dispose();
  });
});

describe('ConversationsStore', () => {
  const made = (ids: string[]) => {
    const core = fakeCore(ids.map((id) => conversation(id, [])));
    const removed: string[] = [];
    return {
      core,
      removed,
      store: new ConversationsStore(core.client, {
        onRemoved: (id) => removed.push(id),
        onChanged: () => undefined,
      }),
    };
  };

  it('marks a chat as unread only when its answer ends while another is shown', async () => {
    const { store } = made(['c', 'd']);
    store.setShown('c');
    store.handle({ type: 'generation.settled', conversationId: 'c', messageId: 'a' });
    store.handle({ type: 'generation.settled', conversationId: 'd', messageId: 'b' });
    expect([...store.unread]).toEqual(['d']);
    store.setShown('d');
    expect([...store.unread]).toEqual([]);
    await settled();
  });

  it('takes a removed chat off at once, here and when another window removed it', async () => {
    const { store, removed, core } = made(['c', 'd', 'e']);
    await store.refresh();
    await store.remove('c');
    expect(store.list.map((item) => item.id)).toEqual(['d', 'e']);
    core.all.delete('d');
    store.handle({ type: 'conversation.removed', conversationId: 'd' });
    expect(store.list.map((item) => item.id)).toEqual(['e']);
    expect(removed).toEqual(['c', 'd']);
    await settled();
  });

  it('keeps a list that it has when a later fetch fails, and fetches again on resume', async () => {
    const { store, core } = made(['c']);
    core.fail(appError('connection_lost'));
    await store.refresh();
    expect(store.status).toBe('failed');
    core.fail(null);
    store.resume();
    await settled();
    expect(store.status).toBe('ready');
    core.fail(appError('connection_lost'));
    await store.refresh();
    expect([store.status, store.list.length, store.failure?.code]).toEqual(['ready', 1, 'connection_lost']);
  });

  it('keeps a few open chats and drops the ones not used for longest', async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `c${index}`);
    const { store, core } = made(ids);
    for (const id of ids) store.open(id);
    await settled();
    const before = core.calls.length;
    store.open('c9');
    expect(core.calls.length).toBe(before);
    store.open('c0');
    expect(core.calls.length).toBe(before + 1);
    store.dispose();
  });

  it('never drops a chat in which something is being edited', async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `c${index}`);
    const { store } = made(ids);
    const [edited, queued] = [store.open('c0'), store.open('c1')];
    edited.actions.edit({ id: 'q', role: 'user', text: 'Old' });
    queued.queue.edit({ id: 'w', text: 'Waits', attachments: [], createdAt: 0 });
    const others = store.open('c2');
    for (const id of ids.slice(3)) store.open(id);
    await settled();
    expect(store.open('c0')).toBe(edited);
    expect(store.open('c1')).toBe(queued);
    expect(store.open('c2')).not.toBe(others);
    store.dispose();
    await settled();
  });

  it('keeps the new chat that was begun while a message was being sent', async () => {
    const { store, core } = made(['c']);
    let arrive = (): void => undefined;
    const send = vi.fn(async (_input: object) => {
      await new Promise<void>((resolve) => (arrive = resolve));
      return { conversationId: 'c' };
    });
    Object.assign(core.client.conversations, { send });
    const input = { requestId: 'r', conversationId: null, text: 'Hi', modelId: null };
    store.fresh = { folderId: 'f', temporary: false };
    const first = store.send(input);
    store.fresh = { folderId: null, temporary: true };
    arrive();
    await first;
    expect(send.mock.lastCall?.[0]).toMatchObject({ folderId: 'f', temporary: false });
    expect(store.fresh.temporary).toBe(true);
    const second = store.send({ ...input, requestId: 's' });
    arrive();
    await second;
    expect(store.fresh.temporary).toBe(false);
  });
});

describe('Drafts', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('saves after a pause, once, and never a chat that does not exist yet', async () => {
    const core = fakeCore();
    const drafts = new Drafts(core.client);
    drafts.set(null, 'new');
    drafts.set('c', 'H');
    drafts.set('c', 'Hi');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(core.calls).toEqual(['draft c Hi']);
    expect(drafts.get(null)).toBe('new');
  });

  it('keeps what could not be saved and tries again', async () => {
    const core = fakeCore();
    const drafts = new Drafts(core.client);
    core.fail(appError('connection_lost'));
    drafts.set('c', 'Hi');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(drafts.get('c')).toBe('Hi');
    core.fail(null);
    await drafts.flush();
    await drafts.flush();
    expect(core.calls).toEqual(['draft c Hi', 'draft c Hi']);
  });

  it('does not write over what is being typed, nor save a message that was sent', async () => {
    const core = fakeCore();
    const drafts = new Drafts(core.client);
    drafts.adopt('c', 'saved');
    expect(drafts.get('c')).toBe('saved');
    drafts.set('c', 'typed');
    drafts.adopt('c', 'older');
    expect(drafts.get('c')).toBe('typed');
    drafts.clear('c');
    await vi.advanceTimersByTimeAsync(10_000);
    expect([drafts.get('c'), core.calls.length]).toEqual(['', 0]);
  });
});

describe('a draft whose message was sent', () => {
  const drafts = (typed: string) => {
    const made = new Drafts(fakeCore().client);
    made.set(null, typed);
    made.set('c', typed);
    return made;
  };
  it.each([
    ['as it was', 'Hello', ''],
    ['with more below', 'Hello\n\nand more', 'and more'],
    ['another text by now', 'Bye', 'Bye'],
    ['emptied', '', ''],
  ])('%s', (_name, typed, rest) => {
    const made = drafts(typed);
    made.sent('c', 'Hello', 'c');
    expect(made.get('c')).toBe(rest);
    made.sent(null, 'Hello', 'new');
    expect([made.get(null), made.get('new')]).toEqual(['', rest]);
  });

  it('adds a paragraph', () => {
    const made = drafts('One');
    made.append('c', 'Two');
    made.append('d', 'Alone');
    expect([made.get('c'), made.get('d')]).toEqual(['One\n\nTwo', 'Alone']);
  });
});

describe('ModelsStore', () => {
  it('keeps why a load failed, and says nothing of a cancelled one', async () => {
    const core = fakeCore();
    const models = new ModelsStore(core.client);
    core.fail(appError('model_not_enough_memory', { needBytes: 2, freeBytes: 1 }));
    await models.load('m');
    expect(models.loadFailure).toMatchObject({
      modelId: 'm',
      failure: { code: 'model_not_enough_memory', details: { needBytes: 2, freeBytes: 1 } },
    });
    core.fail(appError('aborted'));
    await models.load('m');
    expect(models.loadFailure).toBeNull();
  });
});
