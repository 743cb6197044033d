package models

import (
	"context"
	"slices"

	"parley/models/query"
)

// MaxSkip bounds skip: beyond it paging by skip costs more than any list is worth.
const MaxSkip = 10_000

// ConversationQuery is a question for conversations (API.md, "Conversations").
type ConversationQuery struct {
	Member string   // only conversations with this client inside; empty: see Where
	Where  JSON     // conditions; without any, and without Member, the actor's own conversations, or all for the app's own server
	Sort   []string // fields to sort by, with a minus before them for descending; empty: newest activity first
	Limit  int      // 1 to 100
	Skip   int      // 0 to MaxSkip
}

// Conversations lists a page of conversations; more tells whether another page follows.
func (s *Store) Conversations(ctx context.Context, by Actor, q ConversationQuery) (page []*Conversation, more bool, err error) {
	if q.Skip < 0 || q.Skip > MaxSkip {
		return nil, false, Invalidf("skip", "must be a number from 0 to %d", MaxSkip)
	}
	question := query.Query{Dialect: s.dialect, AppID: by.App.ID, Viewer: by.ClientID, SeesAll: by.Master,
		HideMembers: s.options.HideMembers, Member: q.Member}
	if q.Where != "" {
		if question.Where, err = query.Parse(string(q.Where)); err != nil {
			return nil, false, asInvalid(err)
		}
	}
	if question.Sort, err = query.ParseSort(q.Sort); err != nil {
		return nil, false, asInvalid(err)
	}
	if q.Member == "" && question.Where.Empty() {
		question.Member = by.ClientID
	}
	// One more than asked for tells whether there is a next page.
	ids, err := s.find(ctx, by, &question, q.Limit+1, q.Skip)
	if err != nil {
		return nil, false, err
	}
	if more = len(ids) > q.Limit; more {
		ids = ids[:q.Limit]
	}
	if page, err = s.conversations(ctx, by.App.ID, ids); err != nil {
		return nil, false, err
	}
	return page, more, s.complete(ctx, by, page...)
}

// conversations reads conversations in the order of their ids; one that has been deleted or has expired meanwhile is left out.
func (s *Store) conversations(ctx context.Context, appID uint32, ids []string) ([]*Conversation, error) {
	page := []*Conversation{}
	if len(ids) == 0 {
		return page, nil
	}
	db := s.read.WithContext(ctx)
	err := db.Where("app_id = ? AND id IN ? AND "+alive(db, "conversations"), appID, ids).Find(&page).Error
	slices.SortFunc(page, func(a, b *Conversation) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return page, asUnavailable(ctx, err)
}
