import { randomUUID } from 'node:crypto';
import { DEFAULT_SAMPLING, MAX_MODEL_TITLE_LENGTH, type AppEvent } from '../contract/index.ts';
import type { Engine } from '../engine/api.ts';
import type { EventBus } from '../events.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { StoreClient, StoredMessage } from '../store/api.ts';
import { GUIDE_ID } from '../models/guide.ts';
import { promptDate } from './prompt-date.ts';
import { titleFrom } from './title.ts';

/** Enough for a title in any script; what needs more is no title. */
const TITLE_TOKENS = 40;
/** Much of a first turn may be an attached text: a title needs its beginning. In UTF-16 units. */
const EXCERPT_LENGTH = 4_000;
/** A chat whose title was cut short by other answers is tried again this often. */
const MAX_TRIES = 3;

const ASK = `Give this conversation a short title: at most six words, in the language of the first message. \
Answer with the title alone.`;

const QUOTES = /^["'`“”„‟‘’«»‹›「『《]+|["'`“”„‟‘’«»‹›」』》]+$/gu;

/**
 * The title in an answer of a model: its first line with words, without marks, quotes, a leading "Title:" and
 * thinking. Null when there is none, or it is no title by its length.
 */
export function titleOf(answer: string): string | null {
  const spoken = answer.replace(/<think>[\s\S]*?(?:<\/think>|$)/gu, '');
  const line = spoken
    .split('\n')
    .map((raw) =>
      raw
        .replace(/[\p{C}\s]+/gu, ' ')
        .replace(/[*_`~]+/gu, '')
        .replace(/^[\s#>\-–—•]+/u, '')
        .replace(/^(?:title|titel|titre|título|titolo|标题|タイトル)\s*[:：]\s*/iu, '')
        .trim()
        .replace(QUOTES, '')
        .replace(/[\s.。]+$/u, '')
        .trim(),
    )
    .find((candidate) => /[\p{L}\p{N}]/u.test(candidate));
  return line === undefined || line.length > MAX_MODEL_TITLE_LENGTH ? null : line;
}

export interface TitlesDeps {
  store: Pick<StoreClient, 'conversations' | 'messages' | 'history'>;
  engine: Engine;
  settings: Pick<SettingsService, 'get'>;
  bus: EventBus;
  recorder: Recorder;
}

/** What a title is made from: the first question and its complete answer. */
interface Beginning {
  conversationId: string;
  systemPrompt: string;
  /** Of the chat, see `promptDate`. */
  date: string;
  question: StoredMessage;
  answer: StoredMessage;
}

/**
 * Titles by the model, in the background: one at a time, only while the engine has nothing else to do, with the
 * model that answered if it is still loaded. An answer that is asked for meanwhile ends it at once.
 */
export function createTitles({ store, engine, settings, bus, recorder }: TitlesDeps) {
  /** Chats that may want a title, with the tries so far. */
  const waiting = new Map<string, number>();
  let running: { abort: AbortController; done: Promise<void> } | null = null;
  let isClosed = false;

  const isIdle = () =>
    engine.state.status === 'ready' &&
    engine.state.runningGenerations === 0 &&
    engine.state.queuedGenerations === 0;

  /** null: the chat is not at its first answer, or has a title already, or is none to keep one for. */
  async function beginningOf(conversationId: string): Promise<Beginning | null> {
    const chat = await store.conversations.head({ id: conversationId });
    if (chat.temporary || chat.titleSource !== 'auto' || chat.activeLeafId === null) return null;
    const [question, answer, ...more] = await store.messages.path({ id: chat.activeLeafId });
    if (!question || !answer || more.length > 0) return null;
    const hasOwnTitle = chat.title !== titleFrom(question.text);
    const isDone = answer.role === 'assistant' && answer.status === 'complete' && answer.text.trim() !== '';
    const { systemPrompt } = chat.settings;
    const date = promptDate(chat.createdAt);
    return isDone && !hasOwnTitle ? { conversationId, systemPrompt, date, question, answer } : null;
  }

  /**
   * The prompt begins as the chat's does, without its files: what the engine holds of it is not read again, or is
   * left alone.
   */
  async function ask(beginning: Beginning, signal: AbortSignal): Promise<string | null> {
    const { conversationId, systemPrompt, date, question, answer } = beginning;
    let text = '';
    const request = {
      generationId: randomUUID(),
      ...(answer.modelId === null ? {} : { modelId: answer.modelId }),
      conversationId,
      systemPrompt,
      date,
      turns: [
        { role: 'user' as const, text: question.text.slice(0, EXCERPT_LENGTH) },
        { role: 'assistant' as const, text: answer.text.slice(0, EXCERPT_LENGTH) },
        { role: 'user' as const, text: ASK },
      ],
      sampling: { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: TITLE_TOKENS },
      reasoning: { mode: 'off' as const, budgetTokens: null },
      priority: 'background' as const,
    };
    const recording = recorder.begin();
    const result = await engine.generate(request, {
      signal,
      onEvent: (event) => {
        if (event.type === 'chunk' && event.kind === 'answer') text += event.text;
      },
    });
    const stats = result.stats && recording.settle(result.stats);
    const { modelId } = answer;
    await recording.keep({
      purpose: 'title',
      conversationId,
      modelId: modelId ?? engine.state.modelId ?? '',
      stats,
      settings: null,
    });
    return result.error === null && result.stopReason === 'end' ? titleOf(text) : null;
  }

  async function titleChat(conversationId: string, signal: AbortSignal): Promise<void> {
    const beginning = await beginningOf(conversationId);
    // No model is loaded for a title.
    if (!beginning || beginning.answer.modelId !== engine.state.modelId || signal.aborted) return;
    // It knows the app and nothing else: the first words say more.
    if (beginning.answer.modelId === GUIDE_ID) return;
    const title = await ask(beginning, signal);
    if (signal.aborted || title === null) return;
    const before = titleFrom(beginning.question.text);
    if (await store.history.autoTitle({ id: conversationId, before, title })) {
      bus.emit({ type: 'conversation.changed', conversationId });
    }
  }

  /** Starts with the chat that was answered last, when the engine is free. */
  function next(): void {
    if (isClosed || running !== null || !settings.get().titlesByModel || !isIdle()) return;
    const entry = [...waiting].at(-1);
    if (!entry) return;
    const [conversationId, tries] = entry;
    waiting.delete(conversationId);
    const abort = new AbortController();
    const done = titleChat(conversationId, abort.signal)
      // A title that fails leaves the first words: nobody asked for it.
      .catch(() => {})
      .then(() => {
        if (abort.signal.aborted && tries + 1 < MAX_TRIES) waiting.set(conversationId, tries + 1);
        running = null;
        next();
      });
    running = { abort, done };
  }

  function onEvent(event: AppEvent): void {
    // The first word of an answer that a person waits for.
    if (event.type === 'generation.progress') running?.abort.abort();
    else if (event.type === 'conversation.removed') waiting.delete(event.conversationId);
    else if (event.type === 'generation.settled' && settings.get().titlesByModel) {
      waiting.delete(event.conversationId);
      waiting.set(event.conversationId, 0);
      next();
    }
  }

  const disposers = [bus.on(onEvent), engine.onState(next)];
  return {
    async close(): Promise<void> {
      isClosed = true;
      for (const dispose of disposers) dispose();
      running?.abort.abort();
      await running?.done;
    },
  };
}
