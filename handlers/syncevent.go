package handlers

import (
	"strconv"

	"parley/models"
)

// SyncEvent is an entry of the log that is not a message, in history sync. Which fields are there depends on the kind.
type SyncEvent struct {
	Kind           models.EventKind  `json:"kind" swaggertype:"string" enums:"conversation_created,members_joined,members_left,conversation_updated,conversation_removed" example:"members_joined"`
	ID             string            `json:"id" example:"1042"` // position in the app's log, in one order with the messages
	ConversationID string            `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	By             *string           `json:"by" extensions:"x-nullable" example:"Tom"` // who did it; null: the app's own server
	At             models.Timestamp  `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	Members        []string          `json:"members,omitempty" example:"Mary" validate:"optional"`      // created: all who are inside; joined, left: these; removed: who was inside, but of a system conversation
	Conversation   *SyncConversation `json:"conversation,omitzero" validate:"optional"`                 // created: as it began
	Changes        models.JSON       `json:"changes,omitzero" swaggertype:"object" validate:"optional"` // updated: the new name, and attributes as a JSON Merge Patch
}

// SyncConversation is a conversation as it began.
type SyncConversation struct {
	Type       string      `json:"type" example:"normal" enums:"normal,chatroom,system,temporary"`
	Name       *string     `json:"name" extensions:"x-nullable" example:"Tom & Jerry"`
	Unique     bool        `json:"unique"`
	Attributes models.JSON `json:"attributes" swaggertype:"object"`
}

func syncEvent(e *models.Event) SyncEvent {
	event := SyncEvent{Kind: e.Kind, ID: strconv.FormatInt(e.Seq, 10), ConversationID: e.ConversationID, By: e.Actor, At: e.At,
		Members: e.Body.Members, Changes: e.Body.Changes}
	switch e.Kind {
	case models.Subscribed:
		event.Kind = models.MembersJoined
	case models.Unsubscribed:
		event.Kind = models.MembersLeft
	case models.ConversationCreated:
		event.Members = e.Incoming()
		event.Conversation = &SyncConversation{Type: e.Body.Conversation.Type, Name: e.Body.Conversation.Name,
			Unique: e.Body.Unique, Attributes: e.Body.Attributes}
		if event.Conversation.Attributes == "" { // none were kept by an earlier version
			event.Conversation.Attributes = "{}"
		}
	}
	return event
}
