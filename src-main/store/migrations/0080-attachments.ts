import type { Migration } from '../migrate.ts';

// The text comes last: what stands before it is read without it.
const SQL = `
CREATE TABLE attachments (
  id          TEXT PRIMARY KEY NOT NULL,
  message_id  TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  place       INTEGER NOT NULL CHECK (place >= 0),
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  characters  INTEGER NOT NULL CHECK (characters >= 0),
  pages       TEXT CHECK (pages IS NULL OR json_valid(pages)),
  text        TEXT NOT NULL
) STRICT;
CREATE INDEX attachments_by_message ON attachments (message_id, place);
`;

/** Files whose text goes with a message; `pages`: where each page of the text begins. */
export const attachments: Migration = { version: 80, name: 'attachments', up: (db) => void db.exec(SQL) };
