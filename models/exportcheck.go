package models

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// This file is what has to be true of the lines of an export, so that they can be stored.

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

// conversation: an id that has not the mark of personal messages, which is not part of a line.
func (f *lineFaults) conversation(field, id string) {
	f.id(field, id, maxStoredID)
	f.unless(!strings.HasPrefix(id, personalMark) && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }),
		field, "must be printable ASCII and not begin with "+personalMark)
}

// file: an id that is safe in the path under which the bytes are stored.
func (f *lineFaults) file(field, id string) {
	f.id(field, id, maxStoredID)
	f.unless(!strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	}), field, "must be letters, digits, - or _")
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
	f.conversation("conversationId", m.ConversationID)
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

func (e *exportEvent) check() error {
	var f lineFaults
	f.positive("seq", e.Seq)
	if e.ConversationID != "" {
		f.conversation("conversationId", e.ConversationID)
	}
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
	f.file("id", x.ID)
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
	f.conversation("id", c.ID)
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
	f.conversation("conversationId", m.ConversationID)
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
	f.conversation("conversationId", m.ConversationID)
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
