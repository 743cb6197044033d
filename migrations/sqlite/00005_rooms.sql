-- +goose Up

-- The twin of ../mysql/00005_rooms.sql: the same tables, keys and meanings.

-- Which sessions are inside which chat room: left_at is 0. One whose last stream has ended stays for an hour with the time
-- of that, so that it can be put back. moved_seq and moved_at are of the entry that made it so, joined_seq and joined_at of the join.
CREATE TABLE room_sessions (
  app_id               INTEGER NOT NULL,
  conversation_id      TEXT    NOT NULL,
  client_id            TEXT    NOT NULL,
  session_id           TEXT    NOT NULL,
  joined_seq           INTEGER NOT NULL,
  joined_at            INTEGER NOT NULL,
  moved_seq            INTEGER NOT NULL,
  moved_at             INTEGER NOT NULL,
  left_at              INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, client_id, session_id)
) WITHOUT ROWID;
CREATE INDEX room_sessions_session ON room_sessions (app_id, client_id, session_id);
CREATE INDEX room_sessions_inside ON room_sessions (app_id, left_at, conversation_id, client_id);

-- What a slow reader in a chat room loses first: -1 low, 0 normal, 1 high.
ALTER TABLE messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE messages DROP COLUMN priority;
DROP TABLE room_sessions;
