package models

import (
	"context"
	"database/sql"
	"slices"
)

const (
	// What one read of the log brings, in bytes of texts: the rows asked for are guessed from those before, and a page
	// of small messages may be followed by one of large ones. Whoever reads for a slow client holds it meanwhile.
	maxReadBytes = 1 << 20
	// The ranges of one statement.
	maxConversationsPerRead = 500
)

// Between reads the entries of (after, upTo] in order, at most limit of a table. reached is the number up to which that
// is complete. upTo must be a number that the counter has reached; numbers without an entry belonged to what has been
// deleted.
func (s *Store) Between(ctx context.Context, appID uint32, after, upTo int64, limit int) (entries []Entry, reached int64, err error) {
	r := &logRead{store: s, appID: appID, reached: upTo, limit: limit, bytes: maxReadBytes / 2}
	err = r.read(ctx, "app_id = ? AND seq > ? AND seq <= ?", appID, after)
	return r.entries(), r.reached, err
}

// Page reads what the spans show of (after, upTo], in order and at most about limit entries of a table. reached is the
// number up to which that is complete.
func (s *Store) Page(ctx context.Context, appID uint32, spans []Span, after, upTo int64, limit int) (entries []Entry, reached int64, err error) {
	s.metrics.catchUpRead.Inc()
	byConversation := map[string][]Span{}
	var ids []string
	for _, span := range spans {
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
	entries = slices.DeleteFunc(r.entries(), func(e Entry) bool {
		return !slices.ContainsFunc(byConversation[e.ConversationID()], func(span Span) bool { return span.Covers(e.Seq()) })
	})
	return entries, r.reached, nil
}

// logRead is a stretch of the log on its way out of the two tables.
type logRead struct {
	store    *Store
	appID    uint32
	reached  int64 // up to here all that was asked for has been read
	limit    int   // rows of one statement
	bytes    int   // after so many a statement is not read on; it always brings a row
	messages []*Message
	events   []*Event
}

// read reads both tables where a condition holds, whose last placeholder is for the number not to go beyond: what a
// table gives up early bounds what is worth reading of the next.
func (r *logRead) read(ctx context.Context, where string, args ...any) error {
	if err := r.readMessages(ctx, "messages WHERE "+where, args...); err != nil {
		return err
	}
	return r.readEvents(ctx, "events WHERE "+where, args...)
}

// readMessages is the half of read that is about messages; source is what follows FROM.
func (r *logRead) readMessages(ctx context.Context, source string, args ...any) error {
	const messageColumns = "conversation_id, seq, sender, session_id, type, text, COALESCE(attributes, ''), COALESCE(payload, ''), created_at"
	return r.rows(ctx, "SELECT "+messageColumns+" FROM "+source, args, func(rows *sql.Rows) (int64, int, error) {
		m := &Message{AppID: r.appID}
		err := rows.Scan(&m.ConversationID, &m.Seq, &m.From, &m.SessionID, &m.Type, &m.Text, &m.Attributes, &m.Payload, &m.Timestamp)
		r.messages = append(r.messages, m)
		return m.Seq, m.size(), err
	})
}

func (r *logRead) readEvents(ctx context.Context, source string, args ...any) error {
	return r.rows(ctx, "SELECT conversation_id, seq, kind, actor, body, created_at FROM "+source, args, func(rows *sql.Rows) (int64, int, error) {
		e := &Event{AppID: r.appID}
		err := rows.Scan(&e.ConversationID, &e.Seq, &e.Kind, &e.Actor, &e.Body, &e.At)
		r.events = append(r.events, e)
		return e.Seq, e.Body.size(), err
	})
}

// rows runs a query and takes its rows one by one, until there are no more or enough.
func (r *logRead) rows(ctx context.Context, query string, args []any, take func(*sql.Rows) (seq int64, size int, err error)) error {
	args = append(slices.Clone(args), r.reached, r.limit)
	rows, err := r.store.read.WithContext(ctx).Raw(query+" ORDER BY seq LIMIT ?", args...).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	n, bytes := 0, 0
	for rows.Next() {
		seq, size, err := take(rows)
		if err != nil {
			return err
		}
		n, bytes = n+1, bytes+size
		if n == r.limit || bytes >= r.bytes {
			r.reached = min(r.reached, seq)
			break
		}
	}
	return rows.Err()
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
