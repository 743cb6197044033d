package models

import (
	"context"
	"database/sql"
	"math"
	"slices"
)

const (
	// What one read of the log brings, in bytes of texts: the rows asked for are guessed from those before, and a page
	// of small messages may be followed by one of large ones. Whoever reads for a slow client holds it meanwhile.
	maxReadBytes = 1 << 20
	// Rows asked for before their sizes are: most reads end within them. What a statement has found comes over the network to
	// its last row, so that breaking off saves nothing, and on a slow link too much would never arrive in time.
	blindRows = 16
	// About the bytes of an entry beside its texts.
	otherFields = 256
	// The ranges of one statement.
	maxConversationsPerRead = 500
)

// Between reads the entries of (after, upTo] in order, at most limit of a table. reached is the number up to which that
// is complete. upTo must be a number that the counter has reached; numbers without an entry belonged to what has been
// deleted.
func (s *Store) Between(ctx context.Context, appID uint32, after, upTo int64, limit int) (entries []Entry, reached int64, err error) {
	r := &logRead{store: s, appID: appID, reached: upTo, limit: limit, bytes: maxReadBytes / 2}
	if err = r.read(ctx, "app_id = ? AND seq > ? AND seq <= ?", appID, after); err == nil {
		err = s.linkMessages(ctx, r.messages...)
	}
	return r.entries(), r.reached, err
}

// Page reads what the spans show of (after, upTo], in order and at most about limit entries of a table. reached is the
// number up to which that is complete.
func (s *Store) Page(ctx context.Context, appID uint32, spans []Span, after, upTo int64, limit int) (entries []Entry, reached int64, err error) {
	s.metrics.catchUpRead.Inc()
	byConversation := map[string][]Span{}
	var ids []string
	var moves []int64 // in and out of system conversations
	for _, span := range spans {
		if span.IsMail() {
			continue
		}
		if span.IsSubscription() {
			moves = append(moves, span.JoinedSeq)
			if span.LeftSeq > 0 {
				moves = append(moves, span.LeftSeq)
			}
		}
		if span.LastSeq > after && span.JoinedSeq <= upTo {
			if byConversation[span.ConversationID] == nil {
				ids = append(ids, span.ConversationID)
			}
			byConversation[span.ConversationID] = append(byConversation[span.ConversationID], span)
		}
	}
	reads := 2 * (len(ids)/maxConversationsPerRead + 1)
	r := &logRead{store: s, appID: appID, reached: upTo, limit: limit, bytes: maxReadBytes / reads}
	for some := range slices.Chunk(ids, maxConversationsPerRead) {
		if err := r.read(ctx, "app_id = ? AND conversation_id IN ? AND seq > ? AND seq <= ?", appID, some, after); err != nil {
			return nil, 0, err
		}
	}
	if err := r.eventsAt(ctx, within(moves, after, upTo), after); err != nil {
		return nil, 0, err
	}
	var mail []int64
	if wanted := mailIn(spans, after); wanted.channels != nil || wanted.clientID != "" {
		if mail, r.reached, err = s.mailSeqs(ctx, appID, wanted, after, r.reached, limit); err != nil {
			return nil, 0, err
		}
		if err := r.messagesAt(ctx, mail, after); err != nil {
			return nil, 0, err
		}
	}
	if err := s.linkMessages(ctx, r.messages...); err != nil {
		return nil, 0, err
	}
	now := s.now()
	entries = slices.CompactFunc(r.entries(), func(a, b Entry) bool { return a.Seq() == b.Seq() }) // mail of a conversation that it is inside
	entries = slices.DeleteFunc(entries, func(e Entry) bool {
		if e.Message != nil && e.Message.isExpired(now) {
			return true
		}
		if _, is := slices.BinarySearch(mail, e.Seq()); is {
			return false
		}
		return !slices.ContainsFunc(byConversation[e.ConversationID()], func(span Span) bool { return span.Covers(e.Seq()) })
	})
	return entries, r.reached, nil
}

// within gives those of some numbers that are in (after, upTo].
func within(seqs []int64, after, upTo int64) []int64 {
	return slices.DeleteFunc(seqs, func(seq int64) bool { return seq <= after || seq > upTo })
}

// logRead is a stretch of the log on its way out of the two tables.
type logRead struct {
	store    *Store
	appID    uint32
	reached  int64 // up to here all that was asked for has been read
	limit    int   // rows of one statement
	bytes    int   // of a table, when there are more than a few rows
	most     int   // of a page of history sync: what bytes may become, when mayGrow allows it
	mayGrow  func() bool
	fit      int // of history sync: SyncQuery.Rows, then SyncPage.Rows
	messages []*Message
	events   []*Event
}

