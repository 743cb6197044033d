package models

import (
	"context"

	"gorm.io/gorm"
)

// This file is who has streams where, as the database knows it: a session is inside its chat rooms for as long as it has
// one, on any node.

// Attendance says whether a session has a stream on this node.
type Attendance struct {
	SessionKey
	Present bool
}

// SessionStream says that a session has a stream on a node.
type SessionStream struct {
	AppID     uint32 `gorm:"primaryKey;autoIncrement:false"`
	ClientID  string `gorm:"primaryKey"`
	SessionID string `gorm:"primaryKey"`
	NodeID    string `gorm:"primaryKey"`
	OpenedAt  Timestamp
}

// MaxAttendances bounds one call of Attend.
const MaxAttendances = maxMoves

// Attend records which sessions have got their first stream on this node or lost their last one, and lets those that have
// none on any node out of their chat rooms and those that came back in again. It gives the rooms in which each of those
// present is. One node makes one call at a time, so that a session that comes and goes is recorded as it is.
func (s *Store) Attend(ctx context.Context, appID uint32, changes []Attendance) (map[SessionKey][]RoomStay, error) {
	var came, went []SessionKey
	for _, c := range changes {
		if c.Present {
			came = append(came, c.SessionKey)
		} else {
			went = append(went, c.SessionKey)
		}
	}
	// First out of the rooms, then out of the list: a node that dies in between leaves it to whoever removes the node.
	if _, err := s.moveAll(ctx, appID, went, roomMove{kind: moveGone, but: s.nodeID}); err != nil {
		return nil, err
	}
	if err := s.recordStreams(ctx, appID, came, went); err != nil {
		return nil, err
	}
	return s.moveAll(ctx, appID, came, roomMove{kind: moveBack})
}

// recordStreams writes the rows of this node.
func (s *Store) recordStreams(ctx context.Context, appID uint32, came, went []SessionKey) error {
	var rows []SessionStream
	for _, key := range came {
		rows = append(rows, SessionStream{AppID: appID, ClientID: key.ClientID, SessionID: key.SessionID, NodeID: s.nodeID, OpenedAt: s.now()})
	}
	args := []any{appID}
	for _, key := range append(went, came...) {
		args = append(args, key.ClientID, key.SessionID, s.nodeID)
	}
	return s.retry(ctx, func(tx *gorm.DB) error {
		return tx.Transaction(func(tx *gorm.DB) error {
			if err := deleteStreams(tx, args); err != nil || rows == nil {
				return err
			}
			return tx.CreateInBatches(&rows, insertRows).Error
		})
	})
}

// deleteStreams deletes rows by app, and client, session and node of each.
func deleteStreams(tx *gorm.DB, args []any) error {
	remove := "DELETE "
	if tx.Name() == "mysql" { // the form that takes an index's name
		remove += "session_streams "
	}
	t := logTx{db: tx}
	return tx.Exec(remove+t.lookUp("session_streams", "PRIMARY", "client_id, session_id, node_id", len(args)/3), args...).Error
}

// moveAll makes a move of those sessions that are, or were a moment ago, in a chat room; the others cost one read.
func (s *Store) moveAll(ctx context.Context, appID uint32, keys []SessionKey, move roomMove) (map[SessionKey][]RoomStay, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	args := []any{appID}
	for _, key := range keys {
		args = append(args, key.ClientID, key.SessionID)
	}
	t := logTx{db: s.read.WithContext(ctx)}
	var concerned []SessionKey
	err := t.db.Raw("SELECT DISTINCT client_id, session_id "+t.lookUp("room_sessions", "room_sessions_session", "client_id, session_id", len(keys)), args...).
		Find(&concerned).Error
	if err != nil || len(concerned) == 0 {
		return nil, asUnavailable(ctx, err)
	}
	moves := make([]*roomMove, len(concerned))
	for i, key := range concerned {
		m := move
		m.key = key
		moves[i] = &m
	}
	if err := s.moveRooms(ctx, appID, moves); err != nil {
		return nil, err
	}
	stays := map[SessionKey][]RoomStay{}
	for _, m := range moves {
		stays[m.key] = m.stays
	}
	return stays, nil
}

// RemoveNode forgets the streams of a node that has died, and lets its sessions out of their chat rooms: as when their
// streams had ended, they are put back when they come back soon.
func (s *Store) RemoveNode(ctx context.Context, nodeID string) error {
	var apps []uint32
	if err := s.read.WithContext(ctx).Raw("SELECT id FROM apps").Find(&apps).Error; err != nil {
		return asUnavailable(ctx, err)
	}
	for _, app := range apps {
		for more := true; more; {
			var err error
			if more, err = s.removeStreams(ctx, app, nodeID); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeStreams does so for some sessions of an app; more tells whether there may be others.
func (s *Store) removeStreams(ctx context.Context, appID uint32, nodeID string) (more bool, err error) {
	var keys []SessionKey
	err = s.read.WithContext(ctx).Raw("SELECT client_id, session_id FROM session_streams WHERE app_id = ? AND node_id = ? ORDER BY client_id, session_id LIMIT ?",
		appID, nodeID, maxMoves).Find(&keys).Error
	if err != nil || len(keys) == 0 {
		return false, asUnavailable(ctx, err)
	}
	if _, err := s.moveAll(ctx, appID, keys, roomMove{kind: moveGone, but: nodeID}); err != nil {
		return false, err
	}
	args := []any{appID}
	for _, key := range keys {
		args = append(args, key.ClientID, key.SessionID, nodeID)
	}
	return len(keys) == maxMoves, s.retry(ctx, func(tx *gorm.DB) error { return deleteStreams(tx, args) })
}
