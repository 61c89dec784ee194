import { os, type } from '@orpc/server';
import type { Backup, RestoreStep, Salvaged } from '../contract/index.ts';
import type { StoreApi, StoreClient, StoreFiles } from './api.ts';
import type { OpenReport } from './database.ts';
import { storeError } from './errors.ts';
import { eraseFromBackups } from './backup-erase.ts';
import { Holder } from './holder.ts';
import { latestVersion, type Migration } from './migrate.ts';
import { adapters } from './queries/adapters.ts';
import { attachments } from './queries/attachments.ts';
import { conversations } from './queries/conversations.ts';
import { folders } from './queries/folders.ts';
import { generations } from './queries/generations.ts';
import { history } from './queries/history.ts';
import { lab } from './queries/lab.ts';
import { ledger } from './queries/ledger.ts';
import { messages } from './queries/messages.ts';
import { modelFolders } from './queries/model-folders.ts';
import { models } from './queries/models.ts';
import { presets } from './queries/presets.ts';
import { provenance } from './queries/provenance.ts';
import { queue } from './queries/queue.ts';
import { samples } from './queries/samples.ts';
import { tags } from './queries/tags.ts';
import { trash } from './queries/trash.ts';
import { transfer } from './queries/transfer.ts';
import { tree } from './queries/tree.ts';
import { backUpBeside, describeBackups, prepareCandidate, replaceUnopened } from './restore.ts';
import { discardSalvaged } from './salvage-folder.ts';
import { salvage } from './salvage.ts';
import type { Db, Queries } from './sql.ts';
import { tellLog } from './worker-log.ts';

const queries: { [E in keyof StoreApi]: Queries<StoreApi[E]> } = {
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
  presets,
  ledger,
  history,
  folders,
  tags,
  trash,
  transfer,
};

/** Opening and closing, called by `openStore` only. */
type Lifecycle = {
  /** Must come first and succeed before anything else is called. */
  open: (input: { dataDir: string }) => Promise<OpenReport>;
  /** The same for a database that is only read. */
  openReadOnly: (input: { dataDir: string }) => Promise<void>;
  close: (input: undefined) => Promise<void>;
};

/** What is done in a worker of its own, beside the one that has the database open, or while nobody has. */
type Beside = {
  backUp: (input: { dataDir: string; reason: 'daily' | 'manual' }) => Promise<void>;
  describe: (input: { dataDir: string; checked: boolean }) => Promise<Backup[]>;
  /** Leaving the loop ends it, and nothing stays. */
  prepare: (input: { dataDir: string; id: string }) => Promise<AsyncIterableIterator<RestoreStep>>;
  replaceUnopened: (input: { dataDir: string; id: string | null; why: 'damaged' | 'newer' }) => Promise<void>;
  eraseFromBackups: (input: {
    dataDir: string;
    ids: readonly string[];
  }) => Promise<{ rewritten: number; removed: number }>;
  salvage: (input: { dataDir: string }) => Promise<Salvaged>;
  discardSalvaged: (input: { dataDir: string }) => Promise<void>;
};

/** What `openStore` makes one restore of. */
type Exchange = {
  exchange: (input: undefined) => Promise<void>;
  discardCandidate: (input: undefined) => Promise<void>;
};

/** What the worker's router is called as. */
export type WorkerClient = StoreClient & {
  lifecycle: Lifecycle;
  files: Omit<StoreFiles, 'backUp' | 'backups' | 'restoreBackup' | 'eraseFromBackups'> & Exchange;
  beside: Beside;
};

/** Inputs come from this process and are typed at compile time, so they are not validated again. */
function procedure(holder: Holder, query: (db: Db, input: never) => unknown) {
  return os.input(type<never>()).handler(({ input }) => holder.run(input, (db) => query(db, input)));
}

function entity(holder: Holder, functions: (typeof queries)[keyof StoreApi]) {
  return Object.fromEntries(
    Object.entries(functions).map(([name, query]) => [name, procedure(holder, query)]),
  );
}

