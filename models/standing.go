package models

import (
	"context"
	"database/sql"
	"errors"
)

// standingIn finds what a conversation is, its id, type and creator and no more, and what the actor is in it, in one statement where it is
// no chat room; NotFound when there is none that the actor may know of.
func (s *Store) standingIn(ctx context.Context, by Actor, conversationID string) (*Conversation, standing, error) {
	c, in := &Conversation{AppID: by.App.ID}, standing{}
	db := s.read.WithContext(ctx)
	err := db.Raw(`SELECT c.id, c.type, c.creator, CASE WHEN m.client_id IS NULL THEN 0 ELSE 1 END FROM conversations c
		LEFT JOIN members m ON m.app_id = c.app_id AND m.conversation_id = c.id AND m.client_id = ? AND `+alive(db, "m")+`
		WHERE c.app_id = ? AND c.id = ? AND `+alive(db, "c"), by.ClientID, by.App.ID, conversationID).Row().
		Scan(&c.ID, &c.Type, &c.Creator, &in.inside)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, in, errConversationNotFound()
	case err == nil && c.isRoom():
		in.inside, err = isInRoom(db, c.AppID, c.ID, by.ClientID)
	}
	if err == nil {
		err = by.mayKnow(c, in)
	}
	return c, in, asUnavailable(ctx, err)
}
