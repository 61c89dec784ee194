import { describe, expect, it, vi } from 'vitest';
import type { AppClient, ConversationSummary, Folder, SearchResult } from '../../src-main/contract/index.ts';
import { toasts } from '../../src-renderer/components/toasts.svelte.ts';
import { fuzzyMatch } from '../../src-renderer/lib/fuzzy.ts';
import { groupByDay } from '../../src-renderer/lib/format.ts';
import { RowLayout } from '../../src-renderer/lib/row-window.ts';
import { chatActions } from '../../src-renderer/screens/chat/chat-actions.ts';
import { groupNewestFirst } from '../../src-renderer/screens/chat/chat-groups.ts';
import { dateOf, rangeSince, startOfDay } from '../../src-renderer/screens/chat/search-dates.ts';
import type { AppState } from '../../src-renderer/state/app.svelte.ts';
import { ChatList } from '../../src-renderer/state/chat-list.svelte.ts';
import { ChatSearch } from '../../src-renderer/state/chat-search.svelte.ts';
import { HistoryStore } from '../../src-renderer/state/history.svelte.ts';
import { PaletteState } from '../../src-renderer/state/palette.svelte.ts';
import { Selection } from '../../src-renderer/state/selection.svelte.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const chat = (
  id: string,
  updatedAt: number,
  extra: Partial<ConversationSummary> = {},
): ConversationSummary => ({
  id,
  title: id,
  titleSource: 'auto',
  createdAt: 0,
  updatedAt,
  messageCount: 2,
  answering: false,
  folderId: null,
  tags: [],
  pinnedAt: null,
  archivedAt: null,
  trashedAt: null,
  temporary: false,
  modelId: null,
  ...extra,
});

describe('the way back from the trash', () => {
  async function undone(leave: (route: (screen: string) => void) => void) {
    const arrived = Promise.withResolvers<undefined>();
    const openChat = vi.fn();
    const navigation = { conversationId: 'c', route: { screen: 'chat' }, openChat };
    const app = {
      navigation,
      conversations: { byId: () => undefined, list: [], refetch: async () => {} },
      history: {
        ...{ archive: { items: [] }, trash: { items: [] } },
        update: async () => ({ undo: 'token' }),
        undo: () => arrived.promise,
      },
      historyScreen: { selection: { active: false } },
      attempt: (work: Promise<unknown>) => work,
    } as unknown as AppState;
    await chatActions.trash(app, ['c']);
    toasts.act(toasts.list[0]?.id ?? 0);
    leave((screen) => (navigation.route = { screen }));
    arrived.resolve(undefined);
    await arrived.promise;
    await Promise.resolve();
    return openChat;
  }

  it('shows the chat again, but takes nobody away from where they went meanwhile', async () => {
    expect(await undone(() => {})).toHaveBeenCalledExactlyOnceWith('c', { replace: true });
    expect(await undone((route) => route('models'))).not.toHaveBeenCalled();
  });
});

describe('RowLayout', () => {
  const sizes = { row: 30, head: 28, gap: 10 };

  it('computes where groups and rows lie', () => {
    const layout = new RowLayout([2, 3], sizes);
    expect(layout.height).toBe(28 + 60 + 10 + 28 + 90);
    expect([0, 1, 2, 4].map((row) => layout.topOf(row))).toEqual([28, 58, 126, 186]);
    expect(layout.rowCount).toBe(5);
    expect(new RowLayout([], sizes).between(0, 900)).toEqual([]);
  });

  it('puts every row that can be seen into the page, and few more, at any place of 10,000', () => {
    const counts = Array.from({ length: 40 }, (_, index) => 250 + (index % 3) * 10 - 10);
    const layout = new RowLayout(counts, sizes);
    for (let from = -240; from < layout.height; from += 7_919) {
      const to = from + 1_400;
      const windows = layout.between(from, to);
      const shown = windows.flatMap(({ first, rows }) => rows.map((row) => first + row));
      expect(new Set(shown).size).toBe(shown.length);
      expect(shown.length).toBeLessThan(80);
      const there = new Set(shown);
      for (let row = 0; row < layout.rowCount; row += 1) {
        const top = layout.topOf(row);
        if (top + sizes.row > from && top < to) expect(there.has(row), `${from}: ${row}`).toBe(true);
      }
    }
  });

  it('keeps the row with the focus in the page wherever it lies', () => {
    const layout = new RowLayout([500, 500], sizes);
    const rowsAt = (keep: number) =>
      layout
        .between(6_000, 6_900, keep)
        .map(({ group, rows }) => ({ group, kept: rows.includes(keep % 500) }));
    expect(rowsAt(3)).toEqual([{ group: 0, kept: true }]);
    expect(rowsAt(990)).toEqual([
      { group: 0, kept: false },
      { group: 1, kept: true },
    ]);
    expect(layout.between(16_000, 16_900, 2).map(({ group }) => group)).toEqual([0, 1]);
  });
});

