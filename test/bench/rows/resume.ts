import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import { STATES_FOLDER } from '../../../src-main/state-cache/state-cache.ts';
import { startCore, type TestCore } from '../../support/core.ts';
import { libraryVersion } from '../library.ts';
import { ensureLlamaCpp } from '../llama-cpp.ts';
import { benchModel } from '../models.ts';
import { arm, ratios, type BenchRow, type Round } from '../row.ts';
import { summarise } from '../stats.ts';
import { TimedChat, type TimedAnswer } from '../timed-chat.ts';
import { wordsOf } from '../words.ts';

const ROUNDS = 5;
const THREADS = 2;
const CONTEXT_SIZE = 2048;
const ANSWER_TOKENS = 24;
const HISTORY_WORDS = 500;
/** As engine.md has it: what may be added to a plain read of the file, and how much slower that may be. */
const STEPS = 3;
const READ_FACTOR = 1.2;
const sampling = { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: ANSWER_TOKENS };

/** Runs `work` with the model in memory of an app that has just started on these folders. */
async function inFreshApp<T>(
  folders: { dataDir: string; modelsDir: string },
  work: (core: TestCore, chat: TimedChat, modelId: string) => Promise<T>,
): Promise<T> {
  const core = await startCore(folders);
  const listening = new AbortController();
  try {
    const chat = new TimedChat(core.client);
    await chat.listen(listening.signal);
    await core.client.settings.update({ threads: THREADS, contextSize: CONTEXT_SIZE, backend: 'cpu' });
    const [known] = await core.client.models.list();
    const { id } = known ?? (await core.addModel());
    await core.client.models.updateSettings({ id, settings: { speculation: 'off' } });
    await core.client.models.load({ id, retryAfterCrash: false });
    return await work(core, chat, id);
  } finally {
    listening.abort();
    await core.close();
  }
}

/** The same question answered again: its whole prompt was read before. */
async function again(chat: TimedChat, conversationId: string, messageId: string): Promise<TimedAnswer> {
  const answer = await chat.time(
    () => conversationId,
    () => chat.client.conversations.answerAgain({ requestId: crypto.randomUUID(), messageId }),
  );
  if (answer.stats.reusedFrom !== 'disk') throw new Error('the answer did not come from the disk');
  return answer;
}

/** Median of three plain reads of the state, in ms. */
async function readState(dataDir: string): Promise<{ readMs: number; stateBytes: number }> {
  const folder = join(dataDir, STATES_FOLDER);
  const name = (await readdir(folder)).find((entry) => entry.endsWith('.state')) ?? '';
  const times: number[] = [];
  let stateBytes = 0;
  for (let count = 0; count < 3; count += 1) {
    const startedAt = performance.now();
    stateBytes = (await readFile(join(folder, name))).length;
    times.push(performance.now() - startedAt);
  }
  return { readMs: times.toSorted((a, b) => a - b)[1] ?? Number.NaN, stateBytes };
}

async function measureRound(modelsDir: string, round: number): Promise<Round> {
  const dataDir = await mkdtemp(join(tmpdir(), 'leeward-bench-data-'));
  const folders = { dataDir, modelsDir };
  try {
    const cold = await inFreshApp(folders, (core, chat, modelId) =>
      chat.time(
        ({ conversationId }) => conversationId,
        () =>
          core.client.conversations.send({
            ...{ requestId: crypto.randomUUID(), conversationId: null, parentId: null, modelId },
            ...{ text: wordsOf(HISTORY_WORDS, round), settings: { sampling } },
          }),
      ),
    );
    const { conversationId, userMessageId } = cold.started;
    return await inFreshApp(folders, async (core, chat, modelId) => {
      const reopened = await again(chat, conversationId, userMessageId);
      // Nothing of it is in memory; the model is.
      await core.client.models.unload();
      await core.client.models.load({ id: modelId, retryAfterCrash: false });
      const switched = await again(chat, conversationId, userMessageId);
      const { readMs, stateBytes } = await readState(dataDir);
      const stepMs = 1000 / (switched.stats.tokensPerSecond ?? Number.NaN);
      return {
        coldMs: cold.firstChunkMs,
        reopenedMs: reopened.firstChunkMs,
        switchedMs: switched.firstChunkMs,
        restoreMs: switched.stats.restoreMs,
        stepMs,
        readMs,
        stateBytes,
        allowedMs: STEPS * stepMs + READ_FACTOR * readMs,
      };
    });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Targets: a chat whose prompt is on the disk only, after a restart and in a running app. */
export const row: BenchRow = {
  title: 'First token of a chat that is on the disk only: after a restart, and in a running app',
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { folder: modelsDir } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const conditions = {
      model: '1.1B Q4_0, random, vocabulary of 32,000',
      historyWords: HISTORY_WORDS,
      threads: THREADS,
      contextSize: CONTEXT_SIZE,
      library: libraryVersion(),
      node: process.versions.node,
      state: 'the model is in memory; the state file is in the page cache (warm)',
    };
    const measured = await rounds(ROUNDS, conditions, (round) => measureRound(modelsDir, round));
    const ms = (name: string) => ({ unit: 'ms', ...summarise(arm(measured, name)) });
    return {
      conditions,
      figures: [
        { name: 'cold', ...ms('coldMs') },
        { name: 'reopened after a restart', ...ms('reopenedMs') },
        {
          name: 'reopened after a restart / cold',
          unit: 'ratio',
          ...summarise(ratios(measured, 'reopenedMs', 'coldMs')),
          target: { atMost: 0.05 },
        },
        { name: 'state file', unit: 'bytes', ...summarise(arm(measured, 'stateBytes')) },
        { name: 'plain read of the state file', ...ms('readMs') },
        { name: 'decode step', ...ms('stepMs') },
        { name: 'loading the state, by the library', ...ms('restoreMs') },
        { name: 'from the disk', ...ms('switchedMs') },
        {
          name: `from the disk / (${STEPS} decode steps + ${READ_FACTOR} plain reads)`,
          unit: 'ratio',
          ...summarise(ratios(measured, 'switchedMs', 'allowedMs')),
          target: { atMost: 1 },
        },
      ],
    };
  },
};
