package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
)

// complete fills in what is not in the conversations' own rows: members, as far as the actor may see them, and for those
// inside the last message. One statement each, however many conversations.
func (s *Store) complete(ctx context.Context, by Actor, conversations ...*Conversation) error {
	if len(conversations) == 0 {
		return nil
	}
	db := s.read.WithContext(ctx)
	ids := make([]string, 0, len(conversations))
	for _, c := range conversations {
		if c.Type != System { // whose subscribers may be a million
			ids = append(ids, c.ID)
		}
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
		if c.Type == System { // its messages are not for all who may read it
			c.LastMessage = &LastMessage{}
			continue
		}
		in := standing{inside: by.ClientID != "" && (slices.Contains(c.Members, by.ClientID) || slices.Contains(rooms, c.ID))}
		if by.mayRead(in) == nil {
			c.LastMessage = &LastMessage{}
			shown = append(shown, c)
		} else if s.options.HideMembers {
			c.Members = nil
		}
	}
	last, err := fillLastMessages(db, shown)
	if err != nil {
		return asUnavailable(ctx, err)
	}
	return s.linkMessages(ctx, last...)
}

func fillLastMessages(db *gorm.DB, conversations []*Conversation) ([]*Message, error) {
	bySeq := map[int64]*Conversation{}
	var seqs []int64
	for _, c := range conversations {
		if c.LastMessageSeq != nil {
			bySeq[*c.LastMessageSeq] = c
			seqs = append(seqs, *c.LastMessageSeq)
		}
	}
	if seqs == nil {
		return nil, nil
	}
	from := "messages"
	if db.Name() == "sqlite" { // which would rather read all of an app's messages than look for three numbers
		from += " INDEXED BY messages_seq"
	}
	var messages []*Message
	err := db.Table(from).Where("app_id = ? AND seq IN ?", conversations[0].AppID, seqs).Find(&messages).Error
	for _, m := range messages {
		bySeq[m.Seq].LastMessage.Message = m
	}
	return messages, err
}
