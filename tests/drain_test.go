package tests

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// A native EventSource dies for good on any status but 200. One that comes back to a server that is being stopped hears
// when to come again; whoever can read a status gets it, and calls are answered to the end.
func TestStreamsThatComeBackDuringAStop(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.Linger = 3 * time.Second })
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		stream := tom.Listen(t, "")
		stream.Want("online")
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			s.Stop(t)
		}()
		wantShutdown(t, stream)

		back := tom.ListenInQuery(t, stream.LastID(), "")
		wantShutdown(t, back)
		if got := back.Response.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("it is of type %q", got)
		}
		var refused *Refused
		if _, err := tom.TryListen(t, stream.LastID()); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") != "1" {
			t.Errorf("with a header: %v", err)
		}
		if _, err := s.Bearer(t, "Tom", "no-token", "").TryListenInQuery(t); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			t.Errorf("a stranger: %v", err)
		}
		tom.Say(t, conversation, "said at the last moment")
		tom.Do(t, "GET", "/readyz", nil).Want(http.StatusServiceUnavailable)
		<-stopped
	})
}

// The delays are spread, and EventSource's own says the same as the event.
func TestRefusedStreamTellsEventSourceWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.Linger = 3 * time.Second })
	tom := s.Login(t, "Tom", "")
	tom.Listen(t, "").Want("online")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop(t)
	}()
	Eventually(t, "the stop has begun", func() bool { return tom.Do(t, "GET", "/readyz", nil).Status == http.StatusServiceUnavailable })
	Eventually(t, "streams are refused", func() bool {
		back := tom.ListenInQuery(t, "", "")
		first := back.Next()
		defer back.Cut()
		delay, _ := first.Data["delayMs"].(float64)
		return first.Name == "schedule" && first.Retry == strconv.Itoa(int(delay)) && delay >= 2000 && delay < 4000
	})
	<-stopped
}

// Readiness goes first: whoever is told that the node stops finds it not ready and its calls answered, and so does everybody
// else while there are streams that are still to be told, because their readers do not read.
func TestReadinessGoesOffBeforeStreamsAreTold(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.Linger = 3 * time.Second })
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		stuck := s.Login(t, "Jerry", "")
		raw, err := stuck.OpenRaw(t, "", 0, 4<<10)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Conn.Close()
		long := strings.Repeat("Jerry, get up! ", 2000)
		for round := 0; Metrics(t, s.URL)["parley_slow_readers_total"] == 0; round++ { // its queue has overflowed: a write hangs
			if round == 100 {
				t.Fatal("the way to a reader that does not read does not fill up")
			}
			parallel(20, func(int) { tom.Say(t, conversation, long) })
		}
		streams := make([]*Stream, 20)
		for i := range streams {
			streams[i] = s.Login(t, fmt.Sprint("Mary ", i), "").Listen(t, "")
			streams[i].Want("online")
		}
		tom.Do(t, "GET", "/readyz", nil).Want(http.StatusOK)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			s.Stop(t)
		}()
		parallel(len(streams), func(i int) {
			streams[i].Want("schedule")
			s.Nobody(t).Do(t, "GET", "/readyz", nil).Want(http.StatusServiceUnavailable)
		})
		tom.Say(t, conversation, "said at the last moment")
		if open := Metrics(t, s.URL)["parley_streams"]; open == 0 {
			t.Error("no stream is open any more: nothing was left to be told")
		}
		tom.Do(t, "GET", "/readyz", nil).Want(http.StatusServiceUnavailable)
		<-stopped
	})
}
