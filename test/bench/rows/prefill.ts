import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SAMPLING } from '../../../src-main/contract/index.ts';
import { startCore } from '../../support/core.ts';
import { libraryVersion } from '../library.ts';
import { llamaBench } from '../llama-bench.ts';
import { ensureLlamaCpp } from '../llama-cpp.ts';
import { benchModel } from '../models.ts';
import { arm, ratios, type BenchRow } from '../row.ts';
import { summarise } from '../stats.ts';
import { TimedChat } from '../timed-chat.ts';
import { wordsOf } from '../words.ts';

const ROUNDS = 7;
const THREADS = 2;
const CONTEXT_SIZE = 1024;
const WORDS = 420;

/** Target: a new chat's prompt, read by the app in chunks that a stop can wait for, against llama-bench `pp`. */
export const row: BenchRow = {
  title: 'Reading a prompt through the whole app, contract call to first chunk, against llama-bench pp',
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path: modelPath, folder: modelsDir } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const dataDir = await mkdtemp(join(tmpdir(), 'leeward-bench-data-'));
    const core = await startCore({ dataDir, modelsDir });
    const listening = new AbortController();
    try {
      const { client } = core;
      const chat = new TimedChat(client);
      await chat.listen(listening.signal);
      await client.settings.update({ threads: THREADS, contextSize: CONTEXT_SIZE, backend: 'cpu' });
      const model = await core.addModel();
      await client.models.load({ id: model.id, retryAfterCrash: false });
      const ask = (round: number) =>
        chat.time(
          ({ conversationId }) => conversationId,
          () =>
            client.conversations.send({
              requestId: crypto.randomUUID(),
              conversationId: null,
              parentId: null,
              text: wordsOf(WORDS, round),
              modelId: model.id,
              settings: { sampling: { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: 2 } },
            }),
        );
      const warm = await ask(0);
      const tokens = warm.stats.readTokens;
      const conditions = {
        model: '1.1B Q4_0, random, vocabulary of 32,000',
        tokens,
        threads: THREADS,
        contextSize: CONTEXT_SIZE,
        flashAttention: 'auto',
        pages: 'huge in the app, where glibc gives them to those that ask; llama-bench as it is',
        library: libraryVersion(),
        node: process.versions.node,
        reference: tools.build,
      };
      const measured = await rounds(ROUNDS, conditions, async (round) => {
        const got: { bench?: number; app?: number; stats?: number } = {};
        const arms = [
          async () =>
            void (got.bench = await llamaBench(tools, {
              modelPath,
              threads: THREADS,
              read: tokens,
              generate: 0,
            })),
          async () => {
            const { firstChunkMs, stats } = await ask(round + 1);
            got.app = (stats.readTokens / firstChunkMs) * 1000;
            got.stats = (stats.readTokens / stats.prefillMs) * 1000;
          },
        ];
        // What runs right after a process that ended is slower: each is first every other time.
        for (const index of arms.keys()) await arms[(index + round) % arms.length]?.();
        return {
          llamaBench: got.bench ?? Number.NaN,
          app: got.app ?? Number.NaN,
          stats: got.stats ?? Number.NaN,
        };
      });
      const rate = (name: string) => ({ unit: 'tok/s', ...summarise(arm(measured, name)) });
      const ratio = (name: string) => ({ unit: 'ratio', ...summarise(ratios(measured, name, 'llamaBench')) });
      return {
        conditions,
        figures: [
          { name: `llama-bench pp${tokens}`, ...rate('llamaBench') },
          { name: 'app, contract call to first chunk', ...rate('app') },
          { name: 'app, as its message footer says', ...rate('stats') },
          { name: 'app / llama-bench', ...ratio('app') },
          { name: 'footer / llama-bench', ...ratio('stats'), target: { atLeast: 0.97 } },
        ],
      };
    } finally {
      listening.abort();
      await core.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
};
