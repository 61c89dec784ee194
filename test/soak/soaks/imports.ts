import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entries } from '../../../src-main/entries.ts';
import { openStore } from '../../../src-main/store/open-store.ts';
import { brokenImport, faultOfImport } from '../../support/imports/mutated.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

export const name = 'imports';
export const defaultCount = 3_000;

/** A broken file may cost a moment, never a stand-still: a busy machine, a file of some ten kilobytes. */
const MAX_IMPORT_MS = 20_000;

interface Progress {
  done: number;
  failures: string[];
  /** By what became of them. */
  outcomes: Record<string, number>;
  kinds: Record<string, number>;
  slowestMs: number;
}

/**
 * Imports broken files of every program, cut and changed: each ends with a report or a reason, nothing of one that
 * fails is kept, and what is taken is whole.
 */
export async function run({ count, seed, log, deadline, saved, save }: SoakContext): Promise<SoakResult> {
  const progress: Progress = isProgress(saved)
    ? saved
    : { done: 0, failures: [], outcomes: {}, kinds: {}, slowestMs: 0 };
  const folder = await mkdtemp(join(tmpdir(), 'leeward-imports-'));
  const store = await openStore({ workerPath: entries.storeWorker, dataDir: folder, log: () => {} });
  try {
    for (; progress.done < count && Date.now() < deadline; progress.done += 1) {
      const own = partSeed(seed, progress.done);
      const { kind, files } = brokenImport(own);
      const startedAt = performance.now();
      const { outcome, fault } = await faultOfImport(store, files);
      const tookMs = Math.round(performance.now() - startedAt);
      progress.slowestMs = Math.max(progress.slowestMs, tookMs);
      progress.outcomes[outcome] = (progress.outcomes[outcome] ?? 0) + 1;
      progress.kinds[kind] = (progress.kinds[kind] ?? 0) + 1;
      if (fault !== null) progress.failures.push(`import ${progress.done} (seed ${own}, ${kind}): ${fault}`);
      if (tookMs > MAX_IMPORT_MS) progress.failures.push(`import ${progress.done} (${kind}): ${tookMs} ms`);
      if (progress.done % 100 !== 99) continue;
      save({ ...progress, done: progress.done + 1 });
      log(`${progress.done + 1} of ${count} imports`);
    }
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
  const { done, failures, ...figures } = progress;
  return { done, failures, figures };
}

function isProgress(value: unknown): value is Progress {
  return typeof value === 'object' && value !== null && 'done' in value && 'outcomes' in value;
}
