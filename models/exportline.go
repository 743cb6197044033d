package models

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

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

func (l exportLine) check() error {
	var found []func() error
	if l.Header != nil {
		found = append(found, l.Header.check)
	}
	if l.Message != nil {
		found = append(found, l.Message.check)
	}
	if l.Event != nil {
		found = append(found, l.Event.check)
	}
	if l.File != nil {
		found = append(found, l.File.check)
	}
	if l.Conversation != nil {
		found = append(found, l.Conversation.check)
	}
	if l.Member != nil {
		found = append(found, l.Member.check)
	}
	if l.Former != nil {
		found = append(found, l.Former.check)
	}
	if l.Delivered != nil {
		found = append(found, l.Delivered.check)
	}
	if l.End != nil {
		found = append(found, l.End.check)
	}
	if len(found) != 1 {
		return errors.New("a line is one of export, message, event, file, conversation, member, formerMember, delivered, end")
	}
	return found[0]()
}

// faults collects what is wrong with a line; the first one is told.
type lineFaults struct{ err error }

func (f *lineFaults) unless(ok bool, field, what string) {
	if !ok && f.err == nil {
		f.err = fmt.Errorf("%s %s", field, what)
	}
}

func (f *lineFaults) id(field, id string, most int) {
	f.unless(id != "" && len(id) <= most && utf8.ValidString(id), field, fmt.Sprintf("must be 1 to %d bytes", most))
}

func (f *lineFaults) client(field string, id *string) {
	if id != nil && f.err == nil {
		f.err = checkName(field, *id, maxClientID)
	}
}

func (f *lineFaults) positive(field string, n int64) { f.unless(n > 0, field, "must be over 0") }

// times: what RFC 3339 can write.
func (f *lineFaults) times(times ...*Timestamp) {
	for _, t := range times {
		f.unless(t == nil || *t >= 0 && *t < 253_402_300_800_000, "a time", "is out of range")
	}
}

func (f *lineFaults) object(field string, value JSON, required bool) {
	f.unless(value == "" && !required || value.IsObject(), field, "must be a JSON object")
}

const maxStoredID = 36 // as the columns are

func (h *exportHeader) check() error {
	var f lineFaults
	f.unless(h.Version == exportVersion, "version", fmt.Sprintf("is not %d: this program does not know the format", exportVersion))
	f.id("app", h.App, maxStoredID)
	f.times(&h.Begun)
	return f.err
}

