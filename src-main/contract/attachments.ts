import * as v from 'valibot';
import { base } from './base.ts';
import { Attachment, Count, Id, MAX_MESSAGE_LENGTH } from './entities.ts';
import { TextParts } from './text-parts.ts';

/** Files of one message: more are a library, not a question. */
export const MAX_ATTACHMENTS = 10;
/** Of all files of one message together, UTF-16 units: with the worst script they fit into one frame. */
export const MAX_ATTACHED_CHARACTERS = MAX_MESSAGE_LENGTH;
export const MAX_ATTACHED_PAGES = 500;

/** Where in the text each page begins, UTF-16 units. */
export const PageStarts = v.pipe(
  v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_ATTACHED_CHARACTERS))),
  v.minLength(1),
  v.maxLength(MAX_ATTACHED_PAGES),
);

/** A file whose text goes with a message. The caller makes the id. */
export const NewAttachment = v.object({
  ...v.omit(Attachment, ['characters', 'pages', 'parts']).entries,
  text: v.pipe(v.string(), v.maxLength(MAX_ATTACHED_CHARACTERS)),
  /** null: the file has no pages. */
  pageStarts: v.nullable(PageStarts),
  /** What of it goes with the message; null: all of it. */
  parts: v.optional(v.nullable(TextParts), null),
});
export type NewAttachment = v.InferOutput<typeof NewAttachment>;

/** The files of one message. */
export const NewAttachments = v.pipe(
  v.array(NewAttachment),
  v.maxLength(MAX_ATTACHMENTS),
  v.check(
    (files) => files.reduce((sum, { text }) => sum + text.length, 0) <= MAX_ATTACHED_CHARACTERS,
    'too_long',
  ),
  v.check((files) => files.every(({ text, parts }) => (parts?.at(-1)?.end ?? 0) <= text.length), 'parts'),
);

/** Pieces of text that are counted in one call. */
export const MAX_COUNTED_PIECES = 64;
/** Longest of them, UTF-16 units: many times what a part is cut to. */
export const MAX_COUNTED_LENGTH = 20_000;

/** Files of messages. */
export const attachments = {
  /** The text of one. */
  read: base.input(v.object({ id: Id })).output(v.pick(NewAttachment, ['text', 'pageStarts', 'parts'])),
  /** Tokens that each piece of a text takes, by the loaded model; null while none is loaded. */
  countTokens: base
    .input(
      v.object({
        texts: v.pipe(
          v.array(v.pipe(v.string(), v.maxLength(MAX_COUNTED_LENGTH))),
          v.maxLength(MAX_COUNTED_PIECES),
        ),
      }),
    )
    .output(v.nullable(v.array(Count))),
};
