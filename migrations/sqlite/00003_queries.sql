-- +goose Up

-- The twin of ../mysql/00003_queries.sql.

-- The attributes in the form that queries look into (models/query/flatten.go); NULL when there are none.
ALTER TABLE conversations ADD COLUMN flat_attributes BLOB NULL;

-- The default order of lists, newest activity first; and a name that is looked for.
CREATE INDEX conversations_activity ON conversations (app_id, active_at, id);
CREATE INDEX conversations_name ON conversations (app_id, name);

-- Apps with conversations from before flat_attributes. The next start fills it in and empties this table.
CREATE TABLE unflattened_apps (
  app_id               INTEGER NOT NULL,
  PRIMARY KEY (app_id)
) WITHOUT ROWID;
INSERT INTO unflattened_apps (app_id) SELECT id FROM apps;

-- +goose Down
DROP TABLE unflattened_apps;
DROP INDEX conversations_name;
DROP INDEX conversations_activity;
ALTER TABLE conversations DROP COLUMN flat_attributes;
