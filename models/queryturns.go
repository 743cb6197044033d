package models

import (
	"context"
	"sync"
	"time"
)

const (
	// So many queries that may look at much run at once on a node, the others wait: a part of the reading connections, so that
	// streams and histories always find one.
	queriesAtOnce = 4
	// Of one client fewer, so that nobody alone keeps the others' queries waiting.
	queriesOfOne = 2
)

// queryTurns gives queries their turn. A client's own wait in a line of their own first.
type queryTurns struct {
	all  chan struct{} // holds one for each query that runs
	mu   sync.Mutex
	each map[turnKey]*queryLine
}

type turnKey struct {
	appID    uint32
	clientID string
}

// queryLine is the queries of one client; it is there while there are any.
type queryLine struct {
	running chan struct{}
	users   int // that run or wait
}

func newQueryTurns() *queryTurns {
	return &queryTurns{all: make(chan struct{}, queriesAtOnce), each: map[turnKey]*queryLine{}}
}

// take waits for a turn, as long as patience; done must follow. The app's own server, also as a client, waits in no line of
// its own.
func (t *queryTurns) take(ctx context.Context, by Actor, patience time.Duration) (done func(), err error) {
	waited := time.NewTimer(patience)
	defer waited.Stop()
	leave := func() {}
	if !by.Master {
		key := turnKey{by.App.ID, by.ClientID}
		line := t.enter(key)
		if err := turnIn(ctx, line.running, waited); err != nil {
			t.leave(key, line)
			return nil, err
		}
		leave = func() {
			<-line.running
			t.leave(key, line)
		}
	}
	if err := turnIn(ctx, t.all, waited); err != nil {
		leave()
		return nil, err
	}
	return func() {
		<-t.all
		leave()
	}, nil
}

func turnIn(ctx context.Context, places chan struct{}, waited *time.Timer) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-waited.C:
		return &Error{Kind: Unavailable, Code: "too_many_queries", Detail: "too many queries are waiting just now; try again", RetryAfter: time.Second}
	}
}

func (t *queryTurns) enter(key turnKey) *queryLine {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.each[key]
	if line == nil {
		line = &queryLine{running: make(chan struct{}, queriesOfOne)}
		t.each[key] = line
	}
	line.users++
	return line
}

func (t *queryTurns) leave(key turnKey, line *queryLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if line.users--; line.users == 0 {
		delete(t.each, key)
	}
}
