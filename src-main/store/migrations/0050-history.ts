import type { Migration } from '../migrate.ts';

// `search_documents` has a row for exactly the messages that are in `search_messages`: the index keeps no text of
// its own, and what is taken out of it must be what was put in. `body`: what was indexed where that is not the
// message's text as it is (scripts without spaces, see search-text.ts). Deleting a message takes it out of the index
// whoever deletes it; putting it in is done in slices, from the pending tables (search-index.ts).
const SEARCH = `
CREATE TABLE search_documents (
  seq           INTEGER PRIMARY KEY,
  conversation  INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  is_user       INTEGER NOT NULL CHECK (is_user IN (0, 1)),
  body          TEXT
) STRICT;
CREATE INDEX search_documents_by_conversation ON search_documents (conversation);
CREATE INDEX search_documents_by_date ON search_documents (created_at);
CREATE TABLE search_pending_messages (seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE search_pending_titles (seq INTEGER PRIMARY KEY) STRICT;

CREATE VIRTUAL TABLE search_messages USING fts5 (
  text, content = '', columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE search_titles USING fts5 (
  title, columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO search_messages (search_messages, rank) VALUES ('secure-delete', 1);
INSERT INTO search_titles (search_titles, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER messages_search_new AFTER INSERT ON messages WHEN NEW.status <> 'streaming'
BEGIN INSERT OR IGNORE INTO search_pending_messages VALUES (NEW.seq); END;

CREATE TRIGGER messages_search_settled AFTER UPDATE OF status ON messages
WHEN OLD.status = 'streaming' AND NEW.status <> 'streaming'
BEGIN INSERT OR IGNORE INTO search_pending_messages VALUES (NEW.seq); END;

CREATE TRIGGER messages_search_gone BEFORE DELETE ON messages
BEGIN
  INSERT INTO search_messages (search_messages, rowid, text)
    SELECT 'delete', OLD.seq, coalesce(body, OLD.text) FROM search_documents WHERE seq = OLD.seq;
  DELETE FROM search_documents WHERE seq = OLD.seq;
  DELETE FROM search_pending_messages WHERE seq = OLD.seq;
END;

CREATE TRIGGER messages_search_changed BEFORE UPDATE OF text ON messages
WHEN OLD.status <> 'streaming' AND NEW.text <> OLD.text
BEGIN
  INSERT INTO search_messages (search_messages, rowid, text)
    SELECT 'delete', OLD.seq, coalesce(body, OLD.text) FROM search_documents WHERE seq = OLD.seq;
  DELETE FROM search_documents WHERE seq = OLD.seq;
  INSERT OR IGNORE INTO search_pending_messages VALUES (OLD.seq);
END;

CREATE TRIGGER conversations_search_new AFTER INSERT ON conversations
BEGIN INSERT OR IGNORE INTO search_pending_titles VALUES (NEW.seq); END;

CREATE TRIGGER conversations_search_renamed AFTER UPDATE OF title ON conversations WHEN NEW.title <> OLD.title
BEGIN
  DELETE FROM search_titles WHERE rowid = OLD.seq;
  INSERT OR IGNORE INTO search_pending_titles VALUES (OLD.seq);
END;

CREATE TRIGGER conversations_search_gone AFTER DELETE ON conversations
BEGIN
  DELETE FROM search_titles WHERE rowid = OLD.seq;
  DELETE FROM search_pending_titles WHERE seq = OLD.seq;
END;

INSERT INTO search_pending_messages SELECT seq FROM messages;
INSERT INTO search_pending_titles SELECT seq FROM conversations;
`;

// `conversation_models`: which models answered in a chat, for the filter of the search.
const ORDER = `
CREATE TABLE folders (
  id             TEXT PRIMARY KEY NOT NULL,
  name           TEXT NOT NULL,
  parent_id      TEXT REFERENCES folders (id) CHECK (parent_id <> id),
  created_at     INTEGER NOT NULL,
  model_id       TEXT,
  system_prompt  TEXT
) STRICT;
CREATE INDEX folders_by_parent ON folders (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE tags (
  id      TEXT PRIMARY KEY NOT NULL,
  name    TEXT NOT NULL,
  folded  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE conversation_tags (
  conversation_id  TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  tag_id           TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  PRIMARY KEY (conversation_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_tags_by_tag ON conversation_tags (tag_id);

CREATE TABLE conversation_models (
  conversation_id  TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  model_id         TEXT NOT NULL,
  PRIMARY KEY (conversation_id, model_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE conversations ADD COLUMN folder_id TEXT REFERENCES folders (id) ON DELETE SET NULL;
ALTER TABLE conversations ADD COLUMN pinned_at INTEGER;
ALTER TABLE conversations ADD COLUMN archived_at INTEGER;
ALTER TABLE conversations ADD COLUMN temporary INTEGER NOT NULL DEFAULT 0 CHECK (temporary IN (0, 1));
CREATE INDEX conversations_by_folder ON conversations (folder_id) WHERE folder_id IS NOT NULL;
CREATE INDEX conversations_in_trash ON conversations (trashed_at) WHERE trashed_at IS NOT NULL;
CREATE INDEX conversations_pinned ON conversations (pinned_at) WHERE pinned_at IS NOT NULL;
`;

/** Folders, tags, pinned, archived and temporary chats; the search index, which is filled after the start. */
export const history: Migration = {
  version: 50,
  name: 'history',
  up: (db) => void db.exec(ORDER + SEARCH),
};
