package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
)

// MaxSkip bounds skip: beyond it paging by skip costs more than any list is worth.
const MaxSkip = 10_000

// ConversationQuery is a page of a list of conversations, newest activity first.
type ConversationQuery struct {
	Member string // empty: the actor's own, or all for the app's own server as itself
	Limit  int    // 1 to 100
	Skip   int
}

// Conversations lists a page of conversations; more tells whether another page follows.
func (s *Store) Conversations(ctx context.Context, by Actor, q ConversationQuery) (page []*Conversation, more bool, err error) {
	if q.Skip < 0 || q.Skip > MaxSkip {
		return nil, false, Invalidf("skip", "must be a number from 0 to %d", MaxSkip)
	}
	if q.Member == "" {
		q.Member = by.ClientID
	}
	query := s.read.WithContext(ctx).Where("conversations.app_id = ?", by.App.ID)
	if q.Member != "" {
		query = query.Joins("JOIN members ON members.app_id = conversations.app_id AND members.conversation_id = conversations.id"+
			" AND members.client_id = ?", q.Member)
	}
	// One more than asked for tells whether there is a next page. The id breaks ties, so that pages do not overlap.
	err = query.Order("conversations.active_at DESC, conversations.id DESC").Limit(q.Limit + 1).Offset(q.Skip).Find(&page).Error
	if err != nil {
		return nil, false, asUnavailable(ctx, err)
	}
	if more = len(page) > q.Limit; more {
		page = page[:q.Limit]
	}
	return page, more, s.complete(ctx, by, page...)
}

// complete fills in what is not in the conversations' own rows: members, and for those inside the last message. One
// statement each, however many conversations.
func (s *Store) complete(ctx context.Context, by Actor, conversations ...*Conversation) error {
	if len(conversations) == 0 {
		return nil
	}
	db := s.read.WithContext(ctx)
	ids := make([]string, len(conversations))
	for i, c := range conversations {
		ids[i] = c.ID
	}
	var rows []Member
	err := db.Where("app_id = ? AND conversation_id IN ?", by.App.ID, ids).Order("conversation_id, joined_seq, ordinal").Find(&rows).Error
	if err != nil {
		return asUnavailable(ctx, err)
	}
	members := map[string][]string{}
	for _, m := range rows {
		members[m.ConversationID] = append(members[m.ConversationID], m.ClientID)
	}
	rooms, err := roomsOf(db, by, conversations)
	if err != nil {
		return asUnavailable(ctx, err)
	}
	shown := conversations[:0:0]
	for _, c := range conversations {
		if c.Members = members[c.ID]; c.Members == nil {
			c.Members = []string{}
		}
		if by.mayIn(by.ClientID != "" && (slices.Contains(c.Members, by.ClientID) || slices.Contains(rooms, c.ID))) == nil {
			c.LastMessage = &LastMessage{}
			shown = append(shown, c)
		}
	}
	return asUnavailable(ctx, fillLastMessages(db, shown))
}

func fillLastMessages(db *gorm.DB, conversations []*Conversation) error {
	bySeq := map[int64]*Conversation{}
	var seqs []int64
	for _, c := range conversations {
		if c.LastMessageSeq != nil {
			bySeq[*c.LastMessageSeq] = c
			seqs = append(seqs, *c.LastMessageSeq)
		}
	}
	if seqs == nil {
		return nil
	}
	var messages []*Message
	err := db.Where("app_id = ? AND seq IN ?", conversations[0].AppID, seqs).Find(&messages).Error
	for _, m := range messages {
		bySeq[m.Seq].LastMessage.Message = m
	}
	return err
}
