import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { ConversationSummary, Count, Id, MAX_MESSAGE_LENGTH, MAX_TITLE_LENGTH, TimeMs } from './entities.ts';

/** Chats that one bulk call may name: all of a very large history. */
export const MAX_BULK = 20_000;
export const MAX_FOLDER_NAME_LENGTH = 100;
export const MAX_TAG_NAME_LENGTH = 50;
/** Folders inside folders; deeper ones are refused with `invalid_input`. */
export const MAX_FOLDER_DEPTH = 16;
/** Longer queries are pasted texts. */
export const MAX_QUERY_LENGTH = 500;
/** Days that a chat stays in the trash before it is deleted by itself. */
export const TRASH_DAYS = 30;
/** Days after which backups lose a chat that was deleted for ever, should it be in one still by then. */
export const DELETED_DAYS_IN_BACKUPS = 30;
/** Snippets that a chat brings with it in a list of results; a search inside the chat has them all. */
export const HITS_PER_CHAT = 3;

const Name = (maxLength: number) => v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(maxLength));
const Ids = v.pipe(v.array(Id), v.minLength(1), v.maxLength(MAX_BULK));

/** What a new chat in the folder begins with; null: what the folder above says, at the top the app's default. */
export const FolderDefaults = v.object({
  modelId: v.nullable(Id),
  systemPrompt: v.nullable(v.pipe(v.string(), v.maxLength(MAX_MESSAGE_LENGTH))),
});
export type FolderDefaults = v.InferOutput<typeof FolderDefaults>;

export const Folder = v.object({
  id: Id,
  name: v.string(),
  /** null: at the top. */
  parentId: v.nullable(Id),
  defaults: FolderDefaults,
  createdAt: TimeMs,
});
export type Folder = v.InferOutput<typeof Folder>;

export const Tag = v.object({
  id: Id,
  /** Unique without regard to upper and lower case. */
  name: v.string(),
  /** Chats that carry it, trash left out. */
  chatCount: Count,
});
export type Tag = v.InferOutput<typeof Tag>;

/** One change to any number of chats. A key that is left out stays as it is. */
export const ChatChange = v.partial(
  v.object({
    /** null: out of every folder. */
    folderId: v.nullable(Id),
    addTags: v.array(Id),
    removeTags: v.array(Id),
    pinned: v.boolean(),
    archived: v.boolean(),
    /** true: to the trash, running answers are stopped; false: back out of it, to where it was. */
    trashed: v.boolean(),
  }),
);
export type ChatChange = v.InferOutput<typeof ChatChange>;

/** What was done. `undo` is given to `history.undo`; null when nothing was different. Kept for this run. */
export const Done = v.object({ changed: Count, undo: v.nullable(Id) });
export type Done = v.InferOutput<typeof Done>;

/** Which chats: those in use, those put away, those in the trash. */
export const ChatPlace = v.picklist(['chats', 'archive', 'trash']);
export type ChatPlace = v.InferOutput<typeof ChatPlace>;

/** A piece of text; `hit`: the query matched it. Shown as text, never as markup. */
export const Segment = v.object({ text: v.string(), hit: v.boolean() });
export type Segment = v.InferOutput<typeof Segment>;

export const SearchHit = v.object({
  messageId: Id,
  role: v.picklist(['user', 'assistant']),
  createdAt: TimeMs,
  /** One line of about 160 characters around the best place; `…` where the text goes on. */
  snippet: v.array(Segment),
});
export type SearchHit = v.InferOutput<typeof SearchHit>;

export const SearchChat = v.object({
  conversationId: Id,
  title: v.array(Segment),
  /** The title alone answers the whole query. */
  titleHit: v.boolean(),
  updatedAt: TimeMs,
  folderId: v.nullable(Id),
  archivedAt: v.nullable(TimeMs),
  trashedAt: v.nullable(TimeMs),
  /** Best first, at most {@link HITS_PER_CHAT}; all of the page in a search with `conversationId`. */
  hits: v.array(SearchHit),
  /** Of the messages that were ranked for this answer. */
  hitCount: Count,
});
export type SearchChat = v.InferOutput<typeof SearchChat>;

export const SearchFilters = v.object({
  /** With the folders inside it. */
  folderId: v.optional(v.nullable(Id), null),
  tagId: v.optional(v.nullable(Id), null),
  /** Chats whose model it is, or in which it gave an answer. */
  modelId: v.optional(v.nullable(Id), null),
  /** Date of the message, ms since 1970; `from` belongs to the range, `to` does not. */
  from: v.optional(v.nullable(TimeMs), null),
  to: v.optional(v.nullable(TimeMs), null),
  role: v.optional(v.nullable(v.picklist(['user', 'assistant'])), null),
  /** null: chats and archive, not the trash. */
  place: v.optional(v.nullable(ChatPlace), null),
  /** Inside one chat. */
  conversationId: v.optional(v.nullable(Id), null),
});
export type SearchFilters = v.InferOutput<typeof SearchFilters>;

export const SearchResult = v.object({
  /** Best first: title before text, then how well the text fits and how new it is. A chat is there once a page. */
  chats: v.array(SearchChat),
  /** For the next page, which holds older hits where only the newest were ranked; null at the end. */
  cursor: v.nullable(v.string()),
  /**
   * Set when there may be more: only this many of the newest hits were ranked for this page. With a filter that few
   * hits pass it may be a small number, or 0: the next page looks further back.
   */
  rankedNewest: v.nullable(Count),
  /** Set while messages wait for the index; a search finds the others. */
  indexing: v.nullable(v.object({ done: Count, total: Count })),
});
export type SearchResult = v.InferOutput<typeof SearchResult>;

