package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

const (
	// A lost database is given this long to come back before the callers are told: they wait under 3 s in all.
	patienceLost = 2 * time.Second
	// A row held by somebody else is waited for longer: a vanished node's is freed by the server in wait_timeout.
	patienceContended = 10 * time.Second
	// One attempt: longer than a lock wait, so that a wait is never cut short by our own clock.
	attemptTimeout = 12 * time.Second
	// The first pause before another attempt; it doubles.
	retryPause = 20 * time.Millisecond
)

// logTx is one writing transaction of an app's log. It holds the app's counter row from its first statement, so what
// it reads afterwards cannot change before it commits.
type logTx struct {
	db      *gorm.DB
	appID   uint32
	seq     int64     // the newest number given out, by this transaction too
	at      Timestamp // of every entry of this transaction; never before an earlier entry's
	entries []Entry
	events  []*Event
	attempt int // over 0: an earlier run of the same work may have taken effect
}

// append gives an event the next number and time; it is inserted when the transaction ends.
func (t *logTx) append(event Event) *Event {
	t.seq++
	event.AppID, event.Seq, event.At = t.appID, t.seq, t.at
	t.events = append(t.events, &event)
	t.entries = append(t.entries, Entry{Event: &event})
	return &event
}

// change runs fn in a transaction of the app's log, by its committer. fn may run more than once and must set its
// results anew every time.
func (s *Store) change(ctx context.Context, appID uint32, fn func(*logTx) error) error {
	c, err := s.committerOf(appID)
	if err != nil {
		return err
	}
	return c.do(ctx, &work{change: fn})
}

func (s *Store) commitChange(appID uint32, fn func(*logTx) error) error {
	var entries []Entry
	err := s.persist(func(ctx context.Context, attempt int) error {
		return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			t, err := s.beginLog(tx, appID, attempt)
			if err != nil {
				return err
			}
			if err := fn(t); err != nil {
				return err
			}
			entries = t.entries
			return t.finish()
		})
	})
	failpoint("change committed")
	if err == nil && len(entries) > 0 {
		s.options.PublishCommitted(appID, entries)
	}
	return err
}

// beginLog locks the app's counter row. On SQLite BEGIN IMMEDIATE has locked the whole file already.
func (s *Store) beginLog(tx *gorm.DB, appID uint32, attempt int) (*logTx, error) {
	query := "SELECT seq, newest_at FROM counters WHERE app_id = ?"
	if tx.Name() == "mysql" {
		query += " FOR UPDATE"
	}
	t := &logTx{db: tx, appID: appID, attempt: attempt}
	if err := tx.Raw(query, appID).Row().Scan(&t.seq, &t.at); err != nil {
		return nil, err
	}
	t.at = max(t.at, s.now()) // a clock set back, or a node whose clock runs behind
	return t, nil
}

// finish writes the events and the counter; nothing to do for a transaction that numbered nothing.
func (t *logTx) finish() error {
	if len(t.events) > 0 {
		if err := t.db.Create(&t.events).Error; err != nil {
			return err
		}
	}
	if len(t.entries) == 0 {
		return nil
	}
	return t.db.Exec("UPDATE counters SET seq = ?, newest_at = ? WHERE app_id = ?", t.seq, t.at, t.appID).Error
}

// persist runs fn until it succeeds, fails for good, or its kind of trouble has lasted too long. It has a context of
// its own: a caller that hangs up rolls nobody back.
func (s *Store) persist(fn func(ctx context.Context, attempt int) error) error {
	begun, pause := time.Now(), retryPause
	for attempt := 0; ; attempt++ {
		ctx, cancel := context.WithTimeout(s.working, attemptTimeout)
		err := fn(ctx, attempt)
		cancel()
		patience := time.Duration(0)
		switch faultOf(err) {
		case faultNone:
			return nil
		case faultContended:
			patience = patienceContended
		case faultLost, faultDuplicate: // a taken key is found by the next run's look-up
			patience = patienceLost
		}
		if time.Since(begun)+pause > patience || s.working.Err() != nil {
			return asUnavailable(context.Background(), err)
		}
		s.metrics.retries.Inc()
		time.Sleep(pause)
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// retry is persist for a write beside the log.
func (s *Store) retry(ctx context.Context, fn func(tx *gorm.DB) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.persist(func(ctx context.Context, _ int) error { return fn(s.write.WithContext(ctx)) })
}
