import * as v from 'valibot';
import { base } from './base.ts';
import { Attachment, Id, MAX_MESSAGE_LENGTH } from './entities.ts';

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
  ...v.omit(Attachment, ['characters', 'pages']).entries,
  text: v.pipe(v.string(), v.maxLength(MAX_ATTACHED_CHARACTERS)),
  /** null: the file has no pages. */
  pageStarts: v.nullable(PageStarts),
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
);

/** Files of messages. */
export const attachments = {
  /** The text of one. */
  read: base.input(v.object({ id: Id })).output(v.pick(NewAttachment, ['text', 'pageStarts'])),
};
