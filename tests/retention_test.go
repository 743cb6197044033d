package tests

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// calendar is a clock that a test sets forward.
type calendar struct{ ahead atomic.Int64 }

func (c *calendar) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// startKeeping starts a node that keeps history for so long, and looks for what is too old all the time.
func startKeeping(t *testing.T, db string, retention time.Duration) (*Server, *calendar) {
	c := &calendar{}
	return Start(t, db, func(config *app.Config) {
		config.Retention, config.RetentionEvery, config.SessionTTL = retention, 20*time.Millisecond, 1000*24*time.Hour
		config.Clock = func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
	}), c
}

const day = 24 * time.Hour

// TestRetention: what is too old is gone from the history, and whoever resumes from before is told so.
func TestRetention(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, clock := startKeeping(t, db, 180*day)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		busy, quiet := tom.Create(t, "Jerry"), tom.Create(t, "Jerry")
		tom.Say(t, quiet, "long ago")
		first := tom.Say(t, busy, "old")
		last := tom.Say(t, busy, "also old")
		clock.pass(179 * day)
		kept := tom.Say(t, busy, "kept")
		clock.pass(2 * day)
		newest := tom.Say(t, busy, "new")
		Eventually(t, "the old messages are gone", func() bool {
			return slices.Equal(tom.Texts(t, busy), []string{"kept", "new"}) && len(tom.Texts(t, quiet)) == 0
		})
		page := tom.Do(t, "GET", "/v1/conversations/"+busy+"/messages?limit=1&before="+newest, nil).Want(200).Object()
		if next, there := page["next"]; there || page["messages"].([]any)[0].(JSON)["id"] != kept {
			t.Errorf("the page at the edge is %v, and the next %v", page["messages"], next)
		}
		tom.Do(t, "GET", "/v1/conversations/"+busy+"/messages/"+first, nil).WantProblem(404, "message_not_found", "")
		record := tom.Do(t, "GET", "/v1/conversations/"+quiet, nil).Want(200).Object()
		if record["lastMessage"] != nil || record["lastMessageAt"] == nil {
			t.Errorf("the conversation whose messages are gone is %v", record)
		}

		expired := jerry.Listen(t, first)
		if event := expired.Want("resync"); event.Data["reason"] != "position_expired" || event.Data["position"] != newest || event.ID != newest {
			t.Fatalf("from below the edge: %s", event.Raw)
		}
		if event := expired.Want("reconnect"); event.Data["missed"] != nil {
			t.Fatalf("after it: %s", event.Raw)
		}
		atEdge := jerry.Listen(t, last)
		for _, id := range []string{kept, newest} {
			if event := atEdge.Want("message"); event.ID != id {
				t.Fatalf("from the edge: %s", event.Raw)
			}
		}
		if event := atEdge.Want("reconnect"); event.Data["missed"] != 2.0 {
			t.Fatalf("from the edge: %s", event.Raw)
		}
	})
}

