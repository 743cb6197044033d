package models

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

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

// historyPage reads a page of the parts together, in the query's direction; more tells whether that goes on.
func (s *Store) historyPage(ctx context.Context, appID uint32, parts []historyPart, q HistoryQuery) (page []*Message, more bool, err error) {
	grow := sync.OnceValue(func() bool { return q.MayBeLarge == nil || q.MayBeLarge() }) // for all parts together
	reads := make([]*historyRead, len(parts))
	page = []*Message{}
	for i, part := range parts {
		r := &historyRead{store: s, appID: appID, part: part, query: q, budget: SmallPage, grow: grow}
		if err := r.read(ctx); err != nil {
			return nil, false, asUnavailable(ctx, err)
		}
		page = append(page, r.log.messages...)
		reads[i], more = r, more || r.more
	}
	if len(parts) > 1 {
		page = merged(page, reads, q.After != nil)
	}
	if len(page) > q.Limit {
		page, more = page[:q.Limit], true
	}
	return page, more, nil
}

// merged puts what was read of several parts in order, as far as it is whole: beyond the last message of a part that has more
// there may be one that was not read.
func merged(page []*Message, reads []*historyRead, forwards bool) []*Message {
	follows := func(a, b int64) int {
		if forwards {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(b, a)
	}
	slices.SortFunc(page, func(a, b *Message) int { return follows(a.Seq, b.Seq) })
	return slices.DeleteFunc(page, func(m *Message) bool {
		return slices.ContainsFunc(reads, func(r *historyRead) bool { return r.more && follows(m.Seq, r.last) > 0 })
	})
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
