import type {
  AdapterBase,
  Conversation,
  ConversationSettings,
  ConversationSummary,
  ErrorCode,
  ErrorData,
  GenerationStats,
  HubBaseModel,
  LedgerEntry,
  Message,
  MessageStatus,
  ModelSettings,
  OtherApp,
} from '../contract/index.ts';

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

export interface NewMessages {
  /** Set when the conversation must be created in the same transaction. */
  newConversation: { id: string; title: string; settings: ConversationSettings } | null;
  conversationId: string;
  requestId: string;
  /** null answers an existing user message again. */
  user: { id: string; parentId: string | null; text: string } | null;
  assistant: { id: string; parentId: string; modelId: string; modelName: string; quant: string | null };
  at: number;
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

type Row<T> = Omit<T, 'answering' | 'chunkSeq'>;
export type StoredConversation = Omit<Conversation, 'answering' | 'messages'>;
export type StoredMessage = Row<Message>;
export type StoredSummary = Omit<ConversationSummary, 'answering'>;

/**
 * What the store worker does, entity by entity. Every function is one synchronous transaction in the
 * worker; the facade is asynchronous. Missing rows: `not_found`. A full disk: `disk_full`, nothing changed.
 */
export interface StoreApi {
  conversations: {
    /** Newest first, trash left out. */
    list(input: undefined): StoredSummary[];
    get(input: { id: string }): { conversation: StoredConversation; messages: StoredMessage[] };
    /** The conversation without its messages. */
    head(input: { id: string }): StoredConversation;
    rename(input: { id: string; title: string; at: number }): void;
    trash(input: { id: string; at: number }): void;
    restore(input: { id: string }): void;
    updateSettings(input: { id: string; settings: Partial<ConversationSettings> }): void;
    saveDraft(input: { id: string; draft: string }): void;
    setActiveLeaf(input: { id: string; messageId: string }): void;
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
    /** Newest descendant leaf of `id` (itself when it has no children). */
    newestLeaf(input: { id: string }): string;
    /** Writes the text of a streaming message so far. */
    flush(input: { messageId: string; text: string; reasoning: string }): void;
    finish(input: FinishedMessage): void;
    /** At start: every message still `streaming` becomes `interrupted`. Returns how many. */
    interruptStreaming(input: { at: number }): number;
  };
  generations: {
    /** The speeds of the newest answers that are long enough to tell, newest first. */
    speeds(input: { limit: number }): StoredSpeed[];
  };
  models: {
    list(input: undefined): StoredModel[];
    get(input: { id: string }): StoredModel;
    /** Inserts, or refreshes the row of the same path and keeps its id, settings and dates. */
    upsert(input: StoredModel): StoredModel;
    remove(input: { id: string }): void;
    setLoadOutcome(input: { id: string; crashed: boolean; usedAt: number | null }): void;
    updateSettings(input: { id: string; settings: Partial<ModelSettings> }): void;
    saveNotes(input: { id: string; notes: string }): void;
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
}

type Async<T> = {
  [F in keyof T]: T[F] extends (input: infer I) => infer O ? (input: I) => Promise<O> : never;
};
/** The asynchronous client of {@link StoreApi}. */
export type StoreClient = { [E in keyof StoreApi]: Async<StoreApi[E]> };

/** A running store. */
export interface Store extends StoreClient {
  /** Checkpoints the WAL and ends the worker. */
  close(): Promise<void>;
}
