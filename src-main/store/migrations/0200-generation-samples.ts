import type { Migration } from '../migrate.ts';

// No text and no id of a chat: the figures stay when a chat is deleted, and lead to none.
const SQL = `
CREATE TABLE sample_setups (
  id     INTEGER PRIMARY KEY,
  facts  TEXT NOT NULL UNIQUE CHECK (json_valid(facts))
) STRICT;

CREATE TABLE generation_samples (
  id                 INTEGER PRIMARY KEY AUTOINCREMENT,
  setup_id           INTEGER NOT NULL REFERENCES sample_setups (id),
  at                 INTEGER NOT NULL,
  purpose            TEXT NOT NULL CHECK (purpose IN ('answer', 'title')),
  kind               TEXT CHECK (kind IN ('follow_up', 'warm', 'cold')),
  prompt_tokens      INTEGER NOT NULL,
  reused_tokens      INTEGER NOT NULL,
  reused_from        TEXT CHECK (reused_from IN ('live', 'disk')),
  restore_ms         REAL NOT NULL,
  read_tokens        INTEGER NOT NULL,
  reread_tokens      INTEGER NOT NULL,
  generated_tokens   INTEGER NOT NULL,
  guessed_tokens     INTEGER NOT NULL,
  guessed_right      INTEGER NOT NULL,
  load_ms            REAL NOT NULL,
  prefill_ms         REAL NOT NULL,
  first_token_ms     REAL,
  decode_ms          REAL NOT NULL,
  tokens_per_second  REAL,
  stop_reason        TEXT NOT NULL CHECK (stop_reason IN ('end', 'stopped', 'max_tokens', 'context_full', 'failed')),
  context_tokens     INTEGER NOT NULL,
  memory_bytes       INTEGER,
  vram_bytes         INTEGER
) STRICT;
CREATE INDEX generation_samples_by_time ON generation_samples (at);

ALTER TABLE generations ADD COLUMN first_token_kind TEXT;
`;

/** The figures of every generation, for Performance; what an answer's wait was made of. */
export const generationSamples: Migration = {
  version: 200,
  name: 'generation samples',
  up: (db) => void db.exec(SQL),
};
