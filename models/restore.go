package models

import (
	"context"

	"github.com/rs/xid"
	"gorm.io/gorm"
)

// restoreJump is how far a restored log's numbers move on: more than an app can have given out since the backup. At
// 20,000 a second, the most that one app's log carries, it is a year and a half; and four thousand restores, of at most
// two jumps each, stay below 2^53, up to which a number is exact in JavaScript.
const restoreJump = 1_000_000_000_000

// Restored is what AfterRestore did to one app's log.
type Restored struct {
	AppID         string
	Before, After int64 // the newest number
}

// AfterRestore makes a database that was restored from a backup fit to be used again. Numbers given out after the backup
// are gone with their entries; were they given out again, a client's position of before would mean another entry. So the
// counter moves past all of them, and so does the floor: whoever comes with a position of before is told to fetch anew,
// because it may know of what is not there any more. The log gets another name on the broker, so that a restored copy may
// run beside the original and neither hears of what is beside the other's log. Doing it twice does no harm.
func (s *Store) AfterRestore(ctx context.Context) ([]Restored, error) {
	var apps []App
	if err := s.read.WithContext(ctx).Order("id").Find(&apps).Error; err != nil {
		return nil, err
	}
	moved := make([]Restored, len(apps))
	for i, app := range apps {
		err := s.persist(func(ctx context.Context, attempt int) error {
			return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				t, err := s.beginLog(tx, app.ID, attempt, nil)
				if err != nil {
					return err
				}
				next := (t.seq + 2*restoreJump - 1) / restoreJump * restoreJump
				moved[i] = Restored{AppID: app.PublicID, Before: t.seq, After: next}
				return tx.Exec("UPDATE counters SET seq = ?, floor = ?, log_id = ? WHERE app_id = ?", next, next, xid.New().String(), app.ID).Error
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return moved, nil
}
