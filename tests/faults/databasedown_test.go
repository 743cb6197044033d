package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

const (
	// The promises about a database that is gone: every caller is told, and all is well so soon after its return.
	toldWithin, wellWithin = 3 * time.Second, 5 * time.Second
	// How often the callers come back: often enough that many are under way whenever something happens.
	callPause = 200 * time.Millisecond
)

// siege is a server with a database of its own, callers of every kind, and streams that are watched.
type siege struct {
	*load
	db           *MariaDB
	server       *Server
	reader       *Client
	conversation string
	watched      []*watcher
}

// layFor starts a siege. Many send at once, so that many wait for one another; the others read, log in and change things.
func layFor(t *testing.T) *siege {
	t.Helper()
	s := &siege{db: StartMariaDB(t)}
	s.server = Start(t, s.db.URL, quiet, func(c *app.Config) { c.Heartbeat = 500 * time.Millisecond })
	const senders = 40
	clients := make([]*Client, senders)
	members := []string{"Reader", "Mary"}
	for i := range clients {
		clients[i] = s.server.Login(t, fmt.Sprint("s", i), "")
		members = append(members, clients[i].ID)
	}
	s.reader = s.server.Login(t, "Reader", "")
	s.conversation = s.reader.Create(t, members...)
	path := "/v1/conversations/" + s.conversation
	for range 3 {
		s.watched = append(s.watched, watch(t, s.reader))
	}
	s.load = newLoad(t)
	for _, client := range clients {
		s.send(client, s.conversation, callPause, 0)
	}
	mary, anybody := s.server.Login(t, "Mary", ""), s.server.AppKeyHolder(t)
	for i := range 3 {
		s.start("read", callPause, func() *Answer { return s.reader.Do(t, "GET", path+"/messages", nil) })
		s.start("log-in", callPause, func() *Answer {
			return anybody.Do(t, "POST", "/v1/sessions", JSON{"clientId": fmt.Sprint("guest ", i)})
		})
		s.start("log-in with a tag", callPause, func() *Answer {
			return anybody.Do(t, "POST", "/v1/sessions", JSON{"clientId": fmt.Sprint("guest ", i), "tag": "phone"})
		})
		n := 0
		s.start("change", callPause, func() *Answer {
			n++
			return mary.Do(t, "PATCH", path, JSON{"name": fmt.Sprint(i, " ", n)})
		})
	}
	return s
}

// lasts lets the siege go on for the length of a fault.
func (s *siege) lasts(d time.Duration) { <-time.After(d) }

// wantRecovered lets all become well after a fault that ended at a moment, and checks everything about it.
func (s *siege) wantRecovered(returned time.Time) {
	s.t.Helper()
	s.lasts(wellWithin)
	kinds := []string{"send", "read", "log-in", "log-in with a tag", "change"}
	Eventually(s.t, "every call succeeds again", func() bool { return s.succeeded(returned, kinds) })
	s.stop()
	refused, slowest := s.wantTold(Promise(toldWithin))
	if refused == 0 {
		s.t.Error("nobody was refused: nothing was broken")
	}
	unwell := s.wantWell(returned, Promise(wellWithin))
	history := s.wantOnce(s.reader, s.conversation)
	var live time.Duration
	for _, w := range s.watched {
		live = max(live, w.wantLive(returned, Promise(wellWithin)))
		w.wantTexts(history)
		w.wantOpen(Promise(3 * time.Second))
	}
	s.t.Logf("%d calls, %d messages; %d refused, the slowest after %v; the last %v after the return; streams live %v after it",
		len(s.since(time.Time{})), len(history), refused, slowest.Round(time.Millisecond), unwell.Round(time.Millisecond), live.Round(time.Millisecond))
}

// TestDatabaseKilled: the database dies in the middle of everything and comes back later. Everybody is told in time, no
// stream ends, and all is well soon after its return; nothing is lost or doubled.
func TestDatabaseKilled(t *testing.T) {
	s := layFor(t)
	s.lasts(time.Second)
	s.db.Kill(t)
	Eventually(t, "the server says that it is not ready", func() bool {
		return s.server.Nobody(t).Do(t, "GET", "/readyz", nil).Status == http.StatusServiceUnavailable
	})
	s.server.Nobody(t).Do(t, "GET", "/healthz", nil).Want(http.StatusOK)
	s.lasts(pick(5*time.Second, 20*time.Second))
	s.db.Start(t)
	returned := time.Now()
	s.wantRecovered(returned)
	s.server.Nobody(t).Do(t, "GET", "/readyz", nil).Want(http.StatusOK)
}

// TestDatabaseReadOnly: the database takes no writes for a time, as while a replica takes over. Writers are told;
// readers and streams notice nothing, and new streams open.
func TestDatabaseReadOnly(t *testing.T) {
	s := layFor(t)
	s.lasts(time.Second)
	s.db.AsRoot(t, "SET GLOBAL read_only = 1")
	begun := time.Now()
	s.lasts(time.Second)
	opened := watch(t, s.reader)
	s.server.Nobody(t).Do(t, "GET", "/readyz", nil).Want(http.StatusOK)
	s.lasts(time.Until(begun.Add(pick(3*time.Second, 30*time.Second))))
	s.db.AsRoot(t, "SET GLOBAL read_only = 0")
	returned := time.Now()
	s.wantRecovered(returned)
	opened.wantLive(returned, Promise(wellWithin))
	opened.wantOpen(Promise(3 * time.Second))
	for _, a := range s.since(begun) {
		if a.kind == "read" && a.status != http.StatusOK {
			t.Errorf("a read was answered %d", a.status)
		}
		if a.kind != "read" && a.status < 300 && a.ended.Before(returned) {
			t.Errorf("a %s was answered %d by a database that takes no writes", a.kind, a.status)
		}
	}
}