// logTable is a table of the log as a read sees it: what it takes of a row, and how many bytes of texts there are in one.
type logTable struct {
	columns, size, name string // an index to be used may stand after the name
	take                func(*sql.Rows) (seq int64, size int, err error)
}

func (r *logRead) messagesTable() logTable {
	return logTable{shownColumns,
		"COALESCE(OCTET_LENGTH(text), 0) + COALESCE(OCTET_LENGTH(attributes), 0) + COALESCE(OCTET_LENGTH(file), 0) + COALESCE(OCTET_LENGTH(payload), 0)", "messages", r.takeMessage}
}

func (r *logRead) eventsTable() logTable {
	return logTable{"conversation_id, seq, kind, actor, body, created_at", "OCTET_LENGTH(body)", "events", r.takeEvent}
}

// read reads both tables where a condition holds, whose last placeholders are for the number after which it begins, and
// for the one not to go beyond: what a table gives up early bounds what is worth reading of the next.
func (r *logRead) read(ctx context.Context, where string, args ...any) error {
	for _, table := range []logTable{r.messagesTable(), r.eventsTable()} {
		if err := r.rows(ctx, table, where, args); err != nil {
			return err
		}
	}
	return nil
}

func (r *logRead) takeMessage(rows *sql.Rows) (int64, int, error) {
	m := &Message{AppID: r.appID}
	err := m.scanShown(rows)
	r.messages = append(r.messages, m)
	return m.Seq, m.size(), err
}

func (r *logRead) takeEvent(rows *sql.Rows) (int64, int, error) {
	e := &Event{AppID: r.appID}
	err := rows.Scan(&e.ConversationID, &e.Seq, &e.Kind, &e.Actor, &e.Body, &e.At)
	e.ConversationID = withoutMark(e.ConversationID)
	r.events = append(r.events, e)
	return e.Seq, e.Body.size(), err
}

// rows takes a table's rows, until there are no more or enough: a few, and then as many as their sizes allow.
func (r *logRead) rows(ctx context.Context, table logTable, where string, args []any) error {
	n := min(blindRows, r.limit)
	found, last, bytes, err := r.some(ctx, table, where, args, n, math.MaxInt)
	if err != nil || found < n {
		return err
	}
	if n < r.limit && bytes < r.bytes {
		args = slices.Clone(args)
		args[len(args)-1] = last
		if n, err = r.fitting(ctx, table, where, args, r.limit-n, r.bytes-bytes); err != nil {
			return err
		}
		if found, last, _, err = r.some(ctx, table, where, args, n, math.MaxInt); err != nil || found < n {
			return err
		}
	}
	r.reached = min(r.reached, last)
	return nil
}

// some takes at most n rows, and none after those that have the bytes that are enough.
func (r *logRead) some(ctx context.Context, table logTable, where string, args []any, n, enough int) (found int, last int64, bytes int, err error) {
	rows, err := r.query(ctx, table.columns, table, where, args, n)
	if err != nil {
		return 0, 0, 0, err
	}
	defer rows.Close()
	for bytes < enough && rows.Next() {
		seq, size, err := table.take(rows)
		if err != nil {
			return 0, 0, 0, err
		}
		found, last, bytes = found+1, seq, bytes+size
	}
	return found, last, bytes, rows.Err()
}

// fitting counts the next rows, at least one and at most limit, that have so many bytes together; limit when all have.
func (r *logRead) fitting(ctx context.Context, table logTable, where string, args []any, limit, bytes int) (int, error) {
	rows, err := r.query(ctx, table.size, table, where, args, limit)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var size int
		if err := rows.Scan(&size); err != nil {
			return 0, err
		}
		if bytes -= size + otherFields; bytes < 0 {
			return max(n, 1), nil
		}
		n++
	}
	return limit, rows.Err()
}

func (r *logRead) query(ctx context.Context, columns string, table logTable, where string, args []any, limit int) (*sql.Rows, error) {
	query := "SELECT " + columns + " FROM " + table.name + " WHERE " + where + " ORDER BY seq LIMIT ?"
	return r.store.read.WithContext(ctx).Raw(query, append(slices.Clone(args), r.reached, limit)...).Rows()
}

// entries puts what was read, as far as it is complete, into the log's order.
func (r *logRead) entries() []Entry {
	entries := make([]Entry, 0, len(r.messages)+len(r.events))
	for _, m := range r.messages {
		if m.Seq <= r.reached {
			entries = append(entries, Entry{Message: m})
		}
	}
	for _, e := range r.events {
		if e.Seq <= r.reached {
			entries = append(entries, Entry{Event: e})
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(a.Seq() - b.Seq()) })
	return entries
}
