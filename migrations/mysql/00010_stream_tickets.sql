-- +goose Up

-- What opens one stream of a session in place of its token. A ticket is used by deleting its row, so of two nodes that are
-- shown it at once one finds it. Of the ticket there is its hash; expires_at is by the database's clock.
CREATE TABLE IF NOT EXISTS stream_tickets (
  app_id      INT UNSIGNED  NOT NULL,
  ticket_hash BINARY(32)    NOT NULL,
  session_id  VARBINARY(36) NOT NULL,
  expires_at  BIGINT        NOT NULL,
  PRIMARY KEY (app_id, ticket_hash),
  KEY stream_tickets_expiry (app_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE stream_tickets;
