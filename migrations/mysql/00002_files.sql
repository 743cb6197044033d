-- +goose Up

-- Files: what was uploaded, and links to what lives elsewhere. A row is written before its bytes (state uploading) and
-- becomes ready after them; unused_since is the time from which no message has named it, NULL while one does. What has
-- been unused for a day is swept, uploads that were cut off too; it is removing from then on, so a cut sweep goes on.
CREATE TABLE IF NOT EXISTS files (
  app_id       INT UNSIGNED    NOT NULL,
  id           VARBINARY(36)   NOT NULL,
  state        VARBINARY(16)   NOT NULL,
  uploader     VARBINARY(256)  NULL,
  name         VARCHAR(255)    NOT NULL,
  mime_type    VARBINARY(255)  NOT NULL,
  size         BIGINT          NULL,
  link         VARBINARY(2048) NULL,
  metadata     MEDIUMTEXT      NOT NULL,
  created_at   BIGINT          NOT NULL,
  unused_since BIGINT          NULL,
  PRIMARY KEY (app_id, id),
  KEY files_unused (app_id, unused_since, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Which message names which stored file; who may read a file, and whether it is still named, is asked here.
CREATE TABLE IF NOT EXISTS message_files (
  app_id          INT UNSIGNED  NOT NULL,
  file_id         VARBINARY(36) NOT NULL,
  conversation_id VARBINARY(36) NOT NULL,
  seq             BIGINT        NOT NULL,
  PRIMARY KEY (app_id, file_id, conversation_id, seq),
  KEY message_files_conversation (app_id, conversation_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a media message names and a location message says. MySQL knows no ADD COLUMN IF NOT EXISTS, so this looks first.
SET @add_media = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE messages ADD COLUMN file MEDIUMTEXT NULL, ADD COLUMN location MEDIUMTEXT NULL',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'messages' AND column_name = 'location');
PREPARE add_media FROM @add_media;
EXECUTE add_media;
DEALLOCATE PREPARE add_media;

-- +goose Down
ALTER TABLE messages DROP COLUMN file, DROP COLUMN location;
DROP TABLE message_files;
DROP TABLE files;
