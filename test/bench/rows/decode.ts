import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../../support/core.ts';
import { libraryVersion } from '../library.ts';
import { llamaBench } from '../llama-bench.ts';
import { ensureLlamaCpp } from '../llama-cpp.ts';
import { benchModel } from '../models.ts';
import { arm, ratios } from '../row.ts';
import type { BenchRow, Figure, Round } from '../row.ts';
import { summarise } from '../stats.ts';
import { TimedChat, type TimedAnswer } from '../timed-chat.ts';

/** Seven pairs or more, and each of the four orders equally often. */
const ROUNDS = 8;
/**
 * Of the four arms. What runs after another process is slower, by some 4 % of an answer: every arm has every place, and
 * follows every other, equally often (a Williams square). Turned round, the greedy answer would always follow a process.
 */
const ORDERS = [
  [0, 1, 3, 2],
  [1, 2, 0, 3],
  [2, 3, 1, 0],
  [3, 0, 2, 1],
] as const;
const TOKENS = 128;
const THREADS = 2;
const CONTEXT_SIZE = 1024;
/** After these the speed of answers no longer grows from one to the next. */
const WARM_ANSWERS = 4;
/** What the app does about the memory of the weights; llama-bench is also timed with it, for a figure of its own. */
const PAGES = 'huge in the app, where glibc gives them to those that ask; llama-bench as it is';
const QUESTION = 'Tell me about the people who first came down the river, and what they made of the place.';

/** Tokens per second from the first token's arrival to the last one's: what llama-bench's `tg` times too. */
const decodeRate = ({ wholeMs, firstChunkMs }: TimedAnswer) =>
  ((TOKENS - 1) / (wholeMs - firstChunkMs)) * 1000;

interface Prepared {
  /** Answers the same question again, greedily or with the default sampler. */
  sample(temperature: number): Promise<TimedAnswer>;
}

/** Loads the only model of the folder and asks the question once, so that later answers find it in the cache. */
async function prepare(core: TestCore, signal: AbortSignal): Promise<Prepared> {
  const { client } = core;
  const chat = new TimedChat(client);
  await chat.listen(signal);
  await client.settings.update({ threads: THREADS, contextSize: CONTEXT_SIZE, backend: 'cpu' });
  const model = await core.addModel();
  // A random model repeats itself: guesses would be right, and llama-bench makes none.
  await client.models.updateSettings({ id: model.id, settings: { speculation: 'off' } });
  await client.models.load({ id: model.id, retryAfterCrash: false });
  const { conversationId, assistantMessageId } = await client.conversations.send({
    requestId: crypto.randomUUID(),
    conversationId: null,
    parentId: null,
    text: QUESTION,
    modelId: model.id,
  });
  // The first answer has the default sampling: settings are a conversation's, and this one is new.
  await client.conversations.stop({ messageId: assistantMessageId });
  await chat.settled(assistantMessageId);
  return {
    async sample(temperature) {
      const sampling = { ...DEFAULT_SAMPLING, temperature, maxTokens: TOKENS, seed: 1 };
      await client.conversations.updateSettings({ id: conversationId, settings: { sampling } });
      const answer = await chat.time(
        () => conversationId,
        () =>
          client.conversations.answerAgain({ requestId: crypto.randomUUID(), messageId: assistantMessageId }),
      );
      const { generatedTokens } = answer.stats;
      if (generatedTokens !== TOKENS) throw new Error(`${generatedTokens} tokens instead of ${TOKENS}`);
      return answer;
    },
  };
}

function figuresOf(measured: Round[]): Figure[] {
  const rate = (name: string) => ({ unit: 'tok/s', ...summarise(arm(measured, name)) });
  const ratio = (name: string) => ({ unit: 'ratio', ...summarise(ratios(measured, name, 'llamaBench')) });
  return [
    { name: `llama-bench tg${TOKENS}`, ...rate('llamaBench') },
    { name: `llama-bench tg${TOKENS} with huge pages`, ...rate('hugePages') },
    { name: 'app, greedy, contract call to last chunk', ...rate('greedy') },
    { name: 'app, default sampler, contract call to last chunk', ...rate('sampled') },
    { name: 'app, greedy, as its message footer says', ...rate('greedyStats') },
    { name: 'app, contract call to first chunk', unit: 'ms', ...summarise(arm(measured, 'firstChunkMs')) },
    { name: 'greedy, first to last chunk / llama-bench', ...ratio('greedyDecode') },
    { name: 'default sampler, first to last chunk / llama-bench', ...ratio('sampledDecode') },
    { name: 'greedy app / llama-bench', ...ratio('greedy'), target: { atLeast: 0.97 } },
    {
      name: 'greedy app / llama-bench with huge pages',
      unit: 'ratio',
      ...summarise(ratios(measured, 'greedy', 'hugePages')),
    },
    { name: 'default sampler app / llama-bench', ...ratio('sampled'), target: { atLeast: 0.93 } },
  ];
}

/** Target: decode through the whole app against llama-bench. */
export const row: BenchRow = {
  title: `Decode through the whole app, contract call to last chunk, against llama-bench tg${TOKENS} at that depth`,
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path: modelPath, folder: modelsDir } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const dataDir = await mkdtemp(join(tmpdir(), 'leeward-bench-data-'));
    const core = await startCore({ dataDir, modelsDir });
    const listening = new AbortController();
    try {
      const { sample } = await prepare(core, listening.signal);
      // llama-bench warms up too; here it is JavaScript that is compiled while it answers.
      const warm = await sample(0);
      for (let answer = 1; answer < WARM_ANSWERS; answer += 1) await sample(0);
      const depth = warm.stats.promptTokens;
      const conditions = {
        model: '1.1B Q4_0, random, vocabulary of 32,000',
        tokens: TOKENS,
        depth,
        threads: THREADS,
        warmAnswers: WARM_ANSWERS,
        contextSize: warm.stats.contextSize,
        flashAttention: 'auto',
        pages: PAGES,
        library: libraryVersion(),
        node: process.versions.node,
        reference: tools.build,
      };
      const reference = { modelPath, threads: THREADS, generate: TOKENS, depth };
      const measured = await rounds(ROUNDS, conditions, async (round) => {
        const got: { bench?: number; hugePages?: number; greedy?: TimedAnswer; sampled?: TimedAnswer } = {};
        const arms = [
          async () => void (got.bench = await llamaBench(tools, reference)),
          async () => void (got.hugePages = await llamaBench(tools, { ...reference, hugePages: true })),
          async () => void (got.greedy = await sample(0)),
          async () => void (got.sampled = await sample(DEFAULT_SAMPLING.temperature)),
        ];
        for (const index of ORDERS[round % ORDERS.length] ?? []) await arms[index]?.();
        const { bench, hugePages, greedy, sampled } = got;
        if (bench === undefined || hugePages === undefined || !greedy || !sampled)
          throw new Error('an arm did not run');
        if (greedy.text !== warm.text) throw new Error('greedy answers differ');
        if (greedy.stats.readTokens > 1) throw new Error('the question was read again');
        return {
          llamaBench: bench,
          hugePages,
          greedy: (TOKENS / greedy.wholeMs) * 1000,
          sampled: (TOKENS / sampled.wholeMs) * 1000,
          greedyDecode: decodeRate(greedy),
          sampledDecode: decodeRate(sampled),
          greedyStats: greedy.stats.tokensPerSecond ?? Number.NaN,
          firstChunkMs: greedy.firstChunkMs,
        };
      });
      return { conditions, figures: figuresOf(measured) };
    } finally {
      listening.abort();
      await core.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
};
