package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

const (
	// A file that no message names is kept this long: its uploader may be about to send it, or to send it again.
	unusedFileGrace = 24 * time.Hour
	// Files that the sweep takes in one transaction, which holds up the sends of the app for a few milliseconds.
	sweepFiles = 200
)

// sweepUnusedFiles removes the files that no message has named for a day: uploads that were never sent, that were cut
// off, and those of messages that are gone. What it takes is marked first, so that a sweep that is cut off goes on at the
// next turn, here or on another node.
func (s *Store) sweepUnusedFiles(ctx context.Context, appID uint32) error {
	if s.fileStore() == nil {
		return nil
	}
	from := File{UnusedSince: new(Timestamp)}
	for {
		taken, last, err := s.takeUnusedFiles(ctx, appID, from)
		if err != nil || last == nil {
			return err
		}
		if err := s.removeFiles(ctx, taken); err != nil {
			return err
		}
		from = *last
	}
}

// takeUnusedFiles marks the next files that nobody will name any more, after one in the order of the index; last is nil
// when there are no more.
func (s *Store) takeUnusedFiles(ctx context.Context, appID uint32, after File) (taken []*File, last *File, err error) {
	before := s.now() - Timestamp(unusedFileGrace.Milliseconds())
	err = s.inLog(ctx, appID, func(t *logTx) error {
		taken, last = nil, nil
		var found []*File
		err := t.db.Where("app_id = ? AND unused_since < ? AND (unused_since > ? OR unused_since = ? AND id > ?)",
			appID, before, after.UnusedSince, after.UnusedSince, after.ID).
			Order("unused_since, id").Limit(sweepFiles).Find(&found).Error
		if err != nil || len(found) == 0 {
			return err
		}
		last = found[len(found)-1]
		used, err := usedFiles(t.db, appID, idsOf(found))
		if err != nil {
			return err
		}
		taken = slices.DeleteFunc(found, func(f *File) bool { return used[f.ID] })
		return t.db.Exec("UPDATE files SET state = ? WHERE app_id = ? AND id IN ?", fileRemoving, appID, idsOf(taken)).Error
	})
	return taken, last, err
}

// removeFiles removes bytes, then rows. A file whose bytes the store does not remove keeps its row, and its turn comes
// again; the others go on.
func (s *Store) removeFiles(ctx context.Context, files []*File) error {
	var failure error
	for _, f := range files {
		if f.Link == nil {
			if err := s.fileStore().Delete(ctx, f.key()); err != nil {
				s.metrics.sweepFailures.Inc()
				failure = err
				if ctx.Err() != nil {
					break
				}
				continue
			}
		}
		err := s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM files WHERE app_id = ? AND id = ? AND state = ?", f.AppID, f.ID, fileRemoving).Error
		})
		if err != nil {
			return err
		}
		s.metrics.sweptFiles.WithLabelValues(sweptAs(f)).Inc()
	}
	if failure != nil {
		s.options.Logger.Warn("the store of the files does not remove some that are unused; the sweep tries again", "error", failure)
	}
	return ctx.Err()
}

func sweptAs(f *File) string {
	if f.Size == nil && f.Link == nil {
		return sweptUnfinished
	}
	return sweptUnused
}

// States of files that the sweep removes, as labels.
const (
	sweptUnused     = "unused"
	sweptUnfinished = "unfinished"
)

// sweepFileUses removes what says that a removed conversation's messages name files. What is named by no other message
// is unused from then on.
func (s *Store) sweepFileUses(ctx context.Context, appID uint32, conversationID string, below int64) error {
	for {
		var left bool
		err := s.inLog(ctx, appID, func(t *logTx) error {
			var uses []MessageFileUse
			err := t.db.Where("app_id = ? AND conversation_id = ? AND seq < ?", appID, conversationID, below).
				Order("seq").Limit(sweepRows).Find(&uses).Error
			left = len(uses) == sweepRows
			if err != nil || len(uses) == 0 {
				return err
			}
			return t.dropFileUses(conversationID, uses)
		})
		if err != nil || !left {
			return err
		}
	}
}

// dropFileUses removes the first uses of a conversation's, which are in order.
func (t *logTx) dropFileUses(conversationID string, uses []MessageFileUse) error {
	err := t.db.Exec("DELETE FROM message_files WHERE app_id = ? AND conversation_id = ? AND seq <= ?",
		t.appID, conversationID, uses[len(uses)-1].Seq).Error
	if err != nil {
		return err
	}
	var ids []string
	for _, use := range uses {
		ids = append(ids, use.FileID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	used, err := usedFiles(t.db, t.appID, ids)
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return used[id] })
	if len(ids) == 0 {
		return nil
	}
	return t.db.Exec("UPDATE files SET unused_since = ? WHERE app_id = ? AND id IN ?", t.at, t.appID, ids).Error
}

// usedFiles tells which of the files a message names.
func usedFiles(db *gorm.DB, appID uint32, ids []string) (map[string]bool, error) {
	var named []string
	err := db.Raw("SELECT DISTINCT file_id FROM message_files WHERE app_id = ? AND file_id IN ?", appID, ids).Find(&named).Error
	used := make(map[string]bool, len(named))
	for _, id := range named {
		used[id] = true
	}
	return used, err
}

func idsOf(files []*File) []string {
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = f.ID
	}
	return ids
}

// inLog runs something in a transaction that holds the app's counter row and numbers nothing. It may run more than once.
func (s *Store) inLog(ctx context.Context, appID uint32, do func(*logTx) error) error {
	return s.retry(ctx, func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			t, err := s.beginLog(tx, appID, 0, nil)
			if err != nil {
				return err
			}
			return do(t)
		})
	})
}