func (m *exportMessage) check() error {
	var f lineFaults
	f.positive("seq", m.Seq)
	f.id("conversationId", m.ConversationID, maxStoredID)
	f.client("from", &m.Sender)
	f.unless(len(m.SessionID) <= maxStoredID, "session", "is too long")
	f.id("key", m.IdempotencyKey, 256)
	f.unless(customType.MatchString(m.Type), "type", "is not a message's type")
	f.object("attributes", m.Attributes, false)
	f.unless(m.Priority >= LowPriority && m.Priority <= HighPriority, "priority", "must be -1 to 1")
	f.times(&m.CreatedAt, &m.ValidUntil)
	f.unless(!m.Audience.isPersonal() || len(m.ConversationID) < maxStoredID, "conversationId", "is too long") // a mark is put before it
	f.unless(m.Audience >= ToMembers && m.Audience <= ToServer, "audience", "is not known")
	f.unless((m.Recipients != nil) == (m.Audience == ToNamed), "recipients", "belong to a message to named clients")
	for _, id := range m.recipients() {
		f.client("recipients", &id)
	}
	if m.Recipients != nil && f.err == nil {
		f.err = json.Unmarshal([]byte(*m.Recipients), &[]string{})
	}
	if m.File != nil && f.err == nil {
		f.err = json.Unmarshal([]byte(*m.File), &storedMessageFile{})
	}
	if m.Location != nil && f.err == nil {
		f.err = json.Unmarshal([]byte(*m.Location), &Location{})
	}
	return f.err
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

func (e *exportEvent) check() error {
	var f lineFaults
	f.positive("seq", e.Seq)
	f.unless(len(e.ConversationID) < maxStoredID || len(e.ConversationID) == maxStoredID && !(&Event{Kind: e.Kind}).isPersonal(), "conversationId", "is too long")
	f.id("kind", string(e.Kind), 32)
	f.unless(exportedKind(e.Kind), "kind", "is not part of an export")
	f.unless(e.Kind != ConversationRemoved || e.ConversationID != "", "conversationId", "is required")
	f.client("actor", e.Actor)
	f.object("body", e.Body, true)
	f.times(&e.CreatedAt)
	if f.err == nil {
		f.err = json.Unmarshal([]byte(e.Body), &EventBody{})
	}
	return f.err
}

func (x *exportFile) check() error {
	var f lineFaults
	f.id("id", x.ID, maxStoredID)
	f.client("uploader", x.Uploader)
	f.unless(utf8.RuneCountInString(x.Name) <= maxName, "name", "is too long")
	f.unless(len(x.MimeType) <= 255, "mimeType", "is too long")
	f.unless(x.Size == nil || *x.Size >= 0, "size", "must not be below 0")
	f.unless(x.Size != nil || x.Link != nil, "size", "is required where there is no link")
	f.object("metadata", x.Metadata, true)
	f.times(&x.CreatedAt, x.UnusedSince)
	return f.err
}

func (c *exportConversation) check() error {
	var f lineFaults
	f.id("id", c.ID, maxStoredID)
	f.id("type", c.Type, 16)
	f.unless(c.Name == nil || utf8.RuneCountInString(*c.Name) <= maxName, "name", "is too long")
	f.unless(c.UniqueKey == nil || len(c.UniqueKey) == 32, "uniqueKey", "must have 32 bytes")
	f.client("creator", c.Creator)
	f.object("attributes", c.Attributes, true)
	f.unless(c.MemberCount >= 0, "memberCount", "must not be below 0")
	f.times(&c.CreatedAt, &c.UpdatedAt, &c.ActiveAt, c.LastMessageAt, c.ExpiresAt)
	f.positive("lastSeq", c.LastSeq)
	f.unless(c.LastMessageSeq == nil || *c.LastMessageSeq > 0, "lastMessageSeq", "must be over 0")
	f.unless(c.RetentionDays == nil || *c.RetentionDays >= 0 && *c.RetentionDays <= MaxRetentionDays, "retentionDays", "is out of range")
	f.unless(c.FloorSeq >= 0, "floorSeq", "must not be below 0")
	f.unless(c.TTL == nil || *c.TTL > 0 && *c.TTL <= maxTTL, "ttl", "is out of range")
	return f.err
}

func (m *exportMember) check() error {
	var f lineFaults
	f.id("conversationId", m.ConversationID, maxStoredID)
	f.client("clientId", &m.ClientID)
	f.positive("joinedSeq", m.JoinedSeq)
	f.client("invitedBy", m.InvitedBy)
	f.unless(m.Kind == PlainMember || m.Kind == Subscriber, "kind", "is not known")
	f.unless(m.Ordinal >= 0, "ordinal", "must not be below 0")
	f.times(&m.JoinedAt, m.ExpiresAt)
	return f.err
}

func (m *exportFormer) check() error {
	var f lineFaults
	f.id("conversationId", m.ConversationID, maxStoredID)
	f.client("clientId", &m.ClientID)
	f.positive("joinedSeq", m.JoinedSeq)
	f.unless(m.LeftSeq >= m.JoinedSeq, "leftSeq", "must not be below joinedSeq")
	return f.err
}

func (d *exportDelivered) check() error {
	var f lineFaults
	f.client("clientId", &d.ClientID)
	f.unless(d.UpTo >= 0, "upTo", "must not be below 0")
	return f.err
}

func (e *exportEnd) check() error {
	var f lineFaults
	f.unless(e.Position >= 0 && e.Floor >= 0 && e.OwnFloor >= 0, "position", "and floors must not be below 0")
	f.unless(len(e.SHA256) == 32, "sha256", "must have 32 bytes")
	f.times(&e.NewestAt)
	return f.err
}
