package verify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheckOfTheTruthFindsNothing(t *testing.T) {
	l := truth().tell(t)
	for range 2 { // a second Check finds the same
		r := l.Check()
		if !r.Held() || len(r.Breaches) > 0 {
			t.Fatalf("found: %s", strings.Join(r.Breaches, "\n"))
		}
		want := Report{Sent: 7, Acknowledged: 4, Unknown: 2, Refused: 1, Received: 4, Replayed: 2, Readers: 1, HistoryRead: 5,
			SendTime: r.SendTime, DeliveryTime: r.DeliveryTime}
		if fmt.Sprint(r) != fmt.Sprint(want) || r.SendTime.Count != 4 || r.DeliveryTime.Count != 2 {
			t.Fatalf("the report is %+v", r)
		}
	}
}

// wrong is one thing that is wrong, and what has to be found: counts of lost, doubled, out of order and broken, and
// words of one line that make it findable.
type wrong struct {
	name                              string
	change                            func(s *story)
	lost, doubled, outOfOrder, broken int
	words                             []string
}

// edit changes a block of the stream.
func edit(text, old, with string) func(s *story) {
	return func(s *story) {
		i := s.at(text)
		s.stream[i] = strings.ReplaceAll(s.stream[i], old, with)
	}
}

func insertAfter(text string, blocks ...string) func(s *story) {
	return func(s *story) { s.stream = slices.Insert(s.stream, s.at(text)+1, blocks...) }
}

const message4, message7 = "message 2 of session T1", "message 4 of session T1"

