import type { Store } from './api.ts';
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

  let closing: Promise<void> | null = null;
  const { conversations, messages, tree, queue, generations, models, modelFolders, provenance, ledger } =
    client;
  const { adapters, attachments, presets, history, folders, tags, trash, transfer, files } = client;
  return {
    conversations,
    messages,
    attachments,
    tree,
    queue,
    generations,
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
    files,
    close: () => (closing ??= client.lifecycle.close(undefined).finally(end)),
  };
}
