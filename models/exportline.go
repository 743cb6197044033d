package models

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file is what a line of an export is. An export is a header, then one section a run: what the log has from the end
// of the section before up to a position, then the records of what that has changed, as of the same position, then
// an end with the position and a checksum over all before it.

// exportVersion is raised when a line means something that an earlier version would get wrong.
const exportVersion = 1

// exportLine is one line: exactly one of these.
type exportLine struct {
	Header       *exportHeader       `json:"export,omitzero"`
	Message      *exportMessage      `json:"message,omitzero"`
	Event        *exportEvent        `json:"event,omitzero"`
	File         *exportFile         `json:"file,omitzero"` // before each message that names it; with unusedSince, among the records
	Conversation *exportConversation `json:"conversation,omitzero"`
	Member       *exportMember       `json:"member,omitzero"`
	Former       *exportFormer       `json:"formerMember,omitzero"`
	Delivered    *exportDelivered    `json:"delivered,omitzero"`
	End          *exportEnd          `json:"end,omitzero"`
}

// exportHeader is the first line.
type exportHeader struct {
	Version int       `json:"version"`
	App     string    `json:"app"`    // its public id
	Number  uint32    `json:"number"` // under which the store of the files has its bytes
	Begun   Timestamp `json:"begun"`
}

// exportMessage is a row of messages.
type exportMessage struct {
	AppID          uint32    `json:"-"`
	Seq            int64     `json:"seq"`
	ConversationID string    `json:"conversationId"`
	Sender         string    `json:"from"`
	SessionID      string    `json:"session,omitzero"`
	IdempotencyKey string    `json:"key"`
	Type           string    `json:"type"`
	Text           *string   `json:"text,omitzero"`
	Attributes     JSON      `json:"attributes,omitzero"`
	File           *JSON     `json:"file,omitzero"`
	Location       *JSON     `json:"location,omitzero"`
	Payload        JSON      `json:"payload,omitzero"`
	Priority       Priority  `json:"priority,omitzero"`
	Audience       Audience  `json:"audience,omitzero"`
	Recipients     *JSON     `json:"recipients,omitzero"`
	ValidUntil     Timestamp `json:"validUntil,omitzero"`
	CreatedAt      Timestamp `json:"at" gorm:"autoCreateTime:false"`
}

// TableName is GORM's word for it.
func (exportMessage) TableName() string { return "messages" }

// exportEvent is a row of events. Its body stays as it is, also what a newer version has put there.
type exportEvent struct {
	AppID          uint32    `json:"-"`
	Seq            int64     `json:"seq"`
	ConversationID string    `json:"conversationId"`
	Kind           EventKind `json:"kind"`
	Actor          *string   `json:"actor,omitzero"`
	Body           JSON      `json:"body"`
	CreatedAt      Timestamp `json:"at" gorm:"autoCreateTime:false"`
}

// TableName is GORM's word for it.
func (exportEvent) TableName() string { return "events" }

// exportFile is a row of files.
type exportFile struct {
	AppID       uint32     `json:"-"`
	ID          string     `json:"id"`
	State       fileState  `json:"-"`
	Uploader    *string    `json:"uploader,omitzero"`
	Name        string     `json:"name"`
	MimeType    string     `json:"mimeType"`
	Size        *int64     `json:"size,omitzero"`
	Link        *string    `json:"link,omitzero"`
	Metadata    JSON       `json:"metadata"`
	CreatedAt   Timestamp  `json:"createdAt" gorm:"autoCreateTime:false"`
	UnusedSince *Timestamp `json:"unusedSince,omitzero"`
}

// TableName is GORM's word for it.
func (exportFile) TableName() string { return "files" }

