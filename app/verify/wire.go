package verify

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// message is a message as the API shows it.
type message struct {
	ID             string         `json:"id"`
	ConversationID string         `json:"conversationId"`
	From           string         `json:"from"`
	Type           string         `json:"type"`
	Text           *string        `json:"text,omitzero"`
	Attributes     jsontext.Value `json:"attributes"`
	Payload        jsontext.Value `json:"payload,omitzero"`
	Timestamp      string         `json:"timestamp"`
}

// membership is the data of every event about a conversation and those inside.
type membership struct {
	ConversationID string   `json:"conversationId"`
	Members        []string `json:"members"`
	InvitedBy      *string  `json:"invitedBy"`
	At             string   `json:"at"`
}

// hello is the data of online and reconnect.
type hello struct {
	SessionID        *string `json:"sessionId"`
	ClientID         string  `json:"clientId"`
	Position         string  `json:"position"`
	HeartbeatSeconds int     `json:"heartbeatSeconds"`
	ResumedFrom      *string `json:"resumedFrom"`
	Missed           *int    `json:"missed"`
}

// farewell is the data of schedule, disconnect and resync.
type farewell struct {
	Reason    string `json:"reason"`
	DelayMs   int64  `json:"delayMs"`
	Reconnect bool   `json:"reconnect"`
	Position  string `json:"position"`
}

// parseID reads a position as the server writes it.
func parseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id >= 0 && strconv.FormatInt(id, 10) == text
}

// parseTime reads a time as the server writes it, to milliseconds since 1970.
func parseTime(text string) (int64, bool) {
	const layout = "2006-01-02T15:04:05.000Z"
	at, err := time.Parse(layout, text)
	return at.UnixMilli(), err == nil && at.Format(layout) == text
}

// origin names a send: the session that sends, and its number there.
type origin struct {
	session string
	number  int
}

// text of a message names its origin, so that it is recognised wherever it comes. The rest is what an encoding breaks
// first: a line break (which would end a data line), quotes, and a character of four bytes.
func (o origin) text(size int) string {
	text := fmt.Sprintf("message %d of session %s\nand a second line: \"\\\" ü 😀", o.number, o.session)
	return text + strings.Repeat(".", max(0, size-len(text)))
}

// originOf reads what text wrote.
func originOf(text string) (o origin, ok bool) {
	n, err := fmt.Sscanf(text, "message %d of session %s\n", &o.number, &o.session)
	return o, err == nil && n == 2
}

// differs says what of a message is not as it was sent; empty when nothing is.
func (s *sent) differs(m message) string {
	switch {
	case m.ConversationID != s.conversation:
		return fmt.Sprintf("conversationId is %q", m.ConversationID)
	case m.From != s.client:
		return fmt.Sprintf("from is %q", m.From)
	case m.Type != "text":
		return fmt.Sprintf("type is %q", m.Type)
	case m.Text == nil || *m.Text != s.text():
		return fmt.Sprintf("text is %.100q", text(m))
	case !bytes.Equal(bytes.TrimSpace(m.Attributes), []byte("{}")):
		return fmt.Sprintf("attributes are %.100q", m.Attributes)
	case len(m.Payload) > 0:
		return fmt.Sprintf("payload is %.100q", m.Payload)
	}
	return ""
}

func text(m message) string {
	if m.Text == nil {
		return ""
	}
	return *m.Text
}
