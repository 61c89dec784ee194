import type { Migration } from '../migrate.ts';

// An import that has no `finished_at` when the app starts was cut off: what it brought is taken out again.
const SQL = `
CREATE TABLE imports (
  id           TEXT PRIMARY KEY NOT NULL,
  started_at   INTEGER NOT NULL,
  finished_at  INTEGER
) STRICT;

ALTER TABLE conversations ADD COLUMN import_id TEXT;
CREATE INDEX conversations_by_import ON conversations (import_id) WHERE import_id IS NOT NULL;
`;

/** Which chats came with which import. */
export const imports: Migration = { version: 90, name: 'imports', up: (db) => void db.exec(SQL) };
