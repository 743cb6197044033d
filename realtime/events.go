package realtime

import (
	"strconv"

	"parley/models"
)

// The names of the events on a stream (API.md, "Live events").
const (
	eventMessage             = "message"
	eventInvited             = "invited"
	eventMembersJoined       = "members_joined"
	eventMembersLeft         = "members_left"
	eventKicked              = "kicked"
	eventConversationUpdated = "conversation_updated"
	eventOnline              = "online"
	eventReconnect           = "reconnect"
	eventResync              = "resync"
	eventSchedule            = "schedule"
	eventDisconnect          = "disconnect"
	eventOffline             = "offline"
)

// Why a stream is ended by the server: the reason on disconnect.
const (
	ReasonShutdown     = "shutdown"
	ReasonTokenExpired = "token_expired"
	ReasonSlowConsumer = "slow_consumer"
	ReasonUnavailable  = "unavailable" // the stream could not be served now
)

// Why a position could not be resumed from: the reason on resync.
const (
	resyncInvalid = "invalid_position"
	resyncFuture  = "future_position"
	resyncExpired = "position_expired"
	resyncTooFar  = "too_far_behind"
	resyncSlow    = "room_messages_lost" // of the chat room that the event names
)

// Position is a place in the app's log, a string of decimal digits in JSON like a message's id.
type Position int64

// MarshalText writes the digits.
func (p Position) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(p), 10), nil }

// StreamEvent has one optional property an event of the stream: the property's name is the event's name, its schema is
// the JSON in the data line. The stream itself is text/event-stream, one such block an event:
//
//	id: 1042
//	event: message
//	data: {"id":"1042","conversationId":"…","from":"Tom","type":"text","text":"…"}
type StreamEvent struct {
	Message             *models.Message           `json:"message,omitzero" validate:"optional"`              // to every member but the session that sent it
	Invited             *InvitedEvent             `json:"invited,omitzero" validate:"optional"`              // to a client added by somebody else
	MembersJoined       *MembersJoinedEvent       `json:"members_joined,omitzero" validate:"optional"`       // to the members; to oneself after a join
	MembersLeft         *MembersLeftEvent         `json:"members_left,omitzero" validate:"optional"`         // to the members; to oneself after a quit
	Kicked              *KickedEvent              `json:"kicked,omitzero" validate:"optional"`               // to a client removed by somebody else
	ConversationUpdated *ConversationUpdatedEvent `json:"conversation_updated,omitzero" validate:"optional"` // to the members
	Online              *OnlineEvent              `json:"online,omitzero" validate:"optional"`               // first on a new stream; with another sessionId: another session of the client came
	Reconnect           *ReconnectEvent           `json:"reconnect,omitzero" validate:"optional"`            // after all that was missed on a resumed stream
	Resync              *ResyncEvent              `json:"resync,omitzero" validate:"optional"`               // the position cannot be resumed from: refetch over REST
	Schedule            *ScheduleEvent            `json:"schedule,omitzero" validate:"optional"`             // the server is going to end the stream
	Disconnect          *DisconnectEvent          `json:"disconnect,omitzero" validate:"optional"`           // last on a stream that the server ends
	Offline             *OfflineEvent             `json:"offline,omitzero" validate:"optional"`              // another session of the client has no stream left
}

// InvitedEvent tells a client that somebody added it.
type InvitedEvent struct {
	ConversationID string                  `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	InvitedBy      *string                 `json:"invitedBy" extensions:"x-nullable" example:"Tom"`
	At             models.Timestamp        `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	Conversation   *models.ConversationRef `json:"conversation"`
}

// MembersJoinedEvent tells who came in; after a self-join invitedBy is the one who joined.
type MembersJoinedEvent struct {
	ConversationID string           `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	Members        []string         `json:"members" example:"Mary"`
	InvitedBy      *string          `json:"invitedBy" extensions:"x-nullable" example:"Tom"`
	At             models.Timestamp `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}

// MembersLeftEvent tells who went out; after a quit kickedBy is the one who left.
type MembersLeftEvent struct {
	ConversationID string           `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	Members        []string         `json:"members" example:"Mary"`
	KickedBy       *string          `json:"kickedBy" extensions:"x-nullable" example:"Tom"`
	At             models.Timestamp `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}

// KickedEvent tells a client that somebody removed it; kickedBy null: the app's own server, or the conversation is gone.
type KickedEvent struct {
	ConversationID string           `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	KickedBy       *string          `json:"kickedBy" extensions:"x-nullable" example:"Tom"`
	At             models.Timestamp `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}

// ConversationUpdatedEvent tells what a PATCH changed: name, and attributes as the merge patch that was applied.
type ConversationUpdatedEvent struct {
	ConversationID string           `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	Changes        models.JSON      `json:"changes" swaggertype:"object"`
	UpdatedBy      *string          `json:"updatedBy" extensions:"x-nullable" example:"Tom"`
	At             models.Timestamp `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}

// OnlineEvent says that the service is available and from which position on the stream shows everything. A heartbeat
// comes at least every heartbeatSeconds.
type OnlineEvent struct {
	SessionID        *string          `json:"sessionId" extensions:"x-nullable" example:"cq3v0d8s7k5s73d1g0b0"` // null: the app's own server
	ClientID         string           `json:"clientId" example:"Tom"`
	Position         Position         `json:"position" swaggertype:"string" example:"1041"`
	HeartbeatSeconds int              `json:"heartbeatSeconds" example:"15"`
	ServerTime       models.Timestamp `json:"serverTime" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}

// ReconnectEvent says that the stream has caught up: all that was missed since resumedFrom has been sent. missed counts
// it, and is absent after a resync.
type ReconnectEvent struct {
	OnlineEvent
	ResumedFrom Position `json:"resumedFrom" swaggertype:"string" example:"1002"`
	Missed      *int     `json:"missed,omitzero" example:"39" validate:"optional"`
}

// ResyncEvent says that what happened since the position asked for cannot be replayed: refetch over REST, then go on
// live from position. With a conversationId it is about that chat room alone, and may come at any time: some of its messages
// up to position were not shown, because the reader could not keep up or the session was away; the history has them.
type ResyncEvent struct {
	Reason         string   `json:"reason" enums:"invalid_position,future_position,position_expired,too_far_behind,room_messages_lost" example:"position_expired"`
	Position       Position `json:"position" swaggertype:"string" example:"1041"`
	ConversationID string   `json:"conversationId,omitzero" example:"cq3v0d8s7k5s73d1g0ag" validate:"optional"` // only this conversation lost messages: a chat room, or one whose messages are kept for a shorter time
}

// ScheduleEvent says when to come back after the stream has ended, in milliseconds.
type ScheduleEvent struct {
	DelayMs int64  `json:"delayMs" example:"1500"`
	Reason  string `json:"reason" example:"shutdown"`
}

// DisconnectEvent says why the stream ends and whether coming back makes sense.
type DisconnectEvent struct {
	Reason    string `json:"reason" enums:"shutdown,conflict,logged_out,token_expired,kicked_by_app,slow_consumer,unavailable" example:"shutdown"`
	Reconnect bool   `json:"reconnect" example:"true"`
}

// OfflineEvent tells that another session of the same client has no stream left, on whatever node.
type OfflineEvent struct {
	SessionID string           `json:"sessionId" example:"cq3v0d8s7k5s73d1g0b0"`
	Tag       *string          `json:"tag" extensions:"x-nullable" example:"Mobile"`
	At        models.Timestamp `json:"at" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}
