// Longer than a module should be: a list of types, one entry a query module, and no code.

import type {
  ChatChange,
  ChatPlace,
  AdapterBase,
  Backup,
  BenchRun,
  Conversation,
  ConversationSettings,
  ConversationSummary,
  ErrorCode,
  ErrorData,
  Folder,
  FolderDefaults,
  GenerationSample,
  GenerationSettings,
  GenerationStats,
  HubBaseModel,
  LedgerEntry,
  Message,
  MessageStatus,
  MetricsFilter,
  MetricsSummary,
  ModelSettings,
  NewAttachment,
  OtherApp,
  Preset,
  PresetValues,
  QueuedMessage,
  RestoreStep,
  SampleFigures,
  SampleSetup,
  Tag,
  TurnEdit,
} from '../contract/index.ts';
import type { SummaryInput } from '../metrics/summarise.ts';

/** A row of the model library: what the header said when the file was added, and where the file is. */
export interface StoredModel {
  id: string;
  kind: 'model' | 'adapter';
  path: string;
  name: string;
  sizeBytes: number;
  architecture: string;
  parameterCount: number | null;
  quant: string | null;
  trainedContextSize: number | null;
  licence: string | null;
  hasChatTemplate: boolean;
  parts: number;
  addedAt: number;
  lastUsedAt: number | null;
  lastLoadCrashed: boolean;
  settings: ModelSettings;
  notes: string;
}

/** What only adapters have. */
export interface StoredAdapter {
  modelId: string;
  rank: number;
  bases: AdapterBase[];
  /** Tensors of a base that it changes: name, and the two sizes that they must have. */
  targets: [name: string, columns: number, rows: number][];
}

/** An adapter on a model, in the order in which they were attached. */
export interface StoredAttachment {
  modelId: string;
  adapterId: string;
  scale: number;
  /** Of the adapter. */
  name: string;
  path: string;
}

/** A folder that the user let in. */
export interface StoredModelFolder {
  path: string;
  /** Whose folder it is; null for one that the user picked. */
  app: OtherApp | null;
  addedAt: number;
}

/** A file of a message, with its text. */
export type StoredFile = NewAttachment & { messageId: string };

/** A user message. */
export interface NewQuestion {
  id: string;
  parentId: string | null;
  text: string;
  files?: readonly NewAttachment[];
  /** The message whose files it has too. */
  filesOf?: string;
}

export interface NewMessages {
  /** Set when the conversation must be created in the same transaction. */
  newConversation: {
    id: string;
    title: string;
    settings: ConversationSettings;
    folderId?: string | null;
    /** In memory only: every later call that names it, or a message of it, goes there. */
    temporary?: boolean;
  } | null;
  conversationId: string;
  requestId: string;
  /** null answers an existing user message again. */
  user: NewQuestion | null;
  assistant: { id: string; parentId: string; modelId: string; modelName: string; quant: string | null };
  /** What the answer begins with: the text before that of another version, or typed. */
  beginning?: { text: string; reasoning: string };
  /** The message that waited and is sent with this; `not_found` when it was taken off meanwhile. */
  queuedId?: string;
  /** The user's message does not come from the composer, whose draft stays. */
  keepsDraft?: boolean;
  /** The turn in whose editor this was typed: nothing of it waits there any more. */
  editOf?: string;
  at: number;
}

/** `shownLeafId`: the end of the branch that was shown before. */
export interface RemovedBranch {
  conversationId: string;
  removedIds: string[];
  shownLeafId: string | null;
}

export interface StartedIds {
  conversationId: string;
  userMessageId: string;
  assistantMessageId: string;
}

export interface FinishedMessage {
  messageId: string;
  text: string;
  reasoning: string;
  status: Exclude<MessageStatus, 'streaming'>;
  errorCode: ErrorCode | null;
  errorDetails: NonNullable<ErrorData['details']> | null;
  stats: GenerationStats | null;
  /** Kept with the statistics. */
  settings: GenerationSettings | null;
  thought: Message['thought'];
  at: number;
}

export interface StoredProvenanceFile {
  /** On the Hub. */
  path: string;
  sizeBytes: number;
  sha256: string;
  pieceBytes: number;
  /** SHA-256 of each piece as it was received, in order. */
  pieces: string[];
}

/** Where a downloaded model came from; `files` in the order of its parts. */
export interface StoredProvenance {
  modelId: string;
  repo: string;
  revision: string;
  /** Of the only or the first part. */
  path: string;
  quant: string | null;
  licence: string | null;
  baseModels: HubBaseModel[];
  files: StoredProvenanceFile[];
  downloadedAt: number;
  verifiedAt: number | null;
  verifyMs: number | null;
}

