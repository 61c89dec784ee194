import { migrations } from '../../../src-main/store/migrations/index.ts';
import type { Migration } from '../../../src-main/store/migrate.ts';

/** The real migrations and three that rewrite every message, so that a kill can fall inside one. */
export const longMigrations: readonly Migration[] = [
  ...migrations,
  {
    version: 9_010,
    name: 'lengths',
    up: (db) =>
      void db.exec(`ALTER TABLE messages ADD COLUMN length INTEGER NOT NULL DEFAULT 0;
        UPDATE messages SET length = length(text);`),
  },
  {
    version: 9_020,
    name: 'copies',
    up: (db) =>
      void db.exec(`CREATE TABLE copies (seq INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
        INSERT INTO copies SELECT seq, text || reasoning FROM messages;`),
  },
  {
    version: 9_030,
    name: 'upper',
    up: (db) =>
      void db.exec(`UPDATE copies SET text = upper(text);
        CREATE INDEX copies_by_text ON copies (text);`),
  },
];
