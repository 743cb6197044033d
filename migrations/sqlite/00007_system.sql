-- +goose Up

-- The twin of ../mysql/00007_system.sql: the same tables, keys and meanings.

-- System conversations. Who may see a message is kept with it. audience: 0 the members, 1 the subscribers, 2 everyone in the
-- app, 3 the clients in recipients (a JSON array), 4 the app's own server and the sender. valid_until: until when a
-- broadcast is brought to those who come; 0 in every other message. Messages with audience 3 and 4 have a ~ before their
-- conversation_id: so they are a range of their own, which costs those nothing who may not see it, and a node of an earlier
-- version shows them to nobody.
ALTER TABLE messages ADD COLUMN audience INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN recipients TEXT NULL;
ALTER TABLE messages ADD COLUMN valid_until INTEGER NOT NULL DEFAULT 0;

-- kind: 0 a member, 1 a subscriber of a system conversation.
ALTER TABLE members ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

-- The broadcasts that are valid, to find them by whom they are for: channel is the conversation whose subscribers they are
-- for, or empty for those to everyone. One row a broadcast, until it is valid no more.
CREATE TABLE broadcasts (
  app_id          INTEGER NOT NULL,
  channel         TEXT    NOT NULL,
  seq             INTEGER NOT NULL,
  conversation_id TEXT    NOT NULL,
  valid_until     INTEGER NOT NULL,
  PRIMARY KEY (app_id, channel, seq)
) WITHOUT ROWID;
CREATE INDEX broadcasts_valid_until ON broadcasts (app_id, valid_until);

-- The messages with audience 3 and 4, to find them by the client who may see them.
CREATE TABLE personal_messages (
  app_id          INTEGER NOT NULL,
  client_id       TEXT    NOT NULL,
  seq             INTEGER NOT NULL,
  conversation_id TEXT    NOT NULL,
  valid_until     INTEGER NOT NULL,
  PRIMARY KEY (app_id, client_id, seq)
) WITHOUT ROWID;
CREATE INDEX personal_messages_seq ON personal_messages (app_id, seq);

-- Up to where a stream of a client has brought the broadcasts. A client without a row has had none.
CREATE TABLE delivered_broadcasts (
  app_id    INTEGER NOT NULL,
  client_id TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  PRIMARY KEY (app_id, client_id)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE delivered_broadcasts;
DROP TABLE personal_messages;
DROP TABLE broadcasts;
ALTER TABLE members DROP COLUMN kind;
ALTER TABLE messages DROP COLUMN valid_until;
ALTER TABLE messages DROP COLUMN recipients;
ALTER TABLE messages DROP COLUMN audience;
