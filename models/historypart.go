package models

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"
)

// historyPart is a range of messages in the database of which an actor may see all, or those for which a condition holds.
type historyPart struct {
	place string // the messages' conversation_id
	where string // may be empty
	args  []any
}

// textType is what most messages are. On SQLite no index leads to them: they are found on the way through the conversation.
const textType = "text"

// historyFor gives where a conversation's messages are that the actor may see: of a normal one or a chat room, all for those inside.
// Of a system conversation anybody sees what is for him: what was sent to everyone and to him by his name, what he has
// sent himself, and a subscriber what was sent to the subscribers.
func (s *Store) historyFor(ctx context.Context, by Actor, conversationID string) ([]historyPart, error) {
	c, in, err := s.standingIn(ctx, by, conversationID)
	switch {
	case err != nil:
		return nil, err
	case c.Type != System:
		return []historyPart{{place: c.ID}}, by.mayRead(in)
	case by.ClientID == "": // the app's own server as itself
		return []historyPart{{place: c.ID}, {place: personalPart(c.ID)}}, nil
	}
	audiences := []Audience{ToEveryone}
	if in.inside {
		audiences = append(audiences, ToSubscribers)
	}
	return []historyPart{
		{place: c.ID, where: "audience IN ?", args: []any{audiences}},
		{place: personalPart(c.ID), where: "seq IN (SELECT seq FROM personal_messages p WHERE p.app_id = ? AND p.client_id = ? AND p.conversation_id = ?)",
			args: []any{by.App.ID, by.ClientID, c.ID}},
	}, nil
}

func (p historyPart) in(db *gorm.DB, appID uint32) *gorm.DB {
	query := db.Where("app_id = ? AND conversation_id = ?", appID, p.place)
	if p.where != "" {
		query = query.Where(p.where, p.args...)
	}
	return query
}

// historyPage reads up to limit messages of the parts together, in the query's direction.
func (s *Store) historyPage(ctx context.Context, appID uint32, parts []historyPart, q HistoryQuery, limit int) ([]*Message, error) {
	page := []*Message{}
	for _, part := range parts {
		some, err := s.historyOf(ctx, appID, part, q, limit)
		if err != nil {
			return nil, asUnavailable(ctx, err)
		}
		page = append(page, some...)
	}
	if len(parts) > 1 {
		slices.SortFunc(page, func(a, b *Message) int {
			if q.After == nil {
				a, b = b, a
			}
			return cmp.Compare(a.Seq, b.Seq)
		})
		page = page[:min(len(page), limit)]
	}
	return page, nil
}

func (s *Store) historyOf(ctx context.Context, appID uint32, part historyPart, q HistoryQuery, limit int) (page []*Message, err error) {
	db := s.read.WithContext(ctx)
	query := part.in(db, appID)
	if q.Before != nil {
		query = query.Where("seq < ?", *q.Before)
	}
	if q.After != nil {
		query = query.Where("seq > ?", *q.After)
	}
	if query, err = s.withinTimes(db, query, appID, part.place, q); err != nil {
		return nil, err
	}
	switch q.Type {
	case "":
	case textType:
		query = query.Where("type = ?", q.Type)
	default: // word for word the condition of SQLite's index, so that it finds that it may be used
		query = query.Where("type = ? AND type <> 'text'", q.Type)
	}
	order := "seq DESC"
	if q.After != nil {
		order = "seq"
	}
	rows, err := query.Table("messages").Select(shownColumns).Order(order).Limit(limit).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		m := &Message{AppID: appID}
		if err := m.scanShown(rows); err != nil {
			return nil, err
		}
		page = append(page, m)
	}
	return page, rows.Err()
}

// messageIn reads one message of the parts.
func (s *Store) messageIn(ctx context.Context, appID uint32, parts []historyPart, seq int64) (*Message, error) {
	for _, part := range parts {
		m := &Message{}
		err := part.in(s.read.WithContext(ctx), appID).Where("seq = ?", seq).Take(m).Error
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, asUnavailable(ctx, err)
		}
	}
	return nil, &Error{Kind: NotFound, Code: "message_not_found", Detail: "there is no such message in this conversation"}
}
