package models

import (
	"context"
	"errors"

	"github.com/rs/xid"
	"gorm.io/gorm"
)

// importWriter stores the lines of an export, some of a kind in one transaction. Each transaction finds the counter where
// the one before has left it, so that one whose outcome was unknown is not made twice, and a node that writes beside is
// noticed.
type importWriter struct {
	store *Store
	app   *App
	head  int64 // the app's counter
	stage int
	lines []exportLine
	bytes int
}

var errLogMoved = errors.New("something else writes into the app's log: stop the nodes that run on this database, and import again")

// take takes a line; it is stored with others.
func (w *importWriter) take(line exportLine, size int) error {
	stage := stageOf(line)
	if stage != w.stage || len(w.lines) >= importRows || w.bytes >= importBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.stage, w.lines, w.bytes = stage, append(w.lines, line), w.bytes+size
	return nil
}

// end finishes a section. The log gets another name on the broker: the original may still be running, and neither must
// hear of what is in the other's log.
func (w *importWriter) end(end *exportEnd) error {
	if err := w.flush(); err != nil {
		return err
	}
	name := xid.New().String()
	err := w.inLog(end.Position, func(t *logTx) error {
		for _, raise := range []string{"newest_at", "floor", "own_floor"} {
			value := map[string]int64{"newest_at": int64(end.NewestAt), "floor": end.Floor, "own_floor": end.OwnFloor}[raise]
			err := t.db.Exec("UPDATE counters SET "+raise+" = ? WHERE app_id = ? AND "+raise+" < ?", value, t.appID, value).Error
			if err != nil {
				return err
			}
		}
		return t.db.Exec("UPDATE counters SET log_id = ? WHERE app_id = ?", name, t.appID).Error
	})
	return err
}

// flush stores what has been taken.
func (w *importWriter) flush() error {
	if len(w.lines) == 0 {
		return nil
	}
	lines := w.lines
	w.lines, w.bytes = nil, 0
	to := w.head
	for _, line := range lines {
		to = max(to, line.seq())
	}
	return w.inLog(to, func(t *logTx) error {
		i := importTx{t}
		switch w.stage {
		case stageLog:
			return i.log(lines)
		case stageConversations:
			return i.conversations(lines)
		case stageMembers:
			return i.members(lines)
		case stageFormers:
			return i.formers(lines)
		case stageDelivered:
			return i.delivered(lines)
		}
		return i.files(lines)
	})
}

// inLog runs a transaction that moves the counter.
func (w *importWriter) inLog(to int64, do func(*logTx) error) error {
	err := w.store.persist(func(ctx context.Context, attempt int) error {
		return w.store.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			t, err := w.store.beginLog(tx, w.app.ID, attempt, nil)
			switch {
			case err != nil:
				return err
			case attempt > 0 && t.seq == to && to > w.head:
				return nil // the attempt before has come through
			case t.seq != w.head:
				return errLogMoved
			}
			if err := do(t); err != nil || to == w.head {
				return err
			}
			return tx.Exec("UPDATE counters SET seq = ? WHERE app_id = ?", to, w.app.ID).Error
		})
	})
	if err == nil {
		w.head = to
		failpoint("import committed")
	}
	return err
}
