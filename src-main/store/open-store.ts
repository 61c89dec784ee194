import { MessageChannel, Worker } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { appError, isAppError } from '../contract/index.ts';
import { channelOfMessagePort, guardChannel } from '../contract/transport.ts';
import type { Store } from './api.ts';
import type { WorkerClient } from './router.ts';

/** A worker that does not end by itself after the database was closed is ended; nothing can be lost then. */
const END_TIMEOUT_MS = 5_000;
/** Signal Desktop's figure: a query that holds the store longer is felt in the interface. */
const SLOW_CALL_MS = 40;

type Log = (event: string, fields?: Record<string, string | number | boolean | null>) => void;

interface Connection {
  client: WorkerClient;
  /** Ends the worker; calls fail with `store_failed` from now on. */
  end(): Promise<void>;
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}

function connect(workerPath: string, log: Log): Connection {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(workerPath, { workerData: { port: port2 }, transferList: [port2], execArgv: [] });
  const exit = ended(worker);
  const channel = channelOfMessagePort(port1);
  let isOpen = true;
  const gone = () => {
    isOpen = false;
    channel.close();
  };
  channel.onClose(gone);
  void exit.then(gone);
  worker.on('error', (error) => {
    log('store.worker_failed', { name: error instanceof Error ? error.name : 'unknown' });
    gone();
  });

  const link = new RPCLink({
    port: guardChannel(channel, { side: 'client' }),
    interceptors: [
      async ({ next, path }) => {
        // A closed port swallows what is posted to it: without this a call would wait for ever.
        if (!isOpen) throw appError('store_failed', { reason: 'closed' });
        const startedAt = performance.now();
        try {
          return await next();
        } catch (error) {
          throw isAppError(error) ? error : appError('store_failed', undefined, { cause: error });
        } finally {
          const ms = Math.round(performance.now() - startedAt);
          if (ms > SLOW_CALL_MS && path[0] !== 'lifecycle')
            log('store.slow_call', { call: path.join('.'), ms });
        }
      },
    ],
  });
  return {
    client: createORPCClient<WorkerClient>(link),
    async end() {
      gone();
      const timer = setTimeout(() => void worker.terminate(), END_TIMEOUT_MS);
      await exit;
      clearTimeout(timer);
    },
  };
}

/**
 * Starts the store worker and opens the database of the data folder, which the caller has locked.
 * @param workerPath file that runs `serveStore`
 * @throws store_newer with `databaseVersion` and `appVersion`, store_damaged: the files were not changed
 * @throws disk_full, store_failed
 */
export async function openStore(options: { workerPath: string; dataDir: string; log: Log }): Promise<Store> {
  const { workerPath, dataDir, log } = options;
  const { client, end } = connect(workerPath, log);
  const report = await client.lifecycle.open({ dataDir }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  log('store.opened', { ...report, openMs: Math.round(report.openMs) });

  let closing: Promise<void> | null = null;
  const { conversations, messages, generations, models, adapters, modelFolders, provenance, ledger } = client;
  return {
    conversations,
    messages,
    generations,
    models,
    adapters,
    modelFolders,
    provenance,
    ledger,
    close: () => (closing ??= client.lifecycle.close(undefined).finally(end)),
  };
}
