import type { Store } from './api.ts';
import { createBeside } from './beside.ts';
import { connect, type Log } from './connection.ts';
import type { WorkerClient } from './router.ts';

/**
 * Starts the store worker and opens the database of the data folder, which the caller has locked.
 * @param workerPath file that runs `serveStore`
 * @throws store_newer with `databaseVersion` and `appVersion`, store_damaged: the files were not changed
 * @throws disk_full, store_failed
 */
export async function openStore(options: { workerPath: string; dataDir: string; log: Log }): Promise<Store> {
  const { workerPath, dataDir, log } = options;
  const { client, end } = connect<WorkerClient>(workerPath, log);
  const report = await client.lifecycle.open({ dataDir }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  log('store.opened', { ...report, openMs: Math.round(report.openMs) });

  const beside = createBeside({ workerPath, dataDir, log });
  let closing: Promise<void> | null = null;
  const { conversations, messages, tree, queue, generations, models, modelFolders, provenance, ledger } =
    client;
  const { adapters, attachments, presets, history, folders, tags, trash, transfer, samples, files } = client;
  return {
    conversations,
    messages,
    attachments,
    tree,
    queue,
    generations,
    samples,
    models,
    adapters,
    modelFolders,
    provenance,
    ledger,
    presets,
    history,
    folders,
    tags,
    trash,
    transfer,
    files: {
      keep: files.keep,
      discard: files.discard,
      truncateLog: files.truncateLog,
      backupsWith: files.backupsWith,
      // A backup that is being made would hold what is erased, and a restore would race with it.
      eraseFromBackups: (input) => beside.idle().then(() => files.eraseFromBackups(input)),
      restoreBackup: (input) => beside.idle().then(() => files.restoreBackup(input)),
      backUp: ({ reason }) => beside.backUp(reason),
      backups: () => beside.backups(false),
    },
    close: () =>
      (closing ??= beside
        .idle()
        .then(() => client.lifecycle.close(undefined))
        .finally(end)),
  };
}
