package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// awkward are texts that a line-based or escaping transport gets wrong.
var awkward = []string{
	"", " ", "\r", "\n", "\r\n", "a\rb\nc\r\nd", "\u2028\u2029", "\x00", "a\x00b", "\ndata: x\n\n", "\n\nid: 99999\nevent: message\ndata: {}\n\n",
	"<script>&amp;\"'\\", "Jerry,起床了!", "🐭🧀", "\u0085\ufeff\u200b", strings.Repeat("x", 30<<10), "'; DROP TABLE messages; --", "%s %d \\0",
}

func TestTextArrivesByteForByte(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		stream := jerry.Listen(t, "")
		online := stream.Want("online")
		for _, text := range awkward {
			tom.Say(t, conversation, text)
			if event := stream.Want("message"); event.Data["text"] != text {
				t.Fatalf("%.40q arrived as %.40q", text, event.Data["text"])
			}
		}
		replay := jerry.Listen(t, online.ID)
		for _, text := range awkward {
			if event := replay.Want("message"); event.Data["text"] != text {
				t.Fatalf("%.40q was replayed as %.40q", text, event.Data["text"])
			}
		}
		if got := jerry.Texts(t, conversation); !slices.Equal(got, awkward) {
			t.Fatal("the history differs")
		}
	})
}

func TestMessageTypesAndAttributes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		stream := jerry.Listen(t, "")
		stream.Want("online")
		for _, body := range []string{
			`{"type":"text","text":"x","attributes":{"location":"旧金山","n":1.50,"deep":{"a":[null,true,{}]}}}`,
			`{"type":"com.example.Poll-1","payload":{"question":"cheese?","options":["yes","no"]}}`,
			`{"type":"ping","payload":null}`, `{"type":"ping","payload":[1,"two"]}`, `{"type":"ping","payload":"p"}`, `{"type":"ping"}`,
			`{"type":"note","text":"with a text","payload":{}, "attributes":null}`,
		} {
			sent := tom.Do(t, "POST", path, body).Want(201)
			var message JSON
			if err := json.Unmarshal([]byte(body), &message); err != nil {
				t.Fatal(err)
			}
			event := stream.Want("message")
			got := sent.Object()
			if fmt.Sprint(got) != fmt.Sprint(event.Data) || got["id"] != event.ID {
				t.Fatalf("answered %v, delivered %v", got, event.Data)
			}
			read := tom.Do(t, "GET", path+"/"+got["id"].(string), nil).Want(200).Object()
			for name, value := range message {
				if name == "attributes" && value == nil {
					value = JSON{}
				}
				if fmt.Sprint(read[name]) != fmt.Sprint(value) {
					t.Fatalf("%s of %s came back as %v", name, body, read[name])
				}
			}
			if read["from"] != "Tom" || read["conversationId"] != conversation {
				t.Fatalf("read %v", read)
			}
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", read["timestamp"].(string)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A generated client (Java) sends null for every optional field.
func TestNullForWhatAnotherTypeCarriesWasRefused(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		tom := Start(t, db).Login(t, "Tom", "")
		path := "/v1/conversations/" + tom.Create(t) + "/messages"
		for _, body := range []string{
			`{"type":"text","text":"x","attributes":null,"file":null,"location":null,"payload":null}`,
			`{"type":"location","location":{"latitude":1,"longitude":2},"text":null,"file":null,"payload":null}`,
		} {
			id := tom.Do(t, "POST", path, body).Want(201).Object()["id"].(string)
			read := tom.Do(t, "GET", path+"/"+id, nil).Want(200).Object()
			if _, has := read["payload"]; has {
				t.Errorf("%s came back with a payload: %v", body, read)
			}
		}
		tom.Do(t, "POST", path, `{"type":"ping","payload":null}`, "Idempotency-Key", "null").Want(201)
		tom.Do(t, "POST", path, `{"type":"ping"}`, "Idempotency-Key", "null").WantProblem(422, "idempotency_key_reused", "")
	})
}