function fileRoutes(holder: Holder) {
  const ofChat = os.input(type<{ id: string }>());
  const ofChats = os.input(type<{ ids: readonly string[] | null }>());
  return {
    keep: ofChat.handler(({ input }) => holder.keep(input.id)),
    discard: ofChat.handler(({ input }) => holder.discard(input.id)),
    truncateLog: os.handler(() => holder.truncateLog()),
    backupsWith: ofChats.handler(({ input }) => holder.backupsWith(input.ids)),
    exchange: os.handler(() => holder.exchange()),
    discardCandidate: os.handler(() => holder.discardCandidate()),
  };
}

function besideRoutes(migrations: readonly Migration[]) {
  const latest = latestVersion(migrations);
  const guarded = <O>(dataDir: string, work: () => O): O => {
    try {
      return work();
    } catch (error) {
      throw storeError(error, dataDir);
    }
  };
  return {
    backUp: os
      .input(type<{ dataDir: string; reason: 'daily' | 'manual' }>())
      .handler(({ input: { dataDir, reason } }) =>
        guarded(dataDir, () => backUpBeside(dataDir, latest, reason)),
      ),
    describe: os
      .input(type<{ dataDir: string; checked: boolean }>())
      .handler(({ input: { dataDir, checked } }) =>
        guarded(dataDir, () => describeBackups(dataDir, latest, checked)),
      ),
    prepare: os.input(type<{ dataDir: string; id: string }>()).handler(async function* ({
      input: { dataDir, id },
    }) {
      try {
        yield* prepareCandidate(dataDir, id, migrations);
      } catch (error) {
        throw storeError(error, dataDir);
      }
    }),
    replaceUnopened: os
      .input(type<{ dataDir: string; id: string | null; why: 'damaged' | 'newer' }>())
      .handler(({ input: { dataDir, id, why } }) =>
        replaceUnopened(dataDir, id, why, migrations).catch((error: unknown) => {
          throw storeError(error, dataDir);
        }),
      ),
    eraseFromBackups: os
      .input(type<{ dataDir: string; ids: readonly string[] }>())
      .handler(({ input: { dataDir, ids } }) => guarded(dataDir, () => eraseFromBackups(dataDir, ids))),
    salvage: os
      .input(type<{ dataDir: string }>())
      .handler(({ input: { dataDir } }) => guarded(dataDir, () => salvage(dataDir, migrations))),
    discardSalvaged: os
      .input(type<{ dataDir: string }>())
      .handler(({ input: { dataDir } }) => guarded(dataDir, () => discardSalvaged(dataDir))),
  };
}

/** The worker's router, derived from the query modules: a new query needs no line here. */
export function createStoreRouter(migrations: readonly Migration[]) {
  const holder = new Holder(tellLog('store.index_failed'));
  return {
    conversations: entity(holder, queries.conversations),
    messages: entity(holder, queries.messages),
    attachments: entity(holder, queries.attachments),
    tree: entity(holder, queries.tree),
    queue: entity(holder, queries.queue),
    generations: entity(holder, queries.generations),
    samples: entity(holder, queries.samples),
    lab: entity(holder, queries.lab),
    models: entity(holder, queries.models),
    adapters: entity(holder, queries.adapters),
    modelFolders: entity(holder, queries.modelFolders),
    provenance: entity(holder, queries.provenance),
    presets: entity(holder, queries.presets),
    ledger: entity(holder, queries.ledger),
    history: entity(holder, queries.history),
    folders: entity(holder, queries.folders),
    tags: entity(holder, queries.tags),
    trash: entity(holder, queries.trash),
    transfer: entity(holder, queries.transfer),
    files: fileRoutes(holder),
    beside: besideRoutes(migrations),
    lifecycle: {
      open: os
        .input(type<{ dataDir: string }>())
        .handler(({ input }) => holder.open(input.dataDir, migrations)),
      openReadOnly: os
        .input(type<{ dataDir: string }>())
        .handler(({ input }) => holder.openReadOnly(input.dataDir, migrations)),
      close: os.handler(() => holder.close()),
    },
  };
}
