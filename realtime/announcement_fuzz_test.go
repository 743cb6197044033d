package realtime

import (
	"bytes"
	"log/slog"
	"regexp"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

// FuzzAnnouncement: whatever another node says, it is refused, or comes through the hub to the streams as whole blocks of one event
// each. A panic would end the node, because what the broker hears is nobody's request.
func FuzzAnnouncement(f *testing.F) {
	message := textEntry(1, "hello")
	message.Message.ConversationID = "c"
	seed, err := encodeAnnouncement(Announcement{ID: "x", Reached: 7, Entries: []models.Entry{message}, Transient: &TransientMessage{Message: message.Message},
		Presence: &Presence{ClientID: "Jerry", SessionID: "laptop", Online: true}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	for _, seed := range []string{`{"entries":[{}]}`, `{"entries":[null]}`, `{"reached":-1,"transient":{},"presence":{}}`, `{"transient":{"Message":null}}`,
		`{"transient":{"Message":{"conversationId":"r"},"Priority":99}}`, `{"transient":{"Message":{"conversationId":"c","text":"\r\n\u2028\n\nevent: kicked"}}}`,
		`{"entries":[{"message":{"conversationId":"r","from":"\r\n"},"priority":-99}]}`, `{"entries":[{"message":{"conversationId":"c","file":{"id":"f"}}}]}`,
		`{"entries":[{"event":{"Kind":"members_joined","ConversationID":"c","Body":{"members":["Jerry","\n"]}}},{"event":{"Kind":"members_left","ConversationID":"c","Body":{"members":["Jerry"]}}}]}`,
		`{"entries":[{"event":{"Kind":"conversation_created","ConversationID":"d","Body":{"members":["Jerry"],"conversation":null}}},{"event":{"Kind":"conversation_updated","ConversationID":"c","Body":{"changes":{"a":[1e999]}}}}]}`,
		`{"entries":[{"event":{"Kind":"room_left","Body":{"room":"r","reason":"kicked","sessions":[{"clientId":"Jerry","sessionId":"phone","joinedSeq":1}]}}},{"event":{"Kind":"conversation_removed","ConversationID":"r"}}]}`,
		`{"entries":[{"event":{"Kind":"session_ended","Body":{"sessionId":"phone","reason":"\n"}}}]}`, `{"entries":[{"message":{"conversationId":"c"},"audience":99,"recipients":["Jerry"]}]}`,
		`{"trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"entries":[{"message":{"conversationId":"c"},"trace":{"traceparent":"x","tracestate":"=,"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	gauges := newMetrics(prometheus.NewRegistry())
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeAnnouncement(data)
		if err != nil {
			return
		}
		g := &gallery{t: t, hub: newHub(0, slog.New(slog.DiscardHandler), gauges.of(""))}
		g.open()
		for i := range a.Entries {
			g.seq++
			if m := a.Entries[i].Message; m != nil {
				m.Seq = g.seq
			} else {
				a.Entries[i].Event.Seq = g.seq
			}
		}
		g.hub.deliver(a.Entries)
		if a.Transient != nil {
			_ = g.hub.transient(a.Transient, a.Trace) // what cannot be encoded is logged
		}
		if a.Presence != nil {
			_ = g.hub.presence(a.Presence)
		}
		frames, _, _, _ := g.stream.take(nil)
		for _, frame := range frames {
			wantBlock(t, frame.data)
		}
	})
}

var blockForm = regexp.MustCompile(`\A(id: [0-9]+\n)?event: [a-z_]+\ndata: ([^\r\n]*)\n\n\z`)

// wantBlock: no line of a block is of anybody's making but the server's (WHATWG HTML, 9.2.6: LF, CR and CRLF end a line).
func wantBlock(t *testing.T, block []byte) {
	t.Helper()
	parts := blockForm.FindSubmatch(block)
	if parts == nil || bytes.ContainsRune(block, '\r') || !jsontext.Value(parts[2]).IsValid() {
		t.Fatalf("a block is %q", block)
	}
}