func TestSendsThatAreRefusedChangeNothing(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		first := tom.Say(t, conversation, "first")
		for body, field := range map[string]string{
			`{}`: "type", `{"type":"text"}`: "text", `{"type":"text","text":5}`: "text", `{"type":"text","text":null}`: "text",
			`{"type":5}`: "type", `{"type":"two words"}`: "type", `{"type":"image","file":{}}`: "file", `{"type":"image"}`: "file", `{"type":""}`: "type",
			`{"type":"text","text":"x","attributes":[]}`: "attributes", `{"type":"text","text":"x","attributes":"a"}`: "attributes",
			`{"type":"text","text":"x","payload":1}`: "payload", `{"type":"text","text":"x","transient":"yes"}`: "transient",
			`{"type":"text","text":"x","from":"Jerry"}`: "from", `{"type":"text","text":"x","id":"1"}`: "id", `{"type":"text","text":"x","timestamp":"now"}`: "timestamp",
			`{"type":"text","text":"x","text":"y"}`: "text", `{"type":"text","Text":"x"}`: "Text", "{\"type\":\"text\",\"text\":\"\xff\"}": "text",
			`{"type":"text","text":"\ud800"}`: "text", `[]`: "body", `"text"`: "body", `null`: "body", `{"type":"text","text":"x"} x`: "body", `{"type":`: "type", ``: "body",
			`{"type":"text","text":"x","attributes":{"a":1,"a":2}}`:                            "attributes.a",
			`{"type":"text","text":"x","attributes":{"n":` + strings.Repeat("[", 12000) + `}}`: "",
		} {
			tom.Do(t, "POST", path, body).WantProblem(400, "validation_failed", field)
		}
		tom.Do(t, "POST", path, `{"type":"text","text":"`+strings.Repeat("x", 1<<20)+`"}`).WantProblem(413, "body_too_large", "")
		for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "", "application/json; charset="} {
			tom.Do(t, "POST", path, `{"type":"text","text":"x"}`, "Content-Type", contentType).WantProblem(415, "unsupported_media_type", "")
		}
		text := JSON{"type": "text", "text": "x"}
		mary.Do(t, "POST", path, text).WantProblem(403, "not_a_member", "")
		tom.Do(t, "POST", "/v1/conversations/nonsense/messages", text).WantProblem(404, "conversation_not_found", "")
		tom.Do(t, "POST", path, text, "Idempotency-Key", strings.Repeat("k", 201)).WantProblem(400, "validation_failed", "Idempotency-Key")
		tom.Do(t, "POST", path, text, "Idempotency-Key", "clé").WantProblem(400, "validation_failed", "Idempotency-Key")
		s.Nobody(t).Do(t, "POST", path, text).WantProblem(401, "credentials_missing", "")
		// Nothing was stored, and no number was used up.
		next := tom.Say(t, conversation, "second")
		if a, b := number(t, first), number(t, next); b != a+1 {
			t.Fatalf("the refusals left a hole: %d, then %d", a, b)
		}
		if got := tom.Texts(t, conversation); !slices.Equal(got, []string{"first", "second"}) {
			t.Fatalf("the history is %q", got)
		}
	})
}

func number(t testing.TB, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHundredSendsWithOneKeyMakeOneMessage(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		stream := jerry.Listen(t, "")
		stream.Want("online")
		answers := make([]*Answer, 100)
		body := JSON{"type": "text", "text": "once", "attributes": JSON{"a": 1, "b": 2}}
		parallel(len(answers), func(i int) {
			answers[i] = tom.Do(t, "POST", path, body, "Idempotency-Key", "key")
		})
		created, ids := 0, map[any]bool{}
		for _, a := range answers {
			if a.Status == http.StatusCreated {
				created++
			} else if a.Want(200); a.Header.Get("Idempotency-Replayed") != "true" {
				t.Fatal("a repeat without Idempotency-Replayed")
			}
			ids[a.Object()["id"]] = true
		}
		if created != 1 || len(ids) != 1 {
			t.Fatalf("%d were created, with %d ids", created, len(ids))
		}
		// Another body is another message, other spelling of the same is not.
		tom.Do(t, "POST", path, JSON{"type": "text", "text": "twice"}, "Idempotency-Key", "key").WantProblem(422, "idempotency_key_reused", "Idempotency-Key")
		tom.Do(t, "POST", path, `{"attributes":{ "b":2.0,"a":1 },"text":"once","type":"text"}`, "Idempotency-Key", "key").Want(200)
		// The key belongs to the sender and the conversation.
		jerry.Do(t, "POST", path, body, "Idempotency-Key", "key").Want(201)
		other := tom.Create(t)
		tom.Do(t, "POST", "/v1/conversations/"+other+"/messages", body, "Idempotency-Key", "key").Want(201)
		// Jerry's stream saw it once.
		stream.Want("message")
		tom.Say(t, conversation, "the next")
		if event := stream.Want("message"); event.Data["text"] != "the next" {
			t.Fatalf("doubled: %s", event.Raw)
		}
		// Who has been kicked since still learns that the first was stored.
		jerry.Do(t, "DELETE", "/v1/conversations/"+conversation+"/members?clientId=Tom", nil).Want(200)
		tom.Do(t, "POST", path, body, "Idempotency-Key", "key").Want(200)
		tom.Do(t, "POST", path, body, "Idempotency-Key", "new").WantProblem(403, "not_a_member", "")
	})
}

