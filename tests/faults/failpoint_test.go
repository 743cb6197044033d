package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

// unannounced is how late another node's entries may be when nothing announces them.
const unannounced = 1500 * time.Millisecond

// fragileNode is a node that can be made to kill itself after a COMMIT.
type fragileNode struct {
	*ClusterNode
	failfile string
}

// newFragileNode prepares a node of a program that was built with the tag failpoint.
func newFragileNode(t *testing.T, program Program, databaseURL string) *fragileNode {
	t.Helper()
	file := filepath.Join(t.TempDir(), "failpoint")
	return &fragileNode{NewClusterNode(t, program, databaseURL, "PARLEY_TEST_FAILPOINT_FILE="+file), file}
}

// killAt arms a failpoint, does what runs into it, and waits until the node has killed itself.
func (n *fragileNode) killAt(t *testing.T, failpoint string, do func()) (died time.Time) {
	t.Helper()
	if err := os.WriteFile(n.failfile, []byte(failpoint), 0o600); err != nil {
		t.Fatal(err)
	}
	do()
	if code := n.Process.Wait(t); code != -1 {
		t.Fatalf("the node ended with exit code %d, and not by the failpoint", code)
	}
	died = time.Now()
	if err := os.Remove(n.failfile); err != nil {
		t.Fatal(err)
	}
	return died
}

// fragile is a cluster of two nodes, the first of which can be made to kill itself.
type fragile struct {
	one     *fragileNode
	two     *ClusterNode
	slowest time.Duration // of what the other node told
}

func startFragile(t *testing.T) *fragile {
	t.Helper()
	program, db := BuildProgram(t, "failpoint"), NeedMySQL(t)
	f := &fragile{one: newFragileNode(t, program, db), two: NewClusterNode(t, program, db)}
	f.one.Start(t)
	f.two.Start(t)
	return f
}

// told fails the test when the other node has told too late what the dead one could not announce.
func (f *fragile) told(t *testing.T, since time.Time, what string) {
	t.Helper()
	took := time.Since(since)
	f.slowest = max(f.slowest, took)
	if took > Promise(unannounced) {
		t.Errorf("%s came %v after the node's end, and %v is promised", what, took, unannounced)
	}
}

// TestKilledBetweenCommitAndFanOutOfSends: what was committed and neither answered nor announced reaches every member,
// live on the other node or on a resume, and a repeat with its key on the other node finds it.
func TestKilledBetweenCommitAndFanOutOfSends(t *testing.T) {
	const atOnce = 16 // so that the last commit has several sends in it
	f := startFragile(t)
	tom, jerry, mary := f.one.Login(t, "Tom", "phone"), f.two.Login(t, "Jerry", ""), f.one.Login(t, "Mary", "")
	laptop := f.two.Login(t, "Tom", "laptop")
	conversation := tom.Create(t, "Jerry", "Mary")
	atJerry, atLaptop, atMary := jerry.Listen(t, ""), laptop.Listen(t, ""), mary.Listen(t, "")
	for _, stream := range []*Stream{atJerry, atLaptop, atMary} {
		stream.Want("online")
	}
	send := func(node *ClusterNode, text string) (*Answer, error) {
		return tom.On(node.Server).Try(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text}, "Idempotency-Key", text)
	}
	var sending sync.WaitGroup
	var answered atomic.Int64
	unknown := make([]string, atOnce) // of each sender, the send that the node did not answer
	for i := range atOnce {
		sending.Go(func() {
			for number := 0; unknown[i] == "" && number < 10_000; number++ {
				text := fmt.Sprint("sender ", i, " number ", number)
				answer, err := send(f.one.ClusterNode, text)
				if err != nil {
					unknown[i] = text
				} else if answer.Status == 201 {
					answered.Add(1)
				} else {
					t.Errorf("%q was answered %d: %s", text, answer.Status, answer.Body)
				}
			}
		})
	}
	Eventually(t, "the storm is on", func() bool { return answered.Load() > 10*atOnce })
	died := f.one.killAt(t, "sends committed", sending.Wait)
	lived := upTo(atJerry, func(e Event) bool { return slices.Contains(unknown, e.Data["text"].(string)) })
	f.told(t, died, "a message")
	replayed := 0
	for _, text := range unknown {
		answer, err := send(f.two, text)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status != 200 {
			answer.Want(201) // the commit of this one did not come to pass
			continue
		}
		replayed++
		if answer.Header.Get("Idempotency-Replayed") != "true" || answer.Object()["text"] != text {
			t.Errorf("the repeat of %q was answered with %s", text, answer.Body)
		}
	}
	if replayed == 0 {
		t.Error("no repeat found what the dead node had committed")
	}
	total := int(answered.Load()) + atOnce
	for len(lived) < total {
		lived = append(lived, atJerry.Want("message"))
	}
	resumed := mary.On(f.two.Server).Listen(t, atMary.LastID())
	isLast := func(e Event) bool { return e.ID == lived[total-1].ID }
	atMarys := append(toTheEnd(atMary), upTo(resumed, isLast)...)
	if end := resumed.Want("reconnect"); end.Data["missed"] == 0.0 {
		t.Error("nothing was missed")
	}
	for whose, got := range map[string][]Event{"the other session of the sender": upTo(atLaptop, isLast), "the one who resumed": atMarys} {
		if !slices.EqualFunc(got, lived, func(a, b Event) bool { return a.ID == b.ID && a.Raw == b.Raw }) {
			t.Errorf("%s got %d messages, and %d came to the other node, or others", whose, len(got), total)
		}
	}
	f.one.Start(t)
	var texts []string
	for _, e := range lived {
		texts = append(texts, e.Data["text"].(string))
	}
	if history := mary.Texts(t, conversation); !slices.Equal(history, texts) {
		t.Errorf("the history has %d messages, and %d came, or others", len(history), total)
	}
	t.Logf("%d sends answered and %d of %d others committed; the other node told %v after the end",
		answered.Load(), replayed, atOnce, f.slowest.Round(time.Millisecond))
}

