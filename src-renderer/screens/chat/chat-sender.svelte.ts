import type { NewAttachment } from '../../../src-main/contract/index.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { ORDINARY_CHAT, type NewChat } from '../../state/conversations.svelte.ts';
import type { ConversationView } from '../../state/conversation-view.svelte.ts';
import { failureOf, type Failure } from '../../state/failure.ts';
import { newId } from '../../state/new-id.ts';
import type { LeaveOutAnswer, SendGuard } from './inspector/send-guard.svelte.ts';

/** A press on Send. */
export interface SendPress {
  /** The chat; null: a new one. */
  readonly id: string | null;
  /** The end of the branch that is shown. */
  readonly leafId: string | null;
  readonly modelId: string;
  /** The model is loaded, so that it can count. */
  readonly isReady: boolean;
  /** What the user said to old messages that do not fit. */
  readonly answer: LeaveOutAnswer | undefined;
}

interface Unsure {
  readonly id: string | null;
  readonly text: string;
  readonly files: readonly NewAttachment[];
  /** A new chat that is begun otherwise, as a temporary one, is another chat. */
  readonly fresh: NewChat;
  readonly requestId: string;
}

/** Sends drafts. Each thing that it remembers belongs to one chat: another may be shown when an answer comes. */
export class ChatSender {
  sending = $state(false);
  #failed = $state.raw<{ readonly id: string | null; readonly failure: Failure } | null>(null);
  /** A send that may have arrived although its answer did not. */
  #unsure: Unsure | null = null;
  readonly #app: AppState;
  readonly #guard: SendGuard;
  readonly #shownId: () => string | null;

  /** @param shownId the chat on screen, at any time */
  constructor(app: AppState, guard: SendGuard, shownId: () => string | null) {
    this.#app = app;
    this.#guard = guard;
    this.#shownId = shownId;
  }

  /** Why the last message of a chat was not sent. */
  failureIn(id: string | null): Failure | null {
    return this.#failed?.id === id ? this.#failed.failure : null;
  }

  /** Another chat is shown: a failure that was read is forgotten. */
  opened(id: string | null): void {
    if (this.#failed?.id !== id) this.#failed = null;
  }

  /** Sends the draft of a chat. @returns whether that chat is on screen with it */
  async send({ id, leafId, modelId, isReady, answer }: SendPress): Promise<boolean> {
    const app = this.#app;
    const text = app.drafts.get(id);
    const files = app.attached.of(id);
    if (text.trim() === '' || this.sending) return false;
    const next = this.#guard.next(id, leafId, text);
    // An answer to a question about another message is none.
    if (answer !== undefined && this.#guard.askedOf(id, text) === null) return false;
    this.sending = true;
    this.#failed = null;
    const { fresh } = app.conversations;
    const requestId = this.#requestIdOf({ id, text, files, fresh });
    try {
      if (!(await this.#guard.mayBeSent(next, isReady, answer))) return false;
      const sentTo = await app.conversations.send({
        requestId,
        conversationId: id,
        text,
        attachments: files,
        modelId: id === null ? modelId : null,
        ...this.#guard.termsOf(id, answer),
      });
      this.#guard.sent(id);
      this.#unsure = null;
      return this.#sent({ id, text, files }, sentTo);
    } catch (error) {
      this.#unsure = { id, text, files, fresh, requestId };
      this.#failed = { id, failure: failureOf(error) };
      return false;
    } finally {
      this.sending = false;
    }
  }

  /** Keeps what is typed until the answer that runs is complete. */
  async queue(view: ConversationView, afterId: string): Promise<void> {
    const { drafts, attached } = this.#app;
    const { id } = view;
    const text = drafts.get(id);
    const files = attached.of(id);
    if (text.trim() === '') return;
    this.#failed = null;
    // At once: what is typed next is another message.
    drafts.set(id, '');
    attached.sent(id, files, id);
    try {
      await view.queue.add({ text, files }, afterId);
    } catch (error) {
      this.#failed = { id, failure: failureOf(error) };
      attached.putBack(id, files);
      drafts.set(id, [text, drafts.get(id)].filter((part) => part !== '').join('\n\n'));
    }
  }

  /** The same for every try of the same message. */
  #requestIdOf({ id, text, files, fresh }: Omit<Unsure, 'requestId'>): string {
    const unsure = this.#unsure;
    const isSamePlace = unsure?.id === id && (id !== null || unsure.fresh === fresh);
    const isSame = isSamePlace && unsure.text === text && unsure.files === files;
    return isSame ? unsure.requestId : newId();
  }

  #sent({ id, text, files }: Pick<Unsure, 'id' | 'text' | 'files'>, sentTo: string): boolean {
    const app = this.#app;
    // Unless another chat was opened or begun meanwhile.
    const follows = this.#shownId() === id && (id !== null || app.conversations.fresh === ORDINARY_CHAT);
    app.drafts.sent(id, text, follows ? sentTo : id);
    app.attached.sent(id, files, follows ? sentTo : id);
    if (!app.settings.value.firstRunDone) app.attempt(app.settings.update({ firstRunDone: true }));
    if (follows && id === null && app.navigation.screen === 'chat')
      app.navigation.openChat(sentTo, { replace: true });
    return follows;
  }
}