func wrongs() []wrong {
	tom := func(id, number int) message { return madeMessage(id, "T1", "Tom", number) }
	return []wrong{
		{name: "a message is not on the stream", lost: 1, words: []string{"lost: conversation C: message 4 of client Tom, session T1, id 7", "the stream of client Jerry, session J1", "began at 0 and has come to 9"},
			change: func(s *story) { s.stream = without(s.stream, message7) }},
		{name: "an unanswered one that is stored is not on the stream", lost: 1, broken: 1, words: []string{"lost: conversation C: message 3 of client Tom", "id 5"}, // broken: missed
			change: func(s *story) { s.stream = without(s.stream, "message 3 of session T1") }},
		{name: "the last one is not on the stream, and a heartbeat says that this was all", lost: 1, words: []string{"lost:", "id 7"},
			change: func(s *story) { s.stream = append(without(s.stream, message7), heartbeatBlock(12)) }},
		{name: "a message is not in the history", lost: 1, words: []string{"lost: conversation C: message 2 of client Tom", "id 4", "the history of conversation C"},
			change: func(s *story) { s.history = slices.Delete(s.history, 1, 2) }},
		{name: "one that only the stream knows is not in the history", lost: 1, words: []string{"lost:", "message 3", "id 5", "the history"},
			change: func(s *story) { s.history = slices.Delete(s.history, 2, 3) }},
		{name: "the invitation is lost", lost: 1, words: []string{"lost: conversation C", "client Jerry is inside", "never came"},
			change: func(s *story) { s.stream = without(s.stream, "event: invited") }},
		{name: "a message comes twice", doubled: 1, words: []string{"doubled: the stream of client Jerry, session J1", "id 7, came twice"},
			change: func(s *story) { insertAfter(message7, messageBlock(tom(7, 4)))(s) }},
		{name: "a message comes again on a resume", doubled: 1, broken: 0, words: []string{"doubled:", "id 2, came twice; this connection asked for what follows 3"},
			change: func(s *story) {
				insertAfter("retry: 1500\nid: 3", messageBlock(tom(2, 1)))(s)
				edit("reconnect", `"missed":2`, `"missed":3`)(s)
			}},
		{name: "an invitation comes again on a resume", doubled: 1, words: []string{"doubled:", "invited, id 1, came twice"},
			change: func(s *story) { insertAfter("event: reconnect", s.stream[1])(s) }},
		{name: "a message is in the history twice", doubled: 1, words: []string{"doubled: message 4 follows 4 in the history of conversation C"},
			change: func(s *story) { s.history = slices.Insert(s.history, 1, s.history[1]) }},
		{name: "a message is stored twice, and the history shows it", doubled: 1, words: []string{"doubled: conversation C: message 2 of client Tom, session T1, id 4", "[4 8]"},
			change: func(s *story) { s.history = append(s.history, tom(8, 2)); s.history[5].Timestamp = stamp(4) }},
		{name: "an unanswered message is stored twice, and the stream shows it", doubled: 1, broken: 1, words: []string{"doubled:", "message 3", "[5 8]"}, // broken: two timestamps
			change: func(s *story) { insertAfter(message7, messageBlock(tom(8, 3)))(s) }},
		{name: "two messages swapped on the stream", outOfOrder: 1, words: []string{"out of order: the stream of client Jerry", "id 4, came after 5"},
			change: func(s *story) { i := s.at(message4); s.stream[i], s.stream[i+1] = s.stream[i+1], s.stream[i] }},
		{name: "two messages swapped in the history", outOfOrder: 1, words: []string{"out of order: message 4 follows 5 in the history of conversation C"},
			change: func(s *story) { s.history[1], s.history[2] = s.history[2], s.history[1] }},
		{name: "the stream has another order than the history, under ascending ids", outOfOrder: 1, doubled: 2, broken: 2, words: []string{"out of order: conversation C: message 2", "comes after conversation C: message 3", "before it in the history"},
			change: func(s *story) {
				i := s.at(message4)
				s.stream[i], s.stream[i+1] = messageBlock(tom(4, 3)), messageBlock(tom(5, 2))
			}},
		{name: "a heartbeat falls back", outOfOrder: 1, words: []string{"out of order:", "a block with the id 6 alone came after 7"},
			change: insertAfter(message7, heartbeatBlock(6))},
		{name: "a message after a heartbeat that was beyond it", outOfOrder: 1, words: []string{"id 7, came after 8"},
			change: func(s *story) { s.stream = slices.Insert(s.stream, s.at(message7), heartbeatBlock(8)) }},
		{name: "one sender's messages in another order than they were sent", outOfOrder: 3, // the last stands before three others
			words: []string{"out of order: conversation C: message 1 of client Tom, session T1, id 7 was acknowledged before conversation C: message 4 of client Tom, session T1, id 2 was sent"},
			change: func(s *story) {
				for i, id := range map[int]int{0: 7, 4: 2} {
					s.sends[i].answer = tom(id, s.sends[i].number)
				}
				s.history[0], s.history[4] = tom(2, 4), tom(7, 1)
				s.stream[2], s.stream[s.at(message7)] = messageBlock(tom(2, 4)), messageBlock(tom(7, 1))
			}},
		{name: "another sender's message before one that was acknowledged when it was sent", outOfOrder: 1, words: []string{"out of order:", "message 4 of client Tom", "was acknowledged before", "message 1 of client Jerry", "was sent, and stands after it"},
			change: func(s *story) { s.sends[3], s.sends[4] = s.sends[4], s.sends[3] }},
		{name: "the text differs in the answer", broken: 1, words: []string{"id 4 is not as it was sent in the answer of http://node", "Hello"},
			change: func(s *story) { *s.sends[1].answer.Text = "Hello" }},
		{name: "the text differs on the stream", broken: 1, words: []string{"id 4 is not as it was sent in the stream of client Jerry", "Hello"},
			change: func(s *story) { m := tom(4, 2); *m.Text = "Hello"; s.stream[s.at(message4)] = messageBlock(m) }},
		{name: "the text is damaged on the stream", broken: 1, words: []string{"id 4 is not as it was sent in the stream of client Jerry", "message 2 of session T1"},
			change: edit(message4, "😀", "?")},
		{name: "the text differs in the history", broken: 1, words: []string{"id 4 is not as it was sent in the history"},
			change: func(s *story) { m := tom(4, 2); *m.Text = "Hello"; s.history[1] = m }},
		{name: "the sender differs", broken: 1, words: []string{"id 4 is not as it was sent", `from is "Mary"`}, change: edit(message4, `"from":"Tom"`, `"from":"Mary"`)},
		{name: "the conversation differs", broken: 1, words: []string{"id 4 is not as it was sent", `conversationId is "D"`}, change: edit(message4, `"conversationId":"C"`, `"conversationId":"D"`)},
		{name: "the type differs", broken: 1, words: []string{"id 4 is not", `type is "note"`}, change: edit(message4, `"type":"text"`, `"type":"note"`)},
		{name: "attributes out of nowhere", broken: 1, words: []string{"id 4 is not", "attributes are"}, change: edit(message4, `"attributes":{}`, `"attributes":{"a":1}`)},
		{name: "a payload out of nowhere", broken: 1, words: []string{"id 4 is not", "payload is"}, change: edit(message4, `"attributes":{}`, `"attributes":{},"payload":1`)},
		{name: "the timestamp differs", broken: 1, words: []string{"id 4 has the timestamp 2026-11-23T08:33:00.005Z", "had another before: 2026-11-23T08:33:00.004Z"}, change: edit(message4, stamp(4), stamp(5))},
		{name: "no timestamp", broken: 2, words: []string{`id 4 has the timestamp ""`}, change: edit(message4, stamp(4), "")},
		{name: "a timestamp of another form", broken: 2, words: []string{`the timestamp "2026-11-23T08:33:00Z"`}, change: edit(message4, stamp(4), "2026-11-23T08:33:00Z")},
		{name: "timestamps run backwards", outOfOrder: 2, words: []string{"the timestamp 2026-11-23T08:33:00.003Z of", "is earlier than that of"},
			change: func(s *story) {
				s.sends[4].answer.Timestamp, s.history[4].Timestamp = stamp(3), stamp(3)
				edit(message7, stamp(7), stamp(3))(s)
			}},
		{name: "the time of an event runs backwards", outOfOrder: 1, words: []string{"the time of members_joined, id 8,"},
			change: insertAfter(message7, eventBlock(8, "members_joined", map[string]any{"conversationId": "C", "members": []string{"Mary"}, "invitedBy": "Tom", "at": stamp(6)}))},
		{name: "an id that differs from the acknowledged one", broken: 1, words: []string{"id 4 was acknowledged with that id, and came as [5]"},
			change: func(s *story) {
				s.sends = slices.Delete(s.sends, 2, 3)
				s.stream = without(s.stream, "message 3 of")
				m := tom(5, 2)
				m.Timestamp = stamp(4)
				s.stream[s.at(message4)] = messageBlock(m)
				s.history = slices.Delete(s.history, 1, 2)
				s.history[1] = m
				edit("reconnect", `"missed":2`, `"missed":1`)(s)
			}},
		{name: "two sends are answered with one id", broken: 2, words: []string{"two sends were answered with one id", "message 1 of", "message 2 of"}, // and one of them came as another
			change: func(s *story) { s.sends[1].answer.ID = "2" }},
		{name: "the id in the block and in the message differ", broken: 1, doubled: 0, words: []string{`a message with the id "7" came in a block with the id "8"`},
			change: func(s *story) {
				edit(message7, "id: 7\n", "id: 8\n")(s)
				s.sends[4].answer.ID, s.history[4].ID = "8", "8"
			}},
		{name: "a durable message without an id", broken: 1, lost: 1, words: []string{`a message with the id "7" came in a block with the id ""`}, change: edit(message7, "id: 7\n", "")},
		{name: "a session's own message on its stream", broken: 1, words: []string{"message 1 of client Jerry, session J1, id 6 came on a stream of the session that sent it"},
			change: func(s *story) {
				s.stream = slices.Insert(s.stream, s.at("event: reconnect"), messageBlock(madeMessage(6, "J1", "Jerry", 1)))
				edit("reconnect", `"missed":2`, `"missed":3`)(s)
			}},
		{name: "a message that nobody sent, on the stream", broken: 1, words: []string{"message 8, from client Tom, was sent by nobody", "the stream of client Jerry"},
			change: insertAfter(message7, messageBlock(madeMessage(8, "T9", "Tom", 1)))},
		{name: "a message that nobody sent, in the history", broken: 1, words: []string{"message 8, from client Tom, was sent by nobody", "the history"},
			change: func(s *story) { s.history = append(s.history, madeMessage(8, "T9", "Tom", 1)) }},
		{name: "a refused message is stored", broken: 1, words: []string{"message 6 of client Tom", "was refused, and was stored all the same"},
			change: func(s *story) {
				s.history = append(s.history, tom(8, 6))
				insertAfter(message7, messageBlock(tom(8, 6)))(s)
			}},
		{name: "a message of another conversation in the history", broken: 2, words: []string{"message 4 of conversation D is in the history of conversation C"},
			change: func(s *story) { s.history[1].ConversationID = "D" }},
		{name: "reconnect says too few", broken: 1, words: []string{"reconnect says missed: 1, and 2 came before it, after 3"}, change: edit("reconnect", `"missed":2`, `"missed":1`)},
		{name: "reconnect says nothing", broken: 1, words: []string{"reconnect says missed: nothing"}, change: edit("reconnect", `"missed":2,`, ``)},
		{name: "reconnect resumed from elsewhere", broken: 1, words: []string{"resumed from 2, and 3 was asked for"}, change: edit("reconnect", `"resumedFrom":"3"`, `"resumedFrom":"2"`)},
		{name: "reconnect from nowhere", broken: 1, words: []string{"resumed from -1"}, change: edit("reconnect", `"resumedFrom":"3",`, ``)},
		{name: "reconnect of another session", broken: 1, words: []string{"reconnect with the id \"6\" says"}, change: edit("reconnect", `"J1"`, `"J3"`)},
		{name: "reconnect at another position", broken: 1, words: []string{"reconnect with the id \"6\" says"}, change: edit("reconnect", `"position":"6"`, `"position":"5"`)},
		{name: "reconnect that falls back", outOfOrder: 1, words: []string{"a block with the id 4 alone came after 5"},
			change: func(s *story) {
				edit("reconnect", "id: 6", "id: 4")(s)
				edit("reconnect", `"position":"6"`, `"position":"4"`)(s)
			}},
		{name: "reconnect twice", broken: 1, words: []string{"reconnect came on a stream that asked for 3 (greeted: true)"}, change: func(s *story) { insertAfter("event: reconnect", s.stream[s.at("event: reconnect")])(s) }},
		{name: "online on a resumed stream", broken: 1, words: []string{"online came on a stream that asked for 3"},
			change: func(s *story) { s.stream[s.at("event: reconnect")] = onlineBlock(6) }},
		{name: "a message before online", broken: 1, words: []string{"message, id 2, came before online"},
			change: func(s *story) {
				s.stream = append([]string{s.stream[2], onlineBlock(2)}, s.stream[3:]...)
				s.made = false
			}},
		{name: "another session's online first", broken: 1, words: []string{"online of another session came first"},
			change: func(s *story) { s.stream = slices.Insert(s.stream, 0, s.stream[s.at(`"J2"`)]) }},
		{name: "no promise of a heartbeat", broken: 1, words: []string{"promises a heartbeat every 0 s"}, change: edit("event: online", `"heartbeatSeconds":15`, `"heartbeatSeconds":0`)},
		{name: "an unknown event", broken: 1, words: []string{"an event that the API does not know", "shout"}, change: insertAfter(message7, "event: shout\ndata: {}\n\n")},
		{name: "data without an event", broken: 1, words: []string{"an event that the API does not know"}, change: insertAfter(message7, "data: {}\n\n")},
		{name: "a resync that nobody asked for", broken: 1, words: []string{"resync, position_expired, on a stream that asked for 3"},
			change: func(s *story) {
				s.stream = slices.Insert(s.stream, s.at("retry: 1500\nid: 3")+1, "event: resync\ndata: {\"reason\":\"position_expired\",\"position\":\"3\"}\n\n")
				edit("reconnect", `"missed":2,`, ``)(s)
			}},
		{name: "missed after a resync", broken: 2, words: []string{"reconnect after a resync says that 2 were missed"},
			change: insertAfter("retry: 1500\nid: 3", "id: 3\nevent: resync\ndata: {\"reason\":\"x\",\"position\":\"3\"}\n\n")},
		{name: "data that is not JSON", broken: 1, lost: 1, words: []string{`the data of "message", id "7", is not its JSON`}, change: edit(message7, `}`, ``)},
		{name: "data of another type", broken: 1, words: []string{`the data of "offline"`, "is not its JSON"}, change: edit("event: offline", `{"sessionId":"J2"}`, `[]`)},
		{name: "data that is not UTF-8", broken: 1, lost: 1, words: []string{`the data of "message", id "7", is not its JSON`}, change: edit(message7, "😀", "\xff")},
		{name: "data in two lines", broken: 1, words: []string{"came in 2 lines"}, change: edit("event: offline", `{"`, "{\ndata: \"")},
		{name: "an id that is not a position", broken: 1, words: []string{`the id "0x1" is not a position`}, change: insertAfter(message7, "id: 0x1\n\n")},
		{name: "a membership event without an id", broken: 1, words: []string{"conversation C: members_left came without an id"},
			change: insertAfter(message7, "event: members_left\ndata: {\"conversationId\":\"C\",\"members\":[\"Mary\"]}\n\n")},
		{name: "schedule in the past", broken: 1, words: []string{"come back in -1 ms"}, change: edit("schedule", "1200", "-1")},
		{name: "disconnect with an id", broken: 1, words: []string{`disconnect has the id "9"`}, change: edit("event: disconnect", "event: ", "id: 9\nevent: ")},
		{name: "an answer that is not a message", broken: 1, words: []string{"was answered 201 by http://node with what is not a message"}, change: func(s *story) { s.sends[1].raw = "Hello" }},
		{name: "an answer without an id", broken: 1, words: []string{`was answered 201 by http://node with the id ""`}, change: func(s *story) { s.sends[1].answer.ID = "" }},
		{name: "200 that is no replay", broken: 1, words: []string{"was answered 200 by http://node"}, change: func(s *story) { s.sends[1].status = http.StatusOK }},
		{name: "422 for a key of its own", broken: 1, words: []string{"was answered 422 by http://node"}, change: func(s *story) { s.sends[6].status = 422 }},
		{name: "a repeat that is stored anew", broken: 1, words: []string{"was sent again with its key, and http://node answered 201"}, change: func(s *story) { s.repeats = s.sends[:1] }},
		{name: "a repeat answered with another message", doubled: 1, words: []string{`was sent again with its key, and http://node answered with another message, id "9"`},
			change: func(s *story) {
				again := replay(2, 1)
				again.answer.ID = "9"
				s.repeats = []madeSend{again}
			}},
	}
}

