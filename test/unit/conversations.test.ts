import { expect, it, vi } from 'vitest';
import { appError } from '../../src-main/contract/index.ts';
import { createConversations, type ConversationsDeps } from '../../src-main/conversations/conversations.ts';
import { createEventBus } from '../../src-main/events.ts';
import { noRecorder } from '../support/recorder.ts';

// What only the order of two replies decides, with a store that keeps its replies until the test wants them.

const id = (last: string) => `3f2b6c1e-0000-4000-8000-00000000000${last}`;

it('a conversation deleted while a send is being saved: the answer that begins then is stopped', async () => {
  const trashPosted = Promise.withResolvers<undefined>();
  const started = { conversationId: id('1'), userMessageId: id('2'), assistantMessageId: id('3') };
  const finish = vi.fn(async (_input: { status: string; errorCode: string | null }) => {});
  const store = {
    conversations: {
      head: async () => ({ id: id('1'), activeLeafId: null, settings: { modelId: id('9') } }),
      async trash() {
        trashPosted.resolve(undefined);
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
    messages: {
      ofRequest: async () => null,
      async begin() {
        await trashPosted.promise;
        return { ...started, repeated: false };
      },
      finish,
    },
  };
  const models = {
    list: async () => [{ id: id('9'), name: 'm', quant: null }],
    ensureLoaded: (_id: string, signal: AbortSignal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(appError('aborted')))),
  };
  const conversations = createConversations({
    store,
    models,
    engine: { onState: () => () => {} },
    settings: { get: () => ({}) },
    bus: createEventBus('run'),
    recorder: noRecorder,
    forgetStates: async () => {},
  } as unknown as ConversationsDeps);
  const sending = conversations.send({
    requestId: id('7'),
    conversationId: id('1'),
    parentId: null,
    text: 'Hello',
    modelId: null,
  });
  const removing = conversations.remove(id('1'));
  await Promise.all([sending, removing]);
  await vi.waitFor(() => expect(finish).toHaveBeenCalledTimes(1));
  expect(finish.mock.lastCall?.[0]).toMatchObject({ status: 'stopped', errorCode: null });
});
