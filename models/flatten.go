package models

import (
	"context"

	"gorm.io/gorm"

	"parley/models/query"
)

// flattenRows is one batch of conversations that get their flat attributes: a short transaction, in case other nodes run.
const flattenRows = 500

// BeforeSave keeps the form of the attributes that queries look into, whoever makes the conversation; GORM calls it.
// An UPDATE by hand has to do the same.
func (c *Conversation) BeforeSave(*gorm.DB) error {
	c.FlatAttributes = query.Flatten(string(c.Attributes))
	return nil
}

// flattenAttributes fills in the flat attributes of conversations from before there was such a column. It is done once,
// before the first query, and can be cut off and begun again; several nodes may do it at once.
func (s *Store) flattenAttributes(ctx context.Context) error {
	var apps []uint32
	if err := s.read.WithContext(ctx).Raw("SELECT app_id FROM unflattened_apps").Find(&apps).Error; err != nil {
		return err
	}
	for _, app := range apps {
		if err := s.flattenApp(ctx, app); err != nil {
			return err
		}
		err := s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM unflattened_apps WHERE app_id = ?", app).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) flattenApp(ctx context.Context, app uint32) error {
	for after := ""; ; {
		var rows []struct {
			ID         string
			Attributes string
		}
		err := s.read.WithContext(ctx).Raw("SELECT id, attributes FROM conversations WHERE app_id = ? AND id > ? ORDER BY id LIMIT ?", app, after, flattenRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		err = s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error {
				for _, row := range rows {
					flat := query.Flatten(row.Attributes)
					if flat == nil {
						continue
					}
					// Unless somebody has changed them meanwhile, and has done this.
					err := tx.Exec("UPDATE conversations SET flat_attributes = ? WHERE app_id = ? AND id = ? AND flat_attributes IS NULL AND attributes = ?",
						flat, app, row.ID, row.Attributes).Error
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		after = rows[len(rows)-1].ID
	}
}
