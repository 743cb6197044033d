-- +goose Up

-- How long history is kept. A conversation may have a retention of its own, in days: NULL is the server's, 0 keeps all.
-- floor_seq is the highest number that has been, or is just being, removed from such a conversation; the counter row has
-- the highest of all of them, and when a node last began to remove what is too old.
ALTER TABLE conversations ADD COLUMN retention_days INTEGER NULL;
ALTER TABLE conversations ADD COLUMN floor_seq INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversations_retention ON conversations (app_id, retention_days) WHERE retention_days IS NOT NULL;
ALTER TABLE counters ADD COLUMN own_floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN swept_at INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE counters DROP COLUMN swept_at;
ALTER TABLE counters DROP COLUMN own_floor;
DROP INDEX conversations_retention;
ALTER TABLE conversations DROP COLUMN floor_seq;
ALTER TABLE conversations DROP COLUMN retention_days;
