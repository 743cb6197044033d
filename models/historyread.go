package models

import (
	"context"
	"math"
	"slices"
)

const (
	// The rows of the first statement: the usual page needs no second one.
	historyFirst = 32
	// The next is for as many times the rows as there are: what it finds beyond a full page is read by the driver and thrown
	// away, so it must not be much more than those before let expect.
	historyGrowth = 4
)

// historyRead takes a page of one part of a history out of the database, in the query's direction.
type historyRead struct {
	store  *Store
	appID  uint32
	part   historyPart
	query  HistoryQuery
	budget int // bytes; a message more than it is no part of the page
	grow   func() bool

	log   logRead // its messages are those of the page
	bytes int
	last  int64 // position of the last message
	more  bool  // there is at least one beyond it
}

// read takes blocks of rows until the page is full or there are no more.
func (r *historyRead) read(ctx context.Context) error {
	where, args, err := r.condition(ctx)
	if err != nil {
		return err
	}
	r.log.store, r.log.appID = r.store, r.appID
	forwards := r.query.After != nil
	switch {
	case forwards:
		where, r.last = where+" AND seq > ? ORDER BY seq LIMIT ?", *r.query.After
	case r.query.Before != nil:
		where, r.last = where+" AND seq < ? ORDER BY seq DESC LIMIT ?", *r.query.Before
	default:
		where, r.last = where+" AND seq < ? ORDER BY seq DESC LIMIT ?", math.MaxInt64
	}
	for n := historyFirst; ; n = r.next() {
		n = min(n, r.query.Limit+1-len(r.log.messages)) // one beyond the limit tells that there is more
		found, err := r.block(ctx, where, append(slices.Clone(args), r.last, n))
		if err != nil || r.more || found < n {
			return err
		}
	}
}

// next is how many rows fill the page if they are like those before.
func (r *historyRead) next() int {
	taken := len(r.log.messages)
	return min(max((LargePage-r.bytes)*taken/r.bytes, 1), historyGrowth*taken)
}

// condition is what holds for the messages of the page, but for where it begins.
func (r *historyRead) condition(ctx context.Context) (where string, args []any, err error) {
	q, db := r.query, r.store.read.WithContext(ctx)
	where, args = "app_id = ? AND conversation_id = ?", []any{r.appID, r.part.place}
	and := func(condition string, values ...any) {
		where, args = where+" AND "+condition, append(args, values...)
	}
	if r.part.where != "" {
		and(r.part.where, r.part.args...)
	}
	if q.Before != nil && q.After != nil {
		and("seq < ?", *q.Before)
	}
	// Times never run backwards in a log, so bounds in time are bounds on the position, found by halving over the primary key.
	if q.Since != nil {
		from, err := firstSeqAt(db, r.appID, r.part.place, *q.Since)
		if err != nil {
			return "", nil, err
		}
		and("seq >= ?", from)
	}
	if q.Until != nil {
		to, err := firstSeqAt(db, r.appID, r.part.place, *q.Until)
		if err != nil {
			return "", nil, err
		}
		and("seq < ?", to)
	}
	switch q.Type {
	case "":
	case textType:
		and("type = ?", q.Type)
	default: // word for word the condition of SQLite's index, so that it finds that it may be used
		and("type = ? AND type <> 'text'", q.Type)
	}
	return where, args, nil
}

// block takes the rows of one statement, as far as there is room for them.
func (r *historyRead) block(ctx context.Context, where string, args []any) (found int, err error) {
	table := r.log.messagesTable()
	rows, err := r.store.read.WithContext(ctx).Raw("SELECT "+table.columns+" FROM "+table.name+" WHERE "+where, args...).Rows()
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		seq, size, err := table.take(rows)
		if err != nil {
			return found, err
		}
		kept := len(r.log.messages) - 1
		if kept == r.query.Limit || r.bytes >= r.budget && !r.enlarge() {
			r.log.messages, r.more = r.log.messages[:kept], true
			return found, nil
		}
		found, r.last, r.bytes = found+1, seq, r.bytes+size
	}
	return found, rows.Err()
}

// enlarge makes room on a page that is full; false when it is as large as it may be.
func (r *historyRead) enlarge() bool {
	if r.budget == LargePage || !r.grow() {
		return false
	}
	r.budget = LargePage
	return true
}
