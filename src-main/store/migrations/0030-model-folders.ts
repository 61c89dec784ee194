import type { Migration } from '../migrate.ts';

const SQL = `
CREATE TABLE model_folders (
  path      TEXT PRIMARY KEY NOT NULL,
  app       TEXT CHECK (app IN ('lm_studio', 'ollama', 'hugging_face')),
  added_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE hidden_model_files (
  path  TEXT PRIMARY KEY NOT NULL
) STRICT;
`;

/** Folders that the user let in, own ones and those of other apps, and what the user took off the list there. */
export const modelFolders: Migration = { version: 30, name: 'model folders', up: (db) => void db.exec(SQL) };
