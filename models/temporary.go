package models

import (
	"errors"

	"gorm.io/gorm"
)

// Temporary is the type of a conversation between a few clients that are named once, and that is gone after a time with
// all that was said in it.
const Temporary = "temporary"

const (
	// API.md, "Kinds".
	maxTemporaryMembers = 10
	defaultTTL, maxTTL  = 86_400, 2_592_000 // seconds: a day, thirty days
)

func (c *Conversation) isTemporary() bool { return c.Type == Temporary }

// checkTTL fills in and checks the life of a new conversation.
func (n *NewConversation) checkTTL() error {
	if n.Type != Temporary {
		if n.TTL != nil {
			return Invalidf("ttl", "is of temporary conversations; others have no end")
		}
		return nil
	}
	if n.TTL == nil {
		n.TTL = new(int)
		*n.TTL = defaultTTL
	}
	if *n.TTL < 1 || *n.TTL > maxTTL {
		return Invalidf("ttl", "must be 1 to %d seconds", maxTTL)
	}
	return nil
}

// checkTemporary is what a new temporary conversation has to keep to. Its members are all that tells it from others.
func (n *NewConversation) checkTemporary() error {
	if n.Type != Temporary {
		return nil
	}
	if len(n.Members) == 0 {
		return Invalidf("members", "must name the members of a temporary conversation: nobody is added later")
	}
	if len(n.Members) > maxTemporaryMembers {
		return Invalidf("members", "a temporary conversation holds at most %d members, its creator included", maxTemporaryMembers)
	}
	n.Unique = true
	return nil
}

// alive is the condition on rows of a table with an expires_at, that they have not expired: by the database's clock, so
// that all nodes see the end at the same moment.
func alive(db *gorm.DB, table string) string {
	return "(" + table + ".expires_at IS NULL OR " + table + ".expires_at > " + databaseNow(db) + ")"
}

// expired is the opposite of alive; it goes by the index.
func expired(db *gorm.DB, table string) string {
	return table + ".expires_at <= " + databaseNow(db)
}

// expiry gives the end of a life of so many seconds that begins now.
func expiry(db *gorm.DB, seconds int) (*Timestamp, error) {
	var now Timestamp
	err := db.Raw("SELECT " + databaseNow(db)).Row().Scan(&now)
	at := now + Timestamp(seconds)*1000
	return &at, err
}

// holder gives the conversation that has a unique key; nil when nobody has. One that has expired and waits to be swept
// gives it back.
func (t *logTx) holder(key []byte) (*Conversation, error) {
	c := &Conversation{}
	err := t.db.Where("app_id = ? AND unique_key = ? AND "+alive(t.db, "conversations"), t.appID, key).Take(c).Error
	if !errors.Is(err, gorm.ErrRecordNotFound) {
		return c, err
	}
	return nil, t.db.Exec("UPDATE conversations SET unique_key = NULL WHERE app_id = ? AND unique_key = ?", t.appID, key).Error
}

// checkMovable refuses a change of members where they are fixed, whoever asks.
func (c *Conversation) checkMovable() error {
	if !c.isTemporary() {
		return nil
	}
	return &Error{Kind: Conflict, Code: "members_fixed",
		Detail: "the members of a temporary conversation are those it was made with: nobody joins, leaves, is added or removed"}
}