func replay(id, number int) madeSend {
	m := acknowledged(id, "T1", "Tom", number)
	m.status, m.header = http.StatusOK, http.Header{"Idempotency-Replayed": {"true"}}
	return m
}

func TestCheckFindsEveryKindOfWrong(t *testing.T) {
	for _, w := range wrongs() {
		t.Run(w.name, func(t *testing.T) {
			s := truth()
			w.change(s)
			r := s.tell(t).Check()
			if got, want := [4]int{r.Lost, r.Doubled, r.OutOfOrder, r.Broken}, [4]int{w.lost, w.doubled, w.outOfOrder, w.broken}; got != want {
				t.Errorf("found %v lost, doubled, out of order and broken, not %v", got, want)
			}
			found := slices.ContainsFunc(r.Breaches, func(line string) bool {
				return !slices.ContainsFunc(w.words, func(word string) bool { return !strings.Contains(line, word) })
			})
			if !found || r.Held() {
				t.Errorf("no line with %q", w.words)
			}
			if t.Failed() {
				t.Logf("found:\n%s", strings.Join(r.Breaches, "\n"))
			}
		})
	}
}

// What looks wrong and is promised to nobody.
func TestCheckAllows(t *testing.T) {
	tom := func(id, number int) message { return madeMessage(id, "T1", "Tom", number) }
	for name, change := range map[string]func(s *story){
		"a repeat answered with the first message": func(s *story) { s.repeats = []madeSend{replay(2, 1)} },
		"a first answer that is a replay":          func(s *story) { s.sends[0] = replay(2, 1) },
		"a refusal after an attempt without an answer, that was stored": func(s *story) {
			s.sends[6].doubt = true
			s.history = append(s.history, tom(8, 6))
			insertAfter(message7, messageBlock(tom(8, 6)))(s)
		},
		"an unanswered message stored later than the next one": func(s *story) {
			s.history = append(slices.Delete(s.history, 2, 3), tom(8, 3))
			s.stream = without(s.stream, "message 3 of session T1")
			insertAfter(message7, messageBlock(tom(8, 3)))(s)
			edit("reconnect", `"missed":2`, `"missed":1`)(s)
		},
		"two sends at the same time, stored the other way round": func(s *story) {
			s.sends[3].answer, s.sends[4].answer = madeMessage(7, "J1", "Jerry", 1), tom(6, 4)
			s.sends[3].early = 1
			s.history[3], s.history[4] = tom(6, 4), madeMessage(7, "J1", "Jerry", 1)
			s.stream[s.at(message7)] = messageBlock(tom(6, 4))
			edit("reconnect", "6", "5")(s)
		},
		"nothing after being kicked": func(s *story) {
			s.stream[s.at(message7)] = eventBlock(7, "kicked", map[string]any{"conversationId": "C", "kickedBy": "Tom", "at": stamp(7)})
			s.sends[4].answer, s.history[4] = tom(8, 4), tom(8, 4)
		},
		"nothing while being outside": func(s *story) {
			i := s.at(message4)
			s.stream[i] = eventBlock(4, "members_left", map[string]any{"conversationId": "C", "members": []string{"Jerry"}, "kickedBy": "Jerry", "at": stamp(3)})
			s.stream[i+1] = eventBlock(6, "members_joined", map[string]any{"conversationId": "C", "members": []string{"Jerry"}, "invitedBy": "Jerry", "at": stamp(6)})
			s.sends[1].answer, s.history[1] = tom(5, 2), tom(5, 2)
			s.sends[2].status, s.sends[2].answer, s.history[2] = 201, tom(6, 3), tom(6, 3)
			s.sends[3].answer, s.history = madeMessage(6, "J1", "Jerry", 1), slices.Delete(s.history, 2, 4)
			s.sends = slices.Delete(s.sends, 2, 4)
		},
		"a message of another ledger's conversation": insertAfter(message7, messageBlock(message{ID: "8", ConversationID: "D", From: "Tom", Type: "text", Timestamp: stamp(8)})),
		"a conversation that was there before": func(s *story) {
			s.made = false
			s.stream = without(s.stream, "event: invited")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := truth()
			change(s)
			if r := s.tell(t).Check(); !r.Held() {
				t.Errorf("found:\n%s", strings.Join(r.Breaches, "\n"))
			}
		})
	}
}

