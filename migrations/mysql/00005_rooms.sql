-- +goose Up

-- Which sessions have streams on which node: a row from before the first stream's first event to the end of the last one.
-- session_id is empty for streams of the app's own server acting as the client.
CREATE TABLE IF NOT EXISTS session_streams (
  app_id     INT UNSIGNED   NOT NULL,
  client_id  VARBINARY(256) NOT NULL,
  session_id VARBINARY(36)  NOT NULL,
  node_id    VARBINARY(36)  NOT NULL,
  opened_at  BIGINT         NOT NULL,
  PRIMARY KEY (app_id, client_id, session_id, node_id),
  KEY session_streams_node (app_id, node_id, client_id, session_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Which sessions are inside which chat room: left_at is 0. One whose last stream has ended stays for a minute with the time
-- of that, so that it can be put back. moved_seq is the entry that made it so, joined_seq the join.
CREATE TABLE IF NOT EXISTS room_sessions (
  app_id          INT UNSIGNED   NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  client_id       VARBINARY(256) NOT NULL,
  session_id      VARBINARY(36)  NOT NULL,
  joined_seq      BIGINT         NOT NULL,
  joined_at       BIGINT         NOT NULL,
  moved_seq       BIGINT         NOT NULL,
  left_at         BIGINT         NOT NULL,
  PRIMARY KEY (app_id, conversation_id, client_id, session_id),
  KEY room_sessions_session (app_id, client_id, session_id),
  KEY room_sessions_left (app_id, left_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a slow reader in a chat room loses first: -1 low, 0 normal, 1 high. MySQL knows no ADD COLUMN IF NOT EXISTS, so
-- this looks first.
SET @add_priority = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE messages ADD COLUMN priority TINYINT NOT NULL DEFAULT 0',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'messages' AND column_name = 'priority');
PREPARE add_priority FROM @add_priority;
EXECUTE add_priority;
DEALLOCATE PREPARE add_priority;

-- +goose Down
ALTER TABLE messages DROP COLUMN priority;
DROP TABLE room_sessions;
DROP TABLE session_streams;
