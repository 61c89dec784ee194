import { MessageChannel, Worker } from 'node:worker_threads';
import { createORPCClient, type NestedClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/message-port';
import { appError, isAppError } from '../contract/index.ts';
import { channelOfMessagePort, guardChannel } from '../contract/transport.ts';
import { noteOf } from './worker-log.ts';

/** A worker that does not end by itself after the database was closed is ended; nothing can be lost then. */
const END_TIMEOUT_MS = 5_000;
/** Signal Desktop's figure: a query that holds the store longer is felt in the interface. */
const SLOW_CALL_MS = 40;
/** Opening and closing, and what runs in a worker of its own: nobody else waits for it. */
const LONG_CALLS = new Set<string | undefined>(['lifecycle', 'beside', 'warm']);

export type Log = (event: string, fields?: Record<string, string | number | boolean | null>) => void;

export interface Connection<Client> {
  client: Client;
  /** Ends the worker; calls fail with `store_failed` from now on. */
  end(): Promise<void>;
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}

/** @param data given to the worker beside its port */
export function connect<Client extends NestedClient<{ signal?: AbortSignal | undefined }>>(
  workerPath: string,
  log: Log,
  data: Record<string, string> = {},
): Connection<Client> {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(workerPath, {
    workerData: { ...data, port: port2 },
    transferList: [port2],
    execArgv: [],
  });
  const exit = ended(worker);
  const channel = channelOfMessagePort(port1);
  let isOpen = true;
  const gone = () => {
    isOpen = false;
    channel.close();
  };
  channel.onClose(gone);
  void exit.then(gone);
  worker.on('message', (message) => {
    const note = noteOf(message);
    if (note) log(note.event, { code: note.code });
  });
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
          if (ms > SLOW_CALL_MS && !LONG_CALLS.has(path[0]))
            log('store.slow_call', { call: path.join('.'), ms });
        }
      },
    ],
  });
  return {
    client: createORPCClient<Client>(link),
    async end() {
      gone();
      const timer = setTimeout(() => void worker.terminate(), END_TIMEOUT_MS);
      await exit;
      clearTimeout(timer);
    },
  };
}
