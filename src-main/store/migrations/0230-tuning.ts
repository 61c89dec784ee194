import type { Migration } from '../migrate.ts';

const SQL = `
ALTER TABLE models ADD COLUMN speculation TEXT CHECK (speculation IN ('off'));
ALTER TABLE models ADD COLUMN cache_type TEXT CHECK (cache_type IN ('q8_0'));
CREATE TABLE model_tunings (
  model_id          TEXT PRIMARY KEY NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  -- Machine, files and settings that it was found out with.
  key               TEXT NOT NULL,
  threads           INTEGER CHECK (threads > 0),
  cache_divergence  REAL
) STRICT;
ALTER TABLE generations ADD COLUMN reread_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN guessed_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN guessed_right INTEGER NOT NULL DEFAULT 0;
`;

/** Whether a model may guess ahead, and how its cache is kept (null: the app's choice); what came of it in answers. */
export const tuning: Migration = { version: 230, name: 'tuning', up: (db) => void db.exec(SQL) };