// exportConversation is a row of conversations. What queries look into is made anew from the attributes.
type exportConversation struct {
	ID             string     `json:"id"`
	Type           string     `json:"type"`
	Name           *string    `json:"name,omitzero"`
	Unique         bool       `json:"unique,omitzero"`
	UniqueKey      []byte     `json:"uniqueKey,omitzero"`
	Creator        *string    `json:"creator,omitzero"`
	Attributes     JSON       `json:"attributes"`
	MemberCount    int        `json:"memberCount"`
	CreatedAt      Timestamp  `json:"createdAt"`
	UpdatedAt      Timestamp  `json:"updatedAt"`
	ActiveAt       Timestamp  `json:"activeAt"`
	LastSeq        int64      `json:"lastSeq"`
	LastMessageSeq *int64     `json:"lastMessageSeq,omitzero"`
	LastMessageAt  *Timestamp `json:"lastMessageAt,omitzero"`
	RetentionDays  *int       `json:"retentionDays,omitzero"`
	FloorSeq       int64      `json:"floorSeq,omitzero"`
	TTL            *int       `json:"ttl,omitzero"`
	ExpiresAt      *Timestamp `json:"expiresAt,omitzero"`
}

// exportMember is a row of members.
type exportMember struct {
	ConversationID string     `json:"conversationId"`
	ClientID       string     `json:"clientId"`
	JoinedSeq      int64      `json:"joinedSeq"`
	JoinedAt       Timestamp  `json:"joinedAt"`
	Ordinal        int        `json:"ordinal"`
	InvitedBy      *string    `json:"invitedBy,omitzero"`
	Kind           MemberKind `json:"kind,omitzero"`
	ExpiresAt      *Timestamp `json:"expiresAt,omitzero"`
}

// exportFormer is a row of former_members.
type exportFormer struct {
	ConversationID string `json:"conversationId"`
	ClientID       string `json:"clientId"`
	JoinedSeq      int64  `json:"joinedSeq"`
	LeftSeq        int64  `json:"leftSeq"`
}

// exportDelivered is a row of delivered_broadcasts.
type exportDelivered struct {
	ClientID string `json:"clientId"`
	UpTo     int64  `json:"upTo"`
}

// exportEnd closes a section.
type exportEnd struct {
	Position int64     `json:"position"` // the section has all up to here
	Floor    int64     `json:"floor"`
	OwnFloor int64     `json:"ownFloor"`
	NewestAt Timestamp `json:"newestAt"`
	SHA256   []byte    `json:"sha256"` // of all bytes between the header and this line
}

// exportedKind tells whether an event is part of an export: the ends of sessions and the moves in and out of chat rooms
// are not, because sessions and streams do not move.
func exportedKind(kind EventKind) bool {
	return kind != SessionEnded && kind != RoomJoined && kind != RoomLeft
}

// encode writes the line with its newline. The texts of JSON values stay as their writers spelled them.
func (l exportLine) encode() ([]byte, error) {
	text, err := json.Marshal(l, jsontext.PreserveRawStrings(true))
	return append(text, '\n'), err
}

// decodeExportLine reads a line strictly: what it accepts can be stored.
func decodeExportLine(text []byte) (l exportLine, err error) {
	body, whole := bytes.CutSuffix(text, []byte("\n"))
	if !whole {
		return l, errors.New("the line is cut off")
	}
	if err := json.Unmarshal(body, &l, json.RejectUnknownMembers(true)); err != nil {
		return l, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return l, l.check()
}

// seq is the position of a line of the log, 0 for other lines.
func (l exportLine) seq() int64 {
	switch {
	case l.Message != nil:
		return l.Message.Seq
	case l.Event != nil:
		return l.Event.Seq
	}
	return 0
}

// fileID is the stored file that the message names; empty when it names none.
func (m *exportMessage) fileID() string {
	var named storedMessageFile
	if m.File == nil || json.Unmarshal([]byte(*m.File), &named) != nil {
		return ""
	}
	return named.ID
}

// recipients are the clients whom the message names.
func (m *exportMessage) recipients() (ids []string) {
	if m.Recipients == nil || json.Unmarshal([]byte(*m.Recipients), &ids) != nil {
		return nil
	}
	return ids
}
