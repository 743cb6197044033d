-- +goose Up

-- The same as in mysql/, where the comments are.

CREATE TABLE node_leases (
  app_id     INTEGER NOT NULL,
  node_id    TEXT    NOT NULL,
  renewed_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, node_id)
) WITHOUT ROWID;

CREATE TABLE presences (
  app_id     INTEGER NOT NULL,
  client_id  TEXT    NOT NULL,
  node_id    TEXT    NOT NULL,
  session_id TEXT    NOT NULL,
  tag        TEXT    NULL,
  PRIMARY KEY (app_id, client_id, node_id, session_id)
) WITHOUT ROWID;
CREATE INDEX presences_node ON presences (app_id, node_id);

CREATE TABLE clients (
  app_id       INTEGER NOT NULL,
  client_id    TEXT    NOT NULL,
  last_seen_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, client_id)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE clients;
DROP TABLE presences;
DROP TABLE node_leases;
