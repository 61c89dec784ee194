import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { propertyOf } from './guards.ts';
import { HUGE_PAGES } from './library.ts';
import type { LlamaCpp } from './llama-cpp.ts';

const run = promisify(execFile);

export interface LlamaBenchTest {
  modelPath: string;
  threads: number;
  /** Tokens read before and tokens generated, timed together: `-pg`. With one of them zero: `-n` or `-p` alone. */
  read?: number;
  generate: number;
  /** Tokens already in the context: `-d`. */
  depth?: number;
  /** With the pages that the app's engine asks for; left out: as it is. */
  hugePages?: boolean;
}

/**
 * One repetition of llama-bench (it warms up first), CPU only, flash attention automatic, batches of 512.
 * @returns tokens per second over `read` + `generate` tokens
 */
export async function llamaBench(tools: LlamaCpp, test: LlamaBenchTest): Promise<number> {
  const { modelPath, threads, read = 0, generate, depth = 0, hugePages = false } = test;
  const both = ['-p', '0', '-n', '0', '-pg', `${read},${generate}`];
  const one = ['-p', String(read), '-n', String(generate)];
  const work = read > 0 && generate > 0 ? both : one;
  const { stdout } = await run(
    tools.bench,
    [
      ...['--offline', '-m', modelPath, '-t', String(threads), '-ngl', '0', '-b', '512', '-ub', '512'],
      ...['-fa', 'auto', '-d', String(depth), '-r', '1', '-o', 'json', ...work],
    ],
    { env: { ...process.env, ...(hugePages ? HUGE_PAGES : {}) } },
  );
  const results: unknown = JSON.parse(stdout);
  if (!Array.isArray(results) || results.length !== 1)
    throw new TypeError('llama-bench gave no single result');
  const rate = propertyOf(results[0], 'avg_ts');
  if (typeof rate !== 'number' || !(rate > 0)) throw new TypeError('llama-bench gave no rate');
  return rate;
}
