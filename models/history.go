package models

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"gorm.io/gorm"
)

// historyBytes bounds the texts of a page, but for its first message: a thousand of a thousand bytes fit.
const historyBytes = 1 << 20

// historyRows is what the first statement reads, whatever the sizes: a page of the usual length is one statement.
const historyRows = 100

// HistoryQuery is a page of a conversation's messages (API.md, "Messages"). Nil bounds are open.
type HistoryQuery struct {
	Limit  int        // 1 to 1000
	Before *int64     // exclusive
	After  *int64     // exclusive; the oldest page after it, otherwise the newest page
	Since  *Timestamp // inclusive
	Until  *Timestamp // exclusive
	Type   string     // empty: all
}

// History reads a page of messages, oldest first: whole for whoever is a member now, also from before joining and from
// time away. more tells whether the page's direction goes on.
func (s *Store) History(ctx context.Context, by Actor, conversationID string, q HistoryQuery) (page []*Message, more bool, err error) {
	if _, err := s.conversationInside(ctx, by, conversationID); err != nil {
		return nil, false, err
	}
	db := s.read.WithContext(ctx)
	query := db.Where("app_id = ? AND conversation_id = ?", by.App.ID, conversationID)
	if q.Before != nil {
		query = query.Where("seq < ?", *q.Before)
	}
	if q.After != nil {
		query = query.Where("seq > ?", *q.After)
	}
	if query, err = s.withinTimes(db, query, by.App.ID, conversationID, q); err != nil {
		return nil, false, asUnavailable(ctx, err)
	}
	if q.Type != "" {
		query = query.Where("type = ?", q.Type)
	}
	if page, more, err = readHistory(query.Session(&gorm.Session{}), q); err != nil {
		return nil, false, asUnavailable(ctx, err)
	}
	if q.After == nil {
		slices.Reverse(page)
	}
	return page, more, s.linkMessages(ctx, page...)
}

// readHistory reads the page in the direction of the query. It ends early where its messages are large: as many as a page may
// have are 32 MB, which a reader that does not read would keep in memory. The statements grow, so that not much of what comes
// is thrown away.
func readHistory(query *gorm.DB, q HistoryQuery) (page []*Message, more bool, err error) {
	page = []*Message{}
	order, behind := "seq DESC", "seq < ?"
	if q.After != nil {
		order, behind = "seq", "seq > ?"
	}
	for bytes := 0; ; {
		n := min(q.Limit+1-len(page), max(historyRows, 4*len(page))) // one more than asked for tells whether there is a next page
		next := query.Order(order).Limit(n)
		if len(page) > 0 {
			next = next.Where(behind, page[len(page)-1].Seq)
		}
		found, full, err := readMessages(next, &page, &bytes)
		switch {
		case err != nil:
			return nil, false, err
		case full || len(page) > q.Limit:
			return page[:len(page)-1], true, nil
		case found < n:
			return page, false, nil
		}
	}
}

// readMessages adds rows to a page; full tells that the last one is too much for it.
func readMessages(query *gorm.DB, page *[]*Message, bytes *int) (found int, full bool, err error) {
	rows, err := query.Model(&Message{}).Rows()
	if err != nil {
		return 0, false, err
	}
	defer rows.Close()
	for rows.Next() {
		m := &Message{}
		if err := query.ScanRows(rows, m); err != nil {
			return found, false, err
		}
		*page = append(*page, m)
		found++
		if *bytes += m.size(); *bytes > historyBytes && len(*page) > 1 {
			return found, true, nil
		}
	}
	return found, false, rows.Err()
}

// withinTimes turns the bounds in time into bounds on the position. Times never run backwards in a log, so a position
// is found by halving, over the primary key alone.
func (s *Store) withinTimes(db, query *gorm.DB, appID uint32, conversationID string, q HistoryQuery) (*gorm.DB, error) {
	if q.Since != nil {
		from, err := firstSeqAt(db, appID, conversationID, *q.Since)
		if err != nil {
			return nil, err
		}
		query = query.Where("seq >= ?", from)
	}
	if q.Until != nil {
		to, err := firstSeqAt(db, appID, conversationID, *q.Until)
		if err != nil {
			return nil, err
		}
		query = query.Where("seq < ?", to)
	}
	return query, nil
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
	if _, err := s.conversationInside(ctx, by, conversationID); err != nil {
		return nil, err
	}
	m := &Message{}
	err := s.read.WithContext(ctx).Where("app_id = ? AND conversation_id = ? AND seq = ?", by.App.ID, conversationID, seq).Take(m).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, &Error{Kind: NotFound, Code: "message_not_found", Detail: "there is no such message in this conversation"}
	}
	if err != nil {
		return nil, asUnavailable(ctx, err)
	}
	return m, s.linkMessages(ctx, m)
}
