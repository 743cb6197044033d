-- +goose Up

-- The twin of ../mysql/00009_apps.sql.

-- Apps that are changed while nodes run. version grows with every change, and every node looks at it twice a second.
-- managed: parley app has made the app, or given it keys, so that the environment of a node gives it none any more.
-- disabled_at: NULL while it is not. Each key has the one that it has replaced beside it, which is good until the time
-- beside that; the keys are hashes, the signing secret is not, since tokens are checked with it.
ALTER TABLE apps ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN managed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN disabled_at INTEGER NULL;
ALTER TABLE apps ADD COLUMN previous_app_key_hash BLOB NULL;
ALTER TABLE apps ADD COLUMN previous_app_key_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN previous_master_key_hash BLOB NULL;
ALTER TABLE apps ADD COLUMN previous_master_key_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN previous_signing_secret TEXT NULL;
ALTER TABLE apps ADD COLUMN previous_signing_secret_until INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE apps DROP COLUMN previous_signing_secret_until;
ALTER TABLE apps DROP COLUMN previous_signing_secret;
ALTER TABLE apps DROP COLUMN previous_master_key_until;
ALTER TABLE apps DROP COLUMN previous_master_key_hash;
ALTER TABLE apps DROP COLUMN previous_app_key_until;
ALTER TABLE apps DROP COLUMN previous_app_key_hash;
ALTER TABLE apps DROP COLUMN disabled_at;
ALTER TABLE apps DROP COLUMN managed;
ALTER TABLE apps DROP COLUMN version;
