-- +goose Up

-- The twin of ../mysql/00008_temporary.sql.

-- Temporary conversations: ttl is the seconds that the creator asked for, expires_at their end by the database's clock. A
-- member's row has it too, because who is inside is asked far more often than what a conversation is. NULL: no end.
ALTER TABLE conversations ADD COLUMN ttl INTEGER NULL;
ALTER TABLE conversations ADD COLUMN expires_at INTEGER NULL;
CREATE INDEX conversations_expiry ON conversations (app_id, expires_at) WHERE expires_at IS NOT NULL;
ALTER TABLE members ADD COLUMN expires_at INTEGER NULL;

-- +goose Down
ALTER TABLE members DROP COLUMN expires_at;
DROP INDEX conversations_expiry;
ALTER TABLE conversations DROP COLUMN expires_at;
ALTER TABLE conversations DROP COLUMN ttl;
