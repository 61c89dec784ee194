import { randomUUID } from 'node:crypto';
import { implement } from '@orpc/server';
import { RPCHandler } from '@orpc/server/message-port';
import { appError, contract, type AppError, type Salvaged } from '../contract/index.ts';
import { guardChannel, type RawChannel } from '../contract/transport.ts';
import { createEventBus } from '../events.ts';
import { typedEdge } from '../rpc-edge.ts';
import { createBeside } from '../store/beside.ts';
import type { Log } from '../store/connection.ts';

/** What runs on the readable part of a damaged database. */
export interface Look {
  serve(channel: RawChannel): void;
  close(): Promise<void>;
}

export interface RecoveryOptions {
  workerPath: string;
  dataDir: string;
  log: Log;
  /** Why the database was not opened. */
  why: AppError & { code: 'store_damaged' | 'store_newer' };
  /** Starts the app on the database that is there now. Rejects when that fails; the person can choose again. */
  onRecovered(): Promise<void>;
  /** Starts an app that reads what was salvaged. */
  openLook(salvaged: Salvaged, endLook: () => Promise<void>): Promise<Look>;
}

/**
 * What a page gets while the database cannot be opened: its first calls fail with the reason, and it can choose a
 * backup or look at what can still be read. Nothing else is served, and no file of the database is changed before
 * that choice.
 */
export function createRecovery(options: RecoveryOptions) {
  const { log, why, onRecovered, openLook } = options;
  const isNewer = why.code === 'store_newer';
  const os = implement(contract);
  const beside = createBeside(options);
  const bus = createEventBus(randomUUID());
  let working: Promise<unknown> | null = null;
  let isRecovered = false;
  let look: Look | null = null;
  let ending: Promise<void> | null = null;

  const refused = () => {
    throw why;
  };

  /** One choice at a time. @throws conflict */
  function choosing<T>(work: () => Promise<T>): Promise<T> {
    if (look !== null) throw appError('conflict');
    return alone(work);
  }

  function alone<T>(work: () => Promise<T>): Promise<T> {
    if (working !== null || isRecovered) throw appError('conflict');
    const result = work().finally(() => (working = null));
    working = result;
    return result;
  }

  async function recover(id: string | null): Promise<void> {
    // A newer version opens them: nobody is to begin without them by a slip.
    if (id === null && isNewer) throw appError('conflict');
    // A second choice after a start that failed finds the database that the first one put there.
    await beside.replaceUnopened(id, isNewer ? 'newer' : 'damaged');
    await onRecovered();
    isRecovered = true;
    log('store.recovered', { fromBackup: id !== null });
  }

  async function beginLook(): Promise<Salvaged> {
    if (isNewer) throw appError('conflict');
    const salvaged = await beside.salvage();
    try {
      look = await openLook(salvaged, endLook);
    } catch (error) {
      await beside.discardSalvaged();
      throw error;
    }
    log('store.salvaged', { ...salvaged });
    return salvaged;
  }

  async function closeLook(open: Look): Promise<void> {
    await open.close();
    await beside.discardSalvaged();
    look = null;
  }

  /** No choice is taken before it has ended. Who asks meanwhile waits for the same end. */
  async function endLook(): Promise<void> {
    const open = look;
    if (open === null) return;
    ending ??= alone(() => closeLook(open)).finally(() => (ending = null));
    await ending;
  }

  const handler = new RPCHandler(
    {
      system: {
        info: os.system.info.handler(refused),
        events: os.system.events.handler(({ lastEventId, signal }) => bus.subscribe({ lastEventId, signal })),
      },
      engine: { state: os.engine.state.handler(refused) },
      privacy: { state: os.privacy.state.handler(refused) },
      settings: { get: os.settings.get.handler(refused) },
      backups: {
        good: os.backups.good.handler(() => beside.backups(true)),
        recover: os.backups.recover.handler(({ input }) => choosing(() => recover(input.id))),
        look: os.backups.look.handler(() => choosing(beginLook)),
      },
    },
    typedEdge((error) => log('rpc.failed', { name: error instanceof Error ? error.name : typeof error })),
  );
  return {
    serve(channel: RawChannel): void {
      if (look !== null && ending === null) look.serve(channel);
      else handler.upgrade(guardChannel(channel, { side: 'server' }));
    },
    async close(): Promise<void> {
      await working?.catch(() => {});
      if (look !== null) await endLook();
      await beside.idle();
    },
  };
}
