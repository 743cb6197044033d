package models

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// System is the type of conversations in which the app's own server speaks to many (the guide's service account): clients
// subscribe and unsubscribe, and what they send is for the server.
const System = "system"

// Audience says who may see a message.
type Audience int8

// The audiences. All but the first belong to system conversations.
const (
	ToMembers     Audience = iota // everybody inside
	ToSubscribers                 // everybody inside a system conversation
	ToEveryone                    // every client of the app
	ToNamed                       // the clients in Recipients
	ToServer                      // the app's own server, and whoever sent it
)

// isPersonal tells whether a message is for clients by their names. Such messages are kept apart from their
// conversation's others: there may be any number of them, and hardly anybody is to be shown one.
func (a Audience) isPersonal() bool { return a == ToNamed || a == ToServer }

// isBroadcast tells whether a message is brought to those, too, who come later.
func (a Audience) isBroadcast() bool { return a == ToSubscribers || a == ToEveryone || a == ToNamed }

// IsBroadcast tells whether the entry is a broadcast.
func (e Entry) IsBroadcast() bool { return e.Message != nil && e.Message.Audience.isBroadcast() }

// Addressees gives the clients whom an entry concerns where these are not simply those inside its conversation: by their
// names, or everyone.
func (e Entry) Addressees() (named []string, everyone, special bool) {
	switch {
	case e.Event != nil && e.Event.isPersonal():
		return e.Event.Body.Members, false, true
	case e.Message == nil:
		return nil, false, false
	case e.Message.Audience == ToEveryone:
		return nil, true, true
	case e.Message.Audience == ToNamed:
		return e.Message.Recipients, false, true
	case e.Message.Audience == ToServer:
		return []string{e.Message.From}, false, true
	}
	return nil, false, false
}

// personalMark stands before the id of a conversation where its personal messages and entries are kept. No conversation has it in its id.
const personalMark = "~"

func personalPart(conversationID string) string { return personalMark + conversationID }

func withoutMark(conversationID string) string {
	return strings.TrimPrefix(conversationID, personalMark)
}

// Stored gives the message as it stands in the database, and as it goes to other nodes: an older one knows of no audience, but
// of no conversation with this id either.
func (m *Message) Stored() *Message {
	if !m.Audience.isPersonal() {
		return m
	}
	row := *m
	row.ConversationID = personalPart(m.ConversationID)
	return &row
}

// Unmark undoes Stored.
func (m *Message) Unmark() { m.ConversationID = withoutMark(m.ConversationID) }

// isPersonal tells whether an event concerns the clients in it and nobody else.
func (e *Event) isPersonal() bool { return e.Kind == Subscribed || e.Kind == Unsubscribed }

// stored is as Stored for messages.
func (e *Event) stored() *Event {
	if !e.isPersonal() {
		return e
	}
	row := *e
	row.ConversationID = personalPart(e.ConversationID)
	return &row
}

// ClientList is client ids in a column, as JSON text; NULL when there are none.
type ClientList []string

// Value stores the list.
func (l ClientList) Value() (driver.Value, error) {
	if len(l) == 0 {
		return nil, nil
	}
	text, err := json.Marshal([]string(l))
	return string(text), err
}

// Scan reads what Value stored.
func (l *ClientList) Scan(value any) error {
	if value == nil {
		*l = nil
		return nil
	}
	return scanJSON(value, (*[]string)(l))
}

// size is about what the list takes in memory.
func (l ClientList) size() int {
	n := 0
	for _, id := range l {
		n += len(id) + 16 // and its string header
	}
	return n
}

// MemberKind says what somebody inside a conversation is.
type MemberKind int8

// The kinds of members.
const (
	PlainMember MemberKind = iota
	Subscriber             // of a system conversation
)

func (c *Conversation) memberKind() MemberKind {
	if c.Type == System {
		return Subscriber
	}
	return PlainMember
}

// checkSystem tells what is wrong with a system conversation that is asked for.
func (n *NewConversation) checkSystem(by Actor) error {
	if err := by.requireMaster(); err != nil {
		return err
	}
	if n.Unique {
		return Invalidf("unique", "a system conversation is never unique")
	}
	return nil
}

