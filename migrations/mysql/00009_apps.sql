-- +goose Up

-- Apps that are changed while nodes run. version grows with every change, and every node looks at it twice a second.
-- managed: parley app has made the app, or given it keys, so that the environment of a node gives it none any more.
-- disabled_at: NULL while it is not. Each key has the one that it has replaced beside it, which is good until the time
-- beside that; the keys are hashes, the signing secret is not, since tokens are checked with it. MySQL knows no ADD COLUMN
-- IF NOT EXISTS, so this looks first.
SET @add_app_keys = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE apps ADD COLUMN version BIGINT NOT NULL DEFAULT 0, ADD COLUMN managed BOOLEAN NOT NULL DEFAULT FALSE, ADD COLUMN disabled_at BIGINT NULL, ADD COLUMN previous_app_key_hash VARBINARY(64) NULL, ADD COLUMN previous_app_key_until BIGINT NOT NULL DEFAULT 0, ADD COLUMN previous_master_key_hash VARBINARY(64) NULL, ADD COLUMN previous_master_key_until BIGINT NOT NULL DEFAULT 0, ADD COLUMN previous_signing_secret VARBINARY(255) NULL, ADD COLUMN previous_signing_secret_until BIGINT NOT NULL DEFAULT 0',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'apps' AND column_name = 'version');
PREPARE add_app_keys FROM @add_app_keys;
EXECUTE add_app_keys;
DEALLOCATE PREPARE add_app_keys;

-- +goose Down
ALTER TABLE apps DROP COLUMN previous_signing_secret_until, DROP COLUMN previous_signing_secret, DROP COLUMN previous_master_key_until,
  DROP COLUMN previous_master_key_hash, DROP COLUMN previous_app_key_until, DROP COLUMN previous_app_key_hash, DROP COLUMN disabled_at,
  DROP COLUMN managed, DROP COLUMN version;
