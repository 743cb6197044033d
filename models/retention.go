package models

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"
)

const (
	// How often a node looks for what is too old: a tenth of the retention, so that a short one is kept to, and never so
	// rarely that a day's history piles up or so often that looking costs anything.
	retentionLeast, retentionMost = time.Second, 10 * time.Minute
	// What had a retention of its own is looked at again after this, in case it has none any more.
	lookAgainAfter = 24 * time.Hour
	// MaxRetentionDays is the longest retention of a conversation's own: a hundred years.
	MaxRetentionDays = 36_500
)

// swept is how far a node has removed what is below an app's floor.
type swept struct {
	upTo  int64
	since time.Time // it began at the log's beginning
}

func (o Options) retentionPeriod() time.Duration {
	switch {
	case o.RetentionEvery != 0:
		return o.RetentionEvery
	case o.Retention == 0:
		return retentionMost
	}
	return min(max(o.Retention/10, retentionLeast), retentionMost)
}

func (o Options) retentionWithin() time.Duration {
	if o.RetentionWithin != 0 {
		return o.RetentionWithin
	}
	const turns = 6
	return min(turns*o.retentionPeriod(), o.Retention/10)
}

// retentionLoop removes history that is too old.
func (s *Store) retentionLoop(ctx context.Context) {
	tick := time.NewTicker(s.options.retentionPeriod())
	defer tick.Stop()
	done := map[uint32]swept{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.expire(ctx, done); err != nil && ctx.Err() == nil {
				s.options.Logger.Warn("removing old history failed; it goes on at the next turn", "error", err)
			} else if err == nil {
				s.metrics.retentionAt.SetToCurrentTime()
			}
		}
	}
}

