-- +goose Up

-- How long history is kept. A conversation may have a retention of its own, in days: NULL is the server's, 0 keeps all.
-- floor_seq is the highest number that has been, or is just being, removed from such a conversation; the counter row has
-- the highest of all of them, and when a node last began to remove what is too old. MySQL knows no ADD COLUMN IF NOT
-- EXISTS, so each of these looks first.
SET @add_own_retention = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE conversations ADD COLUMN retention_days INT NULL, ADD COLUMN floor_seq BIGINT NOT NULL DEFAULT 0, ADD KEY conversations_retention (app_id, retention_days)',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'conversations' AND column_name = 'floor_seq');
PREPARE add_own_retention FROM @add_own_retention;
EXECUTE add_own_retention;
DEALLOCATE PREPARE add_own_retention;

SET @add_own_floor = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE counters ADD COLUMN own_floor BIGINT NOT NULL DEFAULT 0, ADD COLUMN swept_at BIGINT NOT NULL DEFAULT 0',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'counters' AND column_name = 'swept_at');
PREPARE add_own_floor FROM @add_own_floor;
EXECUTE add_own_floor;
DEALLOCATE PREPARE add_own_floor;

-- +goose Down
ALTER TABLE counters DROP COLUMN swept_at, DROP COLUMN own_floor;
ALTER TABLE conversations DROP KEY conversations_retention, DROP COLUMN floor_seq, DROP COLUMN retention_days;