describe('fuzzyMatch', () => {
  const marked = (query: string, text: string) =>
    fuzzyMatch(query, text)
      ?.segments.filter((segment) => segment.marked)
      .map((segment) => segment.text);

  it('finds words where they stand, in any order, and the beginnings of words', () => {
    expect(marked('brest tid', 'Tide heights at Brest')).toEqual(['Tid', 'Brest']);
    expect(marked('mtt', 'Move to trash')).toEqual(['M', 't', 't']);
    expect(marked('motr', 'Move to trash')).toEqual(['Mo', 'tr']);
    expect(fuzzyMatch('ove', 'Move to trash')).not.toBeNull();
    expect(fuzzyMatch('mh', 'Move to trash')).toBeNull();
    expect(fuzzyMatch('', 'anything')).toEqual({ score: 0, segments: [{ text: 'anything', marked: false }] });
  });

  it('takes accents and case as the same, and gives the text back whole', () => {
    expect(marked('cafe', 'Das Café am Eck')).toEqual(['Café']);
    for (const text of ['Straße 𝔘nter 😀 öl', 'İstanbul', 'plain'])
      expect(
        fuzzyMatch('n', text)
          ?.segments.map((segment) => segment.text)
          .join('') ?? text,
      ).toBe(text);
  });

  it('puts the beginning of a word before its middle, and a whole word before strewn letters', () => {
    const score = (text: string) => fuzzyMatch('set', text)?.score ?? -1;
    expect(score('Settings')).toBeGreaterThan(score('Reset'));
    expect(score('Reset the settings')).toBeGreaterThan(score('Reset'));
    expect(score('Settings')).toBeGreaterThan(score('Search every tag'));
  });
});

describe('groupNewestFirst', () => {
  it('groups as groupByDay does, over midnights, months, years and times in the future', () => {
    for (const now of [
      Date.UTC(2026, 10, 23, 12),
      Date.UTC(2026, 0, 1, 0, 5),
      Date.UTC(2024, 2, 1, 23, 59),
    ]) {
      const times = Array.from({ length: 600 }, (_, index) => now + DAY_MS - index * 0.83 * DAY_MS);
      const expected = groupByDay(times, (at) => at, now).map(({ group, items }) => [group.key, items]);
      expect(groupNewestFirst(times, (at) => at, now).map(({ key, items }) => [key, items])).toEqual(
        expected,
      );
    }
  });
});

describe('dates of the search', () => {
  it('goes from local midnight to local midnight, and says nothing for what is no date', () => {
    const at = startOfDay('2026-11-23');
    expect(at).toBe(new Date(2026, 10, 23).getTime());
    expect(startOfDay('2026-11-30', 1)).toBe(new Date(2026, 11, 1).getTime());
    expect(dateOf(at)).toBe('2026-11-23');
    expect([startOfDay(''), startOfDay('tomorrow'), startOfDay('1800-01-01'), dateOf(null)]).toEqual([
      null,
      null,
      null,
      '',
    ]);
    const now = new Date(2026, 10, 23, 15).getTime();
    expect(rangeSince('week', now)).toEqual({ from: new Date(2026, 10, 16).getTime(), to: null });
    expect(rangeSince('any', now)).toEqual({ from: null, to: null });
  });
});

