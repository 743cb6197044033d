package models

import (
	"context"
	"slices"
	"time"
)

// Head is where an app's log stands.
type Head struct {
	AppID uint32
	Seq   int64 // the newest number; all lower ones are visible
	Floor int64 // the highest number removed by retention: a cursor below it is too old
	// OwnFloor is the highest number removed from any conversation that has a retention of its own (Span.FloorSeq).
	OwnFloor   int64
	AppVersion int64  // grows with every change of the app itself
	App        string // what the app is called on /metrics
	// LogID is what the log is called on a broker: apps of other databases, and other clusters, have others.
	LogID string
}

const headQuery = `SELECT counters.app_id, counters.seq, counters.floor, counters.own_floor, counters.log_id, apps.version AS app_version, apps.public_id AS app
	FROM counters JOIN apps ON apps.id = counters.app_id`

// Heads reads where every app's log stands. What has become of the apps themselves, this node goes by from here on.
func (s *Store) Heads(ctx context.Context) ([]Head, error) {
	moment := time.Now()
	var heads []Head
	if err := s.read.WithContext(ctx).Raw(headQuery).Find(&heads).Error; err != nil {
		return nil, err
	}
	for i := range heads {
		heads[i].App = s.labels.of(heads[i].App)
	}
	return heads, s.lookAtApps(ctx, heads, moment)
}

// Head reads where one app's log stands.
func (s *Store) Head(ctx context.Context, appID uint32) (Head, error) {
	head := Head{AppID: appID}
	row := s.read.WithContext(ctx).Raw(headQuery+" WHERE counters.app_id = ?", appID).Row()
	err := row.Scan(&head.AppID, &head.Seq, &head.Floor, &head.OwnFloor, &head.LogID, &head.AppVersion, &head.App)
	if err == nil {
		head.App = s.labels.of(head.App)
	}
	return head, asUnavailable(ctx, err)
}

// Span is a stretch of the log during which a client was inside a conversation: from the entry that brought it in to
// the entry that took it out, both included. Two more stand for its mail (IsMail).
type Span struct {
	Kind           SpanKind
	ClientID       string // of mail by its name
	ConversationID string
	JoinedSeq      int64
	LeftSeq        int64 // 0: inside
	LastSeq        int64 // the conversation's newest entry, or LeftSeq, or that of the mail
	FloorSeq       int64 // the highest number removed by a retention of the conversation's own
}

// Covers tells whether the span shows the entry with this number.
func (s Span) Covers(seq int64) bool {
	return s.JoinedSeq <= seq && (s.LeftSeq == 0 || seq <= s.LeftSeq)
}

// Spans reads a client's memberships, present ones and those that ended after a position, in one statement: read apart,
// a client that moves in between would be in neither or in both.
func (s *Store) Spans(ctx context.Context, appID uint32, clientID string, after int64) ([]Span, error) {
	var spans []Span
	// The kind from the conversation: of members this takes what is in their index, and SQLite would otherwise rather read all.
	db := s.read.WithContext(ctx)
	err := db.Raw(`SELECT m.conversation_id, m.joined_seq, 0 AS left_seq, c.last_seq, c.floor_seq, CASE WHEN c.type = ? THEN ? ELSE 0 END AS kind
		FROM members m JOIN conversations c ON c.app_id = m.app_id AND c.id = m.conversation_id
		WHERE m.app_id = ? AND m.client_id = ? AND `+alive(db, "c")+`
		UNION ALL
		SELECT f.conversation_id, f.joined_seq, f.left_seq, f.left_seq, COALESCE(c.floor_seq, 0), CASE WHEN c.type = ? THEN ? ELSE 0 END
		FROM former_members f LEFT JOIN conversations c ON c.app_id = f.app_id AND c.id = f.conversation_id
		WHERE f.app_id = ? AND f.client_id = ? AND f.left_seq > ?
		UNION ALL SELECT '', 0, 0, COALESCE(MAX(seq), 0), 0, ? FROM broadcasts WHERE app_id = ? AND channel = ''
		UNION ALL SELECT '', 0, 0, COALESCE(MAX(seq), 0), 0, ? FROM personal_messages WHERE app_id = ? AND client_id = ?`,
		System, Subscriber, appID, clientID, System, Subscriber, appID, clientID, after, spanEveryone, appID, spanPersonal, appID, clientID).Find(&spans).Error
	spans = slices.DeleteFunc(spans, func(span Span) bool { return span.IsMail() && span.LastSeq == 0 })
	for i := range spans {
		switch {
		case spans[i].IsMail():
			spans[i].ClientID = clientID
		case spans[i].IsSubscription(): // which itself is kept apart from what subscribers see
			spans[i].LastSeq = max(spans[i].LastSeq, spans[i].JoinedSeq)
		}
	}
	return spans, asUnavailable(ctx, err)
}

// CountUpTo counts what the spans show of (after, upTo], but their mail, giving up past limit: how far behind a reader is.
func (s *Store) CountUpTo(ctx context.Context, appID uint32, spans []Span, after, upTo int64, limit int) (int, error) {
	total := 0
	for _, span := range spans {
		from, to := max(after+1, span.JoinedSeq), upTo
		if span.LeftSeq != 0 {
			to = min(to, span.LeftSeq)
		}
		if span.LastSeq < from || to < from || span.IsMail() {
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
