import { randomUUID } from 'node:crypto';
import {
  appError,
  DELETED_DAYS_IN_BACKUPS,
  errorCodeOf,
  TRASH_DAYS,
  type ChatChange,
  type ChatPlace,
  type ConversationSummary,
  type Done,
  type Folder,
  type FolderDefaults,
  type Tag,
} from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type {
  ChatBefore,
  FolderBefore,
  PagePlace,
  Store,
  StoredFolder,
  StoredSummary,
  StoredTag,
} from '../store/api.ts';
import type { Answers } from './answers.ts';

/** Actions that can be taken back; a notice with Undo lives for seconds. */
const KEPT_ACTIONS = 100;
/** A call of the store waits at most this long for a slice of a deletion, and its commit. */
const PURGE_SLICE_MS = 12;
/** A search that runs holds the log for one slice; it is free by the next try. */
const LOG_TRIES = 5;
/** The trash is looked through this often while the app runs for days. */
const TRASH_INTERVAL_MS = 6 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

export interface HistoryDeps {
  store: Store;
  bus: EventBus;
  answers: Pick<Answers, 'isAnswering' | 'stopIn'>;
  /** Deletes what the disk keeps of what a model has read of these chats. */
  forgetStates: (conversationIds: readonly string[]) => Promise<void>;
}

/** What an action changed, as it was. */
interface Before {
  folders?: FolderBefore[];
  tags?: StoredTag[];
  states?: ChatBefore[];
}

type FolderPatch = {
  name?: string | undefined;
  parentId?: string | null | undefined;
  defaults?: { [K in keyof FolderDefaults]?: FolderDefaults[K] | undefined } | undefined;
};

const folderOf = ({ modelId, systemPrompt, ...folder }: StoredFolder): Folder => ({
  ...folder,
  defaults: { modelId, systemPrompt },
});

