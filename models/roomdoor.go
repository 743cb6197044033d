package models

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// maxMoves bounds one transaction of a room door: it holds the app's counter row, and sends wait for it meanwhile.
const maxMoves = 250

// roomDoor gathers the moves in and out of an app's chat rooms: while one transaction commits, those that come wait together
// for the next. A room of ten thousand fills and empties in some dozens of transactions.
type roomDoor struct {
	store *Store
	appID uint32

	mu      sync.Mutex
	waiting []roomCall
	busy    bool
}

// roomCall is the moves of one caller.
type roomCall struct {
	moves []*roomMove
	done  chan error // answered once; buffered
}

// moveRooms makes some moves and sets their outcomes. A caller that hangs up stops waiting; the moves are made.
func (s *Store) moveRooms(ctx context.Context, appID uint32, moves []*roomMove) error {
	call := roomCall{moves: moves, done: make(chan error, 1)}
	if !s.roomDoorOf(appID).take(call) {
		return errUnavailable(errors.New("the node is stopping"))
	}
	select {
	case err := <-call.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) roomDoorOf(appID uint32) *roomDoor {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doors[appID]
	if d == nil {
		d = &roomDoor{store: s, appID: appID}
		s.doors[appID] = d
	}
	return d
}

// take lets a caller wait for the next transaction; false when the store is closing.
func (d *roomDoor) take(call roomCall) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.busy {
		if !d.store.beside(d.run) {
			return false
		}
		d.busy = true
	}
	d.waiting = append(d.waiting, call)
	return true
}

// run makes moves until nobody waits.
func (d *roomDoor) run() {
	for {
		calls := d.next()
		if calls == nil {
			return
		}
		var moves []*roomMove
		for _, call := range calls {
			moves = append(moves, call.moves...)
		}
		err := d.store.change(context.Background(), d.appID, func(t *logTx) error { return t.moveRooms(moves, d.store.options.SessionsHere) })
		for _, call := range calls {
			call.done <- err
		}
	}
}

// next gives the callers of one transaction; nil when nobody waits.
func (d *roomDoor) next() []roomCall {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, moves := 0, 0
	for n < len(d.waiting) && (n == 0 || moves+len(d.waiting[n].moves) <= maxMoves) {
		moves += len(d.waiting[n].moves)
		n++
	}
	if n == 0 {
		d.busy, d.waiting = false, nil
		return nil
	}
	calls := d.waiting[:n:n]
	d.waiting = d.waiting[n:]
	return calls
}

// ReturnToRooms puts sessions that have a stream on this node again back into the chat rooms in which they were until a
// moment ago, and gives all in which each of them is then. stayed are those that had a stream all the time, on a node that
// was taken for dead. A session that is in no room, nor was, costs one read.
func (s *Store) ReturnToRooms(ctx context.Context, appID uint32, keys []SessionKey, stayed bool) (map[SessionKey][]RoomStay, error) {
	moves, err := s.moveAll(ctx, appID, keys, roomMove{kind: moveBack, stayed: stayed})
	stays := map[SessionKey][]RoomStay{}
	for _, m := range moves {
		stays[m.key] = m.stays
	}
	return stays, err
}

// LeaveRooms lets sessions out of their chat rooms that have no stream any more on any node; the others stay inside. Whoever
// has removed a presence calls it afterwards: of two nodes that lose a session's streams at once, the last one finds none.
func (s *Store) LeaveRooms(ctx context.Context, appID uint32, keys []SessionKey) error {
	_, err := s.moveAll(ctx, appID, keys, roomMove{kind: moveGone})
	return err
}

// moveAll makes a move of those sessions that are, or were a moment ago, in a chat room.
func (s *Store) moveAll(ctx context.Context, appID uint32, keys []SessionKey, move roomMove) (moves []*roomMove, err error) {
	for some := range slices.Chunk(keys, maxMoves) {
		concerned, err := s.sessionsInRooms(ctx, appID, some)
		if err != nil {
			return moves, err
		}
		if len(concerned) == 0 {
			continue
		}
		these := make([]*roomMove, len(concerned))
		for i, key := range concerned {
			m := move
			m.key = key
			these[i] = &m
		}
		if err := s.moveRooms(ctx, appID, these); err != nil {
			return moves, err
		}
		moves = append(moves, these...)
	}
	return moves, nil
}

// sessionsInRooms gives those of some sessions that have a place in a chat room.
func (s *Store) sessionsInRooms(ctx context.Context, appID uint32, keys []SessionKey) (concerned []SessionKey, err error) {
	args := []any{appID}
	for _, key := range keys {
		args = append(args, key.ClientID, key.SessionID)
	}
	t := logTx{db: s.read.WithContext(ctx)}
	err = t.db.Raw("SELECT DISTINCT client_id, session_id "+t.lookUp("room_sessions", "room_sessions_session", "client_id, session_id", len(keys)), args...).
		Find(&concerned).Error
	return concerned, asUnavailable(ctx, err)
}
