import { randomUUID } from 'node:crypto';
import { implement } from '@orpc/server';
import { RPCHandler } from '@orpc/server/message-port';
import { appError, contract } from '../contract/index.ts';
import { guardChannel, type RawChannel } from '../contract/transport.ts';
import { createEventBus } from '../events.ts';
import { typedEdge } from '../rpc-edge.ts';
import { createBeside } from '../store/beside.ts';
import type { Log } from '../store/connection.ts';

export interface RecoveryOptions {
  workerPath: string;
  dataDir: string;
  log: Log;
  /** Starts the app on the database that is there now. Rejects when that fails; the person can choose again. */
  onRecovered(): Promise<void>;
}

/**
 * What a page gets while the database is damaged: its first calls fail with `store_damaged`, and it can choose a
 * backup. Nothing else is served, and nothing is written before that choice.
 */
export function createRecovery(options: RecoveryOptions) {
  const { log, onRecovered } = options;
  const os = implement(contract);
  const beside = createBeside(options);
  const bus = createEventBus(randomUUID());
  let recovering: Promise<void> | null = null;
  let isRecovered = false;

  const damaged = () => {
    throw appError('store_damaged');
  };

  async function recover(id: string | null): Promise<void> {
    // A second choice after a start that failed finds the database that the first one put there.
    await beside.replaceDamaged(id);
    await onRecovered();
    isRecovered = true;
    log('store.recovered', { fromBackup: id !== null });
  }

  const handler = new RPCHandler(
    {
      system: {
        info: os.system.info.handler(damaged),
        events: os.system.events.handler(({ lastEventId, signal }) => bus.subscribe({ lastEventId, signal })),
      },
      engine: { state: os.engine.state.handler(damaged) },
      privacy: { state: os.privacy.state.handler(damaged) },
      settings: { get: os.settings.get.handler(damaged) },
      backups: {
        good: os.backups.good.handler(() => beside.backups(true)),
        recover: os.backups.recover.handler(({ input }) => {
          if (recovering !== null || isRecovered) throw appError('conflict');
          recovering = recover(input.id).finally(() => (recovering = null));
          return recovering;
        }),
      },
    },
    typedEdge((error) => log('rpc.failed', { name: error instanceof Error ? error.name : typeof error })),
  );
  return {
    serve: (channel: RawChannel) => handler.upgrade(guardChannel(channel, { side: 'server' })),
    async close(): Promise<void> {
      await recovering?.catch(() => {});
      await beside.idle();
    },
  };
}