// A reader that has not come to a message has not lost it, and the report says that it is behind.
func TestCheckCountsWhatAReaderIsBehind(t *testing.T) {
	s := truth()
	s.stream = s.stream[:s.at("event: reconnect")+1]
	if r := s.tell(t).Check(); !r.Held() || r.Behind != 1 {
		t.Errorf("behind is %d: %s", r.Behind, strings.Join(r.Breaches, "\n"))
	}
	s.stream = nil
	if r := s.tell(t).Check(); !r.Held() || r.Behind != 4 {
		t.Errorf("never online, behind is %d: %s", r.Behind, strings.Join(r.Breaches, "\n"))
	}
}

// Everything lost makes a bounded report with the full count.
func TestCheckBoundsItsLines(t *testing.T) {
	s := truth()
	s.sends, s.history = nil, nil
	for i := range 3 * linesMost {
		s.sends = append(s.sends, acknowledged(100+i, "T1", "Tom", i+1))
	}
	s.stream = []string{onlineBlock(0), heartbeatBlock(10_000)}
	s.made = false
	l := s.tell(t)
	l.trails[0].moves = append(l.trails[0].moves, move{"C", 1, true})
	if r := l.Check(); r.Lost != 2*3*linesMost || len(r.Breaches) != linesMost+1 { // on the stream, and in the history
		t.Errorf("%d lost in %d lines", r.Lost, len(r.Breaches))
	}
}

func TestLatencies(t *testing.T) {
	var times []time.Duration
	for i := range 1000 {
		times = append(times, time.Duration(1000-i)) // 1000 … 1
	}
	for n, want := range map[int]Latency{0: {}, 1: {1, 1000, 1000, 1000}, 1000: {1000, 500, 990, 1000}} {
		if got := latencyOf(times[:n]); got != want {
			t.Errorf("of %d times: %+v, not %+v", n, got, want)
		}
	}
}
