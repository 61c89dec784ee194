import type { Migration } from '../migrate.ts';

const SQL = 'ALTER TABLE models ADD COLUMN live_chats INTEGER CHECK (live_chats BETWEEN 1 AND 4)';

/** How many chats a model keeps ready; null: the app's choice. */
export const liveChats: Migration = { version: 250, name: 'live-chats', up: (db) => void db.exec(SQL) };
