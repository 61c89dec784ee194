import { randomUUID } from 'node:crypto';
import {
  appError,
  errorCodeOf,
  isAppError,
  type AppEvent,
  type Conversation,
  type ConversationSettings,
  type ConversationSummary,
  type Message,
} from '../contract/index.ts';
import type { ChatTurn, Engine, GenerationEvent, GenerationResult } from '../engine/api.ts';
import type { EventBus } from '../events.ts';
import type { Models } from '../models/models.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StartedIds, StoreClient, StoredMessage } from '../store/api.ts';
import { titleFrom } from './title.ts';
import { LiveAnswer, type AnswerEnd } from './live-answer.ts';

export interface ConversationsDeps {
  store: StoreClient;
  engine: Engine;
  models: Models;
  settings: SettingsService;
  bus: EventBus;
}

interface SendInput {
  requestId: string;
  conversationId: string | null;
  parentId: string | null;
  text: string;
  modelId: string | null;
}

/** What the engine gets of a message. */
const turnOf = ({ role, text }: ChatTurn): ChatTurn => ({ role, text });

export type Conversations = ReturnType<typeof createConversations>;

/**
 * Sending, answering, branching. One transaction saves the user's message and the empty answer before the
 * engine is asked for anything; from then on the answer lives in a {@link LiveAnswer} until its end is on disk.
 */
