import * as v from 'valibot';
import { NewAttachments } from './attachments.ts';
import { base, nothing, text, words } from './base.ts';
import { Count, Id, MAX_TITLE_LENGTH, Message } from './entities.ts';

/** The same id makes a repeated call (double click, reconnect) answer with the first result. */
const request = { requestId: Id, messageId: Id };
export const ReplayChange = v.picklist([
  'unknown',
  'model_gone',
  'model_file',
  'system_prompt',
  'context_size',
  'backend',
  'engine',
]);
export type ReplayChange = v.InferOutput<typeof ReplayChange>;

/** What is typed at a message and not sent: another version of it, or how an answer to it is to begin. */
export const TurnEdit = v.object({
  messageId: Id,
  kind: v.picklist(['question', 'answer', 'beginning']),
  text,
});
export type TurnEdit = v.InferOutput<typeof TurnEdit>;

const Started = v.object({ assistantMessageId: Id });

/** Messages that one call of `tree.messages` may name: their frame is read in a few milliseconds. */
export const MAX_MESSAGES_AT_ONCE = 200;

/** Versions and branches of a conversation. Nothing is overwritten: what is new is a new sibling. */
export const tree = {
  /**
   * Which messages a chat has, oldest first, without what they hold: 2,000 are 100 KB. `stamps` goes with `ids`: a
   * number that is another one once the message has changed; null while its answer is being written.
   */
  outline: base
    .input(v.object({ conversationId: Id }))
    .output(v.object({ ids: v.array(Id), stamps: v.array(v.nullable(Count)) })),
  /** Some messages of a chat, oldest first; those that are gone are left out. */
  messages: base
    .input(
      v.object({
        conversationId: Id,
        ids: v.pipe(v.array(Id), v.minLength(1), v.maxLength(MAX_MESSAGES_AT_ONCE)),
      }),
    )
    .output(v.array(Message)),
  edits: base.input(v.object({ conversationId: Id })).output(v.array(TurnEdit)),
  /** Keeps what is typed at a message, as `saveDraft` does for the chat; null: nothing is. */
  saveEdit: base
    .input(v.object({ messageId: Id, edit: v.nullable(v.omit(TurnEdit, ['messageId'])) }))
    .output(nothing),
  /**
   * A new version of a user message, as its sibling, and an answer to it.
   * @throws no_model, conflict while an answer of the chat is being written; nothing is saved then
   */
  editQuestion: base
    .input(v.object({ ...request, text: words }))
    .output(v.object({ userMessageId: Id, assistantMessageId: Id })),
  /**
   * A new version of any message without asking the model: a user message that waits for its answer, or an
   * answer as the user wants it, marked `edited`. The chat shows it.
   * @throws conflict for an answer that is being written
   */
  saveVersion: base.input(v.object({ ...request, text: words })).output(v.object({ messageId: Id })),
  /**
   * Goes on with an answer that ended before its time: a new sibling that begins with its text and thinking.
   * @throws conflict while an answer of the chat is being written, or for an answer without text and thinking
   */
  continueAnswer: base.input(v.object(request)).output(Started),
  /**
   * An answer that begins with `text`, written on by the model, to a user message or, when `messageId` is an
   * answer, to the message above it.
   */
  beginWith: base.input(v.object({ ...request, text: words })).output(Started),
  /**
   * What is no longer as it was when an answer was made; with `unknown` (nothing was noted, or the user wrote it)
   * or `model_gone` it cannot be made again.
   */
  replayChanges: base.input(v.object({ messageId: Id })).output(v.array(ReplayChange)),
  /**
   * Makes an answer again with the same model, sampling and seed, as a new sibling.
   * @throws conflict when its settings are not known, no_model when the model is gone
   */
  runAgain: base.input(v.object(request)).output(Started),
  /**
   * Takes a message and all below it out of the chat; its siblings stay. Answers that run there are stopped.
   * The chat shows the nearest branch that is left. Undone by `restoreBranch` with `shownLeafId`.
   */
  removeBranch: base
    .input(v.object({ messageId: Id }))
    .output(v.object({ removedCount: Count, shownLeafId: v.nullable(Id) })),
  restoreBranch: base.input(v.object({ messageId: Id, shownLeafId: v.nullable(Id) })).output(nothing),
  /**
   * Copies the branch down to a message into a new chat with the same settings and folder. `conversationId` is the
   * new chat's; a repeated call does nothing.
   * @throws conflict when an answer on the way is being written
   */
  fork: base
    .input(
      v.object({
        messageId: Id,
        conversationId: Id,
        title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_TITLE_LENGTH)),
      }),
    )
    .output(nothing),
};

/**
 * Messages that wait for the answer before them, in order; `Conversation.queue` has them. After a complete answer
 * on the branch that is shown the first is sent; after a stop or a failure they wait for `sendNext`, but for one that
 * came when the user had said stop already and that nothing waits before.
 */
export const queue = {
  /**
   * `id` is made by the caller; a repeated call changes nothing. `place` counts from 0; null: at the end. `afterId`:
   * the answer that it waits for; when that is complete by now, the first one is sent at once.
   */
  add: base
    .input(
      v.object({
        conversationId: Id,
        id: Id,
        text: words,
        attachments: v.optional(NewAttachments, []),
        place: v.nullable(Count),
        afterId: v.nullable(Id),
      }),
    )
    .output(nothing),
  update: base.input(v.object({ id: Id, text: words })).output(nothing),
  /** Undone by `add` with the same text, files and place. @throws not_found when it was sent meanwhile */
  remove: base.input(v.object({ id: Id })).output(nothing),
  move: base.input(v.object({ id: Id, place: Count })).output(nothing),
  /**
   * Sends the first now, below the branch that is shown; the others follow as its answer completes.
   * @throws conflict while an answer of the chat is being written, not_found when none waits, no_model
   */
  sendNext: base
    .input(
      v.object({
        conversationId: Id,
        /** Old messages that do not fit are left out; without it the answer fails as context_full then. */
        leaveOut: v.optional(v.boolean(), false),
      }),
    )
    .output(nothing),
};