/** How fast one answer was. */
export interface StoredSpeed {
  modelId: string;
  backend: string;
  /** Of the answer. */
  tokensPerSecond: number;
  /** Prompt tokens that were read, and how long that took. */
  readTokens: number;
  prefillMs: number;
  finishedAt: number;
}

/** A preset of the user's: the app's own are not stored. */
export type StoredPreset = Omit<Preset, 'builtIn'>;

export type StoredTag = Pick<Tag, 'id' | 'name'>;
export type StoredFolder = Omit<Folder, 'defaults'> & FolderDefaults;

/** Where a chat is: what bulk actions change. */
export interface ChatState {
  id: string;
  folderId: string | null;
  tags: string[];
  pinnedAt: number | null;
  archivedAt: number | null;
  trashedAt: number | null;
}

/** What an action changed of a chat, as it was before; what it left alone is not named. */
export interface ChatBefore extends Partial<Omit<ChatState, 'id' | 'tags'>> {
  id: string;
  /** Tags that it took away. */
  addTags?: string[];
  /** Tags that it gave. */
  removeTags?: string[];
}

/** The same of a folder: all of one that is gone. */
export type FolderBefore = Pick<StoredFolder, 'id'> & Partial<StoredFolder>;

/** The last row of a page of a list by time. */
export interface PagePlace {
  time: number;
  seq: number;
}

type Row<T> = Omit<T, 'answering' | 'chunkSeq'>;
export type StoredConversation = Omit<Conversation, 'answering' | 'messages' | 'queue'>;
export type StoredMessage = Row<Message>;
export type StoredSummary = Omit<ConversationSummary, 'answering'>;

/**
 * What the store worker does, entity by entity. Every function is one synchronous transaction in the
 * worker; the facade is asynchronous. Missing rows: `not_found`. A full disk: `disk_full`, nothing changed.
 */
/** What a model's first load on this machine found out; null: not looked for. */
export interface StoredTuning {
  threads: number | null;
  cacheDivergence: number | null;
}

/** A model or adapter that has left the list, with all that went with it. */
export interface RemovedModel {
  model: StoredModel;
  /** What only an adapter has. */
  adapter: StoredAdapter | null;
  tuning: ({ key: string } & StoredTuning) | null;
  /** It on others, or others on it. `seq`: the place among all. */
  attached: { seq: number; modelId: string; adapterId: string; scale: number }[];
  /** What guessed for it, and what it guessed for. */
  drafts: { modelId: string; draftId: string }[];
  /** Chats that had chosen it. */
  conversationIds: string[];
}

/** Chats by what is known of them; null: whatever. */
export interface ChatFilters {
  /** With the folders inside it. */
  folderId: string | null;
  tagId: string | null;
  /** Chats whose model it is, or in which it gave an answer. */
  modelId: string | null;
  /** When it was last changed, ms since 1970; `to` is not in the range. */
  from: number | null;
  to: number | null;
}

