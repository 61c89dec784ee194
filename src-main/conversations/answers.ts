import {
  appError,
  errorCodeOf,
  isAppError,
  type AppEvent,
  type ConversationSettings,
  type Message,
  type ReasoningSettings,
  type Sampling,
} from '../contract/index.ts';
import type { ChatTurn, Engine, GenerationEvent, GenerationResult } from '../engine/api.ts';
import type { EventBus } from '../events.ts';
import type { Recorder } from '../metrics/recorder.ts';
import { defaultOf } from '../models/guide.ts';
import type { Models } from '../models/models.ts';
import type { SettingsService } from '../settings/settings.ts';
import type { NewMessages, StartedIds, StoreClient, StoredMessage } from '../store/api.ts';
import { withFiles } from './attached.ts';
import { promptForAnswer } from './answer-prompt.ts';
import { promptDate } from './prompt-date.ts';
import { LiveAnswer, type AnswerEnd } from './live-answer.ts';

export interface AnswersDeps {
  store: StoreClient;
  engine: Engine;
  models: Models;
  settings: SettingsService;
  bus: EventBus;
  recorder: Recorder;
}

/** How one answer is made. */
export interface AnswerPlan {
  modelId: string;
  /** Instead of the conversation's. */
  sampling?: Sampling;
  /** Instead of the conversation's. */
  reasoning?: ReasoningSettings;
  /** Old messages that do not fit may be left out. */
  leaveOut?: boolean;
}

type ProgressEvent = Extract<AppEvent, { type: 'generation.progress' }>;

/** The turn that the model is to go on with. */
function beginningOf({ text, reasoning }: LiveAnswer): ChatTurn[] {
  return text === '' && reasoning === '' ? [] : [{ role: 'assistant', text, reasoning }];
}

/**
 * The answers that are being written. One transaction saves the empty answer before the engine is asked for
 * anything; from then on it lives in a {@link LiveAnswer} until its end is on disk.
 */
export class Answers {
  readonly #deps: AnswersDeps;
  /** Answers that run, or ended and are not on disk yet, by message id. */
  readonly #live = new Map<string, LiveAnswer>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #diskFullSince: number | null = null;
  /** Told of every answer that has ended and is on disk. */
  onEnd: (answer: { conversationId: string; messageId: string; status: AnswerEnd['status'] }) => void =
    () => {};

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  /** Set while writes fail for want of space, in ms since 1970. */
  get diskFullSince(): number | null {
    return this.#diskFullSince;
  }

  isAnswering(conversationId: string): boolean {
    return this.#liveIn(conversationId).some((answer) => answer.end === null);
  }

  isStreaming(messageId: string): boolean {
    return this.#live.get(messageId)?.end === null;
  }

  /** It runs, or has ended and that is not on disk yet: `onEnd` is still to come. */
  isLive(messageId: string): boolean {
    return this.#live.has(messageId);
  }

  /** The user has said stop, and it has not ended yet. */
  isStopping(messageId: string): boolean {
    return this.isStreaming(messageId) && this.#live.get(messageId)?.abort.signal.aborted === true;
  }

  /** A stored message as clients see it: with what has arrived since the last write. */
  withLive(message: StoredMessage): Message {
    const answer = this.#live.get(message.id);
    if (!answer) return { ...message, chunkSeq: 0 };
    const { text, reasoning, seq, settings, end } = answer;
    const { thought } = answer.thinking;
    return { ...message, text, reasoning, settings, thought, ...end, chunkSeq: seq };
  }

  /** The model that is to answer. @throws no_model */
  async chosenModel(settingsOfConversation: ConversationSettings | null, asked: string | null) {
    const { models, settings } = this.#deps;
    const list = await models.list();
    const usual = defaultOf(list, settings.get().defaultModelId);
    const id = asked ?? settingsOfConversation?.modelId ?? usual;
    const model = list.find((candidate) => candidate.id === id);
    if (!model) throw appError('no_model');
    return model;
  }