function defined<T extends object>(patch: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const set = Object.entries(patch).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function afterOf(cursor: string | null): PagePlace | null {
  if (cursor === null) return null;
  const match = /^(\d{1,16})\.(\d{1,16})$/u.exec(cursor);
  if (!match) throw appError('invalid_input');
  return { time: Number(match[1]), seq: Number(match[2]) };
}

export type History = ReturnType<typeof createHistory>;

/** Lists, folders, tags, trash: where chats are. Every action can be taken back but those that delete for good. */
export function createHistory({ store, bus, answers, forgetStates }: HistoryDeps) {
  const actions = new Map<string, Before>();
  let purging: Promise<boolean> = Promise.resolve(true);
  let clearing: Promise<unknown> = Promise.resolve();
  let isClosing = false;
  const timer = setInterval(() => void clearOut().catch(() => {}), TRASH_INTERVAL_MS);
  timer.unref();

  const summaryOf = (row: StoredSummary): ConversationSummary => ({
    ...row,
    answering: answers.isAnswering(row.id),
  });

  function tell(what: {
    ids?: readonly string[];
    folders?: boolean;
    tags?: boolean;
    removed?: readonly string[];
  }) {
    const { ids = [], folders = false, tags = false, removed = [] } = what;
    bus.emit({ type: 'history.changed', conversationIds: [...ids], folders, tags });
    for (const conversationId of removed) bus.emit({ type: 'conversation.removed', conversationId });
  }

  function remember(before: Before): string {
    const undo = randomUUID();
    actions.set(undo, before);
    const [oldest] = actions.keys();
    if (actions.size > KEPT_ACTIONS && oldest !== undefined) actions.delete(oldest);
    return undo;
  }

  /** Tells clients what an action did to chats; those that came into the trash stop answering. */
  function tellOfChats(
    states: readonly ChatBefore[],
    trashed: boolean,
    also: { folders?: boolean; tags?: boolean } = {},
  ): Done {
    const ids = states.map(({ id }) => id);
    if (trashed) for (const id of ids) answers.stopIn(id);
    tell({ ids, ...also, removed: trashed ? ids : [] });
    return { changed: ids.length, undo: null };
  }

  /**
   * Deletes everything that is marked, in slices that let other calls through, then empties the log. False: the end of
   * the app cut it short, and the next start goes on with it.
   */
  function purge(): Promise<boolean> {
    purging = purging
      .catch(() => {})
      .then(async () => {
        let isChanged = false;
        let more = true;
        while (more && !isClosing) {
          const slice = await store.trash.purgeSlice({ budgetMs: PURGE_SLICE_MS });
          isChanged ||= slice.found;
          more = slice.more;
        }
        // Pages of before lie in the log until it is written back.
        for (let tries = 0; isChanged && tries < LOG_TRIES; tries += 1) {
          if (await store.files.truncateLog(undefined)) break;
        }
        return !more;
      });
    return purging;
  }

  async function deleteMarked(ids: readonly string[] | null, anywhere = false): Promise<string[]> {
    const eraseAt = Date.now() + (anywhere ? 0 : DELETED_DAYS_IN_BACKUPS * DAY_MS);
    const marked = await store.trash.mark({ ids, anywhere, eraseAt });
    for (const id of marked) answers.stopIn(id);
    // They are out of every list at once; out of the files when the call ends.
    if (marked.length > 0) tell({ ids: marked, tags: true, removed: marked });
    await forgetStates(marked);
    await purge();
    return marked;
  }

  async function emptyOldTrash(): Promise<void> {
    const ids = await store.trash.expired({ before: Date.now() - TRASH_DAYS * DAY_MS });
    if (ids.length > 0) await deleteMarked(ids);
  }

  /** Backups that have not rolled off by the promised day lose what was deleted. */
  async function clearBackups(): Promise<void> {
    const ids = await store.trash.overdue({ at: Date.now() });
    if (ids.length === 0) return;
    await eraseAndForget(ids);
  }

  /** Takes chats out of the backups. They are forgotten only when no backup that begins later can hold them. */
  function eraseAndForget(ids: readonly string[]) {
    const work = async () => {
      const isOut = await purge();
      const done = await store.files.eraseFromBackups({ ids });
      if (isOut) await store.trash.forget({ ids });
      return done;
    };
    const result = work();
    clearing = Promise.allSettled([clearing, result]);
    return result;
  }

  async function clearOut(): Promise<void> {
    await emptyOldTrash();
    await clearBackups();
  }

  return {
    /**
     * Finishes deletions that a kill cut short, deletes what has been in the trash for {@link TRASH_DAYS}, and takes out
     * of the backups what was deleted {@link DELETED_DAYS_IN_BACKUPS} ago.
     */
    async start(): Promise<void> {
      try {
        await purge();
        await clearOut();
      } catch (error) {
        // A full disk must not keep anyone from reading; the next round tries again.
        if (!['disk_full', 'store_failed'].includes(errorCodeOf(error))) throw error;
      }
    },

    async list(input: { place: ChatPlace; cursor: string | null; limit: number }) {
      const { place, limit } = input;
      const page = await store.history.list({ place, limit, after: afterOf(input.cursor) });
      return {
        conversations: page.summaries.map(summaryOf),
        cursor: page.after && `${page.after.time}.${page.after.seq}`,
        total: page.total,
      };
    },

    async summaries(ids: readonly string[]): Promise<ConversationSummary[]> {
      const rows = await store.history.summaries({ ids });
      const known = new Set(rows.map(({ id }) => id));
      // A temporary chat is found by its id only.
      const missing = ids.length > 100 ? [] : ids.filter((id) => !known.has(id));
      const others = await Promise.all(
        missing.map((id) => store.conversations.head({ id }).catch(() => null)),
      );
      const temporary = others.flatMap((head) => {
        if (!head) return [];
        const { activeLeafId: _leaf, settings: _settings, draft: _draft, ...summary } = head;
        return [summary];
      });
      return [...rows, ...temporary].map(summaryOf);
    },

    async update(ids: readonly string[], change: ChatChange): Promise<Done> {
      const states = await store.history.update({ ids, change, at: Date.now() });
      if (states.length === 0) return { changed: 0, undo: null };
      const isTagged = change.addTags !== undefined || change.removeTags !== undefined;
      const done = tellOfChats(states, change.trashed === true, {
        tags: isTagged || change.trashed !== undefined,
      });
      return { ...done, undo: remember({ states }) };
    },

    async undo(undo: string): Promise<void> {
      const before = actions.get(undo);
      if (!before) throw appError('not_found');
      const { folders = [], tags = [], states = [] } = before;
      const ids = await store.history.putBack({ folders, tags, states });
      actions.delete(undo);
      const removed = states.filter(({ trashedAt }) => typeof trashedAt === 'number').map(({ id }) => id);
      tell({
        ids,
        folders: folders.length > 0,
        tags: true,
        removed: removed.filter((id) => ids.includes(id)),
      });
    },

    async deleteForever(ids: readonly string[]): Promise<{ deleted: number }> {
      return { deleted: (await deleteMarked(ids)).length };
    },

    async emptyTrash(): Promise<{ deleted: number }> {
      return { deleted: (await deleteMarked(null)).length };
    },

    async erase(ids: readonly string[]) {
      for (const id of ids) await store.files.discard({ id });
      // The backups first: what is cut short leaves the chats in the list, and can be asked for once more.
      const before = await store.files.eraseFromBackups({ ids });
      const erased = await deleteMarked(ids, true);
      // And those that were begun since.
      const since = await eraseAndForget(ids);
      return {
        erased: erased.length,
        backupsRewritten: before.rewritten + since.rewritten,
        backupsRemoved: before.removed + since.removed,
      };
    },

    inBackups: (ids: readonly string[] | null) => store.files.backupsWith({ ids }),

    async keep(id: string): Promise<void> {
      await store.files.keep({ id });
      bus.emit({ type: 'conversation.changed', conversationId: id });
      tell({ ids: [id] });
    },

    async discard(id: string): Promise<void> {
      answers.stopIn(id);
      await store.files.discard({ id });
      tell({ ids: [id], removed: [id] });
    },

    folders: {
      list: async (): Promise<Folder[]> => (await store.folders.list(undefined)).map(folderOf),

      async create(input: {
        name: string;
        parentId: string | null;
        defaults: NonNullable<FolderPatch['defaults']>;
      }): Promise<Folder> {
        const { name, parentId, defaults } = input;
        const folder: StoredFolder = {
          id: randomUUID(),
          name,
          parentId,
          createdAt: Date.now(),
          modelId: defaults.modelId ?? null,
          systemPrompt: defaults.systemPrompt ?? null,
        };
        await store.folders.create(folder);
        tell({ folders: true });
        return folderOf(folder);
      },

      async update({ id, defaults = {}, ...patch }: { id: string } & FolderPatch): Promise<Done> {
        const before = await store.folders.update({ id, patch: defined({ ...patch, ...defaults }) });
        tell({ folders: true });
        return { changed: 1, undo: remember({ folders: [before] }) };
      },

      async remove(id: string, chats: 'to_parent' | 'to_trash'): Promise<Done> {
        const before = await store.folders.remove({ id, chats, at: Date.now() });
        const done = tellOfChats(before.states, chats === 'to_trash', { folders: true, tags: true });
        return { ...done, undo: remember(before) };
      },

      defaults: (id: string): Promise<FolderDefaults> => store.folders.defaults({ id }),
    },

    tags: {
      list: (): Promise<Tag[]> => store.tags.list(undefined),

      async create(name: string): Promise<Tag> {
        const tag = await store.tags.create({ id: randomUUID(), name });
        tell({ tags: true });
        return tag;
      },

      async rename(id: string, name: string): Promise<Done> {
        const before = await store.tags.rename({ id, name });
        tell({ tags: true });
        return { changed: 1, undo: remember({ tags: [before] }) };
      },

      async remove(id: string): Promise<Done> {
        const { tag, states } = await store.tags.remove({ id });
        const done = tellOfChats(states, false, { tags: true });
        return { ...done, undo: remember({ tags: [tag], states }) };
      },
    },

    /** A deletion that runs ends after its slice; the next start goes on with it. */
    async close(): Promise<void> {
      isClosing = true;
      clearInterval(timer);
      await purging.catch(() => {});
      await clearing;
    },
  };
}
