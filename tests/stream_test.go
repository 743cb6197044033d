package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// TestNativeEventSourceCutBeforeItsFirstHeartbeat: the very first block has an id, byte for byte.
func TestNativeEventSourceCutBeforeItsFirstHeartbeat(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		said := tom.Say(t, conversation, "before")
		raw, err := jerry.OpenRaw(t, "", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		block, err := raw.Block()
		if err != nil {
			t.Fatal(err)
		}
		shape := regexp.MustCompile(`^retry: [123]\d{3}\nid: ` + said + `\nevent: online\ndata: \{"sessionId":"` + jerry.SessionID +
			`","clientId":"Jerry","position":"` + said + `","heartbeatSeconds":15,"serverTime":"[-0-9]{10}T[:0-9]{8}\.\d{3}Z"\}\n$`)
		if !shape.MatchString(block) {
			t.Fatalf("the first block is %q", block)
		}
		if err := raw.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			tom.Say(t, conversation, fmt.Sprint("while away ", i))
		}
		id, _, _ := ParseBlock(block)
		back := jerry.ListenInQuery(t, id, "")
		for i := range 3 {
			if event := back.Want("message"); event.Data["text"] != fmt.Sprint("while away ", i) {
				t.Fatalf("got %s", event.Raw)
			}
		}
		event := back.Want("reconnect")
		if event.Data["missed"] != 3.0 || event.Data["resumedFrom"] != id || event.Data["position"] != event.ID || event.Data["clientId"] != "Jerry" {
			t.Fatalf("got %s", event.Raw)
		}
	})
}

func TestStreamHeader(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	stream := s.Login(t, "Tom", "").Listen(t, "")
	stream.Want("online")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := stream.Response.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestHeaderWinsOverQuery(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		first, second := tom.Say(t, conversation, "first"), tom.Say(t, conversation, "second")
		inQuery := jerry.ListenInQuery(t, "", first)
		if event := inQuery.Want("message"); event.ID != second {
			t.Fatalf("from the query: %s", event.Raw)
		}
		both := jerry.ListenInQuery(t, second, first)
		if event := both.Want("reconnect"); event.Data["resumedFrom"] != second {
			t.Fatalf("from both: %s", event.Raw)
		}
	})
}

func TestPositionsThatCannotBeResumedFrom(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		var ids []string
		for i := range 5 {
			ids = append(ids, tom.Say(t, conversation, fmt.Sprint(i)))
		}
		if _, err := OpenSQL(t, db).Exec("UPDATE counters SET floor = ?", number(t, ids[2])); err != nil {
			t.Fatal(err)
		}
		reasons := map[string]string{"x": "invalid_position", "-1": "invalid_position", "+5": "invalid_position", "007": "invalid_position", "1.0": "invalid_position",
			"99999999999999999999": "invalid_position", "9223372036854775807": "future_position", fmt.Sprint(number(t, ids[4]) + 100): "future_position",
			"0": "position_expired", ids[1]: "position_expired"}
		for position, reason := range reasons {
			stream := jerry.Listen(t, position)
			event := stream.Want("resync")
			if event.Data["reason"] != reason || event.Data["position"] != ids[4] || event.ID != ids[4] {
				t.Fatalf("from %s: %s with id %s", position, event.Raw, event.ID)
			}
			event = stream.Want("reconnect")
			if _, counted := event.Data["missed"]; counted || event.Data["position"] != ids[4] {
				t.Fatalf("from %s: %s", position, event.Raw)
			}
			live := tom.Say(t, conversation, "live")
			if event := stream.Want("message"); event.ID != live {
				t.Fatalf("after a resync: %s", event.Raw)
			}
			ids[4] = live
			stream.Cut()
		}
		// The floor itself is still good.
		stream := jerry.Listen(t, ids[2])
		if event := stream.Want("message"); event.Data["text"] != "3" {
			t.Fatalf("from the floor: %s", event.Raw)
		}
	})
}

func TestTooFarBehind(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.ReplayLimit = 10 })
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		ours, theirs := tom.Create(t, "Jerry"), tom.Create(t)
		start := tom.Say(t, ours, "start")
		for i := range 10 {
			tom.Say(t, ours, fmt.Sprint(i))
			tom.Say(t, theirs, "not Jerry's, and not counted")
		}
		stream := jerry.Listen(t, start)
		for range 10 {
			stream.Want("message")
		}
		stream.Want("reconnect")
		tom.Say(t, ours, "one too many")
		if event := jerry.Listen(t, start).Want("resync"); event.Data["reason"] != "too_far_behind" {
			t.Fatalf("got %s", event.Raw)
		}
	})
}

