import {
  MAX_MESSAGE_LENGTH,
  type ContextPreview,
  type NewAttachment,
} from '../../../../src-main/contract/index.ts';
import type { AppState } from '../../../state/app.svelte.ts';
import type { NewChatSettings } from '../../../state/chat-settings.svelte.ts';
import type { NextSend } from '../../../state/context-count.svelte.ts';

/** What the user says to old messages that do not fit. `whole`: everything, with less room for the answer. */
export type LeaveOutAnswer = 'leave_out' | 'always' | 'whole';

/** A template's marks around one message, at most. */
const TEMPLATE_TOKENS = 32;
const encoder = new TextEncoder();

/** Sees to it that nothing is left out of a prompt before the user was asked. */
export class SendGuard {
  /** The message that is asked about, of one chat; null while none is. */
  #asked = $state.raw<{ readonly next: NextSend; readonly preview: ContextPreview } | null>(null);
  readonly #app: AppState;

  constructor(app: AppState) {
    this.#app = app;
  }

  /** The send of a draft; a chat that is not begun has its system prompt here. */
  next(id: string | null, leaf: string | null, draft: string): NextSend {
    const systemPrompt = id === null ? (this.#app.inspector.newChat.systemPrompt ?? null) : null;
    return { id, leaf, draft, attachments: this.#app.attached.of(id), systemPrompt };
  }

  /** What is asked about this very message of this chat; null while nothing is. */
  askedOf(id: string | null, draft: string): ContextPreview | null {
    const next = this.#asked?.next;
    return next?.id === id && next.draft === draft ? (this.#asked?.preview ?? null) : null;
  }

  /**
   * Whether a message may be sent now. When not, `askedOf` says why.
   * @param isLoaded the model is ready, so that it can be counted; else the core says it with the answer
   */
  async mayBeSent(next: NextSend, isLoaded: boolean, answer: LeaveOutAnswer | undefined): Promise<boolean> {
    const { id } = next;
    if (answer !== undefined || !isLoaded || (id !== null && this.#app.inspector.leavesOut.has(id)))
      return true;
    if (this.#fitsSurely(next)) return true;
    const preview = await this.#app.context.now(next);
    const hasFiles = next.attachments.length > 0;
    // With a model that counts, no count means many times too long.
    const isFarTooLong = hasFiles && preview?.counts === null && preview.contextSize !== null;
    if (!isFarTooLong && (!preview?.counts || (preview.fits && !preview.asks))) return true;
    this.#asked = { next, preview };
    if (hasFiles && (isFarTooLong || !preview.fits)) this.chooseParts(id);
    return false;
  }

  /** Asks which parts of a message's longest file go with it, of one that still goes as a whole if there is one. */
  chooseParts(id: string | null): void {
    const lengthOf = ({ text, parts }: NewAttachment) =>
      (parts === null ? MAX_MESSAGE_LENGTH : 0) + text.length;
    const [longest] = this.#app.attached.of(id).toSorted((a, b) => lengthOf(b) - lengthOf(a));
    if (longest) this.#app.attached.choose(id, longest.id);
  }

  /** What goes with a message. */
  termsOf(
    id: string | null,
    answer: LeaveOutAnswer | undefined,
  ): { leaveOut: boolean; settings?: NewChatSettings } {
    if (id === null) return { leaveOut: false, settings: this.#app.inspector.newChat };
    if (answer === 'always') this.#app.inspector.leavesOut.add(id);
    const isAgreed = answer === 'leave_out' || this.#app.inspector.leavesOut.has(id);
    return { leaveOut: isAgreed && answer !== 'whole' };
  }

  sent(id: string | null): void {
    this.#asked = null;
    if (id === null) this.#app.inspector.newChat = {};
  }

  cancel(): void {
    this.#asked = null;
  }

  /** By the last count, without a new one: a token stands for at least one byte. */
  #fitsSurely({ leaf, draft, attachments }: NextSend): boolean {
    // Files are long enough to be counted.
    if (attachments.length > 0) return false;
    const preview = this.#app.context.of(leaf);
    if (!preview?.counts || preview.contextSize === null || preview.leftOut.length > 0) return false;
    const most = preview.counts.wholeTokens + encoder.encode(draft).length + TEMPLATE_TOKENS;
    return most <= preview.contextSize - preview.reserveTokens;
  }
}
