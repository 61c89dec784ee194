import type { Migration } from '../migrate.ts';

const SQL = `
CREATE TABLE presets (
  id             TEXT PRIMARY KEY NOT NULL,
  name           TEXT NOT NULL,
  system_prompt  TEXT NOT NULL,
  sampling       TEXT CHECK (sampling IS NULL OR json_valid(sampling)),
  reasoning      TEXT CHECK (reasoning IS NULL OR json_valid(reasoning)),
  model_id       TEXT,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  removed_at     INTEGER
) STRICT;

ALTER TABLE conversations ADD COLUMN preset_id TEXT;
ALTER TABLE conversations ADD COLUMN reasoning TEXT CHECK (reasoning IS NULL OR json_valid(reasoning));

ALTER TABLE messages ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));
ALTER TABLE messages ADD COLUMN thought_ms REAL;
ALTER TABLE messages ADD COLUMN thought_tokens INTEGER;

ALTER TABLE generations ADD COLUMN settings TEXT CHECK (settings IS NULL OR json_valid(settings));
`;

/** Presets; pinned messages, what thinking took, and what each answer was made with. */
export const presets: Migration = { version: 70, name: 'presets', up: (db) => void db.exec(SQL) };
