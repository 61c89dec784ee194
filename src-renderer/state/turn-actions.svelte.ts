import type { AppClient, Message, ReplayChange } from '../../src-main/contract/index.ts';
import { newId } from './new-id.ts';
import { TurnEdits } from './turn-edits.svelte.ts';

/** What a view offers to its actions. */
interface Place {
  readonly id: string;
  readonly answering: Message | null;
  refresh(): Promise<void>;
}

/** Everything that makes versions and branches of one conversation. */
export class TurnActions {
  /** What is typed at turns. */
  readonly edits: TurnEdits;
  /** Goes up with every answer that was begun here, and whenever the log is to show the newest turn. */
  begun = $state(0);
  /** A double click would start two answers, one of them out of sight. */
  #asking = false;
  /** And would save two versions. */
  #saving = false;
  readonly #client: AppClient;
  readonly #place: Place;

  constructor(client: AppClient, place: Place) {
    this.#client = client;
    this.#place = place;
    this.edits = new TurnEdits(client);
  }

  /** Opens the editor of a turn, with its text; one that is open keeps what is typed. */
  edit({ id, role, text }: Pick<Message, 'id' | 'role' | 'text'>): void {
    if (this.edits.has(id)) return;
    this.edits.set(id, { kind: role === 'user' ? 'question' : 'answer', text });
  }

  /** Asks how the answer to this turn (or, for an answer, to the one above) is to begin. */
  typeBeginning(messageId: string): void {
    if (this.edits.has(messageId)) return;
    this.edits.set(messageId, { kind: 'beginning', text: '' });
  }

  change(messageId: string, text: string): void {
    const edit = this.edits.get(messageId);
    if (edit) this.edits.set(messageId, { ...edit, text });
  }

  cancel(messageId: string): void {
    this.edits.delete(messageId);
  }

  /** Does what the editor of a turn is for: asks the model, or for an answer saves. */
  async submit(messageId: string): Promise<void> {
    const edit = this.edits.get(messageId);
    if (edit?.kind === 'answer') return this.save(messageId);
    if (!edit || edit.text.trim() === '') return;
    const { text, kind } = edit;
    await this.#begin(async () => {
      // Now: behind what is sent, it would come back as typed and not sent.
      void this.edits.flush();
      const input = { requestId: newId(), messageId, text };
      if (kind === 'question') await this.#client.tree.editQuestion(input);
      else await this.#client.tree.beginWith(input);
      this.cancel(messageId);
    });
  }

  /** Saves what the editor holds as a version, without asking the model. */
  async save(messageId: string): Promise<void> {
    const edit = this.edits.get(messageId);
    if (!edit || edit.kind === 'beginning' || edit.text.trim() === '' || this.#saving) return;
    this.#saving = true;
    void this.edits.flush();
    try {
      await this.#client.tree.saveVersion({ requestId: newId(), messageId, text: edit.text });
      this.cancel(messageId);
      await this.#place.refresh();
    } finally {
      this.#saving = false;
    }
  }

  /** Answers a user message, or the one above an answer, once more. */
  answerAgain(messageId: string, leaveOut = false): Promise<void> {
    const input = { requestId: newId(), messageId, leaveOut };
    return this.#begin(() => this.#client.conversations.answerAgain(input));
  }

  /** Goes on with an answer that ended before its time. */
  continueAnswer(messageId: string): Promise<void> {
    return this.#begin(() => this.#client.tree.continueAnswer({ requestId: newId(), messageId }));
  }

  /** What is no longer as it was when an answer was made. */
  changesSince(messageId: string): Promise<ReplayChange[]> {
    return this.#client.tree.replayChanges({ messageId });
  }

  /** Makes an answer again with the model, sampling and seed that it was made with. */
  runAgain(messageId: string): Promise<void> {
    return this.#begin(() => this.#client.tree.runAgain({ requestId: newId(), messageId }));
  }

  /**
   * Takes a message and all below it out of the chat.
   * @returns how many messages that were, and the way back
   */
  async removeBranch(messageId: string): Promise<{ count: number; undo: () => Promise<void> }> {
    const { removedCount, shownLeafId } = await this.#client.tree.removeBranch({ messageId });
    await this.#place.refresh();
    const undo = async () => {
      await this.#client.tree.restoreBranch({ messageId, shownLeafId });
      await this.#place.refresh();
    };
    return { count: removedCount, undo };
  }

  /** Copies the branch down to a message into a new chat. @returns the new chat's id */
  async fork(messageId: string, title: string): Promise<string> {
    const conversationId = newId();
    await this.#client.tree.fork({ messageId, conversationId, title });
    return conversationId;
  }

  async #begin(work: () => Promise<unknown>): Promise<void> {
    if (this.#asking || this.#place.answering !== null) return;
    this.#asking = true;
    try {
      await work();
      await this.#place.refresh();
      this.begun += 1;
    } finally {
      this.#asking = false;
    }
  }
}
