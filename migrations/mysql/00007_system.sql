-- +goose Up

-- System conversations. Who may see a message is kept with it. audience: 0 the members, 1 the subscribers, 2 everyone in the
-- app, 3 the clients in recipients (a JSON array), 4 the app's own server and the sender. valid_until: until when a
-- broadcast is brought to those who come; 0 in every other message. Messages with audience 3 and 4 have a ~ before their
-- conversation_id: so they are a range of their own, which costs those nothing who may not see it, and a node of an earlier
-- version shows them to nobody. MySQL knows no ADD COLUMN IF NOT EXISTS, so each of these looks first.
SET @add_audience = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE messages ADD COLUMN audience TINYINT NOT NULL DEFAULT 0, ADD COLUMN recipients MEDIUMTEXT NULL, ADD COLUMN valid_until BIGINT NOT NULL DEFAULT 0',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'messages' AND column_name = 'valid_until');
PREPARE add_audience FROM @add_audience;
EXECUTE add_audience;
DEALLOCATE PREPARE add_audience;

-- kind: 0 a member, 1 a subscriber of a system conversation.
SET @add_kind = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE members ADD COLUMN kind TINYINT NOT NULL DEFAULT 0',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'members' AND column_name = 'kind');
PREPARE add_kind FROM @add_kind;
EXECUTE add_kind;
DEALLOCATE PREPARE add_kind;

-- The broadcasts that are valid, to find them by whom they are for: channel is the conversation whose subscribers they are
-- for, or empty for those to everyone. One row a broadcast, until it is valid no more.
CREATE TABLE IF NOT EXISTS broadcasts (
  app_id          INT UNSIGNED  NOT NULL,
  channel         VARBINARY(36) NOT NULL,
  seq             BIGINT        NOT NULL,
  conversation_id VARBINARY(36) NOT NULL,
  valid_until     BIGINT        NOT NULL,
  PRIMARY KEY (app_id, channel, seq),
  KEY broadcasts_valid_until (app_id, valid_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The messages with audience 3 and 4, to find them by the client who may see them.
CREATE TABLE IF NOT EXISTS personal_messages (
  app_id          INT UNSIGNED   NOT NULL,
  client_id       VARBINARY(256) NOT NULL,
  seq             BIGINT         NOT NULL,
  conversation_id VARBINARY(36)  NOT NULL,
  valid_until     BIGINT         NOT NULL,
  PRIMARY KEY (app_id, client_id, seq),
  KEY personal_messages_seq (app_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Up to where a stream of a client has brought the broadcasts. A client without a row has had none.
CREATE TABLE IF NOT EXISTS delivered_broadcasts (
  app_id    INT UNSIGNED   NOT NULL,
  client_id VARBINARY(256) NOT NULL,
  seq       BIGINT         NOT NULL,
  PRIMARY KEY (app_id, client_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE delivered_broadcasts;
DROP TABLE personal_messages;
DROP TABLE broadcasts;
ALTER TABLE members DROP COLUMN kind;
ALTER TABLE messages DROP COLUMN valid_until, DROP COLUMN recipients, DROP COLUMN audience;
