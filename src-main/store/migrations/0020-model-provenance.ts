import type { Migration } from '../migrate.ts';

// `pieces`: the hashes of the pieces as they were received, one behind the other; 64 letters each.
const SQL = `
CREATE TABLE model_provenance (
  model_id       TEXT PRIMARY KEY NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  repo           TEXT NOT NULL,
  revision       TEXT NOT NULL CHECK (length(revision) = 40),
  path           TEXT NOT NULL,
  quant          TEXT,
  licence        TEXT,
  base_models    TEXT NOT NULL CHECK (json_valid(base_models)),
  downloaded_at  INTEGER NOT NULL,
  verified_at    INTEGER,
  verify_ms      REAL
) STRICT;

CREATE TABLE model_provenance_files (
  model_id     TEXT NOT NULL REFERENCES model_provenance (model_id) ON DELETE CASCADE,
  part         INTEGER NOT NULL CHECK (part >= 0),
  path         TEXT NOT NULL,
  size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
  sha256       TEXT NOT NULL CHECK (length(sha256) = 64),
  piece_bytes  INTEGER NOT NULL CHECK (piece_bytes > 0),
  pieces       TEXT NOT NULL CHECK (length(pieces) = 64 * ((size_bytes + piece_bytes - 1) / piece_bytes)),
  PRIMARY KEY (model_id, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_provenance_files_by_hash ON model_provenance_files (sha256);
`;

/** Where downloaded models came from and what proves it; gone with the model. */
export const modelProvenance: Migration = {
  version: 20,
  name: 'model provenance',
  up: (db) => void db.exec(SQL),
};
