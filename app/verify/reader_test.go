package verify

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// follow follows Jerry's stream until the test ends.
func follow(t *testing.T, c *Client, options ...FollowOption) (*Reader, *Ledger) {
	l := NewLedger()
	r := c.Follow(t.Context(), l, options...)
	t.Cleanup(r.Close)
	return r, l
}

func come(t *testing.T, r *Reader, id string) {
	t.Helper()
	if err := r.CaughtUp(withPatience(t), id); err != nil {
		t.Fatal(err)
	}
}

// onlineAfter is online with a retry: of so many milliseconds.
func onlineAfter(id int, retry string) string {
	return strings.Replace(onlineBlock(id), "retry: 1500", "retry: "+retry, 1)
}

func TestReaderResumesFromTheLastWholeBlock(t *testing.T) {
	n := newNode(t, ends(onlineAfter(0, "300"), heartbeatBlock(4), "id: 5\nevent: mess"))
	n.answers = append(n.answers, n.stays("retry: 300\n"+heartbeatBlock(4), reconnectBlock(6, 4, 0)))
	r, l := follow(t, jerry(t, n.URL))
	come(t, r, "6")
	asked := n.requests()
	if len(asked) != 2 || asked[0].lastEventID != "" || asked[1].lastEventID != "4" {
		t.Errorf("asked %+v", asked)
	}
	if pause := asked[1].at.Sub(asked[0].at); pause < 300*time.Millisecond {
		t.Errorf("retry: 300 was not waited for: %v", pause)
	}
	if r.Position() != "6" {
		t.Errorf("at %s", r.Position())
	}
	wantBreaches(t, l)
	if report := l.Check(); report.Resumes != 1 || report.Cuts != 0 || report.ResumeTime.Count != 1 {
		t.Errorf("%+v", report)
	}
}

func TestReaderCutComesBackAtOnceOnAnotherNode(t *testing.T) {
	hour := "3600000" // not waited for after a Cut
	one, two := newNode(t), newNode(t)
	one.answers = []http.HandlerFunc{one.stays(onlineAfter(3, hour))}
	two.answers = []http.HandlerFunc{two.stays(onlineAfter(3, hour))}
	gone := make(chan struct{}, 1)
	for _, n := range []*fakeNode{one, two} {
		first := n.answers[0]
		n.answers[0] = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Last-Event-ID") != "" {
				n.stays("retry: 1\n"+heartbeatBlock(3), reconnectBlock(7, 3, 0))(w, r)
				return
			}
			first(w, r)
			gone <- struct{}{} // the connection has ended
		}
	}
	r, l := follow(t, jerry(t, one.URL, two.URL))
	come(t, r, "3")
	r.Cut()
	come(t, r, "7")
	select {
	case <-gone:
	case <-withPatience(t).Done():
		t.Error("the connection that was cut is still open")
	}
	if len(one.requests()) == 0 || len(two.requests()) == 0 {
		t.Errorf("asked %+v and %+v", one.requests(), two.requests())
	}
	wantBreaches(t, l)
	if err := r.live(withPatience(t)); err != nil {
		t.Error(err)
	}
}

func TestReaderObeysSchedule(t *testing.T) {
	n := newNode(t, ends(onlineAfter(0, "3600000"), "event: schedule\ndata: {\"delayMs\":400,\"reason\":\"shutdown\"}\n\n",
		"event: disconnect\ndata: {\"reason\":\"shutdown\",\"reconnect\":true}\n\n"))
	n.answers = append(n.answers, n.stays(heartbeatBlock(0), reconnectBlock(1, 0, 0)))
	r, l := follow(t, jerry(t, n.URL))
	come(t, r, "1")
	if asked := n.requests(); asked[1].at.Sub(asked[0].at) < 400*time.Millisecond {
		t.Errorf("came back after %v, and not after 400 ms", asked[1].at.Sub(asked[0].at))
	}
	wantBreaches(t, l)
}