  /** Saves and starts an answer unless the same request did so before. */
  async begin(input: NewMessages, plan: AnswerPlan): Promise<StartedIds> {
    if (this.#closing.signal.aborted) throw appError('aborted');
    const { repeated, ...started } = await this.#deps.store.messages.begin(input).catch((error: unknown) => {
      this.noteWrite(errorCodeOf(error));
      throw error;
    });
    this.noteWrite(null);
    if (!repeated) this.#start(started, plan, input.beginning);
    return started;
  }

  stop(messageId: string): void {
    this.#live.get(messageId)?.abort.abort();
  }

  stopIn(conversationId: string): void {
    for (const answer of this.#liveIn(conversationId)) answer.abort.abort();
  }

  /** Stops every running answer and waits until its end is written. */
  async stopAll(): Promise<void> {
    for (const answer of this.#live.values()) answer.abort.abort();
    await Promise.all(this.#running);
  }

  /** Ends every running answer as interrupted and waits until that is written. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const answer of this.#live.values()) answer.abort.abort();
    await Promise.all(this.#running);
  }

  /** Takes note of a write: null when it worked, else the code of its failure. */
  noteWrite(failure: string | null): void {
    const known = this.#diskFullSince;
    const since = failure === 'disk_full' ? (known ?? Date.now()) : failure === null ? null : known;
    if (since === known) return;
    this.#diskFullSince = since;
    this.#deps.bus.emit({ type: 'store.changed', diskFullSince: since });
  }

  #liveIn(conversationId: string): LiveAnswer[] {
    return [...this.#live.values()].filter((answer) => answer.conversationId === conversationId);
  }

  #changed(conversationId: string): void {
    this.#deps.bus.emit({ type: 'conversation.changed', conversationId });
  }

  #start(started: StartedIds, plan: AnswerPlan, beginning: NewMessages['beginning']): void {
    const { conversationId, userMessageId, assistantMessageId } = started;
    const { store, bus } = this.#deps;
    const answer = new LiveAnswer(
      { conversationId, messageId: assistantMessageId },
      {
        store,
        bus,
        onWrite: (failure) => this.noteWrite(failure),
        onEndDelayed: () => this.#changed(conversationId),
      },
      beginning,
    );
    this.#live.set(assistantMessageId, answer);
    this.#changed(conversationId);
    const run = this.#answer(answer, userMessageId, plan).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Runs one answer to its end. Never rejects: every failure becomes the message's status. */
  async #answer(answer: LiveAnswer, userMessageId: string, plan: AnswerPlan): Promise<void> {
    const { conversationId, messageId } = answer;
    const recording = this.#deps.recorder.begin();
    const { stats, ...ended } = await this.#generate(answer, userMessageId, plan).catch((error: unknown) =>
      this.#failedEnd(error, answer.abort.signal),
    );
    const end: AnswerEnd = { ...ended, stats: stats && recording.settle(stats) };
    await answer.finish(end, this.#closing.signal);
    const { settings } = answer;
    await recording.keep({
      purpose: 'answer',
      conversationId,
      modelId: plan.modelId,
      stats: end.stats,
      settings,
    });
    this.#live.delete(messageId);
    this.#deps.bus.emit({ type: 'generation.settled', conversationId, messageId });
    this.#changed(conversationId);
    this.onEnd({ conversationId, messageId, status: end.status });
  }

  async #generate(answer: LiveAnswer, userMessageId: string, plan: AnswerPlan): Promise<AnswerEnd> {
    const { store, engine, models } = this.#deps;
    const { signal } = answer.abort;
    this.#progress(answer, { phase: 'loading', done: 0, total: 0, etaMs: null });
    const id = userMessageId;
    // Asked together: each wait for the store is a wait for the first word.
    const readChat = async () =>
      Promise.all([
        store.messages.path({ id }),
        store.attachments.onPath({ id }),
        store.conversations.head({ id: answer.conversationId }),
      ]);
    const early = readChat();
    early.catch(() => {});
    const { loadMs } = await models.ensureLoaded(plan.modelId, signal);
    // Its settings may be others by the time that a model is in memory.
    const [messages, files, { settings: chosen, createdAt }] = await (loadMs === 0 ? early : readChat());
    const path = withFiles(messages, files);
    const { settings, ...prompt } = await promptForAnswer(this.#deps, {
      modelId: plan.modelId,
      path,
      beginning: beginningOf(answer),
      date: promptDate(createdAt),
      chosen: plan.reasoning === undefined ? chosen : { ...chosen, reasoning: plan.reasoning },
      sampling: plan.sampling,
      leaveOut: plan.leaveOut ?? false,
    });
    answer.settings = settings;
    // What is left out is marked in the chat.
    if (settings.leftOut.length > 0) this.#changed(answer.conversationId);
    const result = await engine.generate(
      {
        generationId: answer.messageId,
        modelId: plan.modelId,
        conversationId: answer.conversationId,
        ...prompt,
      },
      { signal, onEvent: this.#follower(answer) },
    );
    return this.#endOf(result, loadMs);
  }

  #progress(answer: LiveAnswer, event: Omit<ProgressEvent, 'type' | 'conversationId' | 'messageId'>): void {
    const { conversationId, messageId } = answer;
    this.#deps.bus.emit({ type: 'generation.progress', conversationId, messageId, ...event });
  }

  #follower(answer: LiveAnswer): (event: GenerationEvent) => void {
    let answering = false;
    return (event) => {
      if (event.type === 'queued') {
        this.#progress(answer, { phase: 'queued', done: event.place, total: event.place, etaMs: null });
      } else if (event.type === 'reading') {
        const { done, total, etaMs } = event;
        this.#progress(answer, { phase: 'reading', done, total, etaMs });
      } else {
        if (!answering) this.#progress(answer, { phase: 'answering', done: 0, total: 0, etaMs: null });
        answering = true;
        answer.append(event.kind, event.text, event.generatedTokens);
      }
    };
  }

  #endOf(result: GenerationResult, loadMs: number): AnswerEnd {
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
    const status = stopped ? this.#stoppedStatus() : 'complete';
    return { status, errorCode: null, errorDetails: null, stats };
  }

  /** An answer that ends because the app quits was not stopped by the user: it can be continued. */
  #stoppedStatus(): 'interrupted' | 'stopped' {
    return this.#closing.signal.aborted ? 'interrupted' : 'stopped';
  }

  /** Once it was stopped, what fails fails for that: the conversation may be in the trash by now. */
  #failedEnd(error: unknown, signal: AbortSignal): AnswerEnd {
    const code = errorCodeOf(error);
    if (code === 'aborted' || signal.aborted)
      return { status: this.#stoppedStatus(), errorCode: null, errorDetails: null, stats: null };
    const details = isAppError(error) ? (error.data.details ?? null) : null;
    return { status: 'failed', errorCode: code, errorDetails: details, stats: null };
  }
}
