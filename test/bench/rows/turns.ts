import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../../support/core.ts';
import { AS_THE_APP, LibraryProcess, libraryVersion } from '../library.ts';
import { ensureLlamaCpp } from '../llama-cpp.ts';
import { benchModel } from '../models.ts';
import { arm, ratios, type BenchRow, type Round } from '../row.ts';
import { summarise } from '../stats.ts';
import { TimedChat, type TimedAnswer } from '../timed-chat.ts';
import { wordsOf } from '../words.ts';

const ROUNDS = 7;
const THREADS = 2;
const CONTEXT_SIZE = 2048;
const ANSWER_TOKENS = 24;
const HISTORY_WORDS = 300;
const FOLLOW_UP_WORDS = 45;
const sampling = { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: ANSWER_TOKENS };

/** The calls whose answers are timed. */
class Chats {
  readonly #chat: TimedChat;
  readonly #modelId: string;

  constructor(chat: TimedChat, modelId: string) {
    this.#chat = chat;
    this.#modelId = modelId;
  }

  begin(text: string): Promise<TimedAnswer & { started: { conversationId: string; userMessageId: string } }> {
    return this.#chat.time(
      ({ conversationId }) => conversationId,
      () =>
        this.#chat.client.conversations.send({
          ...{ requestId: crypto.randomUUID(), conversationId: null, parentId: null, text },
          ...{ modelId: this.#modelId, settings: { sampling } },
        }),
    );
  }

  follow(
    conversationId: string,
    text: string,
    parentId: string | null = null,
  ): Promise<TimedAnswer & { started: { userMessageId: string } }> {
    return this.#chat.time(
      () => conversationId,
      () =>
        this.#chat.client.conversations.send({
          ...{ requestId: crypto.randomUUID(), conversationId, parentId, text, modelId: null },
        }),
    );
  }

  again(conversationId: string, messageId: string): Promise<TimedAnswer> {
    return this.#chat.time(
      () => conversationId,
      () => this.#chat.client.conversations.answerAgain({ requestId: crypto.randomUUID(), messageId }),
    );
  }
}

const stepMs = ({ stats }: TimedAnswer) => 1000 / (stats.tokensPerSecond ?? Number.NaN);

interface Measured {
  core: TestCore;
  chats: Chats;
  library: LibraryProcess;
}

async function measureRound({ core, chats, library }: Measured, round: number): Promise<Round> {
  // A person reads before going on; the core then has the end of the answer read as the template has it.
  const settle = (id: string) => core.client.context.readAhead({ id, draft: '' });
  const text = (words: number, part: number) => wordsOf(words, 1_000 * round + part);
  const first = await chats.begin(text(HISTORY_WORDS, 1));
  const { conversationId } = first.started;
  await settle(conversationId);
  const follow = await chats.follow(conversationId, text(FOLLOW_UP_WORDS, 2));
  const { reusedTokens, readTokens } = follow.stats;
  const only = await library.call({ name: 'follow', depth: reusedTokens, size: readTokens });
  await settle(conversationId);
  const regenerated = await chats.again(conversationId, follow.started.userMessageId);
  await settle(conversationId);
  // Another question in place of the second one, and back to that.
  const { messageId: parentId } = first;
  await chats.follow(conversationId, text(FOLLOW_UP_WORDS, 6), parentId);
  await settle(conversationId);
  const switched = await chats.again(conversationId, follow.started.userMessageId);
  await settle(conversationId);
  const other = await chats.begin(text(FOLLOW_UP_WORDS, 3));
  await settle(other.started.conversationId);
  // Another chat answered in between.
  const returned = await chats.again(conversationId, follow.started.userMessageId);
  await settle(conversationId);

  const draft = text(FOLLOW_UP_WORDS, 4);
  await core.client.context.readAhead({ id: conversationId, draft });
  const ahead = await chats.follow(conversationId, draft);
  await settle(conversationId);
  const plain = await chats.follow(conversationId, text(FOLLOW_UP_WORDS, 5));
  return {
    followMs: follow.firstChunkMs,
    onlyMs: only['followMs'] ?? Number.NaN,
    regenerateMs: regenerated.firstChunkMs,
    regenerateSteps: regenerated.firstChunkMs / stepMs(regenerated),
    switchMs: switched.firstChunkMs,
    switchSteps: switched.firstChunkMs / stepMs(switched),
    switchReadTokens: switched.stats.readTokens,
    returnMs: returned.firstChunkMs,
    returnSteps: returned.firstChunkMs / stepMs(returned),
    aheadMs: ahead.firstChunkMs,
    plainMs: plain.firstChunkMs,
  };
}

