package realtime

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parley/models"
)

const (
	// A stream waits this long for the database to know of it, and goes on without: a database that is slow must not keep
	// streams from being opened. Its session is then put back into its chat rooms as soon as that has worked.
	attendancePatience = 5 * time.Second
	// What could not be told is tried again after this.
	attendancePause = 500 * time.Millisecond
	// What a node that stops has left for it.
	attendanceFarewell = 2 * time.Second
)

// attendance tells the database which sessions have streams on this node. It gathers: while one call is under way, what
// changes waits together for the next. There is one call at a time and each says how things are when it begins, so a
// session that comes and goes is told as it is in the end.
type attendance struct {
	appID  uint32
	log    Log
	hub    *Hub
	logger *slog.Logger

	mu      sync.Mutex
	changed []models.SessionKey
	waiting map[models.SessionKey][]chan<- struct{} // streams that wait until their session has been told
	failing bool              // the latest call has failed: nobody waits
	closed  bool
	wake    chan struct{}
}

func newAttendance(appID uint32, log Log, hub *Hub, logger *slog.Logger) *attendance {
	a := &attendance{appID: appID, log: log, hub: hub, logger: logger,
		waiting: map[models.SessionKey][]chan<- struct{}{}, wake: make(chan struct{}, 1)}
	hub.astray = a.mark
	return a
}

// came waits until the database knows that a session has a stream here, and the hub its chat rooms; not while the database
// takes no writes.
func (a *attendance) came(ctx context.Context, key models.SessionKey) {
	if !a.hub.toTell(key) {
		return
	}
	told := make(chan struct{})
	a.mu.Lock()
	wait := !a.failing && !a.closed
	if wait {
		a.waiting[key] = append(a.waiting[key], told)
	}
	a.mu.Unlock()
	a.mark([]models.SessionKey{key})
	if !wait {
		return
	}
	patience := time.NewTimer(attendancePatience)
	defer patience.Stop()
	select {
	case <-told:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// left notes that a stream of a session has ended, and was the last one.
func (a *attendance) left(key models.SessionKey, last bool) {
	if last {
		a.mark([]models.SessionKey{key})
	}
}

// again tells the database of every session anew: another node has taken this one for dead.
func (a *attendance) again() { a.mark(a.hub.told()) }

// mark asks for some sessions to be told of; it never blocks.
func (a *attendance) mark(keys []models.SessionKey) {
	a.mu.Lock()
	if !a.closed {
		a.changed = append(a.changed, keys...)
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *attendance) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		for !a.tellAll(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(attendancePause):
			}
		}
	}
}

// tellAll tells what has changed; false when the database did not take it.
func (a *attendance) tellAll(ctx context.Context) bool {
	for {
		keys, waiting := a.take()
		if keys == nil {
			return true
		}
		err := a.tell(ctx, keys)
		a.mu.Lock()
		a.failing = err != nil
		a.mu.Unlock()
		for _, told := range waiting {
			close(told)
		}
		if err != nil {
			if ctx.Err() == nil {
				a.logger.Warn("the database cannot be told who has streams here; it is tried again", "error", err)
			}
			a.mark(keys)
			return false
		}
	}
}

// take gives some of the sessions that have changed, each once, and who waits for them to be told; nil when there are none.
func (a *attendance) take() (keys []models.SessionKey, waiting []chan<- struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.changed), models.MaxAttendances)
	seen := make(map[models.SessionKey]bool, n)
	for _, key := range a.changed[:n] {
		if seen[key] {
			continue
		}
		seen[key] = true
		keys = append(keys, key)
		waiting = append(waiting, a.waiting[key]...)
		delete(a.waiting, key)
	}
	if a.changed = a.changed[n:]; len(a.changed) == 0 {
		a.changed = nil
	}
	return keys, waiting
}

// tell makes one call.
func (a *attendance) tell(ctx context.Context, keys []models.SessionKey) error {
	changes := a.hub.attendance(keys)
	stays, err := a.log.Attend(ctx, a.appID, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.Present {
			a.hub.settle(c.SessionKey, stays[c.SessionKey])
		}
	}
	return nil
}

// close says that nobody has a stream here any more, as far as that is quick; run has returned. What is left to say is found
// out by the other nodes when they take this one for dead.
func (a *attendance) close() {
	ctx, cancel := context.WithTimeout(context.Background(), attendanceFarewell)
	defer cancel()
	a.again()
	a.tellAll(ctx)
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
}
