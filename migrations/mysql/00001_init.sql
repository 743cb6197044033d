-- +goose Up

-- Every key starts with app_id and every query names it: the app is the unit of scale.
-- Identity (ids, client ids, tags, keys, types) is VARBINARY: text collations pad ('Tom' = 'Tom ') or fold.
-- Times are milliseconds since 1970 UTC. No foreign keys and no AUTO_INCREMENT: Vitess and TiDB run the same SQL.
-- MySQL commits each statement here by itself, so each can be run again after a start that was cut off in between.

CREATE TABLE IF NOT EXISTS apps (
  id                   INT UNSIGNED   NOT NULL,
  public_id            VARBINARY(36)  NOT NULL,
  app_key_hash         VARBINARY(64)  NOT NULL,
  master_key_hash      VARBINARY(64)  NOT NULL,
  signing_secret       VARBINARY(255) NOT NULL,
  require_signed_login BOOLEAN        NOT NULL,
  created_at           BIGINT         NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY apps_public_id (public_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The app's log: seq is the newest number given out, newest_at the newest time, floor the highest number that
-- retention has removed, log_id what the log is called on a broker. Every writing transaction locks this row first.
CREATE TABLE IF NOT EXISTS counters (
  app_id    INT UNSIGNED NOT NULL,
  seq       BIGINT       NOT NULL,
  newest_at BIGINT       NOT NULL,
  floor     BIGINT       NOT NULL,
  log_id    VARBINARY(36) NOT NULL,
  PRIMARY KEY (app_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
  app_id     INT UNSIGNED   NOT NULL,
  id         VARBINARY(36)  NOT NULL,
  client_id  VARBINARY(256) NOT NULL,
  tag        VARBINARY(256) NULL,
  created_at BIGINT         NOT NULL,
  expires_at BIGINT         NOT NULL,
  end_reason VARBINARY(32)  NULL,
  PRIMARY KEY (app_id, id),
  KEY sessions_client (app_id, client_id, tag),
  KEY sessions_expiry (app_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS conversations (
  app_id           INT UNSIGNED   NOT NULL,
  id               VARBINARY(36)  NOT NULL,
  type             VARBINARY(16)  NOT NULL,
  name             VARCHAR(255)   NULL,
  is_unique        BOOLEAN        NOT NULL,
  unique_key       VARBINARY(32)  NULL,
  creator          VARBINARY(256) NULL,
  attributes       MEDIUMTEXT     NOT NULL,
  member_count     INT            NOT NULL,
  created_at       BIGINT         NOT NULL,
  updated_at       BIGINT         NOT NULL,
  active_at        BIGINT         NOT NULL,
  last_seq         BIGINT         NOT NULL,
  last_message_seq BIGINT         NULL,
  last_message_at  BIGINT         NULL,
  PRIMARY KEY (app_id, id),
  UNIQUE KEY conversations_unique_key (app_id, unique_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Removed conversations whose messages and events still wait to be swept.
CREATE TABLE IF NOT EXISTS removed_conversations (
  app_id          INT UNSIGNED  NOT NULL,
  conversation_id VARBINARY(36) NOT NULL,
  seq             BIGINT        NOT NULL,
  PRIMARY KEY (app_id, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who is inside now. A span that ended moves to former_members.
CREATE TABLE IF NOT EXISTS members (
  app_id          INT UNSIGNED   NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  client_id       VARBINARY(256) NOT NULL,
  joined_seq      BIGINT         NOT NULL,
  joined_at       BIGINT         NOT NULL,
  ordinal         INT            NOT NULL,
  invited_by      VARBINARY(256) NULL,
  PRIMARY KEY (app_id, conversation_id, client_id),
  KEY members_client (app_id, client_id, joined_seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS former_members (
  app_id          INT UNSIGNED   NOT NULL,
  client_id       VARBINARY(256) NOT NULL,
  left_seq        BIGINT         NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  joined_seq      BIGINT         NOT NULL,
  PRIMARY KEY (app_id, client_id, left_seq, conversation_id),
  KEY former_members_conversation (app_id, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The log's messages; a conversation's history is one clustered range.
CREATE TABLE IF NOT EXISTS messages (
  app_id          INT UNSIGNED   NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  seq             BIGINT         NOT NULL,
  sender          VARBINARY(256) NOT NULL,
  session_id      VARBINARY(36)  NOT NULL,
  idempotency_key VARBINARY(256) NOT NULL,
  type            VARBINARY(64)  NOT NULL,
  text            MEDIUMTEXT     NULL,
  attributes      MEDIUMTEXT     NULL,
  payload         MEDIUMTEXT     NULL,
  created_at      BIGINT         NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq),
  UNIQUE KEY messages_seq (app_id, seq),
  UNIQUE KEY messages_idempotency (app_id, conversation_id, sender, idempotency_key),
  KEY messages_type (app_id, conversation_id, type, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The log's other entries; conversation_id is empty for the end of a session.
CREATE TABLE IF NOT EXISTS events (
  app_id          INT UNSIGNED   NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  seq             BIGINT         NOT NULL,
  kind            VARBINARY(32)  NOT NULL,
  actor           VARBINARY(256) NULL,
  body            MEDIUMTEXT     NOT NULL,
  created_at      BIGINT         NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq),
  UNIQUE KEY events_seq (app_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

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