// upTo reads messages up to one.
func upTo(stream *Stream, last func(Event) bool) (got []Event) {
	for {
		event := stream.Want("message")
		got = append(got, event)
		if last(event) {
			return got
		}
	}
}

// toTheEnd reads the messages that still come on a stream whose node has died.
func toTheEnd(stream *Stream) (got []Event) {
	for event, ok := stream.NextBlock(); ok; event, ok = stream.NextBlock() {
		if event.Name == "message" {
			got = append(got, event)
		}
	}
	return got
}

// TestKilledBetweenCommitAndFanOutOfChanges: the same for everything else in the log. Each call is repeated on the other
// node, as its caller would, and makes no second event.
func TestKilledBetweenCommitAndFanOutOfChanges(t *testing.T) {
	f := startFragile(t)
	tom, jerry, mary, william := f.one.Login(t, "Tom", "phone"), f.two.Login(t, "Jerry", ""), f.one.Login(t, "Mary", ""), f.two.Login(t, "William", "")
	path := "/v1/conversations/" + tom.Create(t, "Jerry", "Mary")
	atJerry, atWilliam := jerry.Listen(t, "0"), william.Listen(t, "0")
	lived := []Event{atJerry.Want("invited")}
	atJerry.Want("reconnect")
	atWilliam.Want("reconnect")
	type step struct {
		who          *Client
		method, path string
		body         any
		status       int    // of the repeat
		told         string // what Jerry and Mary get
		william      string // what William gets; empty: nothing
	}
	run := func(s step) {
		atMary := mary.Listen(t, "")
		atMary.Want("online")
		died := f.one.killAt(t, "change committed", func() {
			if answer, err := s.who.On(f.one.Server).Try(t, s.method, s.path, s.body); err == nil {
				t.Errorf("%s %s was answered %d by a node that dies before it answers", s.method, s.path, answer.Status)
			}
		})
		live := atJerry.Want(s.told)
		f.told(t, died, s.told)
		if s.william != "" {
			atWilliam.Want(s.william)
			f.told(t, died, s.william)
		}
		lived = append(lived, live)
		s.who.On(f.two.Server).Do(t, s.method, s.path, s.body).Want(s.status)
		resumed := mary.On(f.two.Server).Listen(t, atMary.LastID())
		if got := resumed.Want(s.told); got.ID != live.ID || got.Raw != live.Raw {
			t.Errorf("on a resume came %s, and live %s", got.Raw, live.Raw)
		}
		resumed.Want("reconnect") // and no second event of the repeat
		f.one.Start(t)
	}
	for _, s := range []step{
		{tom, "POST", path + "/members", JSON{"members": []string{"William"}}, 200, "members_joined", "invited"},
		{tom, "DELETE", path + "/members?clientId=William", nil, 200, "members_left", "kicked"},
		{william, "POST", path + "/join", nil, 200, "members_joined", "members_joined"},
		{tom, "PATCH", path, JSON{"name": "ours"}, 200, "conversation_updated", "conversation_updated"},
		{william, "POST", path + "/quit", nil, 200, "members_left", "members_left"},
		{tom, "POST", "/v1/conversations", JSON{"members": []string{"Jerry", "Mary"}, "unique": true}, 200, "invited", ""},
	} {
		run(s)
	}
	replay := jerry.On(f.one.Server).Listen(t, "0")
	for _, want := range lived {
		if got := replay.Want(want.Name); got.ID != want.ID || got.Raw != want.Raw {
			t.Errorf("the replay has %s, and live came %s", got.Raw, want.Raw)
		}
	}
	replay.Want("reconnect")
	run(step{f.one.Master(t, ""), "DELETE", path, nil, 404, "kicked", ""})
	t.Logf("the other node told at most %v after the end", f.slowest.Round(time.Millisecond))
}

// TestKilledBetweenCommitAndFanOutOfASessionsEnd: the end of a session is an entry too, and acts on the other node.
func TestKilledBetweenCommitAndFanOutOfASessionsEnd(t *testing.T) {
	f := startFragile(t)
	ends := func(reason, code string, session *Client, do func()) {
		stream := session.On(f.two.Server).Listen(t, "")
		stream.Want("online")
		died := f.one.killAt(t, "change committed", do)
		if end := stream.Want("disconnect"); end.Data["reason"] != reason || end.Data["reconnect"] != false {
			t.Errorf("the session's stream ended with %s", end.Raw)
		}
		f.told(t, died, reason)
		session.On(f.two.Server).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, code, "")
		f.one.Start(t)
		session.On(f.one.Server).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, code, "")
	}
	older := f.one.Login(t, "Tom", "phone")
	ends("conflict", "session_conflict", older, func() {
		answer, err := f.one.AppKeyHolder(t).Try(t, "POST", "/v1/sessions", JSON{"clientId": "Tom", "tag": "phone"})
		if err == nil {
			t.Errorf("a log-in was answered %d by a node that dies before it answers", answer.Status)
		}
	})
	newer := f.two.Login(t, "Tom", "phone")
	ends("logged_out", "session_ended", newer, func() {
		answer, err := newer.On(f.one.Server).Try(t, "DELETE", "/v1/sessions/current", nil)
		if err == nil {
			t.Errorf("a log-out was answered %d by a node that dies before it answers", answer.Status)
		}
	})
	t.Logf("the other node told at most %v after the end", f.slowest.Round(time.Millisecond))
}
