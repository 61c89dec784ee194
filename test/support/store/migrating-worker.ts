// The store worker with migrations that take their time and say in the journal when they run.
import { workerData } from 'node:worker_threads';
import type { Migration } from '../../../src-main/store/migrate.ts';
import { serveStore } from '../../../src-main/store/serve-store.ts';
import { openJournal } from './journal.ts';
import { longMigrations } from './long-migrations.ts';

const journalFile = process.env.LEEWARD_TEST_JOURNAL;
if (journalFile === undefined || workerData === null)
  throw new Error('Only the kill test starts this worker');
const note = openJournal(journalFile);

const noted: Migration[] = longMigrations.map((migration) => ({
  ...migration,
  up(db) {
    note({ at: 'start', phase: 'migrate', operation: null });
    migration.up(db);
  },
}));

serveStore(noted);
