import type { Migration } from '../migrate.ts';

// Adapters are files of the library like models: `adapters` has what only they have. `targets`: the tensors of
// a base that an adapter changes. `kept_provenance`: of files that left the list and may come back.
const SQL = `
ALTER TABLE models ADD COLUMN kind TEXT NOT NULL DEFAULT 'model' CHECK (kind IN ('model', 'adapter'));
ALTER TABLE models ADD COLUMN chat_template TEXT;
ALTER TABLE models ADD COLUMN keep_loaded_minutes INTEGER CHECK (keep_loaded_minutes >= 0);

CREATE TABLE adapters (
  model_id  TEXT PRIMARY KEY NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  rank      INTEGER NOT NULL,
  bases     TEXT NOT NULL CHECK (json_valid(bases)),
  targets   TEXT NOT NULL CHECK (json_valid(targets))
) STRICT;

CREATE TABLE attached_adapters (
  seq         INTEGER PRIMARY KEY,
  model_id    TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  adapter_id  TEXT NOT NULL REFERENCES adapters (model_id) ON DELETE CASCADE,
  scale       REAL NOT NULL CHECK (scale BETWEEN 0 AND 2),
  UNIQUE (model_id, adapter_id)
) STRICT;
CREATE INDEX attached_adapters_by_adapter ON attached_adapters (adapter_id);

CREATE TABLE kept_provenance (
  path        TEXT PRIMARY KEY NOT NULL,
  size_bytes  INTEGER NOT NULL,
  changed_ms  REAL NOT NULL,
  content     TEXT NOT NULL CHECK (json_valid(content))
) STRICT;
`;

/** Adapters and what they are attached to; a model's own chat template and how long it stays loaded; proof of
 * files that were taken off the list. */
export const adapters: Migration = { version: 40, name: 'adapters', up: (db) => void db.exec(SQL) };
