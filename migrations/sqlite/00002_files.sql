-- +goose Up

-- The twin of ../mysql/00002_files.sql.

-- Files: what was uploaded, and links to what lives elsewhere. A row is written before its bytes (state uploading) and
-- becomes ready after them; unused_since is the time from which no message has named it, NULL while one does. What has
-- been unused for a day is swept, uploads that were cut off too; it is removing from then on, so a cut sweep goes on.
CREATE TABLE files (
  app_id               INTEGER NOT NULL,
  id                   TEXT    NOT NULL,
  state                TEXT    NOT NULL,
  uploader             TEXT    NULL,
  name                 TEXT    NOT NULL,
  mime_type            TEXT    NOT NULL,
  size                 INTEGER NULL,
  link                 TEXT    NULL,
  metadata             TEXT    NOT NULL,
  created_at           INTEGER NOT NULL,
  unused_since         INTEGER NULL,
  PRIMARY KEY (app_id, id)
) WITHOUT ROWID;
CREATE INDEX files_unused ON files (app_id, unused_since, id);

-- Which message names which stored file; who may read a file, and whether it is still named, is asked here.
CREATE TABLE message_files (
  app_id               INTEGER NOT NULL,
  file_id              TEXT    NOT NULL,
  conversation_id      TEXT    NOT NULL,
  seq                  INTEGER NOT NULL,
  PRIMARY KEY (app_id, file_id, conversation_id, seq)
) WITHOUT ROWID;
CREATE INDEX message_files_conversation ON message_files (app_id, conversation_id, seq);

-- What a media message names and a location message says.
ALTER TABLE messages ADD COLUMN file TEXT NULL;
ALTER TABLE messages ADD COLUMN location TEXT NULL;

-- +goose Down
ALTER TABLE messages DROP COLUMN location;
ALTER TABLE messages DROP COLUMN file;
DROP TABLE message_files;
DROP TABLE files;
