import * as v from 'valibot';
import { base, nothing } from './base.ts';
import { Bytes, Count, Id, TimeMs } from './entities.ts';
import { MAX_BULK } from './history.ts';

/** Text of an import that one call carries, UTF-16 units: far below the limit of a frame, whatever the script. */
export const MAX_IMPORT_PIECE = 1_000_000;

/** Name of a file of an import with its folders, UTF-16 units: what file systems take for a whole path. */
const MAX_FILE_NAME = 4_096;

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
  /** Chats with fewer answers on the branch on screen are left out. */
  minAnswers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)), 1),
  /** With the folders inside it. */
  folderId: v.optional(v.nullable(Id), null),
  tagId: v.optional(v.nullable(Id), null),
  /** Chats whose model it is, or in which it gave an answer. */
  modelId: v.optional(v.nullable(Id), null),
  /** When the chat was last changed, ms since 1970; `from` belongs to the range, `to` does not. */
  from: v.optional(v.nullable(TimeMs), null),
  to: v.optional(v.nullable(TimeMs), null),
});
export type TrainingFilters = v.InferOutput<typeof TrainingFilters>;

/** Text of a preview, UTF-16 units: a person reads its beginning. */
export const MAX_PREVIEW_LENGTH = 40_000;

/** The first line that `jsonl` would have, and what the model would be trained on. */
export const TrainingPreview = v.object({
  /** `unknown`: none was found in the time that a preview may take. */
  found: v.picklist(['one', 'none', 'unknown']),
  title: v.nullable(v.string()),
  /** Its beginning, when it is long. */
  line: v.nullable(v.string()),
  /** The model's own template, Jinja. */
  template: v.nullable(v.string()),
  /** The line's messages, written by the template; its beginning, when it is long. */
  rendered: v.nullable(v.string()),
  /** Why it was not written. `template_failed`: the template refuses such a chat, or takes too long. */
  problem: v.nullable(v.picklist(['no_template', 'template_failed', 'model_unreadable'])),
});
export type TrainingPreview = v.InferOutput<typeof TrainingPreview>;

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
export const ImportSource = v.picklist(['leeward', 'chatgpt', 'claude', 'open_webui', 'lm_studio', 'jan']);
export type ImportSource = v.InferOutput<typeof ImportSource>;

/** Why a chat, or a part of one, was not taken. */
export const ImportProblem = v.picklist([
  'not_a_chat',
  'empty',
  'too_long',
  'damaged',
  'not_text',
  'tool',
  /** A whole file, of several. */
  'unreadable',
]);
export type ImportProblem = v.InferOutput<typeof ImportProblem>;

/** Why nothing can be taken from a file: the `reason` of import_unreadable. */
export const ImportFailure = v.picklist(['empty', 'not_json', 'no_chats', 'truncated', 'newer', 'too_large']);
export type ImportFailure = v.InferOutput<typeof ImportFailure>;

export const ImportReport = v.object({
  source: v.nullable(ImportSource),
  /** Chats and messages that are new. */
  chats: Count,
  messages: Count,
  /** Chats that were here before: nothing of them was changed. */
  alreadyHere: Count,
  /** What was left out, how often. */
  leftOut: v.array(v.object({ problem: ImportProblem, count: Count })),
  /** Files of several that were left out; the first ones, when there are many. */
  unreadable: v.array(v.object({ fileName: v.string(), reason: ImportFailure })),
});
export type ImportReport = v.InferOutput<typeof ImportReport>;

const ExportedChats = v.object({
  /** null: all chats and the archive, not the trash. */
  conversationIds: v.nullable(v.pipe(v.array(Id), v.minLength(1), v.maxLength(MAX_BULK))),
  training: v.optional(TrainingFilters, {}),
});

export const transfer = {
  /** Begins an export; it is read piece by piece. */
  beginExport: base
    .input(v.object({ ...ExportedChats.entries, format: ExportFormat }))
    .output(v.object({ exportId: Id, total: Count })),
  /** Of an export as `jsonl`; with a model, what its template makes of it. */
  previewTraining: base
    .input(v.object({ ...ExportedChats.entries, modelId: v.nullable(Id) }))
    .output(TrainingPreview),
  /** The next piece. After the last one, `not_found`. */
  readExport: base.input(v.object({ exportId: Id })).output(ExportPiece),
  /** Ends it before its last piece. */
  endExport: base.input(v.object({ exportId: Id })).output(nothing),
  /**
   * Begins to take chats from a file, or from `several`; their text follows in pieces, in order. All of it is one
   * import: it is taken whole or not at all.
   */
  beginImport: base
    .input(v.object({ sizeBytes: Bytes, several: v.optional(v.boolean(), false) }))
    .output(v.object({ importId: Id })),
  /**
   * What follows is the text of this file, named with its folders inside of what was chosen: some chats have no
   * other name, and some are two files.
   * @throws import_unreadable, as `finishImport`
   */
  nextImportFile: base
    .input(v.object({ importId: Id, fileName: v.pipe(v.string(), v.maxLength(MAX_FILE_NAME)) }))
    .output(nothing),
  /** @throws import_unreadable, with `reason`; nothing of the file is kept then */
  appendImport: base
    .input(v.object({ importId: Id, text: v.pipe(v.string(), v.maxLength(MAX_IMPORT_PIECE)) }))
    .output(v.object({ chats: Count })),
  /** @throws import_unreadable, with `reason`, also when the file ends too early; nothing of it is kept then */
  finishImport: base.input(v.object({ importId: Id })).output(ImportReport),
  /** Takes everything out again that this import has brought. */
  cancelImport: base.input(v.object({ importId: Id })).output(nothing),
};
