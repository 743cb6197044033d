package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
)

// Head is where an app's log stands.
type Head struct {
	AppID uint32
	Seq   int64 // the newest number; all lower ones are visible
	Floor int64 // the highest number removed by retention: a cursor below it is too old
	// LogID is what the log is called on a broker: apps of other databases, and other clusters, have others.
	LogID string
}

// Heads reads where every app's log stands.
func (s *Store) Heads(ctx context.Context) ([]Head, error) {
	var heads []Head
	err := s.read.WithContext(ctx).Raw("SELECT app_id, seq, floor, log_id FROM counters").Find(&heads).Error
	return heads, err
}

// Head reads where one app's log stands.
func (s *Store) Head(ctx context.Context, appID uint32) (Head, error) {
	head := Head{AppID: appID}
	row := s.read.WithContext(ctx).Raw("SELECT seq, floor, log_id FROM counters WHERE app_id = ?", appID).Row()
	return head, asUnavailable(ctx, row.Scan(&head.Seq, &head.Floor, &head.LogID))
}

// Between reads the entries of (after, upTo] in order. upTo must be a number that the counter has reached; numbers
// without an entry belonged to what has been deleted.
func (s *Store) Between(ctx context.Context, appID uint32, after, upTo int64) ([]Entry, error) {
	const where = "app_id = ? AND seq > ? AND seq <= ?"
	var messages []*Message
	var events []*Event
	db := s.read.WithContext(ctx)
	if err := db.Where(where, appID, after, upTo).Order("seq").Find(&messages).Error; err != nil {
		return nil, err
	}
	if err := db.Where(where, appID, after, upTo).Order("seq").Find(&events).Error; err != nil {
		return nil, err
	}
	return mergeEntries(messages, events), nil
}

// mergeEntries puts messages and events, each in order, into the log's order.
func mergeEntries(messages []*Message, events []*Event) []Entry {
	entries := make([]Entry, 0, len(messages)+len(events))
	for _, m := range messages {
		entries = append(entries, Entry{Message: m})
	}
	for _, e := range events {
		entries = append(entries, Entry{Event: e})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(a.Seq() - b.Seq()) })
	return entries
}

// Span is a stretch of the log during which a client was inside a conversation: from the entry that brought it in to
// the entry that took it out, both included.
type Span struct {
	ConversationID string
	JoinedSeq      int64
	LeftSeq        int64 // 0: inside
	LastSeq        int64 // the conversation's newest entry, or LeftSeq
}

// Covers tells whether the span shows the entry with this number.
func (s Span) Covers(seq int64) bool {
	return s.JoinedSeq <= seq && (s.LeftSeq == 0 || seq <= s.LeftSeq)
}

// Spans reads a client's memberships, present ones and those that ended after a position, in one statement: read apart,
// a client that moves in between would be in neither or in both.
func (s *Store) Spans(ctx context.Context, appID uint32, clientID string, after int64) ([]Span, error) {
	var spans []Span
	err := s.read.WithContext(ctx).Raw(`SELECT m.conversation_id, m.joined_seq, 0 AS left_seq, c.last_seq
		FROM members m JOIN conversations c ON c.app_id = m.app_id AND c.id = m.conversation_id
		WHERE m.app_id = ? AND m.client_id = ?
		UNION ALL
		SELECT conversation_id, joined_seq, left_seq, left_seq FROM former_members
		WHERE app_id = ? AND client_id = ? AND left_seq > ?`, appID, clientID, appID, clientID, after).Find(&spans).Error
	return spans, asUnavailable(ctx, err)
}

// maxConversationsPerRead bounds the ranges of one statement.
const maxConversationsPerRead = 500

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
	reached = upTo
	var messages []*Message
	var events []*Event
	db := s.read.WithContext(ctx)
	for some := range slices.Chunk(ids, maxConversationsPerRead) {
		var m []*Message
		var e []*Event
		query := db.Where("app_id = ? AND conversation_id IN ? AND seq > ? AND seq <= ?", appID, some, after, upTo).
			Order("seq").Limit(limit).Session(&gorm.Session{}) // read from both tables
		if err := query.Find(&m).Error; err != nil {
			return nil, 0, err
		}
		if err := query.Find(&e).Error; err != nil {
			return nil, 0, err
		}
		if len(m) == limit {
			reached = min(reached, m[limit-1].Seq)
		}
		if len(e) == limit {
			reached = min(reached, e[limit-1].Seq)
		}
		messages, events = append(messages, m...), append(events, e...)
	}
	entries = slices.DeleteFunc(mergeEntries(messages, events), func(e Entry) bool {
		return e.Seq() > reached || !slices.ContainsFunc(byConversation[e.ConversationID()], func(span Span) bool {
			return span.Covers(e.Seq())
		})
	})
	return entries, reached, nil
}

// CountUpTo counts what the spans show of (after, upTo], giving up past limit: how far behind a reader is.
func (s *Store) CountUpTo(ctx context.Context, appID uint32, spans []Span, after, upTo int64, limit int) (int, error) {
	total := 0
	for _, span := range spans {
		from, to := max(after+1, span.JoinedSeq), upTo
		if span.LeftSeq != 0 {
			to = min(to, span.LeftSeq)
		}
		if span.LastSeq < from || to < from {
			continue
		}
		for _, table := range []string{"messages", "events"} {
			var n int
			err := s.read.WithContext(ctx).Raw("SELECT COUNT(*) FROM (SELECT 1 FROM "+table+
				" WHERE app_id = ? AND conversation_id = ? AND seq >= ? AND seq <= ? LIMIT ?) counted",
				appID, span.ConversationID, from, to, limit-total+1).Find(&n).Error
			if err != nil {
				return 0, asUnavailable(ctx, err)
			}
			if total += n; total > limit {
				return total, nil
			}
		}
	}
	return total, nil
}
