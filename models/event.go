package models

import (
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"go.opentelemetry.io/otel/trace"
)

// EventKind says what an entry that is not a message records.
type EventKind string

// The kinds of events in the log.
const (
	ConversationCreated EventKind = "conversation_created"
	MembersJoined       EventKind = "members_joined"
	MembersLeft         EventKind = "members_left"
	ConversationUpdated EventKind = "conversation_updated"
	ConversationRemoved EventKind = "conversation_removed"
	SessionEnded        EventKind = "session_ended" // shown to nobody; how every node learns it
	Subscribed          EventKind = "subscribed"    // clients subscribed to a system conversation; shown to them alone
	Unsubscribed        EventKind = "unsubscribed"  // clients are no longer subscribed; likewise
	RoomJoined          EventKind = "room_joined"   // sessions entered a chat room; shown to nobody
	RoomLeft            EventKind = "room_left"     // sessions are outside; shown to nobody but those who were kicked
)

// Event is an entry of the log that is not a message.
type Event struct {
	AppID          uint32
	ConversationID string // empty for SessionEnded, RoomJoined and RoomLeft
	Seq            int64
	Kind           EventKind
	Actor          *string // who did it; nil: the app's own server
	Body           EventBody
	At             Timestamp `gorm:"column:created_at;autoCreateTime:false"`
}

// EventBody is what an event says beside its columns; which fields are set depends on the kind.
type EventBody struct {
	Members      []string         `json:"members,omitempty"`     // joined, left, or inside when it was removed; created: those added by the creator
	Conversation *ConversationRef `json:"conversation,omitzero"` // created and joined: what an invitation shows
	Unique       bool             `json:"unique,omitzero"`       // created
	Attributes   JSON             `json:"attributes,omitzero"`   // created
	Changes      JSON             `json:"changes,omitzero"`      // updated: the fields that changed
	WriteID      string           `json:"writeId,omitzero"`      // by which a change recognises its own write after an unknown outcome
	SessionID    string           `json:"sessionId,omitzero"`    // session_ended
	Reason       string           `json:"reason,omitzero"`       // session_ended: conflict, logged_out, kicked_by_app; room_left: gone, quit, kicked; removed: expired
	Room         string           `json:"room,omitzero"`         // room_joined, room_left: the chat room
	Sessions     []MovedSession   `json:"sessions,omitempty"`    // room_joined, room_left: who moved
}

// size is about what an event takes in memory.
func (b *EventBody) size() int {
	n := len(b.Changes) + len(b.Attributes) + otherFields
	for _, member := range b.Members {
		n += len(member) + 16 // and its string header
	}
	for _, moved := range b.Sessions {
		n += len(moved.ClientID) + len(moved.SessionID) + 40
	}
	return n
}

// ConversationRef is what somebody outside a conversation is shown of it.
type ConversationRef struct {
	ID   string  `json:"id" example:"cq3v0d8s7k5s73d1g0ag"`
	Type string  `json:"type" example:"normal"`
	Name *string `json:"name" extensions:"x-nullable" example:"Tom & Jerry"`
}

// Value stores the body as JSON text.
func (b EventBody) Value() (driver.Value, error) {
	text, err := json.Marshal(b)
	return string(text), err
}

// Scan reads what Value stored.
func (b *EventBody) Scan(value any) error {
	switch text := value.(type) {
	case string:
		return json.Unmarshal([]byte(text), b)
	case []byte:
		return json.Unmarshal(text, b)
	}
	return fmt.Errorf("an event body is text, not %T", value)
}

// Incoming gives the clients that the event brings into its conversation.
func (e *Event) Incoming() []string {
	switch e.Kind {
	case MembersJoined, Subscribed:
		return e.Body.Members
	case ConversationCreated:
		if c := e.Body.Conversation; c != nil && c.Type == Chatroom {
			return nil // its creator joins it like everybody else
		}
		if e.Actor != nil && !slices.Contains(e.Body.Members, *e.Actor) {
			return append([]string{*e.Actor}, e.Body.Members...)
		}
		return e.Body.Members
	}
	return nil
}

// Entry is one position of an app's log: a message or an event, whichever is not nil.
type Entry struct {
	Message *Message `json:"message,omitzero"`
	Event   *Event   `json:"event,omitzero"`
	// Trace is the span by whose call it came: nil where nobody traces it, and of what was read from the database.
	Trace *trace.SpanContext `json:"-"`
}

// Seq is the entry's position.
func (e Entry) Seq() int64 {
	if e.Message != nil {
		return e.Message.Seq
	}
	return e.Event.Seq
}

// At is the entry's time.
func (e Entry) At() Timestamp {
	if e.Message != nil {
		return e.Message.Timestamp
	}
	return e.Event.At
}

// ConversationID is empty for entries that belong to none.
func (e Entry) ConversationID() string {
	if e.Message != nil {
		return e.Message.ConversationID
	}
	return e.Event.ConversationID
}
