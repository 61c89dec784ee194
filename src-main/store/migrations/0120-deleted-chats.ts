import type { Migration } from '../migrate.ts';

// Ids only, without foreign keys: the chats are gone from here, and backups lose them when the time has come.
const SQL = `
CREATE TABLE deleted_chats (
  id        TEXT PRIMARY KEY NOT NULL,
  erase_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX deleted_chats_by_time ON deleted_chats (erase_at);
`;

/** Until when backups may hold chats that were deleted. */
export const deletedChats: Migration = {
  version: 120,
  name: 'deleted chats',
  up: (db) => void db.exec(SQL),
};