// expire removes what is older than the retention. The floors are raised first: a reader that has read a page and then
// finds the floor at or below where it began has read it whole.
func (s *Store) expire(ctx context.Context, done map[uint32]swept) error {
	heads, err := s.Heads(ctx)
	if err != nil {
		return err
	}
	for _, head := range heads {
		mine, err := s.claimSweep(ctx, head.AppID)
		if err != nil {
			return err
		}
		if !mine {
			continue
		}
		now, err := s.surelyNow(ctx)
		if err != nil {
			return err
		}
		own, err := s.ownRetentions(ctx, head.AppID)
		if err == nil {
			err = s.expireOwn(ctx, head.AppID, own, now)
		}
		if err == nil {
			err = s.expireApp(ctx, head, now, done)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// surelyNow is a time that has come by this node's clock and by the database's: a clock that has jumped ahead, on one of
// many nodes, must not take the history of all along.
func (s *Store) surelyNow(ctx context.Context) (Timestamp, error) {
	if s.secondClock == nil {
		return s.now(), nil
	}
	now, err := s.secondClock(ctx)
	return min(now, s.now()), err
}

// claimSweep tells whether this node is to do it this time. When two do, no harm is done.
func (s *Store) claimSweep(ctx context.Context, appID uint32) (bool, error) {
	now, mine := s.now(), false
	period := Timestamp(s.options.retentionPeriod().Milliseconds())
	err := s.retry(ctx, func(tx *gorm.DB) error {
		// A time in the future is that of a wrong clock.
		result := tx.Exec("UPDATE counters SET swept_at = ? WHERE app_id = ? AND (swept_at <= ? OR swept_at > ?)",
			now, appID, now-period*9/10, now+period)
		mine = result.RowsAffected == 1
		return result.Error
	})
	return mine, err
}

// ownRetention is a conversation that has one, in days.
type ownRetention struct {
	ID            string
	RetentionDays int
}

func (s *Store) ownRetentions(ctx context.Context, appID uint32) (own []ownRetention, err error) {
	err = s.read.WithContext(ctx).Raw("SELECT id, retention_days FROM conversations WHERE app_id = ? AND retention_days > 0", appID).Find(&own).Error
	return own, err
}

// ownAmong gives those of some conversations that have a retention of their own. It is asked for every batch: a sweep of much
// goes on for hours, and whoever says meanwhile that a conversation is to be kept has to be heard.
func (s *Store) ownAmong(ctx context.Context, appID uint32, ids []string) (map[string]bool, error) {
	slices.Sort(ids)
	var rows []string
	err := s.read.WithContext(ctx).Raw("SELECT id FROM conversations WHERE app_id = ? AND id IN ? AND retention_days IS NOT NULL",
		appID, slices.Compact(ids)).Find(&rows).Error
	own := make(map[string]bool, len(rows))
	for _, id := range rows {
		own[id] = true
	}
	return own, err
}

// expireOwn removes what is too old in conversations that have a retention of their own.
func (s *Store) expireOwn(ctx context.Context, appID uint32, own []ownRetention, now Timestamp) error {
	for _, c := range own {
		before := now - Timestamp(c.RetentionDays)*Timestamp((24*time.Hour).Milliseconds())
		for _, place := range []string{c.ID, personalPart(c.ID)} {
			if err := s.expireOwnPlace(ctx, appID, c, place, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// expireOwnPlace does so for those of a conversation's messages that are kept in one place.
func (s *Store) expireOwnPlace(ctx context.Context, appID uint32, c ownRetention, place string, before Timestamp) error {
	old, err := s.hasBefore(ctx, appID, c, place, before)
	if err != nil || !old {
		return err
	}
	first, err := firstSeqAt(s.read.WithContext(ctx), appID, place, before)
	if err != nil {
		return err
	}
	err = s.raiseFloor(appID, []string{
		"UPDATE conversations SET floor_seq = ? WHERE app_id = ? AND floor_seq < ? AND id = ?",
		"UPDATE counters SET own_floor = ? WHERE app_id = ? AND own_floor < ?",
	}, first-1, c.ID)
	if err != nil {
		return err
	}
	if err := s.sweepFileUses(ctx, appID, place, first); err != nil {
		return err
	}
	return s.sweepMessages(ctx, appID, place, first)
}

// hasBefore tells whether the oldest message in one place of a conversation is older than that, if the conversation's
// retention is still the same.
func (s *Store) hasBefore(ctx context.Context, appID uint32, c ownRetention, place string, at Timestamp) (bool, error) {
	var oldest Timestamp
	row := s.read.WithContext(ctx).Raw(`SELECT created_at FROM messages WHERE app_id = ? AND conversation_id = ?
		AND EXISTS (SELECT 1 FROM conversations WHERE app_id = ? AND id = ? AND retention_days = ?) ORDER BY seq LIMIT 1`,
		appID, place, appID, c.ID, c.RetentionDays).Row()
	err := row.Scan(&oldest)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && oldest < at, err
}

// raiseFloor runs updates that set a floor, in a transaction of the log: who reads the counter reads the floor with it.
func (s *Store) raiseFloor(appID uint32, updates []string, floor int64, more ...any) error {
	return s.persist(func(ctx context.Context, attempt int) error {
		return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if _, err := s.beginLog(tx, appID, attempt, nil); err != nil {
				return err
			}
			for i, update := range updates {
				args := []any{floor, appID, floor}
				if i == 0 {
					args = append(args, more...)
				}
				if err := tx.Exec(update, args...).Error; err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// expireApp removes what is older than the server's retention, of all other conversations.
func (s *Store) expireApp(ctx context.Context, head Head, now Timestamp, done map[uint32]swept) error {
	if s.options.Retention == 0 {
		return nil
	}
	before := now - Timestamp(s.options.Retention.Milliseconds())
	// What goes is found by its age, and not by the floor, which a restore puts above all that is there.
	var last int64
	for _, table := range []string{"messages", "events"} {
		old, err := lastBefore(s.read.WithContext(ctx), table, before, head.AppID)
		if err != nil {
			return err
		}
		last = max(last, old)
	}
	if last > head.Floor {
		if err := s.raiseFloor(head.AppID, []string{"UPDATE counters SET floor = ? WHERE app_id = ? AND floor < ?"}, last); err != nil {
			return err
		}
	}
	from := done[head.AppID]
	if s.options.Clock().Sub(from.since) > lookAgainAfter {
		from = swept{since: s.options.Clock()}
	}
	var oldest int64
	err := s.read.WithContext(ctx).Raw("SELECT COALESCE(MIN(seq), 0) FROM messages WHERE app_id = ?", head.AppID).Row().Scan(&oldest)
	if err != nil {
		return err
	}
	s.pace.spread(last-max(from.upTo, oldest-1), s.options.retentionWithin())
	defer s.pace.spread(0, 0)
	if err := s.expireMessages(ctx, head.AppID, from.upTo, last); err != nil {
		return err
	}
	if err := s.expireEvents(ctx, head.AppID, last); err != nil {
		return err
	}
	from.upTo = max(from.upTo, last)
	done[head.AppID] = from
	return nil
}

// lastBefore finds an app's last entry in a table that is older than that; 0: there is none. Times never run backwards in
// a log, so all that lies before it, in the other table too, is as old.
func lastBefore(db *gorm.DB, table string, at Timestamp, appID uint32) (last int64, err error) {
	first, err := firstAt(db, table, at, "app_id = ?", appID) // the oldest entry, where none is old
	if err != nil {
		return 0, err
	}
	err = db.Raw("SELECT COALESCE(MAX(seq), 0) FROM "+table+" WHERE app_id = ? AND seq < ?", appID, first).Row().Scan(&last)
	return last, err
}

// expireMessages removes the messages of (after, upTo], but those of conversations that have a retention of their own.
func (s *Store) expireMessages(ctx context.Context, appID uint32, after, upTo int64) error {
	for {
		var rows []struct {
			ConversationID string
			Seq            int64
			NamesFile      bool
		}
		err := s.read.WithContext(ctx).Raw("SELECT conversation_id, seq, file IS NOT NULL AS names_file FROM messages WHERE app_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
			appID, after, upTo, s.pace.limit()).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		var ids []string
		for _, r := range rows {
			ids = append(ids, withoutMark(r.ConversationID))
		}
		own, err := s.ownAmong(ctx, appID, ids)
		if err != nil {
			return err
		}
		var seqs []int64
		files := map[string]int64{}
		for _, r := range rows {
			after = r.Seq
			if own[withoutMark(r.ConversationID)] {
				continue
			}
			seqs = append(seqs, r.Seq)
			if r.NamesFile {
				files[r.ConversationID] = r.Seq
			}
		}
		if len(seqs) == 0 {
			continue
		}
		for id, last := range files { // first: a message that is gone leads to no file any more
			if err := s.sweepFileUses(ctx, appID, id, last+1); err != nil {
				return err
			}
		}
		err = s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
			return tx.Exec("DELETE FROM messages WHERE app_id = ? AND seq IN ?", appID, seqs)
		})
		if err == nil {
			err = s.sweepPersonal(ctx, appID, seqs)
		}
		if err != nil {
			return err
		}
	}
}

// expireEvents removes the events up to a number, with the memberships that they ended: nobody can be shown either.
func (s *Store) expireEvents(ctx context.Context, appID uint32, upTo int64) error {
	for {
		var rows []struct {
			ConversationID string
			Seq            int64
			Kind           EventKind
		}
		err := s.read.WithContext(ctx).Raw("SELECT conversation_id, seq, kind FROM events WHERE app_id = ? AND seq <= ? ORDER BY seq LIMIT ?",
			appID, upTo, s.pace.limit()).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		left := map[string]bool{}
		for _, r := range rows {
			if r.Kind == MembersLeft || r.Kind == Unsubscribed || r.Kind == ConversationRemoved {
				left[withoutMark(r.ConversationID)] = true
			}
		}
		for id := range left {
			err := s.retry(ctx, func(tx *gorm.DB) error {
				return tx.Exec("DELETE FROM former_members WHERE app_id = ? AND conversation_id = ? AND left_seq <= ?", appID, id, upTo).Error
			})
			if err != nil {
				return err
			}
		}
		err = s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
			return tx.Exec("DELETE FROM events WHERE app_id = ? AND seq <= ?", appID, rows[len(rows)-1].Seq)
		})
		if err != nil {
			return err
		}
	}
}
