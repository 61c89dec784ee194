import type { Migration } from '../migrate.ts';

// A run is written once and read as a whole; only its name changes.
const SQL = `
CREATE TABLE bench_runs (
  id        TEXT PRIMARY KEY NOT NULL,
  at        INTEGER NOT NULL,
  imported  INTEGER NOT NULL CHECK (imported IN (0, 1)),
  removed   INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
  facts     TEXT NOT NULL CHECK (json_valid(facts))
) STRICT;
CREATE INDEX bench_runs_by_time ON bench_runs (at);
`;

/** Benchmark runs with their figures and what they were made on. */
export const lab: Migration = { version: 220, name: 'lab', up: (db) => void db.exec(SQL) };
