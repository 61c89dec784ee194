import type { Migration } from '../migrate.ts';

// A removed branch keeps its place: `removed_by` is the message at its top, which brings all of it back.
// It leaves the index in slices, as it came in (search-index.ts); the search itself never shows it.
// `copied`: figures that came along with a fork; a measurement counts once.
const SQL = `
ALTER TABLE messages ADD COLUMN edited INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1));
ALTER TABLE messages ADD COLUMN prefix_length INTEGER NOT NULL DEFAULT 0 CHECK (prefix_length >= 0);
ALTER TABLE messages ADD COLUMN removed_at INTEGER;
ALTER TABLE messages ADD COLUMN removed_by TEXT CHECK ((removed_by IS NULL) = (removed_at IS NULL));
CREATE INDEX messages_removed_by ON messages (removed_by) WHERE removed_by IS NOT NULL;

ALTER TABLE generations ADD COLUMN copied INTEGER NOT NULL DEFAULT 0 CHECK (copied IN (0, 1));

DROP TRIGGER messages_counted;
CREATE TRIGGER messages_counted AFTER INSERT ON messages WHEN NEW.removed_at IS NULL
BEGIN UPDATE conversations SET message_count = message_count + 1 WHERE id = NEW.conversation_id; END;

DROP TRIGGER messages_uncounted;
CREATE TRIGGER messages_uncounted AFTER DELETE ON messages WHEN OLD.removed_at IS NULL
BEGIN UPDATE conversations SET message_count = message_count - 1 WHERE id = OLD.conversation_id; END;

CREATE TRIGGER messages_removed AFTER UPDATE OF removed_at ON messages
WHEN (OLD.removed_at IS NULL) <> (NEW.removed_at IS NULL)
BEGIN
  UPDATE conversations SET message_count = message_count + iif(NEW.removed_at IS NULL, 1, -1)
    WHERE id = NEW.conversation_id;
END;

CREATE TRIGGER messages_search_removed AFTER UPDATE OF removed_at ON messages
WHEN OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL
BEGIN INSERT OR IGNORE INTO search_pending_messages VALUES (NEW.seq); END;

CREATE TRIGGER messages_search_restored AFTER UPDATE OF removed_at ON messages
WHEN OLD.removed_at IS NOT NULL AND NEW.removed_at IS NULL AND NEW.status <> 'streaming'
BEGIN INSERT OR IGNORE INTO search_pending_messages VALUES (NEW.seq); END;

CREATE TABLE queued_messages (
  id               TEXT PRIMARY KEY NOT NULL,
  conversation_id  TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  place            INTEGER NOT NULL CHECK (place >= 0),
  text             TEXT NOT NULL,
  created_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX queued_messages_by_conversation ON queued_messages (conversation_id, place);
`;

/** Branches that the user took out, answers that the user wrote or continued, messages that wait. */
export const tree: Migration = { version: 60, name: 'tree', up: (db) => void db.exec(SQL) };