func TestReaderWaitsAsLongAsARefusalSays(t *testing.T) {
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		n := newNode(t, status(code, "Retry-After", "1"))
		n.answers = append(n.answers, n.stays(onlineAfter(1, "1")))
		r, l := follow(t, jerry(t, n.URL))
		come(t, r, "1")
		if asked := n.requests(); len(asked) != 2 || asked[1].at.Sub(asked[0].at) < time.Second {
			t.Errorf("%d: asked %+v", code, asked)
		}
		wantBreaches(t, l)
		if report := l.Check(); report.Resumes != 0 {
			t.Errorf("a first online counts as a resume: %+v", report)
		}
	}
}

func TestReaderGoesToAnotherNodeWhenOneIsAway(t *testing.T) {
	away, well := newNode(t, hangUp), newNode(t)
	well.answers = []http.HandlerFunc{well.stays(onlineBlock(1))}
	for range 2 { // whichever is the first
		r, l := follow(t, jerry(t, away.URL, well.URL))
		come(t, r, "1")
		wantBreaches(t, l)
	}
}

func TestReaderComesBackWithinABound(t *testing.T) {
	n := newNode(t, ends(onlineAfter(0, "3600000")))
	n.answers = append(n.answers, n.stays(heartbeatBlock(0), reconnectBlock(1, 0, 0)))
	r, _ := follow(t, jerry(t, n.URL), ComeBackWithin(time.Millisecond))
	come(t, r, "1")
}

func TestReaderSaysThatAStreamIsSilent(t *testing.T) {
	promise := strings.Replace(onlineAfter(2, "1"), `"heartbeatSeconds":15`, `"heartbeatSeconds":1`, 1)
	n := newNode(t)
	n.answers = []http.HandlerFunc{n.stays(promise), n.stays(heartbeatBlock(2), reconnectBlock(3, 2, 0))}
	r, l := follow(t, jerry(t, n.URL))
	come(t, r, "3")
	wantBreaches(t, l, "broken: the stream of client Jerry, session J1, at 2: nothing came for 2s, twice the promised time")
}

func TestReaderEndsWhereThereIsNoComingBack(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"conflict":     {ends(onlineBlock(2), "event: disconnect\ndata: {\"reason\":\"conflict\",\"reconnect\":false}\n\n"), "ended it for good: conflict"},
		"unauthorized": {status(401), "answered 401 made_up_401"},
		"not found":    {status(404), "answered 404 made_up_404"},
		"redirect":     {status(307, "Location", "/elsewhere"), "answered 307"},
		"too large":    {ends(strings.Repeat("data: x\n", 1<<20)), "larger than 4 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, test.answer)
			r, l := follow(t, jerry(t, n.URL))
			if err := r.CaughtUp(withPatience(t), "9"); err == nil || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("the error is %v, without %q", err, test.words)
			}
			wantBreaches(t, l, test.words)
			if len(n.requests()) != 1 {
				t.Errorf("it came back: %+v", n.requests())
			}
		})
	}
}

func TestReaderWantsAnEventStream(t *testing.T) {
	n := newNode(t, body(200, "hello"))
	n.answers = append(n.answers, n.stays(onlineBlock(2)))
	r, l := follow(t, jerry(t, n.URL))
	come(t, r, "2")
	wantBreaches(t, l, "answered 200 with the Content-Type")
}

func TestCaughtUpSaysWhyThereIsNoStream(t *testing.T) {
	n := newNode(t, status(503))
	r, _ := follow(t, jerry(t, n.URL), ComeBackWithin(10*time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.CaughtUp(ctx, "0"); err == nil || !strings.Contains(err.Error(), "made_up_503") {
		t.Errorf("the error is %v", err)
	}
}

func TestCaughtUpWaitsNoLongerThanItsContext(t *testing.T) {
	n := newNode(t)
	n.answers = []http.HandlerFunc{n.stays(onlineBlock(2))}
	r, _ := follow(t, jerry(t, n.URL))
	come(t, r, "2")
	ctx := withPatience(t)
	if err := r.CaughtUp(ctx, "two"); err == nil {
		t.Error("what is no position was awaited")
	}
	done := make(chan error)
	go func() { done <- r.CaughtUp(ctx, "3") }()
	r.Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "it was closed") {
		t.Errorf("after Close: %v", err)
	}
	r.Close() // a second time does nothing
}