describe('Selection', () => {
  it('ticks one, a range, all, and forgets what is gone', () => {
    const order = ['a', 'b', 'c', 'd', 'e'];
    const selection = new Selection();
    selection.begin('b');
    selection.extendTo('d', order);
    expect([...selection.ids].sort()).toEqual(['b', 'c', 'd']);
    selection.toggle('c');
    selection.extendTo('e', order);
    expect([...selection.ids].sort()).toEqual(['b', 'c', 'd', 'e']);
    selection.keepOnly(new Set(['c', 'e', 'f']));
    expect([...selection.ids].sort()).toEqual(['c', 'e']);
    selection.addAll(order);
    expect(selection.ids.size).toBe(5);
    selection.end();
    expect([selection.active, selection.ids.size]).toEqual([false, 0]);
  });
});

describe('ChatList', () => {
  /** A core with these chats, `pageSize` of them at a time; each page waits for `next`. */
  function made(all: ConversationSummary[], pageSize: number) {
    const waiting: (() => void)[] = [];
    const list = ({ cursor }: { cursor: string | null }) =>
      new Promise((resolve) => {
        const from = Number(cursor ?? 0);
        const more = from + pageSize < all.length;
        const page = {
          conversations: all.slice(from, from + pageSize),
          cursor: more ? String(from + pageSize) : null,
          total: all.length,
        };
        waiting.push(() => resolve(page));
      });
    const next = async () => {
      // The next page is asked for once there is nothing else to do.
      await vi.waitFor(() => expect(waiting).not.toHaveLength(0));
      waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    // The list uses this call only; any other would throw here.
    return { list: new ChatList({ history: { list } } as unknown as AppClient, 'chats'), next };
  }

  it('shows the first page at once and the others as they come', async () => {
    const { list, next } = made([chat('a', 5), chat('b', 4), chat('c', 3)], 2);
    const done = list.refresh();
    expect(list.status).toBe('loading');
    await next();
    expect([list.status, list.items.map(({ id }) => id), list.total]).toEqual(['ready', ['a', 'b'], 3]);
    await next();
    await done;
    expect(list.items.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('takes what changes: new ones, later ones to the top, archived and gone ones out', async () => {
    const { list, next } = made([chat('a', 5), chat('b', 4), chat('c', 3)], 9);
    const done = list.refresh();
    await next();
    await done;
    list.take([chat('c', 9), chat('d', 1), chat('b', 4, { archivedAt: 8 })], ['a']);
    expect(list.items.map(({ id }) => id)).toEqual(['c', 'd']);
    expect(list.total).toBe(2);
    list.take([chat('t', 99, { temporary: true }), chat('x', 99, { trashedAt: 99 })], []);
    expect(list.items.map(({ id }) => id)).toEqual(['c', 'd']);
  });

  it('prefers what was told while pages were coming to what the pages say', async () => {
    const { list, next } = made([chat('a', 5), chat('b', 4), chat('c', 3)], 2);
    const done = list.refresh();
    await next();
    list.take([chat('b', 8)], ['c']);
    await next();
    await done;
    expect(list.items.map(({ id }) => id)).toEqual(['b', 'a']);
  });
});

describe('HistoryStore', () => {
  const folder = (id: string, parentId: string | null, extra: Partial<Folder['defaults']> = {}): Folder => ({
    id,
    name: id,
    parentId,
    defaults: { modelId: null, systemPrompt: null, ...extra },
    createdAt: 0,
  });

  it('builds the tree, counts what is inside, and finds defaults on the way up', () => {
    // Nothing is called here: the state is set by hand.
    const store = new HistoryStore({} as unknown as AppClient);
    store.folders = [
      folder('sea', null, { modelId: 'm', systemPrompt: 'outer' }),
      folder('tides', 'sea', { systemPrompt: '' }),
      folder('land', null),
    ];
    const chats = [chat('1', 1, { folderId: 'sea' }), chat('2', 1, { folderId: 'tides' }), chat('3', 1)];
    const plain = store.tree(chats).map(({ folder: { id }, count, children }) => ({
      id,
      count,
      inside: children.map((child) => `${child.folder.id} ${child.count}`),
    }));
    expect(plain).toEqual([
      { id: 'sea', count: 2, inside: ['tides 1'] },
      { id: 'land', count: 0, inside: [] },
    ]);
    expect(store.pathOf('tides').map(({ id }) => id)).toEqual(['sea', 'tides']);
    expect([...store.withInner('sea')]).toEqual(['sea', 'tides']);
    // An empty prompt of its own is a prompt of its own.
    expect(store.defaultsOf('tides')).toEqual({ modelId: 'm', systemPrompt: '' });
    expect(store.defaultsOf(null)).toEqual({ modelId: null, systemPrompt: null });
  });
});

describe('ChatSearch', () => {
  const result = (ids: string[], cursor: string | null = null): SearchResult => ({
    chats: ids.map((conversationId) => ({
      conversationId,
      title: [{ text: conversationId, hit: true }],
      titleHit: true,
      updatedAt: 0,
      folderId: null,
      archivedAt: null,
      trashedAt: null,
      hits: [],
      hitCount: 0,
    })),
    cursor,
    rankedNewest: null,
    indexing: null,
  });

  function made() {
    const asked: {
      query: string;
      cursor: string | null;
      signal: AbortSignal;
      answer: (r: SearchResult) => void;
    }[] = [];
    const query = (input: { query: string; cursor: string | null }, { signal }: { signal: AbortSignal }) =>
      new Promise<SearchResult>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        asked.push({ ...input, signal, answer: resolve });
      });
    // The search uses this call only; any other would throw here.
    return { asked, search: new ChatSearch({ search: { query } } as unknown as AppClient) };
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('drops the running query at the next key, and shows only the answer to the last one', async () => {
    const { asked, search } = made();
    search.setQuery('b');
    search.setQuery('br');
    expect([asked[0]?.signal.aborted, asked[1]?.signal.aborted]).toEqual([true, false]);
    asked[1]?.answer(result(['x']));
    await settled();
    asked[0]?.answer(result(['old']));
    await settled();
    expect([search.status, search.chats.map(({ conversationId }) => conversationId)]).toEqual([
      'ready',
      ['x'],
    ]);
  });

  it('adds pages, starts anew with a filter, and ends without a word', async () => {
    const { asked, search } = made();
    search.setQuery('b');
    asked[0]?.answer(result(['x'], '1'));
    await settled();
    const more = search.more();
    asked[1]?.answer(result(['y']));
    await more;
    expect(search.chats.length).toBe(2);
    search.setFilters({ place: 'trash' });
    expect(asked[2]).toMatchObject({ query: 'b', cursor: null });
    search.clear();
    expect([asked[2]?.signal.aborted, search.status, search.chats.length]).toEqual([true, 'idle', 0]);
    await settled();
    expect(search.failure).toBeNull();
    search.setFilters({ tagId: 't' });
    expect(asked.length).toBe(4);
  });

  it('looks further back by itself while a filter leaves pages empty', async () => {
    const { asked, search } = made();
    search.setFilters({ folderId: 'f' });
    asked[0]?.answer(result([], '1'));
    await settled();
    expect([search.status, asked[1]?.cursor]).toEqual(['searching', '1']);
    asked[1]?.answer(result(['x'], '2'));
    await settled();
    expect([search.status, search.chats.length, search.cursor]).toEqual(['ready', 1, '2']);
  });
});

describe('PaletteState', () => {
  it('remembers the last ones, each once', () => {
    const palette = new PaletteState();
    for (const id of ['a', 'b', 'a', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) palette.used(id);
    expect(palette.recent).toEqual(['i', 'h', 'g', 'f', 'e', 'd', 'c', 'a']);
  });
});
