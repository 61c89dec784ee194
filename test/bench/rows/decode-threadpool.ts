import { AS_THE_APP, LibraryProcess, libraryVersion } from '../library.ts';
import { llamaBench } from '../llama-bench.ts';
import { ensureLlamaCpp } from '../llama-cpp.ts';
import { benchModel } from '../models.ts';
import { arm, ratios } from '../row.ts';
import type { BenchRow } from '../row.ts';
import { summarise } from '../stats.ts';

const ROUNDS = 7;
const TOKENS = 128;
const THREADS = 2;

/** Key figures: what the size of libuv's thread pool costs the library, and what huge pages give. */
export const row: BenchRow = {
  title:
    'Decode by the library alone, with and without UV_THREADPOOL_SIZE=1 and huge pages, against llama-bench tg128',
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path: modelPath } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const standard = new LibraryProcess();
    const single = new LibraryProcess({ threadPool: 1 });
    const asTheApp = new LibraryProcess(AS_THE_APP);
    try {
      for (const library of [standard, single, asTheApp]) {
        await library.call({ name: 'load', modelPath, contextSize: 1024, threads: THREADS });
        await library.call({ name: 'decode', tokens: 16 });
      }
      const conditions = {
        model: '1.1B Q4_0, random',
        tokens: TOKENS,
        threads: THREADS,
        flashAttention: 'auto',
        library: libraryVersion(),
        node: process.versions.node,
        reference: tools.build,
      };
      const measured = await rounds(ROUNDS, conditions, async () => {
        const bench = await llamaBench(tools, { modelPath, threads: THREADS, generate: TOKENS });
        const four = await standard.call({ name: 'decode', tokens: TOKENS });
        const one = await single.call({ name: 'decode', tokens: TOKENS });
        const huge = await asTheApp.call({ name: 'decode', tokens: TOKENS });
        return {
          llamaBench: bench,
          poolOfFour: four['tokensPerSecond'] ?? Number.NaN,
          poolOfOne: one['tokensPerSecond'] ?? Number.NaN,
          hugePages: huge['tokensPerSecond'] ?? Number.NaN,
        };
      });
      const rate = (name: string) => ({ unit: 'tok/s', ...summarise(arm(measured, name)) });
      const ratio = (a: string, b: string) => ({ unit: 'ratio', ...summarise(ratios(measured, a, b)) });
      return {
        conditions,
        figures: [
          { name: 'llama-bench tg128', ...rate('llamaBench') },
          { name: 'library, default thread pool', ...rate('poolOfFour') },
          { name: 'library, UV_THREADPOOL_SIZE=1', ...rate('poolOfOne') },
          { name: 'library, UV_THREADPOOL_SIZE=1 and huge pages', ...rate('hugePages') },
          { name: 'default pool / llama-bench', ...ratio('poolOfFour', 'llamaBench') },
          { name: 'pool of one / llama-bench', ...ratio('poolOfOne', 'llamaBench') },
          { name: 'pool of one / default pool', ...ratio('poolOfOne', 'poolOfFour') },
          { name: 'huge pages / llama-bench', ...ratio('hugePages', 'llamaBench') },
          { name: 'huge pages / pool of one', ...ratio('hugePages', 'poolOfOne') },
        ],
      };
    } finally {
      await Promise.all([standard.close(), single.close(), asTheApp.close()]);
    }
  },
};