const Cursor = v.nullable(v.pipe(v.string(), v.maxLength(100)));

export const history = {
  /**
   * Chats by pages, the last changed first (trash: the last removed first). The first page begins with all that
   * are pinned. Temporary chats are in no list.
   */
  list: base
    .input(
      v.object({
        place: v.optional(ChatPlace, 'chats'),
        cursor: v.optional(Cursor, null),
        limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2_000)), 500),
      }),
    )
    .output(
      v.object({
        conversations: v.array(ConversationSummary),
        cursor: v.nullable(v.string()),
        /** Of the place. */
        total: Count,
      }),
    ),
  /** These chats as they are now, wherever they are; those that are gone are left out. Temporary ones too. */
  summaries: base.input(v.object({ ids: Ids })).output(v.array(ConversationSummary)),
  /**
   * Changes chats in one transaction; ids that are gone are left out. Told by `history.changed`.
   * @throws not_found for a folder or tag that is gone; nothing is changed then
   */
  update: base.input(v.object({ ids: Ids, change: ChatChange })).output(Done),
  /**
   * Takes an action back: every chat, folder and tag that it touched is as before.
   * @throws not_found when it was taken back already, is too long ago (100 actions) or of another run
   */
  undo: base.input(v.object({ undo: Id })).output(nothing),
  /**
   * Deletes chats that are in the trash from the live files: messages, index, drafts. Cannot be undone. Backups
   * keep them until they roll off, {@link DELETED_DAYS_IN_BACKUPS} at most. Ids that are not in the trash are left out. They leave the lists at once; the
   * call ends when they are out of the files, which takes seconds among a million messages.
   */
  deleteForever: base.input(v.object({ ids: Ids })).output(v.object({ deleted: Count })),
  /** {@link deleteForever} of the whole trash. */
  emptyTrash: base.output(v.object({ deleted: Count })),
  /**
   * Erases chats everywhere, wherever they are: live files, write-ahead log, and every backup that holds one
   * (rewritten without it; removed when that is not possible). Cannot be undone. May take seconds.
   * @throws disk_full, store_failed: backups are first, so that chats which are in the list still can be erased
   * again with the same ids; of those that are not, backups made meanwhile are cleared by the app
   */
  erase: base
    .input(v.object({ ids: Ids }))
    .output(v.object({ erased: Count, backupsRewritten: Count, backupsRemoved: Count })),
  /**
   * How many backups hold one of these chats, and the date of the newest of them: for the dialog of Delete. A database
   * that was put aside is one too, and so is what cannot be read. `ids` null: of the whole trash.
   */
  inBackups: base
    .input(v.object({ ids: v.nullable(Ids) }))
    .output(v.object({ backups: Count, newestAt: v.nullable(TimeMs) })),
  /** Makes a temporary chat an ordinary one, with the same ids. @throws conflict while it answers */
  keep: base.input(v.object({ id: Id })).output(nothing),
  /** Ends a temporary chat at once: nothing of it is left. Running answers are stopped. */
  discard: base.input(v.object({ id: Id })).output(nothing),
};

export const folders = {
  /** All of them, by name within the folder above. */
  list: base.output(v.array(Folder)),
  create: base
    .input(
      v.object({
        name: Name(MAX_FOLDER_NAME_LENGTH),
        parentId: v.optional(v.nullable(Id), null),
        defaults: v.optional(v.partial(FolderDefaults), {}),
      }),
    )
    .output(Folder),
  /**
   * Renames, moves (`parentId`), changes what new chats begin with.
   * @throws conflict when a folder would lie inside itself, invalid_input when too deep
   */
  update: base
    .input(
      v.object({
        id: Id,
        name: v.optional(Name(MAX_FOLDER_NAME_LENGTH)),
        parentId: v.optional(v.nullable(Id)),
        defaults: v.optional(v.partial(FolderDefaults)),
      }),
    )
    .output(Done),
  /**
   * `to_parent`: chats and folders inside go one up. `to_trash`: the folders inside go too, and all their chats
   * to the trash.
   */
  remove: base.input(v.object({ id: Id, chats: v.picklist(['to_parent', 'to_trash']) })).output(Done),
};

export const tags = {
  /** By name. */
  list: base.output(v.array(Tag)),
  /** The tag of that name: the one there is, or a new one. */
  create: base.input(v.object({ name: Name(MAX_TAG_NAME_LENGTH) })).output(Tag),
  /** @throws conflict when another tag has the name */
  rename: base.input(v.object({ id: Id, name: Name(MAX_TAG_NAME_LENGTH) })).output(Done),
  /** Takes it off every chat. */
  remove: base.input(v.object({ id: Id })).output(Done),
};

export const search = {
  /**
   * Titles, questions and answers. Words are joined by and; the last word matches as a beginning while no space
   * follows it; "a phrase" in quotes; `-word` and `-"a phrase"` leave out. Any text is a valid query. Empty: all
   * chats that the filters let through, without hits.
   *
   * Abort the call when the next key comes: the search ends between two slices of a few milliseconds.
   */
  query: base
    .input(
      v.object({
        query: v.pipe(v.string(), v.maxLength(MAX_QUERY_LENGTH)),
        filters: v.optional(SearchFilters, {}),
        cursor: v.optional(Cursor, null),
        /** Chats a page; messages in a search inside one chat. */
        limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 30),
      }),
    )
    .output(SearchResult),
};

/** Longest title that the model may give; the sidebar cuts at about 40. */
export const MAX_MODEL_TITLE_LENGTH = Math.min(80, MAX_TITLE_LENGTH);
