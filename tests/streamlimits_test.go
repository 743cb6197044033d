package tests

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// wantNoStream fails the test unless a stream is refused by a limit on what is open at once: one that can read statuses by 429,
// and a native EventSource, which dies of any but 200, by being told when to come again.
func wantNoStream(t testing.TB, c *Client, limit string, most int) {
	t.Helper()
	_, err := c.TryListen(t, "")
	refused, ok := errors.AsType[*Refused](err)
	if !ok || refused.Status != http.StatusTooManyRequests {
		t.Fatalf("the stream was not refused: %v", err)
	}
	for field, want := range map[string]string{"Retry-After": "10", "RateLimit": fmt.Sprintf("%q;r=0", limit),
		"RateLimit-Policy": fmt.Sprintf("%q;q=%d;qu=\"concurrent-requests\"", limit, most), "Content-Type": "application/problem+json"} {
		if got := refused.Header.Get(field); got != want {
			t.Errorf("%s is %s, not %s", field, got, want)
		}
	}
	s := c.ListenInQuery(t, "", "")
	schedule := s.Want("schedule")
	if delay := schedule.Data["delayMs"].(float64); delay < 10_000 || schedule.Retry != fmt.Sprint(delay) {
		t.Errorf("an EventSource is told to come again after %v ms, and retries after %s", delay, schedule.Retry)
	}
	if end := s.Want("disconnect"); end.Data["reason"] != "unavailable" || end.Data["reconnect"] != true {
		t.Errorf("it is told %v", end.Data)
	}
	s.WantEnd()
}

func TestAClientHasAsManyStreamsAsItMay(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.MaxStreamsPerClient = 2 })
		tom, tomsOther, jerry := s.Login(t, "Tom", ""), s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		for range 5 { // what cannot be opened holds no place
			tom.Do(t, "GET", "/v1/stream?nonsense=1", nil).Want(http.StatusBadRequest)
			tom.Do(t, "GET", "/v1/stream", nil, "X-Client-Id", "Jerry").Want(http.StatusForbidden)
		}
		first, second := tom.Listen(t, ""), tomsOther.ListenInQuery(t, "", "")
		first.Want("online")
		second.Want("online")
		wantNoStream(t, tom, "client-streams", 2)
		wantNoStream(t, tomsOther, "client-streams", 2)
		jerry.Listen(t, "").Want("online")
		s.Master(t, "Tom").Listen(t, "").Want("online") // the app's own server has no such limit

		tom.Say(t, tom.Create(t, "Jerry"), "for the other stream")
		for event := second.Next(); event.Name != "members_joined"; event = second.Next() {
			if event.Name != "online" { // of the other session
				t.Fatalf("got %s", event.Raw)
			}
		}
		second.Want("message") // what is open stays
		first.Cut()
		Eventually(t, "there is room again", func() bool { _, err := tom.TryListen(t, ""); return err == nil })
		tomsOther.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent)
		for second.Next().Name != "disconnect" { // the others come and go
		}
		Eventually(t, "there is room after a log-out", func() bool { _, err := tom.TryListen(t, ""); return err == nil })
		wantNoStream(t, tom, "client-streams", 2)
		// One stream and one EventSource were refused each time, and more while a place was waited for.
		if n := Metrics(t, s.URL)[`parley_limited_total{limit="client-streams"}`]; n < 6 {
			t.Errorf("%v refusals were counted", n)
		}
	})
}

func TestAnAddressHasAsManyStreamsAsItMay(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), behindProxy(func(c *app.Config) { c.MaxStreamsPerAddress, c.MaxStreamsPerClient = 2, 10 }))
	tom, jerry, mary := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")
	first := from(tom, home).Listen(t, "")
	first.Want("online")
	from(jerry, home).Listen(t, "").Want("online")
	_, err := from(mary, home).TryListen(t, "")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Status != http.StatusTooManyRequests ||
		refused.Header.Get("RateLimit-Policy") != `"address-streams";q=2;qu="concurrent-requests"` {
		t.Fatalf("a third stream of the address: %v", err)
	}
	from(mary, office).Listen(t, "").Want("online")
	from(s.Master(t, "Mary"), home).Listen(t, "").Want("online")
	first.Cut()
	Eventually(t, "there is room again", func() bool { _, err := from(mary, home).TryListen(t, ""); return err == nil })
}

// TestALimitOfCallsDoesNotKillAnEventSource, of the client or of the address.
func TestALimitOfCallsDoesNotKillAnEventSource(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*app.Config){
		"client":  func(c *app.Config) { c.RequestsPerMinute = 1 },
		"address": func(c *app.Config) { c.AddressRequestsPerMinute = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := startLimited(t, SQLite(t), limit)
			tom := s.Login(t, "Tom", "") // a call of the address
			tom.Do(t, "GET", aList, nil).Want(http.StatusOK)
			tom.Do(t, "GET", aList, nil).Want(http.StatusTooManyRequests)
			stream := tom.ListenInQuery(t, "", "")
			stream.Want("schedule")
			stream.Want("disconnect")
			stream.WantEnd()
		})
	}
}