/** Targets: what a turn costs whose prompt was read before, all of it live in memory. */
export const row: BenchRow = {
  title: 'First token of turns whose prompt was read before: follow-up, regenerate, return, read ahead',
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path: modelPath, folder: modelsDir } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const dataDir = await mkdtemp(join(tmpdir(), 'leeward-bench-data-'));
    const core = await startCore({ dataDir, modelsDir });
    const listening = new AbortController();
    const library = new LibraryProcess(AS_THE_APP);
    try {
      await library.call({ name: 'load', modelPath, contextSize: CONTEXT_SIZE, threads: THREADS });
      const chat = new TimedChat(core.client);
      await chat.listen(listening.signal);
      await core.client.settings.update({
        threads: THREADS,
        contextSize: CONTEXT_SIZE,
        backend: 'cpu',
        readAhead: true,
      });
      const { id } = await core.addModel();
      await core.client.models.updateSettings({ id, settings: { speculation: 'off' } });
      const chats = new Chats(chat, id);
      const conditions = {
        model: '1.1B Q4_0, random, vocabulary of 32,000',
        historyWords: HISTORY_WORDS,
        followUpWords: FOLLOW_UP_WORDS,
        threads: THREADS,
        contextSize: CONTEXT_SIZE,
        library: libraryVersion(),
        node: process.versions.node,
      };
      const measured = await rounds(ROUNDS, conditions, async (round) => {
        // Chats of the rounds before would hold the sequences that a second branch needs.
        await core.client.models.unload();
        await core.client.models.load({ id, retryAfterCrash: false });
        return measureRound({ core, chats, library }, round);
      });
      const ms = (name: string) => ({ unit: 'ms', ...summarise(arm(measured, name)) });
      const ratio = (above: string, below: string) => ({
        unit: 'ratio',
        ...summarise(ratios(measured, above, below)),
      });
      const steps = (name: string) => ({
        unit: 'decode steps',
        ...summarise(arm(measured, name)),
        target: { atMost: 3 },
      });
      return {
        conditions,
        figures: [
          { name: 'follow-up', ...ms('followMs') },
          {
            name: 'follow-up / the library reading only its new tokens, as deep',
            ...ratio('followMs', 'onlyMs'),
            target: { atMost: 1.15 },
          },
          { name: 'regenerate', ...ms('regenerateMs') },
          { name: 'regenerate', ...steps('regenerateSteps') },
          { name: 'switch to a live branch', ...ms('switchMs') },
          { name: 'switch to a live branch', ...steps('switchSteps') },
          {
            name: 'tokens read for that',
            unit: 'tokens',
            ...summarise(arm(measured, 'switchReadTokens')),
          },
          { name: 'return to another chat', ...ms('returnMs') },
          { name: 'return to another chat', ...steps('returnSteps') },
          { name: 'sent after read-ahead', ...ms('aheadMs') },
          {
            name: 'sent after read-ahead / plain follow-up',
            ...ratio('aheadMs', 'plainMs'),
            target: { atMost: 0.3 },
          },
        ],
      };
    } finally {
      listening.abort();
      await library.close();
      await core.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
};
