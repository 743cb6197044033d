package models

import (
	"database/sql"
	"regexp"
	"unicode/utf8"
)

// Message is one message, as it is stored and as the API shows it. Its id is its position in the app's log.
type Message struct {
	AppID          uint32       `json:"-"`
	Seq            int64        `json:"id,string,omitzero" gorm:"primaryKey;autoIncrement:false" swaggertype:"string" example:"1042" validate:"optional"` // position in the app's log; absent on a transient message
	ConversationID string       `json:"conversationId" example:"cq3v0d8s7k5s73d1g0ag"`
	From           string       `json:"from" gorm:"column:sender" example:"Tom"`
	SessionID      string       `json:"-"` // of the sender, shown to nobody: its own stream skips the message
	IdempotencyKey string       `json:"-"`
	Type           string       `json:"type" example:"text"`
	Text           *string      `json:"text,omitzero" example:"Jerry, get up!" validate:"optional"`
	Attributes     JSON         `json:"attributes" swaggertype:"object"`
	File           *MessageFile `json:"file,omitzero" validate:"optional"`                                                 // of image, audio, video and file messages
	Location       *Location    `json:"location,omitzero" validate:"optional"`                                             // of location messages
	Payload        JSON         `json:"payload,omitzero" extensions:"x-nullable" swaggertype:"object" validate:"optional"` // of a custom type: any JSON value
	Priority       Priority     `json:"-"`                                                                                 // in a chat room: what a slow reader loses first
	Audience       Audience     `json:"-"`                                                                                 // who may see it
	Recipients     ClientList   `json:"-" gorm:"type:text"`                                                                // with ToNamed
	ValidUntil     Timestamp    `json:"-"`                                                                                 // of a broadcast: until when it is brought to those who come
	Timestamp      Timestamp    `json:"timestamp" gorm:"column:created_at;autoCreateTime:false" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
}

// size is about what the message takes in memory.
func (m *Message) size() int {
	n := len(m.Attributes) + len(m.Payload) + m.File.size() + m.Recipients.size() + otherFields
	if m.Text != nil {
		n += len(*m.Text)
	}
	return n
}

// shownColumns are those that scanShown reads: all but the key.
const shownColumns = "conversation_id, seq, sender, session_id, type, text, COALESCE(attributes, ''), file, location, COALESCE(payload, ''), priority, audience, recipients, valid_until, created_at"

// scanShown reads a row without GORM's reflection, which was half of what a page of history took.
func (m *Message) scanShown(rows *sql.Rows) error {
	return rows.Scan(&m.ConversationID, &m.Seq, &m.From, &m.SessionID, &m.Type, &m.Text, &m.Attributes, &m.File, &m.Location, &m.Payload,
		&m.Priority, &m.Audience, &m.Recipients, &m.ValidUntil, &m.Timestamp)
}

// Draft is a message as its sender wrote it.
type Draft struct {
	Type       string
	Text       *string
	Attributes JSON
	File       *DraftFile
	Location   *DraftLocation
	Payload    JSON
	Priority   Priority

	// What check made of file and location; a file that is named by its id is looked up in the transaction.
	link  *MessageFile
	place *Location
}

// carries says what a message of a type carries beside text and attributes.
func carries(messageType string) string {
	switch messageType {
	case "text":
		return "text"
	case "image", "audio", "video", "file":
		return "file"
	case "location":
		return "location"
	}
	return "payload" // a word of the app's own
}

// customType: a word of the app's own, short enough for an index and safe in a URL.
var customType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// ValidMessageType tells whether a word can be the type of a message.
func ValidMessageType(word string) bool { return customType.MatchString(word) }

// checkFor tells what is wrong with a draft or its sender.
func (d *Draft) checkFor(by Actor) error {
	if err := by.requireClient(); err != nil {
		return err
	}
	return d.check()
}

// check tells what is wrong with a draft, with the fields of the API's body, and fills in what was left out.
func (d *Draft) check() error {
	if d.Attributes == "" {
		d.Attributes = "{}"
	}
	switch {
	case d.Type == "":
		return Invalidf("type", "is required")
	case !customType.MatchString(d.Type):
		return Invalidf("type", "must be text, image, audio, video, file, location, or a word of your own: a letter, then up to 63 letters, digits, dots, dashes or underscores")
	case !d.Attributes.IsObject():
		return Invalidf("attributes", "must be a JSON object")
	case d.Type == "text" && d.Text == nil:
		return Invalidf("text", "is required in a text message")
	case d.Text != nil && !utf8.ValidString(*d.Text):
		return Invalidf("text", "must be valid UTF-8")
	}
	return d.checkContent()
}

// checkContent checks what the type carries, and that there is nothing of what another type does.
func (d *Draft) checkContent() (err error) {
	carries := carries(d.Type)
	if carries != "payload" && d.Payload == "null" { // as with file and location: null is nothing, but in a message of the app's own
		d.Payload = ""
	}
	for field, given := range map[string]bool{"file": d.File != nil, "location": d.Location != nil, "payload": d.Payload != ""} {
		required := field == carries && field != "payload"
		switch {
		case given && field != carries:
			return Invalidf(field, "does not belong to a message of type %s, which carries %s", d.Type, carries)
		case required && !given:
			return Invalidf(field, "is required in a message of type %s", d.Type)
		}
	}
	if d.File != nil {
		d.link, err = d.File.check()
	}
	if d.Location != nil {
		d.place, err = d.Location.check()
	}
	return err
}

// storedFile is the id of the file that the draft names; empty when it names none.
func (d *Draft) storedFile() string {
	if d.File == nil {
		return ""
	}
	return d.File.ID
}

// sameAs tells whether a repeated send carries the message that was stored under its key.
func (d *Draft) sameAs(m *Message) bool {
	sameText := d.Text == nil && m.Text == nil || d.Text != nil && m.Text != nil && *d.Text == *m.Text
	return d.Type == m.Type && sameText && d.Attributes.Equal(m.Attributes) && d.Payload.Equal(m.Payload) &&
		sameFile(d, m) && sameLocation(d, m)
}
