package models

import (
	"context"
	"time"

	"gorm.io/gorm"

	"parley/models/query"
)

const (
	// What waits to be swept is already out of sight, so there is no hurry.
	sweepEvery = time.Minute
	// What a sweep reads or removes at a time at most.
	sweepRows = 1000
	// Expired sessions are kept this long, so that a late caller is told "expired" and not "unknown".
	sessionGrace = 24 * time.Hour
)

// sweepLoop removes, in batches, what nobody can see any more. Any node may; doing it twice does no harm.
func (s *Store) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.options.Logger.Warn("sweeping failed; it goes on at the next turn", "error", err)
			} else if err == nil {
				s.metrics.sweepAt.SetToCurrentTime()
			}
		}
	}
}

// Sweep removes the history of removed conversations, temporary ones whose time is over, what chat rooms leave behind, sessions that expired a day ago, tickets, and
// files that no message has named for a day.
func (s *Store) Sweep(ctx context.Context) error {
	var removed []struct {
		AppID          uint32
		ConversationID string
		Seq            int64
	}
	if err := s.read.WithContext(ctx).Raw("SELECT app_id, conversation_id, seq FROM removed_conversations").Find(&removed).Error; err != nil {
		return err
	}
	for _, r := range removed {
		if err := s.sweepMessages(ctx, r.AppID, r.ConversationID, r.Seq); err != nil {
			return err
		}
		// Whoever was away is still to be told of its end: the entries that took somebody out stay.
		const ends = " AND seq NOT IN (SELECT left_seq FROM former_members f WHERE f.app_id = events.app_id AND f.conversation_id = events.conversation_id)"
		if err := s.sweepTable(ctx, "events", ends, r.AppID, r.ConversationID, r.Seq); err != nil {
			return err
		}
		if err := s.sweepFileUses(ctx, r.AppID, r.ConversationID, r.Seq); err != nil {
			return err
		}
		if err := s.sweepSubscriptions(ctx, r.AppID, r.ConversationID); err != nil {
			return err
		}
		err := s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM removed_conversations WHERE app_id = ? AND conversation_id = ?", r.AppID, r.ConversationID).Error
		})
		if err != nil {
			return err
		}
	}
	var apps []uint32
	if err := s.read.WithContext(ctx).Raw("SELECT id FROM apps").Find(&apps).Error; err != nil {
		return err
	}
	for _, app := range apps {
		if err := s.sweepExpired(ctx, app); err != nil {
			return err
		}
		if err := s.sweepRooms(ctx, app); err != nil {
			return err
		}
		if err := s.sweepSessions(ctx, app); err != nil {
			return err
		}
		if err := s.sweepTickets(ctx, app); err != nil {
			return err
		}
		if err := s.sweepUnusedFiles(ctx, app); err != nil {
			return err
		}
		if err := s.sweepBroadcasts(ctx, app); err != nil {
			return err
		}
	}
	return nil
}

// sweepSessions deletes an app's sessions that have long expired, a batch at a time, along their index.
func (s *Store) sweepSessions(ctx context.Context, app uint32) error {
	before := s.now() - Timestamp(sessionGrace.Milliseconds())
	for {
		var ids []string
		err := s.read.WithContext(ctx).Raw("SELECT id FROM sessions WHERE app_id = ? AND expires_at < ? LIMIT ?", app, before, sweepRows).Find(&ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM sessions WHERE app_id = ? AND id IN ?", app, ids).Error
		}); err != nil {
			return err
		}
	}
}

// sweepTable deletes a conversation's rows below a number, a batch at a time: by a bound on the number, because a
// DELETE with LIMIT is not known to every database.
func (s *Store) sweepTable(ctx context.Context, table, but string, appID uint32, conversationID string, below int64) error {
	for {
		var seqs []int64
		err := s.read.WithContext(ctx).Raw("SELECT seq FROM "+table+" WHERE app_id = ? AND conversation_id = ? AND seq < ?"+but+" ORDER BY seq LIMIT ?",
			appID, conversationID, below, s.pace.limit()).Find(&seqs).Error
		if err != nil || len(seqs) == 0 {
			return err
		}
		err = s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
			return tx.Exec("DELETE FROM "+table+" WHERE app_id = ? AND conversation_id = ? AND seq <= ?"+but,
				appID, conversationID, seqs[len(seqs)-1])
		})
		if err != nil {
			return err
		}
	}
}

// sweepBatch runs one DELETE when it is time for one.
func (s *Store) sweepBatch(ctx context.Context, remove func(*gorm.DB) *gorm.DB) error {
	if err := s.pace.wait(ctx); err != nil {
		return err
	}
	begun, removed := time.Now(), int64(0)
	err := s.retry(ctx, func(tx *gorm.DB) error {
		result := remove(tx)
		removed = result.RowsAffected
		return result.Error
	})
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if s.dialect == query.SQLite && s.pace.checkpointDue() {
		if err := s.checkpoint(ctx); err != nil {
			return err
		}
	}
	s.pace.took(removed, took)
	s.metrics.swept.Add(float64(removed))
	return nil
}

// checkpoint has a reading connection bring SQLite's write-ahead log into the database, beside the sends: a sweep fills the log with
// pages, and otherwise one send in some would wait until all of them are written.
func (s *Store) checkpoint(ctx context.Context) error {
	var busy, frames, done int
	return s.read.WithContext(ctx).Raw("PRAGMA wal_checkpoint(PASSIVE)").Row().Scan(&busy, &frames, &done)
}
