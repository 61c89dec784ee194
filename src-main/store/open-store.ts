import { errorCodeOf } from '../contract/index.ts';
import type { Store } from './api.ts';
import { createBeside } from './beside.ts';
import { connect, type Log } from './connection.ts';
import type { WorkerClient } from './router.ts';

/** A search that has just begun is closed and ends soon; one that begins again and again is given up. */
const EXCHANGE_TRIES = 5;

/**
 * Starts the store worker and opens the database of the data folder, which the caller has locked.
 * @param workerPath file that runs `serveStore`
 * @param readOnly every change fails with `store_read_only`
 * @throws store_newer with `databaseVersion` and `appVersion`, store_damaged: the files were not changed
 * @throws disk_full, store_failed
 */
export async function openStore(options: {
  workerPath: string;
  dataDir: string;
  log: Log;
  readOnly?: boolean;
}): Promise<Store> {
  const { workerPath, dataDir, log, readOnly = false } = options;
  const { client, end } = connect<WorkerClient>(workerPath, log);
  try {
    if (readOnly) await client.lifecycle.openReadOnly({ dataDir });
    else {
      const report = await client.lifecycle.open({ dataDir });
      log('store.opened', { ...report, openMs: Math.round(report.openMs) });
    }
  } catch (error) {
    await end();
    throw error;
  }

  const beside = createBeside({ workerPath, dataDir, log });
  let closing: Promise<void> | null = null;
  const { conversations, messages, tree, queue, generations, models, modelFolders, provenance, ledger } =
    client;
  const { adapters, attachments, presets, history, folders, tags, trash, transfer, samples, lab, files } =
    client;
  return {
    conversations,
    messages,
    attachments,
    tree,
    queue,
    generations,
    samples,
    lab,
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
      // After a backup that is being made, which would hold what is erased.
      eraseFromBackups: ({ ids }) => beside.eraseFromBackups(ids),
      restoreBackup: ({ id }, { onStep, signal, prepared }) =>
        beside
          .prepare(id, { onStep, signal, then: () => exchangeWith(files, prepared) })
          .catch(async (error: unknown) => {
            await files.discardCandidate(undefined).catch(() => {});
            throw error;
          }),
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

/** @throws conflict when a search holds the database each time */
async function exchangeWith(files: WorkerClient['files'], prepared: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await prepared();
    try {
      return await files.exchange(undefined);
    } catch (error) {
      if (errorCodeOf(error) !== 'conflict' || tries >= EXCHANGE_TRIES) throw error;
    }
  }
}
