import { randomUUID } from 'node:crypto';
import { appError, type QueuedMessage } from '../contract/index.ts';
import type { EventBus } from '../events.ts';
import type { StoreClient } from '../store/api.ts';
import type { Answers } from './answers.ts';

export interface QueueDeps {
  store: StoreClient;
  bus: EventBus;
  answers: Answers;
}

interface AddInput {
  conversationId: string;
  id: string;
  text: string;
  place: number | null;
  afterId: string | null;
}

export type MessageQueue = ReturnType<typeof createMessageQueue>;

/**
 * Messages that wait for the answer before them. A complete answer at the end of the branch that is shown sends the
 * first; after anything else they wait for the user.
 */
export function createMessageQueue({ store, bus, answers }: QueueDeps) {
  const changed = (conversationId: string) => bus.emit({ type: 'conversation.changed', conversationId });

  async function send(conversationId: string, entry: QueuedMessage): Promise<void> {
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
      { modelId: model.id },
    );
  }

  /** Sends the first one if the branch that is shown ends with this answer, and it is complete. */
  async function goOn(conversationId: string, answerId: string): Promise<void> {
    const [entry] = await store.queue.list({ conversationId });
    if (entry === undefined || answers.isAnswering(conversationId)) return;
    const { activeLeafId } = await store.conversations.head({ id: conversationId });
    if (activeLeafId !== answerId) return;
    const { status } = await store.messages.get({ id: answerId });
    if (status === 'complete') await send(conversationId, entry);
  }

  /** What cannot be sent stays where it is, and the chat shows that it waits. */
  const tryToGoOn = (conversationId: string, answerId: string): Promise<void> =>
    goOn(conversationId, answerId).catch(() => changed(conversationId));

  answers.onComplete = ({ conversationId, messageId }) => void tryToGoOn(conversationId, messageId);

  return {
    async add({ afterId, ...input }: AddInput): Promise<void> {
      await store.queue.add({ ...input, at: Date.now() });
      changed(input.conversationId);
      // The answer may have ended while the message was on its way. It is stored: going on may fail by itself.
      if (afterId !== null && !answers.isStreaming(afterId)) await tryToGoOn(input.conversationId, afterId);
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

    async sendNext(conversationId: string): Promise<void> {
      if (answers.isAnswering(conversationId)) throw appError('conflict');
      const [entry] = await store.queue.list({ conversationId });
      if (entry === undefined) throw appError('not_found');
      await send(conversationId, entry);
    },
  };
}
