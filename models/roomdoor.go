package models

import (
	"context"
	"errors"
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
		if !d.store.begin(d.run) {
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
		err := d.store.change(context.Background(), d.appID, func(t *logTx) error { return t.moveRooms(moves) })
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
