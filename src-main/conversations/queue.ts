import { randomUUID } from 'node:crypto';
import { appError, type NewAttachment, type QueuedMessage } from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type { RoomGuard } from '../free-space.ts';
import type { StoreClient } from '../store/api.ts';
import type { Answers } from './answers.ts';
import type { ContextService } from './context-service.ts';

export interface QueueDeps {
  store: StoreClient;
  bus: EventBus;
  /** Looks whether files will fit. */
  room: RoomGuard;
  answers: Answers;
  context: Pick<ContextService, 'needsWord'>;
}

interface AddInput {
  conversationId: string;
  id: string;
  text: string;
  attachments?: readonly NewAttachment[];
  place: number | null;
  afterId: string | null;
}

export type MessageQueue = ReturnType<typeof createMessageQueue>;

/**
 * Messages that wait for the answer before them. A complete answer at the end of the branch that is shown sends the
 * first, unless it needs a word of the user because it does not fit; after anything else they wait for the user, but
 * for one that came when the user had said stop already.
 */
export function createMessageQueue({ store, bus, room, answers, context }: QueueDeps) {
  const changed = (conversationId: string) => bus.emit({ type: 'conversation.changed', conversationId });

  /** Whether a message is too long to go by itself. */
  async function needsWord(conversationId: string, { id, text }: QueuedMessage): Promise<boolean> {
    const { settings } = await store.conversations.head({ id: conversationId });
    const model = await answers.chosenModel(settings, null);
    const files = await store.attachments.ofQueue({ id: conversationId });
    const attachments = files.filter(({ messageId }) => messageId === id);
    const next = { id: conversationId, draft: text, attachments, systemPrompt: null };
    return context.needsWord(next, model.id);
  }

  async function send(conversationId: string, entry: QueuedMessage, leaveOut = false): Promise<void> {
    const { settings, activeLeafId } = await store.conversations.head({ id: conversationId });
    const model = await answers.chosenModel(settings, null);
    const userId = randomUUID();
    await answers.begin(
      {
        newConversation: null,
        conversationId,
        // Sent once, however often it is asked for.
        requestId: entry.id,
        queuedId: entry.id,
        user: { id: userId, parentId: activeLeafId, text: entry.text },
        assistant: {
          id: randomUUID(),
          parentId: userId,
          modelId: model.id,
          modelName: model.name,
          quant: model.quant,
        },
        keepsDraft: true,
        at: Date.now(),
      },
      { modelId: model.id, leaveOut },
    );
  }

  /** Answers after which the one that waits is sent even though the user stopped them. */
  const goOnAfterStop = new Set<string>();

  /** Sends the first one if the branch that is shown ends with this answer, and it is complete. */
  async function goOn(conversationId: string, answerId: string, alsoStopped: boolean): Promise<void> {
    const [entry] = await store.queue.list({ conversationId });
    if (entry === undefined || answers.isAnswering(conversationId)) return;
    const { status } = await store.messages.get({ id: answerId });
    if (status !== 'complete' && !(alsoStopped && status === 'stopped')) return;
    const waits = await needsWord(conversationId, entry);
    // Counting takes its time: what is sent is what waits first now.
    const [now] = await store.queue.list({ conversationId });
    if (now?.id !== entry.id || now.text !== entry.text) return goOn(conversationId, answerId, alsoStopped);
    const { activeLeafId } = await store.conversations.head({ id: conversationId });
    if (activeLeafId !== answerId || answers.isAnswering(conversationId)) return;
    if (waits) changed(conversationId);
    else await send(conversationId, now);
  }

  /** What cannot be sent stays where it is, and the chat shows that it waits. */
  const tryToGoOn = (conversationId: string, answerId: string, alsoStopped: boolean): Promise<void> =>
    goOn(conversationId, answerId, alsoStopped).catch(() => changed(conversationId));

  answers.onEnd = ({ conversationId, messageId }) =>
    void tryToGoOn(conversationId, messageId, goOnAfterStop.delete(messageId));

  return {
    async add({ afterId, attachments: files = [], ...input }: AddInput): Promise<void> {
      const { conversationId, id } = input;
      // Who sends after Stop wants it sent, whether or not the stop is through; what waited before it goes on waiting.
      const isAfterStop = afterId !== null && (answers.isStopping(afterId) || !answers.isStreaming(afterId));
      if (files.length > 0 && !(await store.conversations.head({ id: conversationId })).temporary)
        await room.forFiles(files);
      await store.queue.add({ ...input, files, at: Date.now() });
      changed(conversationId);
      if (afterId === null) return;
      const [first] = await store.queue.list({ conversationId });
      const goesOn = isAfterStop && first?.id === id;
      if (answers.isLive(afterId)) {
        if (goesOn) goOnAfterStop.add(afterId);
      }
      // It ended while the message was on its way. That is stored: going on may fail by itself.
      else await tryToGoOn(conversationId, afterId, goesOn);
    },

    async update(input: { id: string; text: string }): Promise<void> {
      changed((await store.queue.update(input)).conversationId);
    },

    async remove(id: string): Promise<void> {
      changed((await store.queue.remove({ id })).conversationId);
    },

    async move(input: { id: string; place: number }): Promise<void> {
      changed((await store.queue.move(input)).conversationId);
    },

    async sendNext(conversationId: string, leaveOut = false): Promise<void> {
      if (answers.isAnswering(conversationId)) throw appError('conflict');
      const [entry] = await store.queue.list({ conversationId });
      if (entry === undefined) throw appError('not_found');
      await send(conversationId, entry, leaveOut);
    },
  };
}
