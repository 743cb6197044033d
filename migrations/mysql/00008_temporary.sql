-- +goose Up

-- Temporary conversations: ttl is the seconds that the creator asked for, expires_at their end by the database's clock. A
-- member's row has it too, because who is inside is asked far more often than what a conversation is. NULL: no end.
-- MySQL knows no ADD COLUMN IF NOT EXISTS, so each of these looks first.
SET @add_expiry = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE conversations ADD COLUMN ttl INT NULL, ADD COLUMN expires_at BIGINT NULL, ADD KEY conversations_expiry (app_id, expires_at)',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'conversations' AND column_name = 'expires_at');
PREPARE add_expiry FROM @add_expiry;
EXECUTE add_expiry;
DEALLOCATE PREPARE add_expiry;

SET @add_member_expiry = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE members ADD COLUMN expires_at BIGINT NULL',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'members' AND column_name = 'expires_at');
PREPARE add_member_expiry FROM @add_member_expiry;
EXECUTE add_member_expiry;
DEALLOCATE PREPARE add_member_expiry;

-- +goose Down
ALTER TABLE members DROP COLUMN expires_at;
ALTER TABLE conversations DROP KEY conversations_expiry, DROP COLUMN expires_at, DROP COLUMN ttl;
