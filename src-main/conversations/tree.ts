import { randomUUID } from 'node:crypto';
import { appError, type Message } from '../contract/index.ts';
import type { NewMessages, NewQuestion, StartedIds, StoredMessage } from '../store/api.ts';
import type { RoomGuard } from '../free-space.ts';
import type { AnswerPlan, Answers, AnswersDeps } from './answers.ts';
import type { HistoryDeps } from './history.ts';
import { replayChanges, replayPlan } from './replay.ts';

export interface TreeDeps extends Pick<AnswersDeps, 'store' | 'engine' | 'models' | 'bus'> {
  answers: Answers;
  /** Looks whether files will fit. */
  room: RoomGuard;
  forgetStates: HistoryDeps['forgetStates'];
}

interface Request {
  requestId: string;
  messageId: string;
}

export type Tree = ReturnType<typeof createTree>;

/** Versions, branches and forks of conversations. */
export function createTree({ answers, room, ...deps }: TreeDeps) {
  const { store, bus } = deps;
  const changed = (conversationId: string) => bus.emit({ type: 'conversation.changed', conversationId });

  /** Runs `work` unless the same request did so before. */
  async function once(
    requestId: string,
    messageId: string,
    work: (message: StoredMessage) => Promise<StartedIds>,
  ): Promise<StartedIds> {
    const earlier = await store.messages.ofRequest({ requestId });
    if (earlier) return earlier;
    const message = await store.messages.get({ id: messageId });
    if (answers.isAnswering(message.conversationId)) throw appError('conflict');
    return work(message);
  }

  /** A version has the files of the message that it is one of. @throws disk_full */
  async function roomForVersion({ conversationId, attachments }: StoredMessage): Promise<void> {
    if (attachments.length === 0) return;
    if (!(await store.conversations.head({ id: conversationId })).temporary)
      await room.forCopies(attachments);
  }

  /** A fork has the files of every message down to the one that it ends with. @throws disk_full */
  async function roomForCopy(messageId: string): Promise<void> {
    const { conversationId } = await store.messages.get({ id: messageId });
    if ((await store.conversations.head({ id: conversationId })).temporary) return;
    const path = await store.messages.path({ id: messageId });
    await room.forCopies(path.flatMap(({ attachments }) => attachments));
  }

  /** Begins an answer to a user message, new or there already, with the conversation's model of today. */
  async function answerTo(
    conversationId: string,
    question: { id: string; isNew: Omit<NewQuestion, 'id'> | null },
    input: Pick<NewMessages, 'requestId' | 'beginning' | 'editOf'>,
    plan: Partial<AnswerPlan> = {},
  ): Promise<StartedIds> {
    const { settings } = await store.conversations.head({ id: conversationId });
    const model = await answers.chosenModel(settings, plan.modelId ?? null);
    return answers.begin(
      {
        ...input,
        newConversation: null,
        conversationId,
        user: question.isNew && { id: question.id, ...question.isNew },
        assistant: {
          id: randomUUID(),
          parentId: question.id,
          modelId: model.id,
          modelName: model.name,
          quant: model.quant,
        },
        keepsDraft: true,
        at: Date.now(),
      },
      { ...plan, modelId: model.id },
    );
  }

  /** The user message that an answer answers; a user message is its own. */
  function questionOf({ id, role, parentId }: StoredMessage): { id: string; isNew: null } {
    const question = role === 'user' ? id : parentId;
    if (question === null) throw appError('invalid_input');
    return { id: question, isNew: null };
  }

  return {
    edits: (conversationId: string) => store.tree.edits({ conversationId }),
    saveEdit: (input: Parameters<typeof store.tree.saveEdit>[0]) => store.tree.saveEdit(input),

    outline: (conversationId: string) => store.messages.outline({ conversationId }),

    async messages(conversationId: string, ids: readonly string[]): Promise<Message[]> {
      const messages = await store.messages.some({ conversationId, ids });
      return messages.map((message) => answers.withLive(message));
    },

    answerAgain: ({ requestId, messageId, leaveOut }: Request & { leaveOut: boolean }): Promise<StartedIds> =>
      once(requestId, messageId, (message) => {
        // What the first answer was made without is agreed on.
        const isAgreed = leaveOut || (message.settings?.leftOut.length ?? 0) > 0;
        return answerTo(message.conversationId, questionOf(message), { requestId }, { leaveOut: isAgreed });
      }),

    editQuestion: ({ requestId, messageId, text }: Request & { text: string }): Promise<StartedIds> =>
      once(requestId, messageId, async (message) => {
        const { role, conversationId, parentId } = message;
        if (role !== 'user') throw appError('invalid_input');
        await roomForVersion(message);
        return answerTo(
          conversationId,
          { id: randomUUID(), isNew: { parentId, text, filesOf: messageId } },
          { requestId, editOf: messageId },
        );
      }),

    async saveVersion({ requestId, messageId, text }: Request & { text: string }) {
      if (answers.isStreaming(messageId)) throw appError('conflict');
      await roomForVersion(await store.messages.get({ id: messageId }));
      const saved = await store.tree.addVersion({
        requestId,
        siblingId: messageId,
        id: randomUUID(),
        text,
        at: Date.now(),
      });
      changed(saved.conversationId);
      return { messageId: saved.messageId };
    },

    continueAnswer: ({ requestId, messageId }: Request): Promise<StartedIds> =>
      once(requestId, messageId, (message) => {
        const { role, text, reasoning, conversationId } = message;
        if (role !== 'assistant') throw appError('invalid_input');
        if (text === '' && reasoning === '') throw appError('conflict');
        const beginning = { text, reasoning };
        return answerTo(conversationId, questionOf(message), { requestId, beginning });
      }),

    beginWith: ({ requestId, messageId, text }: Request & { text: string }): Promise<StartedIds> =>
      once(requestId, messageId, (message) =>
        answerTo(message.conversationId, questionOf(message), {
          requestId,
          beginning: { text, reasoning: '' },
          editOf: messageId,
        }),
      ),

    replayChanges: async (messageId: string) =>
      replayChanges(deps, await store.messages.get({ id: messageId })),

    runAgain: ({ requestId, messageId }: Request): Promise<StartedIds> =>
      once(requestId, messageId, (message) => {
        const { text, reasoning, prefixLength, conversationId } = message;
        const plan = replayPlan(message);
        const beginning = { text: text.slice(0, prefixLength), reasoning };
        const given = prefixLength === 0 ? {} : { beginning };
        return answerTo(conversationId, questionOf(message), { requestId, ...given }, plan);
      }),

    async removeBranch(messageId: string) {
      const { conversationId, removedIds, shownLeafId } = await store.tree.removeBranch({
        messageId,
        at: Date.now(),
      });
      for (const id of removedIds) answers.stop(id);
      await deps.forgetStates([conversationId]);
      changed(conversationId);
      return { removedCount: removedIds.length, shownLeafId };
    },

    async restoreBranch(input: { messageId: string; shownLeafId: string | null }): Promise<void> {
      const { conversationId } = await store.tree.restoreBranch(input);
      changed(conversationId);
    },

    /** @throws disk_full when the files of the messages would not fit once more; nothing is copied then */
    async fork(input: { messageId: string; conversationId: string; title: string }): Promise<void> {
      await roomForCopy(input.messageId);
      await store.tree.fork({ ...input, at: Date.now() });
      changed(input.conversationId);
    },
  };
}
