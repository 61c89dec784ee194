import type { Migration } from '../migrate.ts';

// `seq` is insertion order: a parent always has a smaller seq than its children, which makes sibling order,
// paths and newest leaves independent of the clock. It is an explicit key because VACUUM may renumber rowids.
const SQL = `
CREATE TABLE conversations (
  seq             INTEGER PRIMARY KEY,
  id              TEXT NOT NULL UNIQUE,
  title           TEXT NOT NULL,
  title_source    TEXT NOT NULL CHECK (title_source IN ('auto', 'user')),
  renamed_at      INTEGER,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  trashed_at      INTEGER,
  message_count   INTEGER NOT NULL DEFAULT 0,
  active_leaf_id  TEXT REFERENCES messages (id) ON DELETE SET NULL,
  draft           TEXT NOT NULL DEFAULT '',
  model_id        TEXT,
  system_prompt   TEXT NOT NULL DEFAULT '',
  temperature     REAL,
  top_k           INTEGER,
  top_p           REAL,
  min_p           REAL,
  repeat_penalty  REAL,
  seed            INTEGER,
  max_tokens      INTEGER,
  CHECK (
    (temperature IS NULL) = (top_k IS NULL)
    AND (temperature IS NULL) = (top_p IS NULL)
    AND (temperature IS NULL) = (min_p IS NULL)
    AND (temperature IS NULL) = (repeat_penalty IS NULL)
    AND (temperature IS NOT NULL OR (seed IS NULL AND max_tokens IS NULL))
  )
) STRICT;
CREATE INDEX conversations_by_update ON conversations (updated_at) WHERE trashed_at IS NULL;
CREATE INDEX conversations_by_leaf ON conversations (active_leaf_id) WHERE active_leaf_id IS NOT NULL;

CREATE TABLE messages (
  seq              INTEGER PRIMARY KEY,
  id               TEXT NOT NULL UNIQUE,
  conversation_id  TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  parent_id        TEXT REFERENCES messages (id) CHECK (parent_id <> id),
  role             TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  text             TEXT NOT NULL,
  reasoning        TEXT NOT NULL DEFAULT '',
  status           TEXT NOT NULL CHECK (status IN ('complete', 'streaming', 'stopped', 'interrupted', 'failed')),
  error_code       TEXT,
  error_details    TEXT CHECK (error_details IS NULL OR json_valid(error_details)),
  model_id         TEXT,
  model_name       TEXT,
  quant            TEXT,
  request_id       TEXT,
  created_at       INTEGER NOT NULL,
  ended_at         INTEGER
) STRICT;
CREATE INDEX messages_by_conversation ON messages (conversation_id);
CREATE INDEX messages_by_parent ON messages (parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX messages_by_request ON messages (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX messages_streaming ON messages (status) WHERE status = 'streaming';

CREATE TRIGGER messages_same_conversation BEFORE INSERT ON messages
WHEN NEW.parent_id IS NOT NULL
  AND (SELECT conversation_id FROM messages WHERE id = NEW.parent_id) IS NOT NEW.conversation_id
BEGIN SELECT RAISE(ABORT, 'a message and its parent are of one conversation'); END;

CREATE TRIGGER messages_stay_in_place BEFORE UPDATE OF seq, id, conversation_id, parent_id, role ON messages
BEGIN SELECT RAISE(ABORT, 'a message keeps its place in the tree'); END;

CREATE TRIGGER messages_counted AFTER INSERT ON messages
BEGIN UPDATE conversations SET message_count = message_count + 1 WHERE id = NEW.conversation_id; END;

CREATE TRIGGER messages_uncounted AFTER DELETE ON messages
BEGIN UPDATE conversations SET message_count = message_count - 1 WHERE id = OLD.conversation_id; END;

CREATE TRIGGER conversations_own_leaf BEFORE UPDATE OF active_leaf_id ON conversations
WHEN NEW.active_leaf_id IS NOT NULL
  AND (SELECT conversation_id FROM messages WHERE id = NEW.active_leaf_id) IS NOT NEW.id
BEGIN SELECT RAISE(ABORT, 'the active leaf is a message of the conversation'); END;

CREATE TABLE generations (
  message_id         TEXT PRIMARY KEY NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  finished_at        INTEGER NOT NULL,
  prompt_tokens      INTEGER NOT NULL,
  reused_tokens      INTEGER NOT NULL,
  read_tokens        INTEGER NOT NULL,
  generated_tokens   INTEGER NOT NULL,
  ttft_ms            REAL,
  prefill_ms         REAL NOT NULL,
  decode_ms          REAL NOT NULL,
  tokens_per_second  REAL,
  load_ms            REAL NOT NULL,
  stop_reason        TEXT NOT NULL CHECK (stop_reason IN ('end', 'stopped', 'max_tokens', 'context_full', 'failed')),
  context_size       INTEGER NOT NULL,
  context_tokens     INTEGER NOT NULL,
  seed               INTEGER,
  temperature        REAL NOT NULL,
  backend            TEXT NOT NULL,
  engine_version     TEXT NOT NULL
) STRICT;

CREATE TABLE models (
  id                    TEXT PRIMARY KEY NOT NULL,
  path                  TEXT NOT NULL UNIQUE,
  name                  TEXT NOT NULL,
  size_bytes            INTEGER NOT NULL,
  architecture          TEXT NOT NULL,
  parameter_count       INTEGER,
  quant                 TEXT,
  trained_context_size  INTEGER,
  licence               TEXT,
  has_chat_template     INTEGER NOT NULL CHECK (has_chat_template IN (0, 1)),
  parts                 INTEGER NOT NULL CHECK (parts >= 1),
  added_at              INTEGER NOT NULL,
  last_used_at          INTEGER,
  last_load_crashed     INTEGER NOT NULL CHECK (last_load_crashed IN (0, 1)),
  context_size          INTEGER,
  gpu_layers            INTEGER
) STRICT;

CREATE TABLE ledger (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id      TEXT NOT NULL,
  at              INTEGER NOT NULL,
  host            TEXT NOT NULL,
  purpose         TEXT NOT NULL,
  sent_bytes      INTEGER NOT NULL DEFAULT 0,
  received_bytes  INTEGER NOT NULL DEFAULT 0,
  outcome         TEXT NOT NULL CHECK (outcome IN ('open', 'done', 'failed', 'refused'))
) STRICT;
CREATE INDEX ledger_refused ON ledger (id) WHERE outcome = 'refused';
CREATE INDEX ledger_open ON ledger (session_id) WHERE outcome = 'open';
`;

/** Conversations as trees of messages, generation statistics, the model library, the privacy ledger. */
export const initial: Migration = { version: 10, name: 'initial', up: (db) => void db.exec(SQL) };
