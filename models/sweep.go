package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

const (
	// What waits to be swept is already out of sight, so there is no hurry.
	sweepEvery = time.Minute
	// One batch of a sweep: short enough that senders do not notice the locks.
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
			}
		}
	}
}

// Sweep removes the history of removed conversations and sessions that expired a day ago.
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
		// The entry of the removal itself stays: members who were away are still to be told.
		for _, table := range []string{"messages", "events"} {
			if err := s.sweepTable(ctx, table, r.AppID, r.ConversationID, r.Seq); err != nil {
				return err
			}
		}
		err := s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM removed_conversations WHERE app_id = ? AND conversation_id = ?", r.AppID, r.ConversationID).Error
		})
		if err != nil {
			return err
		}
	}
	return s.retry(ctx, func(tx *gorm.DB) error {
		return tx.Exec("DELETE FROM sessions WHERE expires_at < ?", s.now()-Timestamp(sessionGrace.Milliseconds())).Error
	})
}

// sweepTable deletes a conversation's rows below a number, a batch at a time: by a bound on the number, because a
// DELETE with LIMIT is not known to every database.
func (s *Store) sweepTable(ctx context.Context, table string, appID uint32, conversationID string, below int64) error {
	for {
		var seqs []int64
		err := s.read.WithContext(ctx).Raw("SELECT seq FROM "+table+" WHERE app_id = ? AND conversation_id = ? AND seq < ? ORDER BY seq LIMIT ?",
			appID, conversationID, below, sweepRows).Find(&seqs).Error
		if err != nil || len(seqs) == 0 {
			return err
		}
		err = s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM "+table+" WHERE app_id = ? AND conversation_id = ? AND seq <= ?",
				appID, conversationID, seqs[len(seqs)-1]).Error
		})
		if err != nil {
			return err
		}
	}
}