export function createConversations({ store, engine, models, settings, bus }: ConversationsDeps) {
  /** Answers that run, or ended and are not on disk yet, by message id. */
  const live = new Map<string, LiveAnswer>();
  const running = new Set<Promise<void>>();
  const closing = new AbortController();
  let diskFullSince: number | null = null;

  const changed = (conversationId: string) => bus.emit({ type: 'conversation.changed', conversationId });
  const liveIn = (conversationId: string) =>
    [...live.values()].filter((answer) => answer.conversationId === conversationId);
  const isAnswering = (conversationId: string) =>
    liveIn(conversationId).some((answer) => answer.end === null);

  function noteWrite(failure: string | null): void {
    const since =
      failure === 'disk_full' ? (diskFullSince ?? Date.now()) : failure === null ? null : diskFullSince;
    if (since === diskFullSince) return;
    diskFullSince = since;
    bus.emit({ type: 'store.changed', diskFullSince });
  }

  /** A stored message as clients see it: with what has arrived since the last write. */
  function withLive(message: StoredMessage): Message {
    const answer = live.get(message.id);
    if (!answer) return { ...message, chunkSeq: 0 };
    return {
      ...message,
      text: answer.text,
      reasoning: answer.reasoning,
      ...answer.end,
      chunkSeq: answer.seq,
    };
  }

  async function chosenModel(settingsOfConversation: ConversationSettings | null, asked: string | null) {
    const id = asked ?? settingsOfConversation?.modelId ?? settings.get().defaultModelId;
    const model = id === null ? undefined : (await models.list()).find((candidate) => candidate.id === id);
    if (!model) throw appError('no_model');
    return model;
  }

  /** Runs one answer to its end. Never rejects: every failure becomes the message's status. */
  async function answerMessage(answer: LiveAnswer, userMessageId: string, modelId: string): Promise<void> {
    const end = await generate(answer, userMessageId, modelId).catch((error: unknown) =>
      failedEnd(error, answer.abort.signal),
    );
    await answer.finish(end, closing.signal);
    live.delete(answer.messageId);
    bus.emit({
      type: 'generation.settled',
      conversationId: answer.conversationId,
      messageId: answer.messageId,
    });
    changed(answer.conversationId);
  }

  async function generate(answer: LiveAnswer, userMessageId: string, modelId: string): Promise<AnswerEnd> {
    const { signal } = answer.abort;
    const progress = (
      event: Omit<
        Extract<AppEvent, { type: 'generation.progress' }>,
        'type' | 'conversationId' | 'messageId'
      >,
    ) =>
      bus.emit({
        type: 'generation.progress',
        conversationId: answer.conversationId,
        messageId: answer.messageId,
        ...event,
      });
    progress({ phase: 'loading', done: 0, total: 0, etaMs: null });
    const { loadMs } = await models.ensureLoaded(modelId, signal);
    const path = await store.messages.path({ id: userMessageId });
    const { settings: chosen } = await store.conversations.head({ id: answer.conversationId });
    let answering = false;
    const onEvent = (event: GenerationEvent) => {
      if (event.type === 'queued')
        progress({ phase: 'queued', done: event.place, total: event.place, etaMs: null });
      else if (event.type === 'reading')
        progress({ phase: 'reading', done: event.done, total: event.total, etaMs: event.etaMs });
      else {
        if (!answering) progress({ phase: 'answering', done: 0, total: 0, etaMs: null });
        answering = true;
        answer.append(event.kind, event.text);
      }
    };
    const result = await engine.generate(
      {
        generationId: answer.messageId,
        modelId,
        systemPrompt: chosen.systemPrompt,
        turns: path.map(turnOf),
        sampling: chosen.sampling ?? (await models.samplingOf(modelId)),
      },
      { signal, onEvent },
    );
    return endOf(result, loadMs);
  }

  function endOf(result: GenerationResult, loadMs: number): AnswerEnd {
    const { error } = result;
    // The engine may have loaded the model again itself, after a crash.
    const stats = result.stats && { ...result.stats, loadMs: result.stats.loadMs + loadMs };
    if (error && error.code !== 'aborted') {
      return { status: 'failed', errorCode: error.code, errorDetails: error.data.details ?? null, stats };
    }
    if (!error && result.stopReason === 'context_full') {
      // The answer ran into the end of the context: what there is stays, and the reader is told why it ends.
      const details = { promptTokens: stats?.contextTokens ?? null, contextSize: stats?.contextSize ?? null };
      return { status: 'failed', errorCode: 'context_full', errorDetails: details, stats };
    }
    const stopped = error !== null || result.stopReason === 'stopped';
    return { status: stopped ? stoppedStatus() : 'complete', errorCode: null, errorDetails: null, stats };
  }

  /** An answer that ends because the app quits was not stopped by the user: it can be continued. */
  const stoppedStatus = () => (closing.signal.aborted ? ('interrupted' as const) : ('stopped' as const));

  /** Once it was stopped, what fails fails for that: the conversation may be in the trash by now. */
  function failedEnd(error: unknown, signal: AbortSignal): AnswerEnd {
    const code = errorCodeOf(error);
    if (code === 'aborted' || signal.aborted)
      return { status: stoppedStatus(), errorCode: null, errorDetails: null, stats: null };
    const details = isAppError(error) ? (error.data.details ?? null) : null;
    return { status: 'failed', errorCode: code, errorDetails: details, stats: null };
  }

  function start(started: StartedIds, modelId: string): void {
    const { conversationId, userMessageId, assistantMessageId } = started;
    const answer = new LiveAnswer(
      { conversationId, messageId: assistantMessageId },
      { store, bus, onWrite: noteWrite, onEndDelayed: () => changed(conversationId) },
    );
    live.set(assistantMessageId, answer);
    changed(conversationId);
    const run = answerMessage(answer, userMessageId, modelId).finally(() => running.delete(run));
    running.add(run);
  }

  /** Saves and starts an answer unless the same request did so before. */
  async function begin(
    input: Parameters<StoreClient['messages']['begin']>[0],
    modelId: string,
  ): Promise<StartedIds> {
    if (closing.signal.aborted) throw appError('aborted');
    const { repeated, ...started } = await store.messages.begin(input).catch((error: unknown) => {
      noteWrite(errorCodeOf(error));
      throw error;
    });
    noteWrite(null);
    if (!repeated) start(started, modelId);
    return started;
  }

  return {
    /** Set while writes fail for want of space, in ms since 1970. */
    diskFullSince: () => diskFullSince,

    async list(): Promise<ConversationSummary[]> {
      const rows = await store.conversations.list(undefined);
      return rows.map((row) => ({ ...row, answering: isAnswering(row.id) }));
    },

    async get(id: string): Promise<Conversation> {
      const { conversation, messages } = await store.conversations.get({ id });
      return { ...conversation, answering: isAnswering(id), messages: messages.map(withLive) };
    },

    async rename(id: string, title: string): Promise<void> {
      await store.conversations.rename({ id, title, at: Date.now() });
      changed(id);
    },

    /** Moves to the trash; what is running is stopped, and its text kept. */
    async remove(id: string): Promise<void> {
      await store.conversations.trash({ id, at: Date.now() });
      // After it: an answer that was just being begun is among them.
      for (const answer of liveIn(id)) answer.abort.abort();
      bus.emit({ type: 'conversation.removed', conversationId: id });
    },

    async restore(id: string): Promise<void> {
      await store.conversations.restore({ id });
      changed(id);
    },

    async send(input: SendInput): Promise<StartedIds> {
      const earlier = await store.messages.ofRequest({ requestId: input.requestId });
      if (earlier) return earlier;
      const existing = input.conversationId
        ? await store.conversations.head({ id: input.conversationId })
        : null;
      const parentId = existing ? (input.parentId ?? existing.activeLeafId) : null;
      if (parentId && live.get(parentId)?.end === null) throw appError('conflict');
      const model = await chosenModel(existing?.settings ?? null, existing ? null : input.modelId);
      const conversationId = existing?.id ?? randomUUID();
      const userId = randomUUID();
      return begin(
        {
          newConversation: existing
            ? null
            : {
                id: conversationId,
                title: titleFrom(input.text),
                settings: {
                  modelId: model.id,
                  systemPrompt: settings.get().defaultSystemPrompt,
                  sampling: null,
                },
              },
          conversationId,
          requestId: input.requestId,
          user: { id: userId, parentId, text: input.text },
          assistant: {
            id: randomUUID(),
            parentId: userId,
            modelId: model.id,
            modelName: model.name,
            quant: model.quant,
          },
          at: Date.now(),
        },
        model.id,
      );
    },

    /** Answers the user message above `messageId` again, with the conversation's model of today. */
    async answerAgain(requestId: string, messageId: string): Promise<{ assistantMessageId: string }> {
      const earlier = await store.messages.ofRequest({ requestId });
      if (earlier) return earlier;
      const message = await store.messages.get({ id: messageId });
      if (message.role !== 'assistant' || message.parentId === null) throw appError('invalid_input');
      if (isAnswering(message.conversationId)) throw appError('conflict');
      const conversation = await store.conversations.head({ id: message.conversationId });
      const model = await chosenModel(conversation.settings, null);
      return begin(
        {
          newConversation: null,
          conversationId: message.conversationId,
          requestId,
          user: null,
          assistant: {
            id: randomUUID(),
            parentId: message.parentId,
            modelId: model.id,
            modelName: model.name,
            quant: model.quant,
          },
          at: Date.now(),
        },
        model.id,
      );
    },

    stop(messageId: string): void {
      live.get(messageId)?.abort.abort();
    },

    async showBranch(conversationId: string, messageId: string): Promise<void> {
      const leaf = await store.messages.newestLeaf({ id: messageId });
      await store.conversations.setActiveLeaf({ id: conversationId, messageId: leaf });
      changed(conversationId);
    },

    async updateSettings(id: string, patch: Partial<ConversationSettings>): Promise<void> {
      await store.conversations.updateSettings({ id, settings: patch });
      changed(id);
    },

    async saveDraft(id: string, draft: string): Promise<void> {
      await store.conversations.saveDraft({ id, draft });
    },

    /** Tokens of the prompt that a send of `draft` would make, by the model that is loaded. */
    async countTokens(id: string | null, draft: string) {
      const { contextSize } = engine.state;
      if (contextSize === null) return { promptTokens: null, contextSize };
      const existing = id ? await store.conversations.head({ id }) : null;
      const leaf = existing?.activeLeafId ?? null;
      const path = leaf ? (await store.messages.path({ id: leaf })).map(withLive) : [];
      const systemPrompt = existing?.settings.systemPrompt ?? settings.get().defaultSystemPrompt;
      const turns = path.map(turnOf);
      if (draft.trim() !== '') turns.push({ role: 'user', text: draft });
      const promptTokens = await engine.countTokens({ systemPrompt, turns });
      return { promptTokens, contextSize };
    },

    /** Ends every running answer as interrupted and waits until that is written. */
    async close(): Promise<void> {
      closing.abort();
      for (const answer of live.values()) answer.abort.abort();
      await Promise.all(running);
    },
  };
}