func TestTransientMessageGoesToThoseOnlineOnly(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, mary := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		sender, stream, second := tom.Listen(t, ""), jerry.Listen(t, ""), s.Login(t, "Tom", "").Listen(t, "")
		position := stream.Want("online").ID
		second.Want("online")
		sender.Want("online")
		sender.Want("online") // the second session
		// A stream is live a moment after its first event; what is stored cannot be missed, what is not can.
		tom.Say(t, conversation, "stored")
		stream.Want("message")
		second.Want("message")
		sent := tom.Do(t, "POST", path, JSON{"type": "typing", "transient": true, "payload": JSON{"on": true}}).Want(202).Object()
		if _, hasID := sent["id"]; hasID {
			t.Fatalf("a transient message has an id: %v", sent)
		}
		for _, s := range []*Stream{stream, second} {
			event := s.Want("message")
			if _, hasID := event.Data["id"]; hasID || event.ID != "" || event.Data["type"] != "typing" || event.Data["from"] != "Tom" {
				t.Fatalf("got %+v", event)
			}
		}
		tom.Say(t, conversation, "stored too")
		stream.Want("message")
		mary.Do(t, "POST", path, JSON{"type": "typing", "transient": true}).WantProblem(403, "not_a_member", "")
		tom.Do(t, "POST", "/v1/conversations/none/messages", JSON{"type": "typing", "transient": true}).WantProblem(404, "conversation_not_found", "")
		if got := tom.Texts(t, conversation); !slices.Equal(got, []string{"stored", "stored too"}) {
			t.Fatalf("the history is %q", got)
		}
		replay := jerry.Listen(t, position)
		replay.Want("message")
		if event := replay.Want("message"); event.Data["text"] != "stored too" {
			t.Fatalf("replayed %s", event.Raw)
		}
		if event := replay.Want("reconnect"); event.Data["missed"] != 2.0 {
			t.Fatalf("missed %v", event.Data["missed"])
		}
	})
}

func TestOwnMessageComesToOtherSessionsOnly(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		phone, laptop := s.Login(t, "Tom", "phone"), s.Login(t, "Tom", "laptop")
		conversation := phone.Create(t, "Jerry")
		onPhone, onLaptop := phone.Listen(t, ""), laptop.Listen(t, "")
		start := onPhone.Want("online").ID
		onLaptop.Want("online")
		onPhone.Want("online")
		phone.Say(t, conversation, "from the phone")
		laptop.Say(t, conversation, "from the laptop")
		s.Master(t, "Tom").Say(t, conversation, "from the server")
		texts := map[*Stream][]string{onPhone: {"from the laptop", "from the server"}, onLaptop: {"from the phone", "from the server"},
			phone.Listen(t, start): {"from the laptop", "from the server"}, laptop.Listen(t, start): {"from the phone", "from the server"},
			s.Master(t, "Tom").Listen(t, start): {"from the phone", "from the laptop", "from the server"}}
		for stream, want := range texts {
			for _, text := range want {
				event := stream.Next()
				for event.Name == "online" || event.Name == "offline" {
					event = stream.Next()
				}
				if event.Data["text"] != text {
					t.Fatalf("got %s %s, not %q", event.Name, event.Raw, text)
				}
			}
		}
	})
}

// TestDeepPayloadMadeTheHistoryFail: what can be sent can be shown, inside a list inside an answer.
func TestDeepPayloadMadeTheHistoryFail(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t)
		path := "/v1/conversations/" + conversation
		nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
		for _, n := range []int{65, 100, 9990} {
			tom.Do(t, "POST", path+"/messages", `{"type":"deep","payload":`+nested(n)+`}`).WantProblem(400, "validation_failed", "payload")
			tom.Do(t, "POST", path+"/messages", `{"type":"deep","attributes":{"a":`+nested(n)+`}}`).WantProblem(400, "validation_failed", "attributes")
			tom.Do(t, "PATCH", path, `{"attributes":{"a":`+nested(n)+`}}`).WantProblem(400, "validation_failed", "attributes")
		}
		tom.Do(t, "POST", path+"/messages", `{"type":"deep","payload":`+nested(64)+`}`).Want(201)
		tom.Do(t, "GET", path+"/messages", nil).Want(200)
		tom.Do(t, "GET", "/v1/conversations", nil).Want(200)
	})
}

// TestHalfClosedCallerWasToldSuccess: net/http takes a closed sending side for a caller that has gone. It may still
// read, and an empty 200 would look like a stored message.
func TestHalfClosedCallerWasToldSuccess(t *testing.T) {
	t.Parallel()
	db := SQLite(t)
	s := Start(t, db)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t)
	lock, err := OpenSQL(t, db).Begin()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"type":"text","text":"a"}`
	fmt.Fprintf(conn, "POST /v1/conversations/%s/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		conversation, tom.Token, len(body), body)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode < 500 {
		t.Errorf("a send that was not answered for looks like %s", response.Status)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
}

func TestRequestIDIsOurs(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	for _, sent := range []string{"mine", "\xff"} {
		answer := s.Nobody(t).Do(t, "GET", "/v1/conversations", nil, "X-Request-Id", sent)
		if id := answer.Header.Get("X-Request-Id"); len(id) != 20 || answer.Object()["requestId"] != id {
			t.Errorf("the request id is %q: %s", id, answer.Body)
		}
	}
	s.Login(t, "Tom", "").Do(t, "GET", "/v1/conversations?%ff=1", nil).WantProblem(400, "validation_failed", "query")
}
