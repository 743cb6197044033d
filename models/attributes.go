package models

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"parley/models/query"
)

// flattenRows is one batch of conversations whose attributes are made ready for queries: a short transaction, in case
// other nodes run.
const flattenRows = 500

// ConversationAttribute leads from a value at a path in the attributes to the conversations that may have it.
type ConversationAttribute struct {
	AppID          uint32 `gorm:"primaryKey;autoIncrement:false"`
	Entry          string `gorm:"primaryKey"`
	ConversationID string `gorm:"primaryKey"`
}

// BeforeCreate and AfterCreate keep what queries look into, whoever makes the conversation; GORM calls them. Whoever
// writes a conversation's attributes by hand has to do the same.
func (c *Conversation) BeforeCreate(*gorm.DB) error {
	c.FlatAttributes = query.Flatten(string(c.Attributes))
	return nil
}

// AfterCreate indexes the attributes.
func (c *Conversation) AfterCreate(tx *gorm.DB) error {
	return indexAttributes(tx, c.AppID, c.ID, nil, query.Entries(c.FlatAttributes))
}

// indexAttributes changes the index of one conversation's attributes from the entries before to those after.
func indexAttributes(db *gorm.DB, appID uint32, id string, before, after []string) error {
	if gone := without(before, after...); len(gone) > 0 {
		err := db.Exec("DELETE FROM conversation_attributes WHERE app_id = ? AND entry IN ? AND conversation_id = ?", appID, gone, id).Error
		if err != nil {
			return err
		}
	}
	var rows []ConversationAttribute
	for _, entry := range without(after, before...) {
		rows = append(rows, ConversationAttribute{AppID: appID, Entry: entry, ConversationID: id})
	}
	if len(rows) == 0 {
		return nil
	}
	// In one order, whoever writes them.
	slices.SortFunc(rows, func(a, b ConversationAttribute) int { return strings.Compare(a.Entry, b.Entry) })
	return db.Create(&rows).Error
}

// entriesOf gives the entries that a conversation's attributes have in the index.
func entriesOf(attributes JSON) []string { return query.Entries(query.Flatten(string(attributes))) }

// flattenAttributes makes the attributes of conversations from before there were queries ready for them. It is done once,
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
		var rows []Conversation
		err := s.read.WithContext(ctx).Where("app_id = ? AND id > ?", app, after).Order("id").Limit(flattenRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		err = s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error {
				for i := range rows {
					if err := rows[i].flatten(tx); err != nil {
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

// flatten does for a stored conversation what its creation would do now; unless it is done, or somebody has changed the
// attributes meanwhile and has done it.
func (c *Conversation) flatten(tx *gorm.DB) error {
	flat := query.Flatten(string(c.Attributes))
	if flat == nil {
		return nil
	}
	result := tx.Exec("UPDATE conversations SET flat_attributes = ? WHERE app_id = ? AND id = ? AND flat_attributes IS NULL AND attributes = ?",
		flat, c.AppID, c.ID, c.Attributes)
	if result.Error != nil || result.RowsAffected == 0 {
		return result.Error
	}
	return indexAttributes(tx, c.AppID, c.ID, nil, query.Entries(flat))
}
