-- +goose Up

-- An index entry for each message, on a page of its own wherever conversations are many, is a third of what a send writes. So two
-- indexes hold no more than what is looked for in them.

-- Idempotency keys: those of clients ('c:…'), which are looked for by every send that has one. The server's own ('s:…') are looked
-- for after a commit whose outcome was unknown, among the newest messages.
CREATE UNIQUE INDEX messages_client_key ON messages (app_id, conversation_id, sender, idempotency_key) WHERE idempotency_key < 's';
DROP INDEX messages_idempotency;

-- Types: all but text, which most messages are.
CREATE INDEX messages_other_type ON messages (app_id, conversation_id, type, seq) WHERE type <> 'text';
DROP INDEX messages_type;

-- +goose Down
CREATE INDEX messages_type ON messages (app_id, conversation_id, type, seq);
DROP INDEX messages_other_type;
CREATE UNIQUE INDEX messages_idempotency ON messages (app_id, conversation_id, sender, idempotency_key);
DROP INDEX messages_client_key;
