-- +goose Up

-- Which sessions are inside which chat room: left_at is 0. One whose last stream has ended stays for an hour with the time
-- of that, so that it can be put back. moved_seq and moved_at are of the entry that made it so, joined_seq and joined_at of the join.
CREATE TABLE IF NOT EXISTS room_sessions (
  app_id          INT UNSIGNED   NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  client_id       VARBINARY(256) NOT NULL,
  session_id      VARBINARY(36)  NOT NULL,
  joined_seq      BIGINT         NOT NULL,
  joined_at       BIGINT         NOT NULL,
  moved_seq       BIGINT         NOT NULL,
  moved_at        BIGINT         NOT NULL,
  left_at         BIGINT         NOT NULL,
  PRIMARY KEY (app_id, conversation_id, client_id, session_id),
  KEY room_sessions_session (app_id, client_id, session_id),
  KEY room_sessions_inside (app_id, left_at, conversation_id, client_id)
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
