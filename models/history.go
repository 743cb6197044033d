package models

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"gorm.io/gorm"
)

// HistoryQuery is a page of a conversation's messages (API.md, "Messages"). Nil bounds are open.
type HistoryQuery struct {
	Limit  int        // 1 to 1000
	Before *int64     // exclusive
	After  *int64     // exclusive; the oldest page after it, otherwise the newest page
	Since  *Timestamp // inclusive
	Until  *Timestamp // exclusive
	Type   string     // empty: all
	// MayBeLarge is asked when a page is over SmallPage and would grow; it ends there when the answer is no. Nil: it may.
	MayBeLarge func() bool
}

// A page of messages ends before its limit when it has so many bytes, about; there is one message on it at least. Of small pages
// thousands may be in memory, of large ones some dozens; 1,000 messages of 1 KB fit into one of these.
const (
	SmallPage = 64 << 10
	LargePage = 2 << 20
)

// History reads a page of messages, oldest first: whole for whoever is a member now, also from before joining and from
// time away; of a system conversation, what is for the actor. more tells whether the page's direction goes on.
func (s *Store) History(ctx context.Context, by Actor, conversationID string, q HistoryQuery) (page []*Message, more bool, err error) {
	parts, err := s.historyFor(ctx, by, conversationID)
	if err != nil {
		return nil, false, err
	}
	if page, more, err = s.historyPage(ctx, by.App.ID, parts, q); err != nil {
		return nil, false, err
	}
	if q.After == nil {
		slices.Reverse(page)
	}
	return page, more, s.linkMessages(ctx, page...)
}

// firstSeqAt finds a position p such that exactly the conversation's messages from p on have this time or a later one.
func firstSeqAt(db *gorm.DB, appID uint32, conversationID string, at Timestamp) (int64, error) {
	return firstAt(db, "messages", at, "app_id = ? AND conversation_id = ?", appID, conversationID)
}

// firstAt is firstSeqAt for the rows of a table where a condition holds.
func firstAt(db *gorm.DB, table string, at Timestamp, where string, args ...any) (int64, error) {
	var low, high int64 // the answer is in [low, high]
	row := db.Raw("SELECT COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0) + 1 FROM "+table+" WHERE "+where, args...).Row()
	if err := row.Scan(&low, &high); err != nil {
		return 0, err
	}
	for low < high {
		middle := low + (high-low)/2
		var seq int64
		var created Timestamp
		row := db.Raw("SELECT seq, created_at FROM "+table+" WHERE "+where+" AND seq >= ? ORDER BY seq LIMIT 1",
			append(slices.Clone(args), middle)...).Row()
		switch err := row.Scan(&seq, &created); {
		case errors.Is(err, sql.ErrNoRows), err == nil && created >= at:
			high = middle
		case err == nil:
			low = seq + 1
		default:
			return 0, err
		}
	}
	return low, nil
}

// Message reads one message of a conversation.
func (s *Store) Message(ctx context.Context, by Actor, conversationID string, seq int64) (*Message, error) {
	parts, err := s.historyFor(ctx, by, conversationID)
	if err != nil {
		return nil, err
	}
	m, err := s.messageIn(ctx, by.App.ID, parts, seq)
	if err != nil {
		return nil, err
	}
	return m, s.linkMessages(ctx, m)
}
