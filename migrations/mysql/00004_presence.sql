-- +goose Up

-- Nodes that have streams, by the database's clock. One that has not renewed its lease for half a minute is taken for
-- dead by the others, who remove what it holds.
CREATE TABLE IF NOT EXISTS node_leases (
  app_id     INT UNSIGNED  NOT NULL,
  node_id    VARBINARY(36) NOT NULL,
  renewed_at BIGINT        NOT NULL,
  PRIMARY KEY (app_id, node_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Which session of a client has streams on which node; session_id is empty for streams of the app's own server.
CREATE TABLE IF NOT EXISTS presences (
  app_id     INT UNSIGNED   NOT NULL,
  client_id  VARBINARY(256) NOT NULL,
  node_id    VARBINARY(36)  NOT NULL,
  session_id VARBINARY(36)  NOT NULL,
  tag        VARBINARY(256) NULL,
  PRIMARY KEY (app_id, client_id, node_id, session_id),
  KEY presences_node (app_id, node_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- When a client had its last stream; one that has a stream may have an older time here, or none.
CREATE TABLE IF NOT EXISTS clients (
  app_id       INT UNSIGNED   NOT NULL,
  client_id    VARBINARY(256) NOT NULL,
  last_seen_at BIGINT         NOT NULL,
  PRIMARY KEY (app_id, client_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE clients;
DROP TABLE presences;
DROP TABLE node_leases;
