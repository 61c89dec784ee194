import type { Migration } from '../migrate.ts';

const SQL = `
CREATE TABLE model_folders (
  path      TEXT PRIMARY KEY NOT NULL,
  app       TEXT CHECK (app IN ('lm_studio', 'ollama', 'hugging_face')),
  added_at  INTEGER NOT NULL
) STRICT;

ALTER TABLE models ADD COLUMN notes TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN threads INTEGER;
ALTER TABLE models ADD COLUMN flash_attention TEXT CHECK (flash_attention IN ('auto', 'off'));
ALTER TABLE models ADD COLUMN sampling TEXT CHECK (sampling IS NULL OR json_valid(sampling));

CREATE TABLE hidden_model_files (
  path  TEXT PRIMARY KEY NOT NULL
) STRICT;
`;

/** Folders that the user let in, own ones and those of other apps, and what the user took off the list there;
 * notes and more settings of a model. */
export const modelFolders: Migration = { version: 30, name: 'model folders', up: (db) => void db.exec(SQL) };
