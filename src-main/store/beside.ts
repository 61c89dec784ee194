import type { Backup } from '../contract/index.ts';
import { connect, type Log } from './connection.ts';
import type { WorkerClient } from './router.ts';

/** What runs in a second store worker, so that calls of the first never wait for it. One job at a time. */
export interface Beside {
  /** @throws disk_full with `needBytes` and `freeBytes` */
  backUp(reason: 'daily' | 'manual'): Promise<void>;
  /** Newest first. @param checked only those that pass a full check, which reads them whole */
  backups(checked: boolean): Promise<Backup[]>;
  /** Puts a backup, or nothing, in the place of a damaged database that nobody has open. */
  replaceDamaged(id: string | null): Promise<void>;
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
    replaceDamaged: (id) => enqueue((client) => client.replaceDamaged({ dataDir, id })),
    async idle() {
      await last;
    },
  };
}
