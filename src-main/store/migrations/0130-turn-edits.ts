import type { Migration } from '../migrate.ts';

// What is typed at a turn and not sent; one editor a turn. It goes with its message, in every way that that goes.
const SQL = `
CREATE TABLE turn_edits (
  message_id  TEXT PRIMARY KEY NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  kind        TEXT NOT NULL CHECK (kind IN ('question', 'answer', 'beginning')),
  text        TEXT NOT NULL
) STRICT;
`;

/** Edits of turns that are not finished. */
export const turnEdits: Migration = { version: 130, name: 'turn edits', up: (db) => void db.exec(SQL) };