// TestRetentionOfAConversation: its own days, longer or shorter than the server's, are the master key's to set.
func TestRetentionOfAConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, clock := startKeeping(t, db, 180*day)
		tom, jerry, server := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Master(t, "")
		usual, short, long := tom.Create(t, "Jerry"), tom.Create(t, "Jerry"), tom.Create(t, "Jerry")
		set := func(conversation string, days any) JSON {
			return server.Do(t, "PATCH", "/v1/conversations/"+conversation, JSON{"retentionDays": days}).Want(200).Object()
		}
		tom.Do(t, "PATCH", "/v1/conversations/"+short, JSON{"retentionDays": 7}).WantProblem(403, "master_key_required", "")
		for _, days := range []any{-1, 36501, 1.5, "7", []any{}} {
			server.Do(t, "PATCH", "/v1/conversations/"+short, JSON{"retentionDays": days}).WantProblem(400, "validation_failed", "retentionDays")
		}
		if c := tom.Do(t, "GET", "/v1/conversations/"+short, nil).Want(200).Object(); c["retentionDays"] != nil {
			t.Fatalf("before it is set: %v", c)
		}
		if c := set(short, 7); c["retentionDays"] != 7.0 {
			t.Fatalf("after it is set: %v", c)
		}
		set(long, 0)
		before := tom.Say(t, usual, "usual 1")
		tom.Say(t, short, "short 1")
		tom.Say(t, long, "long 1")
		clock.pass(8 * day)
		tom.Say(t, short, "short 2")
		Eventually(t, "a week is over", func() bool { return slices.Equal(tom.Texts(t, short), []string{"short 2"}) })
		if got := tom.Texts(t, usual); !slices.Equal(got, []string{"usual 1"}) {
			t.Fatalf("the usual one has %q", got)
		}

		// Jerry has missed something of one conversation for good: that is said, and all the rest comes.
		stream := jerry.Listen(t, before)
		if event := stream.Want("resync"); event.Data["reason"] != "position_expired" || event.Data["conversationId"] != short || event.ID != before {
			t.Fatalf("got %s", event.Raw)
		}
		for _, text := range []string{"long 1", "short 2"} {
			if event := stream.Want("message"); event.Data["text"] != text {
				t.Fatalf("not %s, but %s", text, event.Raw)
			}
		}
		if event := stream.Want("reconnect"); event.Data["missed"] != nil {
			t.Fatalf("got %s", event.Raw)
		}

		clock.pass(200 * day)
		tom.Say(t, usual, "usual 2")
		Eventually(t, "half a year is over", func() bool { return slices.Equal(tom.Texts(t, usual), []string{"usual 2"}) })
		if got := tom.Texts(t, long); !slices.Equal(got, []string{"long 1"}) {
			t.Fatalf("what is kept for ever is %q", got)
		}
		set(long, 30)
		Eventually(t, "it is kept for 30 days", func() bool { return len(tom.Texts(t, long)) == 0 })
		if c := set(short, nil); c["retentionDays"] != nil {
			t.Fatalf("after it is taken back: %v", c)
		}
	})
}

// TestRetentionBesideSendsAndReaders: while much is removed, nothing that is kept is lost to a reader, and a reader that
// was overtaken is told.
func TestRetentionBesideSendsAndReaders(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, clock := startKeeping(t, db, 180*day)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		from := tom.Say(t, conversation, "from here")
		parallel(2000, func(i int) { tom.Say(t, conversation, fmt.Sprint("old ", i)) })
		clock.pass(181 * day)
		var sent []string
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range 100 {
				sent = append(sent, tom.Say(t, conversation, fmt.Sprint("new ", i)))
			}
		})
		// Each of them has all up to some point, or is told that it has not.
		parallel(20, func(int) {
			stream, seen := jerry.Listen(t, from), 0
			for {
				switch event := stream.Next(); event.Name {
				case "message":
					seen++
					continue
				case "resync":
				case "reconnect":
					if missed := event.Data["missed"]; missed != nil && int(missed.(float64)) != seen || missed != nil && seen < 2000 {
						t.Errorf("after %d messages: %s", seen, event.Raw)
					}
					return
				default:
					t.Errorf("got %s", event.Raw)
					return
				}
			}
		})
		sending.Wait()
		Eventually(t, "all that is old is gone, and nothing else", func() bool {
			var ids []string
			for _, m := range tom.History(t, conversation) {
				ids = append(ids, m["id"].(string))
			}
			return slices.Equal(ids, sent)
		})
		if metric(t, s, "parley_swept_rows_total") < 2000 {
			t.Errorf("%v rows are said to be swept", metric(t, s, "parley_swept_rows_total"))
		}
	})
}

// TestRetentionOfFiles: what only old messages name is unused, and swept a day later.
func TestRetentionOfFiles(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, clock := startKeeping(t, db, 180*day)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		file := tom.Upload(t, "a.txt", []byte("hello")).Want(201).Object()["id"].(string)
		tom.Do(t, "POST", path, JSON{"type": "file", "file": JSON{"id": file}}).Want(201)
		jerry.Do(t, "GET", "/v1/files/"+file, nil).Want(200)
		clock.pass(181 * day)
		Eventually(t, "the message is gone", func() bool { return len(tom.History(t, conversation)) == 0 })
		jerry.Do(t, "GET", "/v1/files/"+file, nil).WantProblem(403, "file_not_readable", "")
	})
}