// TestHeartbeatIsABareIDThatMovesOn: an idle client's position follows the log, so that it does not resume from days ago.
func TestHeartbeatIsABareIDThatMovesOn(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.Heartbeat = 20 * time.Millisecond })
		tom, idle := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t)
		raw, err := idle.OpenRaw(t, "", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Conn.Close()
		if _, err := raw.Block(); err != nil {
			t.Fatal(err)
		}
		said := tom.Say(t, conversation, "not for Jerry")
		var last int64
		for last < number(t, said) {
			block, err := raw.Block()
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^id: \d+\n$`).MatchString(block) {
				t.Fatalf("a heartbeat is %q", block)
			}
			id, _, _ := ParseBlock(block)
			if next := number(t, id); next < last || next > number(t, said) {
				t.Fatalf("heartbeats went from %d to %d", last, next)
			} else {
				last = next
			}
		}
	})
}

// TestSlowReaderFallsBackAndLosesNothing: one reader stalls until its queue has overflowed; the other is not held up,
// and the slow one then gets all, once and in order.
func TestSlowReaderFallsBackAndLosesNothing(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, slow, healthy := s.Login(t, "Tom", ""), s.Login(t, "Slow", ""), s.Login(t, "Healthy", "")
		conversation := tom.Create(t, "Slow", "Healthy")
		raw, err := slow.OpenRaw(t, "", 0, 4096)
		if err != nil {
			t.Fatal(err)
		}
		fast := healthy.Listen(t, "")
		fast.Want("online")
		long := strings.Repeat("0123456789", 3000)
		sent := 0
		for ; metric(t, s, "parley_slow_readers_total") == 0; sent++ {
			if sent == 2000 {
				t.Fatal("2000 messages of 30 KB did not overflow a queue")
			}
			tom.Say(t, conversation, fmt.Sprint(sent, " ", long))
			if event := fast.Want("message"); !strings.HasPrefix(event.Data["text"].(string), fmt.Sprint(sent, " ")) {
				t.Fatalf("the healthy reader got %.40s as number %d", event.Raw, sent)
			}
		}
		last := ""
		for next := 0; next < sent; {
			block, err := raw.Block()
			if err != nil { // stalled for longer than a write may take: cut, and to be resumed
				if raw, err = slow.OpenRaw(t, last, 0, 0); err != nil {
					t.Fatal(err)
				}
				continue
			}
			id, name, data := ParseBlock(block)
			if id != "" {
				last = id
			}
			if name != "message" {
				continue
			}
			if !strings.Contains(data, fmt.Sprintf(`"text":"%d 0123`, next)) {
				t.Fatalf("the slow reader got %.120s as number %d", data, next)
			}
			next++
		}
		if err := raw.Conn.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// metric reads a number from /metrics.
func metric(t *testing.T, s *Server, name string) float64 {
	t.Helper()
	value, ok := Metrics(t, s.URL)[name]
	if !ok {
		t.Fatalf("/metrics has no %s", name)
	}
	return value
}

func TestOtherSessionsAreSeenComingAndGoing(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		phone, laptop := s.Login(t, "Tom", "phone"), s.Login(t, "Tom", "laptop")
		stream := phone.Listen(t, "")
		stream.Want("online")
		first, second := laptop.Listen(t, ""), laptop.Listen(t, "")
		first.Want("online")
		second.Want("online")
		if event := stream.Want("online"); event.Data["sessionId"] != laptop.SessionID || event.ID != "" {
			t.Fatalf("the laptop came as %+v", event)
		}
		first.Cut()
		second.Cut()
		event := stream.Want("offline")
		if event.Data["sessionId"] != laptop.SessionID || event.Data["tag"] != "laptop" || event.ID != "" {
			t.Fatalf("the laptop went as %+v", event)
		}
		s.Login(t, "Jerry", "").Listen(t, "").Want("online") // another client's, not shown
		stream.WantNothingBefore(func() { phone.Create(t) }, func(e Event) bool { return e.Name == "members_joined" })
	})
}

// TestTwoNodesOnOneDatabase: without a broker the nodes find each other's entries in the log.
func TestTwoNodesOnOneDatabase(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		tom, jerry := one.Login(t, "Tom", ""), two.Login(t, "Jerry", "")
		stream := jerry.Listen(t, "")
		start := stream.Want("online").ID
		conversation := tom.Create(t, "Jerry")
		stream.Want("invited")
		var want []string
		for i := range 20 {
			sender := []*Client{tom, tom.On(two)}[i%2]
			want = append(want, sender.Say(t, conversation, fmt.Sprint(i)))
		}
		var got []string
		for range want {
			got = append(got, stream.Want("message").ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, not %v", got, want)
		}
		// A stream goes on at the other node, and a log-out counts there.
		moved := jerry.On(one).Listen(t, start)
		moved.Want("invited")
		for range want {
			moved.Want("message")
		}
		moved.Want("reconnect")
		jerry.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
		if event := moved.Want("disconnect"); event.Data["reason"] != "logged_out" {
			t.Fatalf("on the other node: %s", event.Raw)
		}
		jerry.On(one).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_ended", "")
	})
}
