import * as v from 'valibot';
import { NewAttachments } from './attachments.ts';
import { base, nothing, text } from './base.ts';
import { Attachment, Count, Id } from './entities.ts';

/** Parts of a prompt, in the order in which the inspector shows them. */
export const ContextPartKind = v.picklist([
  'system',
  'attachments',
  'pinned',
  'messages',
  'draft',
  'template',
]);
export type ContextPartKind = v.InferOutput<typeof ContextPartKind>;

/**
 * What the next send would put into the context. Token figures are the loaded model's own; null when none is
 * loaded or the text is many times as long as its context.
 */
export const ContextPreview = v.object({
  contextSize: v.nullable(Count),
  /** Kept free for the answer. */
  reserveTokens: Count,
  counts: v.nullable(
    v.object({
      /** Of what would be sent; the sum of `parts`. */
      promptTokens: Count,
      /** Of the whole branch, had it room. */
      wholeTokens: Count,
      parts: v.array(v.object({ kind: ContextPartKind, messages: Count, tokens: Count })),
      /** The part of the files, one by one. */
      attachments: v.array(
        v.object({
          ...v.pick(Attachment, ['id', 'pages', 'parts']).entries,
          name: v.string(),
          tokens: Count,
        }),
      ),
    }),
  ),
  /** Messages that do not fit, oldest first. */
  leftOut: v.array(Id),
  /** Some of them were sent until now: the user is asked before they are left out. */
  asks: v.boolean(),
  /** What must stay fits. When not, the message cannot be sent with this context. */
  fits: v.boolean(),
  /** The whole would fit if less than the reserve were kept free. */
  fitsWhole: v.boolean(),
});
export type ContextPreview = v.InferOutput<typeof ContextPreview>;

/** The messages that go to the model, in order. */
export const SentMessages = v.array(
  v.object({ role: v.picklist(['system', 'user', 'assistant']), text: v.string() }),
);
export type SentMessages = v.InferOutput<typeof SentMessages>;

const nextSend = base.input(
  v.object({
    id: v.nullable(Id),
    draft: text,
    attachments: v.optional(NewAttachments, []),
    /** Of a chat that is still to be begun; null: the default. */
    systemPrompt: v.optional(v.nullable(text), null),
  }),
);

/** What a model sees of a chat. */
export const context = {
  /** Of a send of `draft`; with an empty one, of the branch as it is. */
  preview: nextSend.output(ContextPreview),
  /** What such a send would hand to the model. */
  sent: nextSend.output(SentMessages),
  /**
   * Has the model in memory read what is certain of such a send, until the call is aborted or an answer is asked for.
   * Nothing is read where the setting is off, another model would answer, or the computer runs on its battery.
   */
  readAhead: nextSend.output(v.object({ readTokens: Count })),
  /** Ends the thinking of an answer that runs, so that it answers; false when it does not think. */
  answerNow: base.input(v.object({ messageId: Id })).output(v.boolean()),
  /** A pinned message stays in the context, with the question or answer that belongs to it. */
  pin: base.input(v.object({ messageId: Id, pinned: v.boolean() })).output(nothing),
};
