-- +goose Up

-- The twin of ../mysql/00001_init.sql: the same tables, keys and meanings. TEXT compares by bytes here (BINARY
-- collation, no padding); WITHOUT ROWID clusters a table by its primary key as InnoDB does.

CREATE TABLE apps (
  id                   INTEGER NOT NULL,
  public_id            TEXT    NOT NULL,
  app_key_hash         BLOB    NOT NULL,
  master_key_hash      BLOB    NOT NULL,
  signing_secret       TEXT    NOT NULL,
  require_signed_login INTEGER NOT NULL,
  created_at           INTEGER NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX apps_public_id ON apps (public_id);

-- The app's log: seq is the newest number given out, newest_at the newest time, floor the highest number that
-- retention has removed, log_id what the log is called on a broker. Every writing transaction locks this row first.
CREATE TABLE counters (
  app_id               INTEGER NOT NULL,
  seq                  INTEGER NOT NULL,
  newest_at            INTEGER NOT NULL,
  floor                INTEGER NOT NULL,
  log_id               TEXT    NOT NULL,
  PRIMARY KEY (app_id)
) WITHOUT ROWID;

CREATE TABLE sessions (
  app_id               INTEGER NOT NULL,
  id                   TEXT    NOT NULL,
  client_id            TEXT    NOT NULL,
  tag                  TEXT    NULL,
  created_at           INTEGER NOT NULL,
  expires_at           INTEGER NOT NULL,
  end_reason           TEXT    NULL,
  PRIMARY KEY (app_id, id)
) WITHOUT ROWID;
CREATE INDEX sessions_client ON sessions (app_id, client_id, tag);
CREATE INDEX sessions_expiry ON sessions (app_id, expires_at);

CREATE TABLE conversations (
  app_id               INTEGER NOT NULL,
  id                   TEXT    NOT NULL,
  type                 TEXT    NOT NULL,
  name                 TEXT    NULL,
  is_unique            INTEGER NOT NULL,
  unique_key           BLOB    NULL,
  creator              TEXT    NULL,
  attributes           TEXT    NOT NULL,
  member_count         INTEGER NOT NULL,
  created_at           INTEGER NOT NULL,
  updated_at           INTEGER NOT NULL,
  active_at            INTEGER NOT NULL,
  last_seq             INTEGER NOT NULL,
  last_message_seq     INTEGER NULL,
  last_message_at      INTEGER NULL,
  PRIMARY KEY (app_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX conversations_unique_key ON conversations (app_id, unique_key);

-- Removed conversations whose messages and events still wait to be swept.
CREATE TABLE removed_conversations (
  app_id               INTEGER NOT NULL,
  conversation_id      TEXT    NOT NULL,
  seq                  INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id)
) WITHOUT ROWID;

-- Who is inside now. A span that ended moves to former_members.
CREATE TABLE members (
  app_id               INTEGER NOT NULL,
  conversation_id      TEXT    NOT NULL,
  client_id            TEXT    NOT NULL,
  joined_seq           INTEGER NOT NULL,
  joined_at            INTEGER NOT NULL,
  ordinal              INTEGER NOT NULL,
  invited_by           TEXT    NULL,
  PRIMARY KEY (app_id, conversation_id, client_id)
) WITHOUT ROWID;
CREATE INDEX members_client ON members (app_id, client_id, joined_seq);

CREATE TABLE former_members (
  app_id               INTEGER NOT NULL,
  client_id            TEXT    NOT NULL,
  left_seq             INTEGER NOT NULL,
  conversation_id      TEXT    NOT NULL,
  joined_seq           INTEGER NOT NULL,
  PRIMARY KEY (app_id, client_id, left_seq, conversation_id)
) WITHOUT ROWID;
CREATE INDEX former_members_conversation ON former_members (app_id, conversation_id);

-- The log's messages; a conversation's history is one clustered range.
CREATE TABLE messages (
  app_id               INTEGER NOT NULL,
  conversation_id      TEXT    NOT NULL,
  seq                  INTEGER NOT NULL,
  sender               TEXT    NOT NULL,
  session_id           TEXT    NOT NULL,
  idempotency_key      TEXT    NOT NULL,
  type                 TEXT    NOT NULL,
  text                 TEXT    NULL,
  attributes           TEXT    NULL,
  payload              TEXT    NULL,
  created_at           INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_seq ON messages (app_id, seq);
CREATE UNIQUE INDEX messages_idempotency ON messages (app_id, conversation_id, sender, idempotency_key);
CREATE INDEX messages_type ON messages (app_id, conversation_id, type, seq);

-- The log's other entries; conversation_id is empty for the end of a session.
CREATE TABLE events (
  app_id               INTEGER NOT NULL,
  conversation_id      TEXT    NOT NULL,
  seq                  INTEGER NOT NULL,
  kind                 TEXT    NOT NULL,
  actor                TEXT    NULL,
  body                 TEXT    NOT NULL,
  created_at           INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_seq ON events (app_id, seq);

-- +goose Down
DROP TABLE events;
DROP TABLE messages;
DROP TABLE former_members;
DROP TABLE members;
DROP TABLE removed_conversations;
DROP TABLE conversations;
DROP TABLE sessions;
DROP TABLE counters;
DROP TABLE apps;
