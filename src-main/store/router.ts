import { os, type } from '@orpc/server';
import { appError } from '../contract/index.ts';
import type { StoreApi, StoreClient } from './api.ts';
import { closeDatabase, openDatabase, type OpenReport } from './database.ts';
import { storeError } from './errors.ts';
import type { Migration } from './migrate.ts';
import { adapters } from './queries/adapters.ts';
import { conversations } from './queries/conversations.ts';
import { generations } from './queries/generations.ts';
import { ledger } from './queries/ledger.ts';
import { messages } from './queries/messages.ts';
import { modelFolders } from './queries/model-folders.ts';
import { models } from './queries/models.ts';
import { provenance } from './queries/provenance.ts';
import type { Db, Queries } from './sql.ts';

const queries: { [E in keyof StoreApi]: Queries<StoreApi[E]> } = {
  conversations,
  messages,
  generations,
  models,
  adapters,
  modelFolders,
  provenance,
  ledger,
};

/** Opening and closing, called by `openStore` only. */
type Lifecycle = {
  /** Must come first and succeed before anything else is called. */
  open: (input: { dataDir: string }) => Promise<OpenReport>;
  close: (input: undefined) => Promise<void>;
};

/** What the worker's router is called as. */
export type WorkerClient = StoreClient & { lifecycle: Lifecycle };

/** The database of this worker; every call is one transaction on it and throws errors of the contract only. */
class Holder {
  #open: { db: Db; dataDir: string } | null = null;

  open(dataDir: string, migrations: readonly Migration[]): OpenReport {
    if (this.#open) throw appError('conflict');
    try {
      const { db, report } = openDatabase(dataDir, migrations);
      this.#open = { db, dataDir };
      return report;
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  run<O>(work: (db: Db) => O): O {
    if (!this.#open) throw appError('store_failed', { reason: 'closed' });
    const { db, dataDir } = this.#open;
    try {
      return db.transaction(() => work(db))();
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }

  close(): void {
    if (!this.#open) return;
    const { db, dataDir } = this.#open;
    this.#open = null;
    try {
      closeDatabase(db);
    } catch (error) {
      throw storeError(error, dataDir);
    }
  }
}

/** Inputs come from this process and are typed at compile time, so they are not validated again. */
function procedure(holder: Holder, query: (db: Db, input: never) => unknown) {
  return os.input(type<never>()).handler(({ input }) => holder.run((db) => query(db, input)));
}

function entity(holder: Holder, functions: (typeof queries)[keyof StoreApi]) {
  return Object.fromEntries(
    Object.entries(functions).map(([name, query]) => [name, procedure(holder, query)]),
  );
}

/** The worker's router, derived from the query modules: a new query needs no line here. */
export function createStoreRouter(migrations: readonly Migration[]) {
  const holder = new Holder();
  return {
    conversations: entity(holder, queries.conversations),
    messages: entity(holder, queries.messages),
    generations: entity(holder, queries.generations),
    models: entity(holder, queries.models),
    adapters: entity(holder, queries.adapters),
    modelFolders: entity(holder, queries.modelFolders),
    provenance: entity(holder, queries.provenance),
    ledger: entity(holder, queries.ledger),
    lifecycle: {
      open: os
        .input(type<{ dataDir: string }>())
        .handler(({ input }) => holder.open(input.dataDir, migrations)),
      close: os.handler(() => holder.close()),
    },
  };
}
