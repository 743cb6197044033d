package models

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// This file is what of system conversations comes to clients whether they are inside or not, and up to where it has come.

// mailKind says what else than a membership a Span may stand for.
const (
	spanEveryone SpanKind = iota + 2 // broadcasts to everyone
	spanPersonal                     // messages to the client by its name
)

// SpanKind says what a Span stands for: a membership of a MemberKind, or mail.
type SpanKind int8

// IsMail tells whether the span stands for messages that come to a client wherever it is inside; it belongs to no conversation.
func (s Span) IsMail() bool { return s.Kind >= spanEveryone }

// IsSubscription tells whether the span is a subscription of a system conversation.
func (s Span) IsSubscription() bool { return MemberKind(s.Kind) == Subscriber }

// LastBroadcast gives a number that no broadcast for the client is above, as far as the spans tell; 0: there is none.
func LastBroadcast(spans []Span) (last int64) {
	for _, span := range spans {
		if span.IsMail() || span.IsSubscription() && span.LeftSeq == 0 {
			last = max(last, span.LastSeq)
		}
	}
	return last
}

// mail is what of some mail is wanted.
type mail struct {
	channels []string // of broadcasts
	clientID string   // of personal messages; empty: none
	// waiting leaves out what is no broadcast: the client's own messages to the app's server.
	waiting bool
}

// mailIn gives the mail of the spans that has something after a number.
func mailIn(spans []Span, after int64) (m mail) {
	for _, span := range spans {
		switch {
		case span.LastSeq <= after:
		case span.Kind == spanEveryone:
			m.channels = append(m.channels, "")
		case span.Kind == spanPersonal:
			m.clientID = span.ClientID
		}
	}
	return m
}

// mailSeqs gives the numbers of mail in (after, upTo] that is valid, at most limit. reached is the number up to which they are complete.
func (s *Store) mailSeqs(ctx context.Context, appID uint32, m mail, after, upTo int64, limit int) (seqs []int64, reached int64, err error) {
	db, now := s.read.WithContext(ctx), s.now()
	take := func(query string, args ...any) error {
		var found []int64
		if err := db.Raw(query, args...).Find(&found).Error; err != nil {
			return err
		}
		if len(found) == limit {
			upTo = min(upTo, found[limit-1])
		}
		seqs = append(seqs, found...)
		return nil
	}
	// What a removed conversation has left waits to be swept.
	const there = "EXISTS (SELECT 1 FROM conversations c WHERE c.app_id = p.app_id AND c.id = p.conversation_id)"
	// + 0 keeps SQLite off the index of valid_until, along which are those of all channels.
	for some := range slices.Chunk(m.channels, maxConversationsPerRead) {
		err := take("SELECT p.seq FROM broadcasts p WHERE p.app_id = ? AND p.channel IN ? AND p.seq > ? AND p.seq <= ? AND p.valid_until + 0 > ? AND "+there+
			" ORDER BY p.seq LIMIT ?", appID, some, after, upTo, now, limit)
		if err != nil {
			return nil, 0, asUnavailable(ctx, err)
		}
	}
	if m.clientID != "" {
		valid := "(p.valid_until = 0 OR p.valid_until > ?)"
		if m.waiting {
			valid = "p.valid_until > ?"
		}
		err := take("SELECT p.seq FROM personal_messages p WHERE p.app_id = ? AND p.client_id = ? AND p.seq > ? AND p.seq <= ? AND "+valid+" AND "+there+
			" ORDER BY p.seq LIMIT ?", appID, m.clientID, after, upTo, now, limit)
		if err != nil {
			return nil, 0, asUnavailable(ctx, err)
		}
	}
	slices.Sort(seqs)
	return slices.DeleteFunc(slices.Compact(seqs), func(seq int64) bool { return seq > upTo }), upTo, nil
}

