-- +goose Up

-- What conversation queries look into. MySQL knows no ADD COLUMN IF NOT EXISTS, so this looks first.
-- flat_attributes: the attributes in the form that queries look into (models/query/flatten.go); NULL when there are none.
-- conversations_activity: the default order of lists, newest activity first. conversations_name: a name that is looked for.
SET @add_queries = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE conversations ADD COLUMN flat_attributes MEDIUMBLOB NULL, ADD KEY conversations_activity (app_id, active_at, id), ADD KEY conversations_name (app_id, name)',
  'DO 0')
  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'conversations' AND column_name = 'flat_attributes');
PREPARE add_queries FROM @add_queries;
EXECUTE add_queries;
DEALLOCATE PREPARE add_queries;

-- Apps with conversations from before flat_attributes. The next start fills it in and empties this table.
CREATE TABLE IF NOT EXISTS unflattened_apps (
  app_id INT UNSIGNED NOT NULL,
  PRIMARY KEY (app_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO unflattened_apps (app_id) SELECT id FROM apps WHERE id NOT IN (SELECT app_id FROM (SELECT app_id FROM unflattened_apps) AS listed);

-- +goose Down
DROP TABLE unflattened_apps;
ALTER TABLE conversations DROP KEY conversations_name, DROP KEY conversations_activity, DROP COLUMN flat_attributes;
