package models

import (
	"context"
	"slices"

	"github.com/rs/xid"
	"gorm.io/gorm"
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
	attempt int    // over 0: an earlier run of the same work may have taken effect
	since   int64  // where the log stood when the first run of the same work began
	writeID string // of a change: the same in every run of it, and in every event it makes
}

// append gives an event the next number and time; it is inserted when the transaction ends.
func (t *logTx) append(event Event) *Event {
	t.seq++
	event.AppID, event.Seq, event.At, event.Body.WriteID = t.appID, t.seq, t.at, t.writeID
	t.events = append(t.events, &event)
	t.entries = append(t.entries, Entry{Event: &event})
	return &event
}

// change runs fn in a transaction of the app's log, by its committer. fn may run more than once and must set its
// results anew every time; it does not run again when a run whose outcome was unknown turns out to have taken effect, so
// its results are that run's. One that writes without making an event has to find that out itself.
func (s *Store) change(ctx context.Context, appID uint32, fn func(*logTx) error) error {
	c, err := s.committerOf(appID)
	if err != nil {
		return err
	}
	return c.do(ctx, &work{change: fn})
}

func (c *committer) commitChange(w *work) error {
	s, span := c.store, c.store.traceCommit([]*work{w})
	var entries []Entry
	var t *logTx
	writeID, since, from := xid.New().String(), unbegun, int64(0)
	err := s.persist(func(ctx context.Context, attempt int) error {
		return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
			if t, err = s.beginLog(tx, c.appID, attempt, &since); err != nil {
				return err
			}
			from = t.seq
			if wrote, err := t.wrote(writeID); err != nil || wrote {
				return err
			}
			t.writeID = writeID
			if err := w.change(t); err != nil {
				return err
			}
			entries = t.entries
			return t.finish()
		})
	})
	endSpan(span, err)
	failpoint("change committed")
	if err != nil {
		return err
	}
	for i := range entries {
		entries[i].Trace = w.trace
	}
	c.insiders.moved(from, t.seq, t.at, t.entries)
	if len(entries) > 0 {
		s.options.PublishCommitted(c.appID, entries)
	}
	return nil
}

// wrote tells whether an earlier run of the same change took effect. Looking for what it changed is not enough: another
// node may have changed it back meanwhile.
func (t *logTx) wrote(writeID string) (bool, error) {
	if t.since == t.seq {
		return false, nil
	}
	var events []Event
	err := t.db.Where("app_id = ? AND seq > ?", t.appID, t.since).Find(&events).Error
	return slices.ContainsFunc(events, func(e Event) bool { return e.Body.WriteID == writeID }), err
}

// unbegun is where the log stood for work of which no run has come so far as to know.
const unbegun = int64(-1)

// beginLog locks the app's counter row. On SQLite BEGIN IMMEDIATE has locked the whole file already. since, one for all runs of
// the same work, learns where the log stood for the first; nil: nobody asks.
func (s *Store) beginLog(tx *gorm.DB, appID uint32, attempt int, since *int64) (*logTx, error) {
	query := "SELECT seq, newest_at FROM counters WHERE app_id = ?"
	if tx.Name() == "mysql" {
		query += " FOR UPDATE"
	}
	t := &logTx{db: tx, appID: appID, attempt: attempt}
	if err := tx.Raw(query, appID).Row().Scan(&t.seq, &t.at); err != nil {
		return nil, err
	}
	t.at = max(t.at, s.now()) // a clock set back, or a node whose clock runs behind
	if since != nil {
		if *since == unbegun {
			*since = t.seq
		}
		t.since = *since
	}
	return t, nil
}

// finish writes the events and the counter; nothing to do for a transaction that numbered nothing.
func (t *logTx) finish() error {
	if len(t.events) > 0 {
		rows := make([]*Event, len(t.events))
		for i, e := range t.events {
			rows[i] = e.stored()
		}
		if err := t.db.Create(&rows).Error; err != nil {
			return err
		}
	}
	if len(t.entries) == 0 {
		return nil
	}
	return t.db.Exec("UPDATE counters SET seq = ?, newest_at = ? WHERE app_id = ?", t.seq, t.at, t.appID).Error
}
