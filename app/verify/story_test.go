package verify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// story is a made-up life of conversation C with Tom (session T1) and Jerry (J1, whose stream is followed): what was
// sent and answered, what came on the stream, what the history has. A test changes one thing in it.
type story struct {
	sends   []madeSend
	stream  []string // blocks; "CUT" begins a new connection
	history []message
	repeats []madeSend // answers to repeats
	// made tells that the conversation was made, with Jerry inside, after the stream was online.
	made bool
}

// madeSend is a send and its answer; status 0: none came.
type madeSend struct {
	session, client, conversation string
	number, status                int
	answer                        message
	header                        http.Header
	raw                           string // instead of the answer
	doubt                         bool
	early                         int // answered so many sends later than the next began
}

const cut = "CUT"

// stamp is a time: so many milliseconds after a whole second.
func stamp(ms int) string { return fmt.Sprintf("2026-11-23T08:33:00.%03dZ", ms) }

// made gives the message that the send of a session is stored as.
func madeMessage(id int, session, client string, number int) message {
	text := origin{session, number}.text(0)
	return message{ID: fmt.Sprint(id), ConversationID: "C", From: client, Type: "text", Text: &text, Attributes: []byte("{}"), Timestamp: stamp(id)}
}

func acknowledged(id int, session, client string, number int) madeSend {
	return madeSend{session: session, client: client, conversation: "C", number: number, status: http.StatusCreated, answer: madeMessage(id, session, client, number)}
}

func eventBlock(id int, event string, data any) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", id, event, encode(data))
}

func messageBlock(m message) string {
	return "id: " + m.ID + "\nevent: message\ndata: " + string(encode(m)) + "\n\n"
}

func onlineBlock(id int) string {
	return "retry: 1500\n" + eventBlock(id, "online", map[string]any{"sessionId": "J1", "clientId": "Jerry", "position": fmt.Sprint(id), "heartbeatSeconds": 15})
}

func reconnectBlock(id, from, missed int) string {
	return eventBlock(id, "reconnect", map[string]any{"sessionId": "J1", "clientId": "Jerry", "position": fmt.Sprint(id),
		"heartbeatSeconds": 15, "resumedFrom": fmt.Sprint(from), "missed": missed})
}

func heartbeatBlock(id int) string { return fmt.Sprintf("id: %d\n\n", id) }

// truth is a story in which everything is as promised: Tom's 1, 2 and 4 are acknowledged, 3 is stored and was not
// answered, 5 was not stored, 6 was refused; Jerry's own does not come to him. Position 3 belongs to somebody else.
func truth() *story {
	tom := func(id, number int) message { return madeMessage(id, "T1", "Tom", number) }
	jerry := madeMessage(6, "J1", "Jerry", 1)
	unanswered := madeSend{session: "T1", client: "Tom", conversation: "C", number: 3}
	gone := unanswered
	gone.number = 5
	return &story{
		sends: []madeSend{acknowledged(2, "T1", "Tom", 1), acknowledged(4, "T1", "Tom", 2), unanswered, acknowledged(6, "J1", "Jerry", 1),
			acknowledged(7, "T1", "Tom", 4), gone, {session: "T1", client: "Tom", conversation: "C", number: 6, status: 403, raw: `{"code":"not_a_member"}`}},
		stream: []string{onlineBlock(0),
			eventBlock(1, "invited", map[string]any{"conversationId": "C", "invitedBy": "Tom", "at": stamp(1)}),
			messageBlock(tom(2, 1)), heartbeatBlock(3), cut,
			"retry: 1500\n" + heartbeatBlock(3), messageBlock(tom(4, 2)), messageBlock(tom(5, 3)), reconnectBlock(6, 3, 2), messageBlock(tom(7, 4)),
			"event: online\ndata: {\"sessionId\":\"J2\",\"clientId\":\"Jerry\",\"position\":\"7\"}\n\n", "event: offline\ndata: {\"sessionId\":\"J2\"}\n\n",
			"event: message\ndata: {\"conversationId\":\"C\",\"type\":\"typing\"}\n\n", heartbeatBlock(9), ": a comment\n\n",
			"event: schedule\ndata: {\"delayMs\":1200,\"reason\":\"shutdown\"}\n\n", "event: disconnect\ndata: {\"reason\":\"shutdown\",\"reconnect\":true}\n\n"},
		history: []message{tom(2, 1), tom(4, 2), tom(5, 3), jerry, tom(7, 4)},
		made:    true,
	}
}

// tell plays a story into a ledger.
func (s *story) tell(t *testing.T) *Ledger {
	t.Helper()
	l := NewLedger()
	var clock time.Duration
	l.now = func() time.Duration { clock += time.Millisecond; return clock }
	var sends []*sent
	answer := func(i int) {
		if m := s.sends[i]; m.status != 0 {
			_ = l.answered(sends[i], m.result()) // what is wrong is in the ledger
		}
	}
	for i, m := range s.sends {
		sends = append(sends, l.intend(&sent{origin: origin{m.session, m.number}, client: m.client, conversation: m.conversation}))
		if m.early == 0 {
			answer(i)
		}
		for j := range i {
			if m := s.sends[j]; m.early > 0 && j+m.early == i {
				answer(j)
			}
		}
	}
	for i, m := range s.repeats {
		if err := l.repeated(sends[i], m.result()); err != nil {
			t.Fatal(err)
		}
	}
	trail := l.newTrail("Jerry", "J1", func(conversation string) (time.Time, bool) {
		return time.Now().Add(time.Hour), s.made && conversation == "C"
	})
	trail.opened()
	for _, text := range s.stream {
		if text == cut {
			trail.opened()
			continue
		}
		for _, b := range readBlocks(t, strings.NewReader(text)) {
			trail.take(b)
		}
	}
	h := l.newReading("C", "Tom")
	for page := range slices.Chunk(s.history, 2) {
		l.page(h, page)
	}
	l.whole(h)
	return l
}

func (m madeSend) result() result {
	r := result{status: m.status, header: m.header, body: []byte(m.raw), node: "http://node", attempts: 1, doubt: m.doubt}
	if m.raw == "" {
		r.body = encode(m.answer)
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	return r
}

// without drops the elements that contain a text.
func without(blocks []string, text string) []string {
	return slices.DeleteFunc(blocks, func(b string) bool { return strings.Contains(b, text) })
}

// at finds the block that contains a text.
func (s *story) at(text string) int {
	return slices.IndexFunc(s.stream, func(b string) bool { return strings.Contains(b, text) })
}