// Waiting reads the broadcasts of (after, upTo] that are valid and for a client, at most limit of them: what a client that
// comes is brought. reached is the number up to which that is complete.
func (s *Store) Waiting(ctx context.Context, appID uint32, clientID string, spans []Span, after, upTo int64, limit int) ([]Entry, int64, error) {
	m := mail{channels: []string{""}, clientID: clientID, waiting: true}
	subscribed := map[string]Span{}
	for _, span := range spans {
		if span.IsSubscription() && span.LeftSeq == 0 {
			subscribed[span.ConversationID] = span
			m.channels = append(m.channels, span.ConversationID)
		}
	}
	seqs, reached, err := s.mailSeqs(ctx, appID, m, after, upTo, limit)
	if err != nil || len(seqs) == 0 {
		return nil, reached, err
	}
	r := &logRead{store: s, appID: appID, reached: reached, limit: len(seqs) + 1, bytes: maxReadBytes / 2}
	if err := r.messagesAt(ctx, seqs, after); err != nil {
		return nil, 0, asUnavailable(ctx, err)
	}
	if err := s.linkMessages(ctx, r.messages...); err != nil {
		return nil, 0, err
	}
	entries := slices.DeleteFunc(r.entries(), func(e Entry) bool {
		return e.Message.Audience == ToSubscribers && !subscribed[e.Message.ConversationID].Covers(e.Seq())
	})
	return entries, r.reached, nil
}

// atSeqs finds rows by their numbers. + 0 keeps SQLite from reading all of the log between the bounds.
const atSeqs = "app_id = ? AND seq IN ? AND seq + 0 > ? AND seq + 0 <= ?"

// messagesAt reads the messages with some numbers above after.
func (r *logRead) messagesAt(ctx context.Context, seqs []int64, after int64) error {
	if len(seqs) == 0 {
		return nil
	}
	return r.rows(ctx, r.messagesTable(), atSeqs, []any{r.appID, seqs, after})
}

// eventsAt is messagesAt for events.
func (r *logRead) eventsAt(ctx context.Context, seqs []int64, after int64) error {
	if len(seqs) == 0 {
		return nil
	}
	return r.rows(ctx, r.eventsTable(), atSeqs, []any{r.appID, seqs, after})
}

// isExpired tells whether a message is not brought to those who come any more.
func (m *Message) isExpired(now Timestamp) bool { return m.ValidUntil != 0 && m.ValidUntil <= now }

// Delivered reads up to where a client has been brought the broadcasts; 0: it has not been seen yet.
func (s *Store) Delivered(ctx context.Context, appID uint32, clientID string) (upTo int64, err error) {
	row := s.read.WithContext(ctx).Raw("SELECT seq FROM delivered_broadcasts WHERE app_id = ? AND client_id = ?", appID, clientID).Row()
	if err = row.Scan(&upTo); errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return upTo, asUnavailable(ctx, err)
}

// deliveredRow is how far one client has come.
type deliveredRow struct {
	AppID    uint32
	ClientID string
	Seq      int64
}

// TableName is GORM's word for it.
func (deliveredRow) TableName() string { return "delivered_broadcasts" }

// SetDelivered notes that clients have been brought the broadcasts up to a number; a higher one stays. One attempt: the
// caller comes again.
func (s *Store) SetDelivered(ctx context.Context, appID uint32, upTo int64, clients []string) error {
	clients = slices.Compact(slices.Sorted(slices.Values(clients))) // in one order on all nodes: no deadlock
	for some := range slices.Chunk(clients, insertRows) {
		db := s.write.WithContext(ctx)
		var known []string
		if err := db.Raw("SELECT client_id FROM delivered_broadcasts WHERE app_id = ? AND client_id IN ?", appID, some).Find(&known).Error; err != nil {
			return err
		}
		if len(known) > 0 {
			err := db.Exec("UPDATE delivered_broadcasts SET seq = ? WHERE app_id = ? AND client_id IN ? AND seq < ?", upTo, appID, known, upTo).Error
			if err != nil {
				return err
			}
		}
		var rows []deliveredRow
		for _, id := range without(some, known...) {
			rows = append(rows, deliveredRow{AppID: appID, ClientID: id, Seq: upTo})
		}
		if len(rows) > 0 {
			if err := db.Create(&rows).Error; err != nil { // a duplicate, where another node has just written it: the next attempt finds it
				return err
			}
		}
	}
	return nil
}
