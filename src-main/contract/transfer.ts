import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { Bytes, Count, Id } from './entities.ts';
import { MAX_BULK } from './history.ts';

/** Text of an import that one call carries, UTF-16 units: far below the limit of a frame, whatever the script. */
export const MAX_IMPORT_PIECE = 1_000_000;

/**
 * `markdown`: a file a chat, the branch on screen. `html`: one page, the same. `json`: everything, to be imported
 * again. `jsonl`: one line of chat messages a chat, for fine-tuning.
 */
export const ExportFormat = v.picklist(['markdown', 'html', 'json', 'jsonl']);
export type ExportFormat = v.InferOutput<typeof ExportFormat>;

/** What goes into the lines of `jsonl`. */
export const TrainingFilters = v.object({
  systemPrompt: v.optional(v.boolean(), true),
  /** The model's thinking, in `<think>` before the answer. */
  reasoning: v.optional(v.boolean(), false),
  /** Chats with an answer that failed or was stopped are left out. */
  completeOnly: v.optional(v.boolean(), true),
});
export type TrainingFilters = v.InferOutput<typeof TrainingFilters>;

export const ExportPiece = v.object({
  /** Pieces of the same name in a row are one file. */
  fileName: v.string(),
  text: v.string(),
  /** Chats that are written with this piece. */
  done: Count,
  total: Count,
  isLast: v.boolean(),
});
export type ExportPiece = v.InferOutput<typeof ExportPiece>;

/** Where a file of chats came from. */
export const ImportSource = v.picklist(['leeward', 'chatgpt', 'claude', 'open_webui']);
export type ImportSource = v.InferOutput<typeof ImportSource>;

/** Why a chat, or a part of one, was not taken. */
export const ImportProblem = v.picklist(['not_a_chat', 'empty', 'too_long', 'damaged', 'not_text', 'tool']);
export type ImportProblem = v.InferOutput<typeof ImportProblem>;

export const ImportReport = v.object({
  source: v.nullable(ImportSource),
  /** Chats and messages that are new. */
  chats: Count,
  messages: Count,
  /** Chats that were here before: nothing of them was changed. */
  alreadyHere: Count,
  /** What was left out, how often. */
  leftOut: v.array(v.object({ problem: ImportProblem, count: Count })),
});
export type ImportReport = v.InferOutput<typeof ImportReport>;

export const transfer = {
  /** Begins an export; it is read piece by piece. null: all chats and the archive, not the trash. */
  beginExport: base
    .input(
      v.object({
        conversationIds: v.nullable(v.pipe(v.array(Id), v.minLength(1), v.maxLength(MAX_BULK))),
        format: ExportFormat,
        training: v.optional(TrainingFilters, {}),
      }),
    )
    .output(v.object({ exportId: Id, total: Count })),
  /** The next piece. After the last one, `not_found`. */
  readExport: base.input(v.object({ exportId: Id })).output(ExportPiece),
  /** Ends it before its last piece. */
  endExport: base.input(v.object({ exportId: Id })).output(nothing),
  /** Begins to take chats from a file; its text follows in pieces, in order. */
  beginImport: base.input(v.object({ sizeBytes: Bytes })).output(v.object({ importId: Id })),
  /** @throws import_unreadable, with `reason`; nothing of the file is kept then */
  appendImport: base
    .input(v.object({ importId: Id, text: v.pipe(v.string(), v.maxLength(MAX_IMPORT_PIECE)) }))
    .output(v.object({ chats: Count })),
  /** @throws import_unreadable, with `reason`, also when the file ends too early; nothing of it is kept then */
  finishImport: base.input(v.object({ importId: Id })).output(ImportReport),
  /** Takes everything out again that this import has brought. */
  cancelImport: base.input(v.object({ importId: Id })).output(nothing),
};