export interface StoreApi {
  conversations: {
    /** Newest first, trash left out. */
    list(input: undefined): StoredSummary[];
    /** `newest`: see the contract. */
    get(input: { id: string; newest?: number }): {
      conversation: StoredConversation;
      messages: StoredMessage[];
      queue: QueuedMessage[];
    };
    /**
     * The conversation without its messages. `withTrash`: in the trash too, which else is not_found; one that is being
     * deleted for good, or not imported yet, always is.
     */
    head(input: { id: string; withTrash?: boolean }): StoredConversation;
    rename(input: { id: string; title: string; at: number }): void;
    trash(input: { id: string; at: number }): void;
    restore(input: { id: string }): void;
    updateSettings(input: { id: string; settings: Partial<ConversationSettings> }): void;
    saveDraft(input: { id: string; draft: string }): void;
    setActiveLeaf(input: { id: string; messageId: string }): void;
  };
  /** Chats that are gone or being deleted are left out everywhere. */
  history: {
    /** A page; `after` is where the page before ended. The first one of `chats` has all that are pinned. */
    list(input: { place: ChatPlace; after: PagePlace | null; limit: number }): {
      summaries: StoredSummary[];
      after: PagePlace | null;
      total: number;
    };
    summaries(input: { ids: readonly string[] }): StoredSummary[];
    /** Returns what it changed. @throws not_found for a folder or tag that is gone */
    update(input: { ids: readonly string[]; change: ChatChange; at: number }): ChatBefore[];
    /** Puts back what an action changed; returns the chats. Folders and tags that are gone meanwhile are left out. */
    putBack(input: {
      folders: readonly FolderBefore[];
      tags: readonly StoredTag[];
      states: readonly ChatBefore[];
    }): string[];
    /** Replaces the automatic title `before`; false when it has another by now. */
    autoTitle(input: { id: string; before: string; title: string }): boolean;
  };
  folders: {
    list(input: undefined): StoredFolder[];
    /** @throws not_found without its parent, invalid_input when too deep */
    create(input: StoredFolder): void;
    /** Returns what it changed, as it was. @throws conflict when it would lie inside itself, invalid_input when too deep */
    update(input: { id: string; patch: Partial<StoredFolder> }): FolderBefore;
    /** Returns what it changed, as it was. */
    remove(input: { id: string; chats: 'to_parent' | 'to_trash'; at: number }): {
      folders: FolderBefore[];
      states: ChatBefore[];
    };
    /** What a new chat in it begins with: its own, or what the folders above say. */
    defaults(input: { id: string }): FolderDefaults;
  };
  tags: {
    list(input: undefined): Tag[];
    /** The tag of that name, `id` when it is new. */
    create(input: StoredTag): Tag;
    /** Returns it as it was. @throws conflict when another has the name */
    rename(input: StoredTag): StoredTag;
    remove(input: { id: string }): { tag: StoredTag; states: ChatBefore[] };
  };
  /** Deleting for good. */
  trash: {
    /**
     * Marks chats as being deleted; null: the whole trash. `anywhere`: outside the trash too. Returns which.
     * `eraseAt`, ms since 1970: until then backups may hold them; null: none does.
     */
    mark(input: { ids: readonly string[] | null; anywhere: boolean; eraseAt?: number | null }): string[];
    /** Deleted chats whose time in the backups is over; those that came back since are forgotten. */
    overdue(input: { at: number }): string[];
    /** Backups hold none of these any more. */
    forget(input: { ids: readonly string[] }): void;
    /** Chats that came into the trash before a time. */
    expired(input: { before: number }): string[];
    /** Deletes what is marked for about `budgetMs`. `found`: there was something. */
    purgeSlice(input: { budgetMs: number }): { more: boolean; found: boolean };
  };
  messages: {
    /**
     * The one transaction of a send: conversation (when new), user message (when given), assistant message as
     * `streaming`, the new active leaf, the draft cleared. A repeated `requestId` changes nothing and returns
     * the ids of the first call with `repeated: true`.
     */
    begin(input: NewMessages): StartedIds & { repeated: boolean };
    /** What the request began; null when it is new. */
    ofRequest(input: { requestId: string }): StartedIds | null;
    get(input: { id: string }): StoredMessage;
    /** From the root to `id`, in order. */
    path(input: { id: string }): StoredMessage[];
    /** Of those that are not removed, oldest first; see the contract. @throws not_found also in the trash */
    outline(input: { conversationId: string }): { ids: string[]; stamps: (number | null)[] };
    /** Those of the ids that are in the conversation and not removed, oldest first. */
    some(input: { conversationId: string; ids: readonly string[] }): StoredMessage[];
    /** Newest descendant leaf of `id` (itself when it has no children). */
    newestLeaf(input: { id: string }): string;
    /** Writes the text of a streaming message so far. */
    flush(input: { messageId: string; text: string; reasoning: string }): void;
    finish(input: FinishedMessage): void;
    /** Returns the conversation that it is in. */
    setPinned(input: { id: string; pinned: boolean }): string;
    /** At start: every message still `streaming` becomes `interrupted`. Returns how many. */
    interruptStreaming(input: { at: number }): number;
  };
  attachments: {
    get(input: { id: string }): StoredFile;
    /** Of the messages from the root to `id`, in order. */
    onPath(input: { id: string }): StoredFile[];
    /** Of the messages that are not removed, in order. */
    ofConversation(input: { id: string }): StoredFile[];
    /** Of the messages that wait there, in order; `messageId` is theirs. */
    ofQueue(input: { id: string }): StoredFile[];
  };
  presets: {
    /** By name. */
    list(input: undefined): StoredPreset[];
    get(input: { id: string }): StoredPreset;
    add(input: { presets: readonly StoredPreset[] }): void;
    update(input: { id: string; patch: Partial<PresetValues & { name: string }>; at: number }): void;
    /** Marks it; `restore` takes that back. */
    remove(input: { id: string; at: number }): void;
    restore(input: { id: string }): void;
  };
  /** Changes answer with the conversation that they were made in. */
  tree: {
    /** A sibling of `siblingId` that is complete, and shown; what is typed there is let go. A repeated `requestId` changes nothing. */
    addVersion(input: { requestId: string; siblingId: string; id: string; text: string; at: number }): {
      messageId: string;
      conversationId: string;
    };
    edits(input: { conversationId: string }): TurnEdit[];
    /** null: nothing is typed there. Of a message that is gone nothing is kept. */
    saveEdit(input: { messageId: string; edit: Omit<TurnEdit, 'messageId'> | null }): void;
    /** Marks a message and all below it, and shows the nearest branch that is left. */
    removeBranch(input: { messageId: string; at: number }): RemovedBranch;
    /** Undoes `removeBranch`; shows `shownLeafId` where it is there. */
    restoreBranch(input: { messageId: string; shownLeafId: string | null }): { conversationId: string };
    /** Copies the path to a message; nothing happens when `conversationId` is there already. */
    fork(input: { messageId: string; conversationId: string; title: string; at: number }): void;
  };
  /** Messages that wait for the answer before them. Changes answer with their conversation. */
  queue: {
    list(input: { conversationId: string }): QueuedMessage[];
    /** The same id twice, or one that was sent, changes nothing. */
    add(input: {
      conversationId: string;
      id: string;
      text: string;
      files?: readonly NewAttachment[];
      place: number | null;
      at: number;
    }): void;
    update(input: { id: string; text: string }): { conversationId: string };
    remove(input: { id: string }): { conversationId: string };
    move(input: { id: string; place: number }): { conversationId: string };
  };
  generations: {
    /** The speeds of the newest answers that are long enough to tell, newest first. */
    speeds(input: { limit: number }): StoredSpeed[];
  };
  /** Figures of every generation, without text. */
  samples: {
    add(input: { setup: SampleSetup; figures: SampleFigures }): void;
    summary(input: SummaryInput): MetricsSummary;
    /** Oldest first. */
    page(input: { filter: MetricsFilter; afterId: number; limit: number }): GenerationSample[];
    forget(input: undefined): void;
  };
  /** Benchmark runs. */
  lab: {
    /** Newest first. */
    list(input: undefined): BenchRun[];
    get(input: { id: string }): BenchRun;
    /** False when a run of this id is there. */
    add(input: BenchRun): boolean;
    rename(input: { id: string; name: string }): void;
    /** Marks it; `restore` takes that back. */
    remove(input: { id: string }): void;
    restore(input: { id: string }): void;
    /** Deletes what is marked. */
    purge(input: undefined): void;
  };
  models: {
    list(input: undefined): StoredModel[];
    get(input: { id: string }): StoredModel;
    /** Inserts, or refreshes the row of the same path and keeps its id, settings and dates. */
    upsert(input: StoredModel): StoredModel;
    /** Chats that had chosen it have the default from now on. `putBack` takes what is answered. */
    remove(input: { id: string }): RemovedModel;
    /**
     * Under its old id, with all that is still there to go with it: chats and models that have chosen something
     * else since keep that.
     */
    putBack(input: RemovedModel): void;
    /** Its file lies elsewhere now. @throws conflict for the path of another model */
    move(input: { id: string; path: string }): void;
    setLoadOutcome(input: { id: string; crashed: boolean; usedAt: number | null }): void;
    updateSettings(input: { id: string; settings: Partial<ModelSettings> }): void;
    saveNotes(input: { id: string; notes: string }): void;
    /** What was found out with this key; nulls when nothing was. */
    tuning(input: { id: string; key: string }): StoredTuning;
    saveTuning(input: { id: string; key: string } & StoredTuning): void;
  };
  adapters: {
    list(input: undefined): StoredAdapter[];
    /** Replaces what there was. */
    put(input: StoredAdapter): void;
    attached(input: undefined): StoredAttachment[];
    /** Attaches, or changes the scale. */
    attach(input: { modelId: string; adapterId: string; scale: number }): void;
    /** @throws not_found when it is not attached */
    detach(input: { modelId: string; adapterId: string }): void;
  };
  modelFolders: {
    /** Oldest first. */
    list(input: undefined): StoredModelFolder[];
    /** The same path twice is one. */
    add(input: StoredModelFolder): void;
    remove(input: { path: string }): void;
    /** Files that the user took off the list: they do not come back by themselves. */
    hidden(input: undefined): string[];
    hide(input: { path: string }): void;
    unhide(input: { path: string }): void;
  };
  /** Gone with its model. */
  provenance: {
    /** Replaces what there was of the model. @throws not_found without such a model */
    put(input: StoredProvenance): void;
    get(input: { modelId: string }): StoredProvenance | null;
    setVerified(input: { modelId: string; at: number; verifyMs: number }): void;
    /** Before a model leaves the list: keeps what is known of its file, which had this size and time. */
    keep(input: { modelId: string; sizeBytes: number; changedMs: number }): void;
    /** Gives a file that came back what was kept of it, when it is as it was. */
    takeBack(input: { modelId: string; sizeBytes: number; changedMs: number }): void;
    /** The model whose files have exactly these SHA-256, in order; null when none was downloaded. */
    modelOfHashes(input: { sha256s: readonly string[] }): string | null;
  };
  ledger: {
    open(input: {
      sessionId: string;
      at: number;
      host: string;
      purpose: string;
      outcome: 'open' | 'refused';
    }): number;
    close(input: { id: number; sentBytes: number; receivedBytes: number; outcome: 'done' | 'failed' }): void;
    list(input: {
      outcome: 'all' | 'allowed' | 'refused';
      beforeId: number | null;
      limit: number;
    }): LedgerEntry[];
    totals(input: undefined): { requests: number; sentBytes: number; receivedBytes: number };
    /** At start: entries still `open` from a run that ended hard become `failed`. */
    closeStale(input: { sessionId: string }): void;
  };
  /** Chats in and out, whole. */
  transfer: {
    /** Of all chats and the archive, oldest first; of some, those that pass all filters. */
    ids(input: ChatFilters | undefined): string[];
    begin(input: { id: string; at: number }): void;
    /** False when there is a chat of this id, in the trash too: nothing is changed then. @throws aborted after the end of the import */
    put(input: {
      importId: string;
      conversation: StoredConversation;
      messages: StoredMessage[];
      files: StoredFile[];
      queue: QueuedMessage[];
      /** Of what waits. */
      queueFiles: StoredFile[];
    }): boolean;
    /** Those that are not here yet. */
    putFolders(input: { folders: StoredFolder[] }): void;
    /** Returns the ids of those tags here: one of the same name may be there. */
    putTags(input: { tags: StoredTag[] }): Record<string, string>;
    /** Its chats are in no list until then. */
    finish(input: { id: string; at: number }): void;
    /** Marks what an import has brought for `trash.purgeSlice`. Returns how many chats. */
    abandon(input: { id: string }): number;
    /** At start: the same for imports that were cut off. */
    abandonUnfinished(input: undefined): number;
  };
}

