package models

import (
	"context"
	"sync"
	"time"

	"gorm.io/gorm"
)

const (
	// A database that cannot be reached or takes no writes is given this long to come back, from its first failure on,
	// before the callers are told: they wait under 3 s in all, those who queue included.
	patienceLost = 2 * time.Second
	// A connection that dies is no database that is gone: it is tried so often in any case, but for no longer than this.
	// On a link with 200 ms of latency an attempt takes 2 s, with a new connection 3.
	leastAttempts, patienceCut = 3, 6 * time.Second
	// A row held by somebody else is waited for longer: a vanished node's is freed by the server in wait_timeout.
	patienceContended = 10 * time.Second
	// One attempt: longer than a lock wait, so that a wait is never cut short by our own clock.
	attemptTimeout = 12 * time.Second
	// The first pause before another attempt; it doubles up to retryPauseMost.
	retryPause, retryPauseMost = 20 * time.Millisecond, 500 * time.Millisecond
	// Trouble that nobody has met for this long is over as far as is known: the next failure begins a new one.
	troubleForgotten = 5 * time.Second
)

// trouble knows since when the database has failed, over everything that is tried meanwhile: what queues behind a batch
// that failed need not wait as long all over again.
type trouble struct {
	mu          sync.Mutex
	first, last time.Time // failures in a row: when the first attempt of them began, when the last one failed
	well        time.Time // when the database last did something
}

// met records an attempt that failed and gives the beginning of the trouble. An attempt that hung while others succeeded
// is no trouble from its own beginning on.
func (t *trouble) met(begun, failed time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() || begun.Sub(t.last) > troubleForgotten {
		t.first = later(begun, t.well)
	}
	t.last = failed
	return t.first
}

// over says that the database has done something.
func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.first, t.well = time.Time{}, time.Now()
}

// lasts tells for how long the database has failed by now; 0 when it is well as far as is known.
func (t *trouble) lasts() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() || time.Since(t.last) > troubleForgotten {
		return 0
	}
	return time.Since(t.first)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// persist runs fn until it succeeds, fails for good, or its kind of trouble has lasted too long. It has a context of
// its own: a caller that hangs up rolls nobody back.
func (s *Store) persist(fn func(ctx context.Context, attempt int) error) error {
	work := effort{begun: time.Now()}
	for pause := retryPause; ; work.attempt++ {
		work.latest = time.Now()
		ctx, cancel := context.WithTimeout(s.working, attemptTimeout)
		err := fn(ctx, work.attempt)
		cancel()
		if err == nil {
			s.trouble.over()
			return nil
		}
		if !s.patient(faultOf(err), work, pause) || s.working.Err() != nil {
			return asUnavailable(context.Background(), err)
		}
		s.metrics.retries.Inc()
		time.Sleep(pause)
		pause = min(2*pause, retryPauseMost)
	}
}

// effort is how long and how often something has been tried.
type effort struct {
	begun, latest time.Time // the first attempt, the latest
	attempt       int
}

// patient tells whether work whose latest attempt has failed is to be tried again after a pause. Its own time counts
// beside the trouble's, which ends whenever anything succeeds: what fails for this work may be well for others.
func (s *Store) patient(kind fault, work effort, pause time.Duration) bool {
	now := time.Now()
	next := now.Add(pause)
	switch kind {
	case faultDown, faultLost:
		troubled := max(next.Sub(s.trouble.met(work.latest, now)), next.Sub(work.begun))
		return troubled <= patienceLost ||
			kind == faultLost && work.attempt+1 < leastAttempts && next.Sub(work.begun) <= patienceCut
	}
	s.trouble.over() // the database has answered
	switch kind {
	case faultContended:
		return next.Sub(work.begun) <= patienceContended
	case faultDuplicate: // a taken key is found by the next run's look-up
		return next.Sub(work.begun) <= patienceLost
	}
	return false
}

// retry is persist for a write beside the log.
func (s *Store) retry(ctx context.Context, fn func(tx *gorm.DB) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.persist(func(ctx context.Context, _ int) error { return fn(s.write.WithContext(ctx)) })
}
