import { appError, type Backup, type RestoreStep, type Salvaged } from '../contract/index.ts';
import { connect, type Log } from './connection.ts';
import type { WorkerClient } from './router.ts';

/** What runs in a second store worker, so that calls of the first never wait for it. One job at a time. */
export interface Beside {
  /** @throws disk_full with `needBytes` and `freeBytes` */
  backUp(reason: 'daily' | 'manual'): Promise<void>;
  /** Newest first. @param checked only those that pass a full check, which reads them whole */
  backups(checked: boolean): Promise<Backup[]>;
  /** Copies and checks a backup, told by `onStep`, then calls `then`: no other job begins before that has ended. */
  prepare(
    id: string,
    options: {
      onStep: (step: RestoreStep) => void;
      signal: AbortSignal | undefined;
      then: () => Promise<void>;
    },
  ): Promise<void>;
  /** Puts a backup, or nothing, in the place of a database that cannot be opened and that nobody has open. */
  replaceUnopened(id: string | null, why: 'damaged' | 'newer'): Promise<void>;
  /** Takes chats out of every backup; one that cannot be rewritten is removed. */
  eraseFromBackups(ids: readonly string[]): Promise<{ rewritten: number; removed: number }>;
  /** Copies what can be read of a damaged database into a folder of its own. */
  salvage(): Promise<Salvaged>;
  discardSalvaged(): Promise<void>;
  /** Resolves when no job runs; how a job ended is told to who asked for it. */
  idle(): Promise<void>;
}

/** @param options.workerPath file that runs `serveStore`; the worker lives for one job */
export function createBeside(options: { workerPath: string; dataDir: string; log: Log }): Beside {
  const { workerPath, dataDir, log } = options;
  let last: Promise<unknown> = Promise.resolve();

  function enqueue<T>(job: (client: WorkerClient['beside']) => Promise<T>): Promise<T> {
    const result = last.then(async () => {
      const { client, end } = connect<WorkerClient>(workerPath, log);
      try {
        return await job(client.beside);
      } finally {
        await end();
      }
    });
    last = result.catch(() => {});
    return result;
  }

  return {
    backUp: (reason) => enqueue((client) => client.backUp({ dataDir, reason })),
    backups: (checked) => enqueue((client) => client.describe({ dataDir, checked })),
    prepare: (id, { onStep, signal, then }) =>
      enqueue(async (client) => {
        for await (const step of await client.prepare({ dataDir, id })) {
          if (signal?.aborted) throw appError('aborted');
          onStep(step);
        }
        if (signal?.aborted) throw appError('aborted');
        await then();
      }),
    replaceUnopened: (id, why) => enqueue((client) => client.replaceUnopened({ dataDir, id, why })),
    eraseFromBackups: (ids) => enqueue((client) => client.eraseFromBackups({ dataDir, ids })),
    salvage: () => enqueue((client) => client.salvage({ dataDir })),
    discardSalvaged: () => enqueue((client) => client.discardSalvaged({ dataDir })),
    async idle() {
      await last;
    },
  };
}