type Async<T> = {
  [F in keyof T]: T[F] extends (input: infer I) => infer O ? (input: I) => Promise<O> : never;
};
/** The asynchronous client of {@link StoreApi}. */
export type StoreClient = { [E in keyof StoreApi]: Async<StoreApi[E]> };

/** What works on files or on more than one database. None of it is a transaction. */
export type StoreFiles = {
  /** Moves a temporary chat into the database of the data folder. */
  keep: (input: { id: string }) => Promise<void>;
  /** Forgets a temporary chat; nothing happens when there is none of that id. */
  discard: (input: { id: string }) => Promise<void>;
  /** Writes the write-ahead log into the database and empties it; false when a reader held it. */
  truncateLog: (input: undefined) => Promise<boolean>;
  /** Backups that hold one of these chats, or with null one of the trash. */
  backupsWith: (input: {
    ids: readonly string[] | null;
  }) => Promise<{ backups: number; newestAt: number | null }>;
  /** Takes chats out of every backup; one that cannot be rewritten is removed. */
  eraseFromBackups: (input: { ids: readonly string[] }) => Promise<{ rewritten: number; removed: number }>;
  /** Makes a backup while other calls go on. @throws disk_full with `needBytes` and `freeBytes` */
  backUp: (input: { reason: 'daily' | 'manual' }) => Promise<void>;
  /** Those that this version can open, newest first. */
  backups: (input: undefined) => Promise<Backup[]>;
  /**
   * Puts a backup in the place of the database, which becomes a backup. It is copied and checked while other calls go
   * on; only the exchange at the end makes them wait, for about as long as opening a database takes.
   * @param how.prepared called before the exchange: ends what reads or writes. Maybe more than once
   * @throws conflict while a search reads; aborted, not_found, store_damaged, store_newer, disk_full: nothing was
   * changed
   */
  restoreBackup: (
    input: { id: string },
    how: {
      onStep: (step: RestoreStep) => void;
      signal?: AbortSignal | undefined;
      prepared: () => Promise<void>;
    },
  ) => Promise<void>;
};

/** A running store. */
export interface Store extends StoreClient {
  readonly files: StoreFiles;
  /** Checkpoints the WAL and ends the worker. */
  close(): Promise<void>;
}