// subscribe brings clients in. Unlike a join it does not touch what subscribers look at: a million of them come and go
// without anybody else noticing.
func (t *logTx) subscribe(by Actor, c *Conversation, clients []string) error {
	inside, err := membersAmong(t.db, t.appID, c.ID, clients)
	if err != nil {
		return err
	}
	joining := without(clients, inside...)
	if len(joining) == 0 {
		return nil
	}
	event := t.append(Event{ConversationID: c.ID, Kind: Subscribed, Actor: by.Client(),
		Body: EventBody{Members: joining, Conversation: c.ref()}})
	if err := t.insertMembers(c, joining, by.Client(), event.Seq); err != nil {
		return err
	}
	return t.countSubscribers(c, len(joining))
}

// unsubscribe ends the subscriptions of those of the clients who have one.
func (t *logTx) unsubscribe(by Actor, c *Conversation, clients []string) error {
	var leaving []Member
	err := t.db.Where("app_id = ? AND conversation_id = ? AND client_id IN ?", t.appID, c.ID, clients).Find(&leaving).Error
	if err != nil || len(leaving) == 0 {
		return err
	}
	slices.SortFunc(leaving, func(a, b Member) int {
		return cmp.Compare(slices.Index(clients, a.ClientID), slices.Index(clients, b.ClientID))
	})
	event := t.append(Event{ConversationID: c.ID, Kind: Unsubscribed, Actor: by.Client()})
	ids, spans := make([]string, len(leaving)), make([]FormerMember, len(leaving))
	for i, m := range leaving {
		ids[i] = m.ClientID
		spans[i] = FormerMember{AppID: t.appID, ClientID: m.ClientID, LeftSeq: event.Seq, ConversationID: c.ID, JoinedSeq: m.JoinedSeq}
	}
	event.Body.Members = ids
	if err := t.db.CreateInBatches(&spans, insertRows).Error; err != nil {
		return err
	}
	err = t.db.Exec("DELETE FROM members WHERE app_id = ? AND conversation_id = ? AND client_id IN ?", t.appID, c.ID, ids).Error
	if err != nil {
		return err
	}
	return t.countSubscribers(c, -len(ids))
}

func (t *logTx) countSubscribers(c *Conversation, by int) error {
	c.MemberCount += by
	return t.db.Exec("UPDATE conversations SET member_count = ? WHERE app_id = ? AND id = ?", c.MemberCount, t.appID, c.ID).Error
}

// subscribersPage is how many subscribers a page has that does not say it.
const subscribersPage = 100

// subscribers reads a page of a system conversation's subscribers.
func (s *Store) subscribers(ctx context.Context, by Actor, c *Conversation, q MembersQuery) (members []Member, more bool, err error) {
	if err := by.requireMaster(); err != nil {
		return nil, false, err
	}
	limit := cmp.Or(q.Limit, subscribersPage)
	members = []Member{}
	err = s.read.WithContext(ctx).Where("app_id = ? AND conversation_id = ? AND client_id > ?", c.AppID, c.ID, q.After).
		Order("client_id").Limit(limit + 1).Find(&members).Error
	if more = len(members) > limit; more {
		members = members[:limit]
	}
	return members, more, asUnavailable(ctx, err)
}

// removeSystem deletes a system conversation. Its subscribers may be a million: those online are told, and the rows are
// swept afterwards; with the conversation's own row gone they lead nowhere.
func (t *logTx) removeSystem(c *Conversation) error {
	event := t.append(Event{ConversationID: c.ID, Kind: ConversationRemoved, Body: EventBody{Conversation: c.ref()}})
	if err := indexAttributes(t.db, t.appID, c.ID, entriesOf(c.Attributes), nil); err != nil {
		return err
	}
	err := t.db.Exec("INSERT INTO removed_conversations (app_id, conversation_id, seq) VALUES (?, ?, ?), (?, ?, ?)",
		t.appID, c.ID, event.Seq, t.appID, personalPart(c.ID), event.Seq).Error
	if err != nil {
		return err
	}
	return t.db.Exec("DELETE FROM conversations WHERE app_id = ? AND id = ?", t.appID, c.ID).Error
}
