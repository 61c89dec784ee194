import type { Migration } from '../migrate.ts';

const SQL = `
ALTER TABLE generations ADD COLUMN reused_from TEXT CHECK (reused_from IN ('live', 'disk'));
ALTER TABLE generations ADD COLUMN restore_ms REAL NOT NULL DEFAULT 0;
UPDATE generations SET reused_from = 'live' WHERE reused_tokens > 0;
`;

/** Where the tokens that an answer reused came from. */
export const reuse: Migration = { version: 240, name: 'reuse', up: (db) => void db.exec(SQL) };
