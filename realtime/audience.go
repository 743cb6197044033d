package realtime

import (
	"cmp"
	"slices"

	"parley/models"
)

// This file is the guide's table as code: who is shown an entry as which event.
//
//	action           | Tom            | Jerry          | Mary    | William
//	Tom adds Mary    | members_joined | members_joined | invited | –
//	Tom kicks Mary   | members_left   | members_left   | kicked  | –
//	William joins    | members_joined | members_joined | –       | members_joined
//	Jerry quits      | members_left   | members_left   | –       | members_left
//
// Whether an entry concerns a client at all is a matter of membership: the hub and models.Span decide it alike, from
// the entry that brings a client in to the entry that takes it out, both included. In system conversations it is for whom
// the entry itself says, and nobody is told who else subscribes.

// eventFor gives the event that a client whom the entry concerns is shown.
func eventFor(e models.Entry, clientID string) string {
	if e.Message != nil {
		return eventMessage
	}
	named := slices.Contains(e.Event.Body.Members, clientID)
	byOther := e.Event.Actor == nil || *e.Event.Actor != clientID
	switch e.Event.Kind {
	case models.ConversationCreated, models.MembersJoined, models.Subscribed:
		if named && byOther {
			return eventInvited
		}
		return eventMembersJoined
	case models.MembersLeft, models.Unsubscribed:
		if named && byOther {
			return eventKicked
		}
		return eventMembersLeft
	case models.ConversationRemoved:
		if e.Event.IsExpiry() {
			return ""
		}
		return eventKicked
	case models.ConversationUpdated:
		return eventConversationUpdated
	}
	return "" // nobody's: the end of a session, moves in and out of chat rooms, and kinds that a newer version beside this one writes
}

// chatEventFor gives the event that those inside a chat room are shown of what concerns them. Nobody sees who comes and
// goes; whoever was kicked is told so.
func chatEventFor(e models.Entry) string {
	if e.Event != nil && e.Event.Kind == models.RoomLeft {
		return eventKicked
	}
	return eventFor(e, "")
}

// payloadOf gives the data of the event.
func payloadOf(e models.Entry, event string) any {
	v := e.Event
	switch event {
	case eventMessage:
		return e.Message
	case eventInvited:
		return InvitedEvent{ConversationID: v.ConversationID, InvitedBy: v.Actor, At: v.At, Conversation: v.Body.Conversation}
	case eventMembersJoined:
		return MembersJoinedEvent{ConversationID: v.ConversationID, Members: v.Body.Members, InvitedBy: v.Actor, At: v.At}
	case eventMembersLeft:
		return MembersLeftEvent{ConversationID: v.ConversationID, Members: v.Body.Members, KickedBy: v.Actor, At: v.At}
	case eventKicked:
		return KickedEvent{ConversationID: cmp.Or(v.ConversationID, v.Body.Room), KickedBy: v.Actor, At: v.At}
	case eventConversationUpdated:
		return ConversationUpdatedEvent{ConversationID: v.ConversationID, Changes: v.Body.Changes, UpdatedBy: v.Actor, At: v.At}
	}
	return nil
}

// comingIn gives the clients that an entry brings into its conversation.
func comingIn(e models.Entry) []string {
	if e.Event == nil {
		return nil
	}
	return e.Event.Incoming()
}

// goingOut gives the clients that an entry takes out of its conversation.
func goingOut(e models.Entry) []string {
	if e.Event == nil {
		return nil
	}
	switch e.Event.Kind {
	case models.MembersLeft, models.Unsubscribed, models.ConversationRemoved:
		return e.Event.Body.Members
	}
	return nil
}

// isHidden tells whether an entry passes a session's streams unseen, live or on a replay: a message that it sent itself,
// or an event that is shown to nobody.
func isHidden(e models.Entry, sessionID string) bool {
	if e.Message != nil {
		return sessionID != "" && e.Message.SessionID == sessionID
	}
	return eventFor(e, "") == ""
}
