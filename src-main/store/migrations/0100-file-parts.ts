import type { Migration } from '../migrate.ts';

// `parts`: stretches of the text that go with the message, each with its pages or lines; NULL: all of it.
// The text comes last, so the table is made anew: what stands behind it would be read through all of it.
const SQL = `
CREATE TABLE attachments_with_parts (
  id          TEXT PRIMARY KEY NOT NULL,
  message_id  TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  place       INTEGER NOT NULL CHECK (place >= 0),
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  characters  INTEGER NOT NULL CHECK (characters >= 0),
  pages       TEXT CHECK (pages IS NULL OR json_valid(pages)),
  parts       TEXT CHECK (parts IS NULL OR json_valid(parts)),
  text        TEXT NOT NULL
) STRICT;
INSERT INTO attachments_with_parts
  SELECT id, message_id, place, name, kind, size_bytes, characters, pages, NULL, text FROM attachments;
DROP TABLE attachments;
ALTER TABLE attachments_with_parts RENAME TO attachments;
CREATE INDEX attachments_by_message ON attachments (message_id, place);

CREATE TABLE queued_files (
  id          TEXT PRIMARY KEY NOT NULL,
  queued_id   TEXT NOT NULL REFERENCES queued_messages (id) ON DELETE CASCADE,
  place       INTEGER NOT NULL CHECK (place >= 0),
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  characters  INTEGER NOT NULL CHECK (characters >= 0),
  pages       TEXT CHECK (pages IS NULL OR json_valid(pages)),
  parts       TEXT CHECK (parts IS NULL OR json_valid(parts)),
  text        TEXT NOT NULL
) STRICT;
CREATE INDEX queued_files_by_message ON queued_files (queued_id, place);
`;

/** What of a file goes with its message, and files of messages that wait. */
export const fileParts: Migration = { version: 100, name: 'file parts', up: (db) => void db.exec(SQL) };
