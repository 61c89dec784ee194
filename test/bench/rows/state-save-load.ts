import { join } from 'node:path';
import { AS_THE_APP, LibraryProcess, libraryVersion } from '../library.ts';
import { ensureLlamaCpp } from '../llama-cpp.ts';
import { benchModel } from '../models.ts';
import { arm } from '../row.ts';
import type { BenchRow, Round } from '../row.ts';
import { summarise } from '../stats.ts';

const ROUNDS = 7;
const PROMPT_TOKENS = 700;
const THREADS = 2;

/** Time to the first token when the state is loaded, against the same when the prompt is read. */
function resumeRatios(rounds: readonly Round[]): number[] {
  const [load, warm, prefill, cold] = ['loadMs', 'warmTokenMs', 'prefillMs', 'coldTokenMs'].map((name) =>
    arm(rounds, name),
  );
  return rounds.map((_, i) => {
    const resumed = (load?.[i] ?? Number.NaN) + (warm?.[i] ?? Number.NaN);
    return resumed / ((prefill?.[i] ?? Number.NaN) + (cold?.[i] ?? Number.NaN));
  });
}

/** Key figure: what saving and loading a state costs against reading the prompt again. */
export const row: BenchRow = {
  title: `State of ${PROMPT_TOKENS} tokens: saved and loaded, against reading them again`,
  async measure({ folder, report, rounds }) {
    const tools = await ensureLlamaCpp(report);
    const { path: modelPath } = await benchModel(folder, tools, '1.1B', 'Q4_0');
    const library = new LibraryProcess(AS_THE_APP);
    try {
      await library.call({ name: 'load', modelPath, contextSize: 1024, threads: THREADS });
      await library.call({ name: 'decode', tokens: 8 });
      const conditions = {
        model: '1.1B Q4_0, random',
        promptTokens: PROMPT_TOKENS,
        threads: THREADS,
        batch: 512,
        library: libraryVersion(),
        node: process.versions.node,
        state: 'the state file is in the page cache (warm) when it is loaded',
      };
      const measured = await rounds(ROUNDS, conditions, (round) =>
        library.call({
          name: 'state',
          tokens: PROMPT_TOKENS,
          round,
          stateFile: join(folder, `state-${process.pid}.bin`),
        }),
      );
      const ms = (name: string) => ({ unit: 'ms', ...summarise(arm(measured, name)) });
      return {
        conditions,
        figures: [
          { name: `prefill of ${PROMPT_TOKENS - 1} tokens`, ...ms('prefillMs') },
          { name: 'saveStateToFile', ...ms('saveMs') },
          { name: 'state file', unit: 'bytes', ...summarise(arm(measured, 'fileBytes')) },
          { name: 'plain read of the state file', ...ms('readMs') },
          { name: 'loadStateFromFile', ...ms('loadMs') },
          { name: 'next token after prefill', ...ms('coldTokenMs') },
          { name: 'next token after load', ...ms('warmTokenMs') },
          {
            name: 'first token: state loaded / prompt read',
            unit: 'ratio',
            ...summarise(resumeRatios(measured)),
            target: { atMost: 0.05 },
          },
        ],
      };
    } finally {
      await library.close();
    }
  },
};
