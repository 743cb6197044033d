package realtime

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parley/models"
)

// Rooms is where the nodes write who is inside which chat room; models.Store is it. An error means: come again.
type Rooms interface {
	ReturnToRooms(ctx context.Context, appID uint32, keys []models.SessionKey, stayed bool) (map[models.SessionKey][]models.RoomStay, error)
	LeaveRooms(ctx context.Context, appID uint32, keys []models.SessionKey) error
	LeaveStrays(ctx context.Context, appID uint32) error
}

const (
	// A stream waits this long for its session to be put back into its chat rooms, and goes on without: a database that is
	// slow, or takes no writes now, must not keep streams from being opened. It is put back as soon as that works.
	usherPatience = 3 * time.Second
	// The sessions of one call.
	usherSessions = 250
	// What could not be done is tried again after this.
	usherPause = 500 * time.Millisecond
)

// errand is what the usher has to do for a session.
type errand int

const (
	errandLeave errand = iota // it has no stream here any more
	errandStay                // it was let out for having no stream, and has one here
	errandBack                // it has its first stream here: back into its rooms
	errandStray               // a node has died: whoever is inside without a stream leaves; for no session in particular
	errands
)

// usher puts the sessions that come to this node back into their chat rooms, and lets out those that have gone. It
// gathers: while one call is under way, what comes up waits together for the next.
type usher struct {
	appID  uint32
	rooms  Rooms // nil: there are none
	hub    *Hub
	logger *slog.Logger

	mu      sync.Mutex
	due     [errands]map[models.SessionKey]bool     // each goes by how things are when it is done, so their order does not matter
	waiting map[models.SessionKey][]chan<- struct{} // streams, for errandBack
	failing bool                                    // the latest call has failed: nobody waits
	wake    chan struct{}
}

func newUsher(appID uint32, rooms Rooms, hub *Hub, logger *slog.Logger) *usher {
	u := &usher{appID: appID, rooms: rooms, hub: hub, logger: logger,
		waiting: map[models.SessionKey][]chan<- struct{}{}, wake: make(chan struct{}, 1)}
	for what := range u.due {
		u.due[what] = map[models.SessionKey]bool{}
	}
	hub.astray = func(keys []models.SessionKey) { u.note(errandStay, keys...) }
	return u
}

// came waits until a session that has a stream here is back in its chat rooms; no longer than it takes when all is well.
func (u *usher) came(ctx context.Context, key models.SessionKey) {
	if u.rooms == nil || u.hub.settled(key) {
		return
	}
	done := make(chan struct{})
	u.mu.Lock()
	wait := !u.failing
	if wait {
		u.waiting[key] = append(u.waiting[key], done)
	}
	u.mu.Unlock()
	u.note(errandBack, key)
	if !wait {
		return
	}
	patience := time.NewTimer(usherPatience)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// leave says that sessions have lost their last stream here, and that the database knows it.
func (u *usher) leave(keys ...models.SessionKey) { u.note(errandLeave, keys...) }

// buried says that a node has died, with these sessions.
func (u *usher) buried(keys []models.SessionKey) {
	u.leave(keys...)
	u.note(errandStray, models.SessionKey{})
}

// note puts down an errand; it never blocks.
func (u *usher) note(what errand, keys ...models.SessionKey) {
	if u.rooms == nil {
		return
	}
	u.mu.Lock()
	for _, key := range keys {
		u.due[what][key] = true
	}
	u.mu.Unlock()
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

func (u *usher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.wake:
		}
		for !u.work(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(usherPause):
			}
		}
	}
}

// finish does what is left when run has returned, as far as ctx allows; the other nodes find the rest within a minute.
func (u *usher) finish(ctx context.Context) { u.work(ctx) }

// work runs all errands; false when the database did not take one.
func (u *usher) work(ctx context.Context) bool {
	for {
		what, keys, waiting := u.take()
		if keys == nil {
			return true
		}
		err := u.do(ctx, what, keys)
		u.mu.Lock()
		u.failing = err != nil
		u.mu.Unlock()
		for _, done := range waiting {
			close(done)
		}
		if err != nil {
			u.note(what, keys...)
			if ctx.Err() == nil {
				u.logger.Warn("who is in a chat room cannot be written; it is tried again", "error", err)
			}
			return false
		}
	}
}

// take gives some sessions for which the same is to be done, and who waits for it; no keys when nothing is due.
func (u *usher) take() (what errand, keys []models.SessionKey, waiting []chan<- struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for what < errands-1 && len(u.due[what]) == 0 {
		what++
	}
	for key := range u.due[what] {
		keys = append(keys, key)
		delete(u.due[what], key)
		if what == errandBack {
			waiting = append(waiting, u.waiting[key]...)
			delete(u.waiting, key)
		}
		if len(keys) == usherSessions {
			break
		}
	}
	return what, keys, waiting
}

func (u *usher) do(ctx context.Context, what errand, keys []models.SessionKey) error {
	switch what {
	case errandLeave:
		return u.rooms.LeaveRooms(ctx, u.appID, keys)
	case errandStray:
		return u.rooms.LeaveStrays(ctx, u.appID)
	}
	stays, err := u.rooms.ReturnToRooms(ctx, u.appID, keys, what == errandStay)
	if err != nil {
		return err
	}
	for _, key := range keys {
		u.hub.settle(key, stays[key])
	}
	return nil
}
