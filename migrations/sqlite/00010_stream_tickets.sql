-- +goose Up

-- The twin of ../mysql/00010_stream_tickets.sql: the same table, keys and meaning.

-- What opens one stream of a session in place of its token. A ticket is used by deleting its row, so of two nodes that are
-- shown it at once one finds it. Of the ticket there is its hash; expires_at is by the database's clock.
CREATE TABLE stream_tickets (
  app_id      INTEGER NOT NULL,
  ticket_hash BLOB    NOT NULL,
  session_id  TEXT    NOT NULL,
  expires_at  INTEGER NOT NULL,
  PRIMARY KEY (app_id, ticket_hash)
) WITHOUT ROWID;
CREATE INDEX stream_tickets_expiry ON stream_tickets (app_id, expires_at);

-- +goose Down
DROP TABLE stream_tickets;
