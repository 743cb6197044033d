package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// roomEntriesKept is how long RoomJoined and RoomLeft stay in the log: far longer than any node is behind it.
const roomEntriesKept = time.Hour

// presenceDelay is how late a node may write that it has a stream, and more.
const presenceDelay = 10 * time.Second

// sweepRooms removes what of an app's chat rooms has served: places that nobody can be put back into, and the entries of an hour ago. It also lets
// out sessions that have no stream anywhere though nobody has said so.
func (s *Store) sweepRooms(ctx context.Context, appID uint32) error {
	if err := s.LeaveStrays(ctx, appID); err != nil {
		return err
	}
	for _, sweep := range []func(context.Context, uint32) (more bool, err error){s.sweepPlaces, s.sweepMoves} {
		for more := true; more; {
			var err error
			if more, err = sweep(ctx, appID); err != nil {
				return err
			}
		}
	}
	return nil
}

// LeaveStrays lets sessions out of their chat rooms that have no stream, though nobody has said so: a node may have died
// before it has written that it has the stream, or between that it has gone and what follows from it.
func (s *Store) LeaveStrays(ctx context.Context, appID uint32) error {
	var keys []SessionKey
	err := s.read.WithContext(ctx).Raw(`SELECT DISTINCT r.client_id, r.session_id FROM room_sessions r
		LEFT JOIN presences p ON p.app_id = r.app_id AND p.client_id = r.client_id AND p.session_id = r.session_id
		WHERE r.app_id = ? AND r.left_at = 0 AND r.moved_at < ? AND p.app_id IS NULL LIMIT ?`,
		appID, s.now()-Timestamp(presenceDelay.Milliseconds()), sweepRows).Find(&keys).Error
	if err != nil {
		return asUnavailable(ctx, err)
	}
	return s.LeaveRooms(ctx, appID, keys)
}

// sweepPlaces deletes the places of those who have been away for too long.
func (s *Store) sweepPlaces(ctx context.Context, appID uint32) (more bool, err error) {
	before := s.now() - Timestamp(roomKept.Milliseconds())
	var rows []RoomSession
	err = s.read.WithContext(ctx).Raw("SELECT * FROM room_sessions WHERE app_id = ? AND left_at > 0 AND left_at < ? ORDER BY left_at LIMIT ?",
		appID, before, sweepRows).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return false, err
	}
	last := rows[len(rows)-1].LeftAt
	return len(rows) == sweepRows, s.retry(ctx, func(tx *gorm.DB) error {
		return tx.Exec("DELETE FROM room_sessions WHERE app_id = ? AND left_at > 0 AND left_at <= ?", appID, last).Error
	})
}

// sweepMoves deletes a batch of old RoomJoined and RoomLeft entries. They share their place in the primary key with the ends
// of sessions, which stay; where it got to is remembered, so that those are passed over once.
func (s *Store) sweepMoves(ctx context.Context, appID uint32) (more bool, err error) {
	s.mu.Lock()
	from := s.movesSwept[appID]
	s.mu.Unlock()
	var found []struct {
		Seq       int64
		Kind      EventKind
		CreatedAt Timestamp
	}
	err = s.read.WithContext(ctx).Raw("SELECT seq, kind, created_at FROM events WHERE app_id = ? AND conversation_id = '' AND seq > ? ORDER BY seq LIMIT ?",
		appID, from, sweepRows).Find(&found).Error
	if err != nil {
		return false, err
	}
	before := s.now() - Timestamp(roomEntriesKept.Milliseconds())
	after, moves := from, 0
	more = len(found) == sweepRows
	for _, e := range found {
		if e.CreatedAt >= before {
			more = false
			break
		}
		if after = e.Seq; e.Kind == RoomJoined || e.Kind == RoomLeft {
			moves++
		}
	}
	if moves > 0 {
		err = s.retry(ctx, func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM events WHERE app_id = ? AND conversation_id = '' AND seq > ? AND seq <= ? AND kind IN ?",
				appID, from, after, []EventKind{RoomJoined, RoomLeft}).Error
		})
	}
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	s.movesSwept[appID] = after
	s.mu.Unlock()
	return more, nil
}
